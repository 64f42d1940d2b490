package fileops

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
)

// Recording is the disk below a folder and a list of what was done to it. Its
// methods may be called from many goroutines.
type Recording struct {
	// Fail, if any, is asked before operation i is done; its error is the
	// operation's, of which a write then does half.
	Fail func(i int) error

	root string
	disk Disk

	mu    sync.Mutex
	start map[string][]byte // files there at first
	dirs  []string          // and folders
	ops   []op
	file  int // number of the next file
}

type op struct {
	kind     opKind
	path, to string
	file     int
	data     []byte
}

type opKind uint8

const (
	mkdir opKind = iota
	create
	write
	syncFile
	rename
	remove
	syncDir
)

// Record starts a Recording of the folder root, which must be there.
func Record(root string) (*Recording, error) {
	r := &Recording{root: root, start: map[string][]byte{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := r.inside(path)
		if d.IsDir() {
			r.dirs = append(r.dirs, name)
			return nil
		}
		r.start[name], err = os.ReadFile(path)
		return err
	})
	return r, err
}

func (r *Recording) inside(path string) string {
	name, err := filepath.Rel(r.root, path)
	if err != nil || !filepath.IsLocal(name) {
		panic(fmt.Sprintf("fileops: %s is not in the recorded folder %s", path, r.root))
	}
	return name
}

// Len returns the number of operations so far.
func (r *Recording) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ops)
}

// do notes the operation and then does it.
func (r *Recording) do(o op, disk func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Fail != nil {
		if err := r.Fail(len(r.ops)); err != nil {
			return err
		}
	}
	if err := disk(); err != nil {
		return err
	}
	r.ops = append(r.ops, o)
	return nil
}

// MkdirAll implements System.
func (r *Recording) MkdirAll(path string) error {
	return r.do(op{kind: mkdir, path: r.inside(path)}, func() error { return r.disk.MkdirAll(path) })
}

// Create implements System.
func (r *Recording) Create(path string) (File, error) {
	r.mu.Lock()
	r.file++
	f := &recordedFile{r: r, number: r.file}
	r.mu.Unlock()
	err := r.do(op{kind: create, path: r.inside(path), file: f.number}, func() (err error) {
		f.File, err = r.disk.Create(path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Rename implements System.
func (r *Recording) Rename(from, to string) error {
	return r.do(op{kind: rename, path: r.inside(from), to: r.inside(to)}, func() error { return r.disk.Rename(from, to) })
}

// Remove implements System.
func (r *Recording) Remove(path string) error {
	return r.do(op{kind: remove, path: r.inside(path)}, func() error { return r.disk.Remove(path) })
}

// SyncDir implements System.
func (r *Recording) SyncDir(path string) error {
	return r.do(op{kind: syncDir, path: r.inside(path)}, func() error { return r.disk.SyncDir(path) })
}

type recordedFile struct {
	File
	r      *Recording
	number int
}

func (f *recordedFile) Write(b []byte) (n int, err error) {
	err = f.r.do(op{kind: write, file: f.number, data: bytes.Clone(b)}, func() error {
		n, err = f.File.Write(b)
		return err
	})
	if err != nil && n == 0 {
		n, _ = f.File.Write(b[:len(b)/2])
	}
	return n, err
}

func (f *recordedFile) Sync() error {
	return f.r.do(op{kind: syncFile, file: f.number}, f.File.Sync)
}

// Crash is how a machine stops.
type Crash uint8

// The crashes.
const (
	// Killed is the end of the process: what it did is there.
	Killed Crash = iota
	// Torn is Killed in the last operation, of which a write is done by half.
	Torn
	// LostData is a power cut that left names but not the bytes that were not synced.
	LostData
	// LostNames is a power cut that left bytes but not the names, or their
	// removal, that were not synced.
	LostNames
)

// Crashes are all of them.
func Crashes() []Crash { return []Crash{Killed, Torn, LostData, LostNames} }

// content is a file's: what was written, and how much of it lasts.
type content struct {
	data   []byte
	synced int
}

// Restore writes what a crash after the first n operations leaves into the empty folder dir.
func (r *Recording) Restore(dir string, n int, crash Crash) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	live := map[string]*content{}
	for name, data := range r.start {
		live[name] = &content{data, len(data)}
	}
	lasting := maps.Clone(live)
	dirs := append([]string{}, r.dirs...)
	open := map[int]*content{}
	for i, o := range r.ops[:n] {
		switch o.kind {
		case mkdir:
			dirs = append(dirs, o.path)
		case create:
			open[o.file] = &content{}
			live[o.path] = open[o.file]
		case write:
			c := open[o.file]
			data := o.data
			if crash == Torn && i == n-1 {
				data = data[:len(data)/2]
			}
			c.data = append(c.data, data...)
		case syncFile:
			open[o.file].synced = len(open[o.file].data)
		case rename:
			live[o.to] = live[o.path]
			delete(live, o.path)
		case remove:
			delete(live, o.path)
		case syncDir:
			maps.DeleteFunc(lasting, func(name string, _ *content) bool { return filepath.Dir(name) == o.path })
			for name, c := range live {
				if filepath.Dir(name) == o.path {
					lasting[name] = c
				}
			}
		}
	}
	if crash == LostNames {
		live = lasting
	}
	var errs []error
	for _, name := range dirs {
		errs = append(errs, os.MkdirAll(filepath.Join(dir, name), 0o777))
	}
	for name, c := range live {
		data := c.data
		if crash == LostData {
			data = data[:c.synced]
		}
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), data, 0o666))
	}
	return errors.Join(errs...)
}
