package memory

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThereIsMemory(t *testing.T) {
	n, ok := Available()
	require.True(t, ok)
	require.Greater(t, n, int64(1<<20))
	require.Less(t, n, int64(1)<<62)
}

func TestTheTightestGroupCounts(t *testing.T) {
	files := map[string]string{
		"/sys/fs/cgroup/memory.max": "max\n", "/sys/fs/cgroup/memory.current": "900\n",
		"/sys/fs/cgroup/a/memory.max": "1000\n", "/sys/fs/cgroup/a/memory.current": "700\n",
		"/sys/fs/cgroup/a/memory.stat":  "anon 500\ninactive_file 50\n",
		"/sys/fs/cgroup/a/b/memory.max": "800\n", "/sys/fs/cgroup/a/b/memory.current": "100\n",
	}
	read := func(name string) ([]byte, error) {
		if s, ok := files[name]; ok {
			return []byte(s), nil
		}
		return nil, fs.ErrNotExist
	}
	require.EqualValues(t, 350, groups("0::/a/b\n", read))
	require.EqualValues(t, 1<<62, groups("0::/\n", read), "no limit")
	require.EqualValues(t, 1<<62, groups("5:memory:/a\n", read), "version 1")
}
