package memory

import (
	"bufio"
	"bytes"
	"os"
	"path"
	"strconv"
	"strings"
)

func available() (int64, bool) {
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	free, ok := field(info, "MemAvailable:")
	if !ok {
		return 0, false
	}
	free *= 1024 // the file's unit, whatever it calls it
	cgroup, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return free, true
	}
	return min(free, groups(string(cgroup), os.ReadFile)), true
}

// field is the number after name in lines of "name number …".
func field(b []byte, name string) (int64, bool) {
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		if f := strings.Fields(s.Text()); len(f) >= 2 && f[0] == name {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// groups is what the limits of a version 2 control group and of those around it
// leave, 1<<62 where there is none. Files that could be dropped from memory
// count as free.
func groups(cgroup string, read func(string) ([]byte, error)) int64 {
	left := int64(1) << 62
	line, _, _ := strings.Cut(cgroup, "\n")
	name, ok := strings.CutPrefix(line, "0::")
	if !ok {
		return left
	}
	for dir := path.Join("/", name); ; dir = path.Dir(dir) {
		at := path.Join("/sys/fs/cgroup", dir)
		limit, err1 := number(read(at + "/memory.max"))
		used, err2 := number(read(at + "/memory.current"))
		if err1 == nil && err2 == nil {
			stat, _ := read(at + "/memory.stat")
			cache, _ := field(stat, "inactive_file")
			left = min(left, max(0, limit-used+cache))
		}
		if dir == "/" {
			return left
		}
	}
}

func number(b []byte, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
}
