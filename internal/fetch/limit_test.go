//go:build linux || darwin

package fetch

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAFullDiskIsNamedAndItsPartKept downloads past the system's limit on file
// sizes, in a process of its own, since the limit is for good.
func TestAFullDiskIsNamedAndItsPartKept(t *testing.T) {
	if url := os.Getenv(childURL); url != "" {
		signal.Ignore(syscall.SIGXFSZ)
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 200_000, Max: 200_000}))
		f := File{URL: url, Hash: md5Of(content)}
		o := Options{Cache: os.Getenv("FETCH_CHILD_CACHE")}
		_, err := Get(t.Context(), f, o, nil)
		require.ErrorIs(t, err, syscall.EFBIG)
		require.ErrorContains(t, err, place(o, f)+".part")
		require.ErrorContains(t, err, "of 300000 bytes: write ")
		return
	}
	s := serve(t, whole(content, ""))
	o := options(t)
	c := child(s.file(), o)
	c.Args = []string{os.Args[0], "-test.run=^" + t.Name() + "$", "-test.v"}
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	require.NoFileExists(t, place(o, s.file()))
	requireGot(t, s.file(), o)
	require.NotEmpty(t, s.ranges()[1], "goes on")
}

func TestANamedPipeInAFolderIsRefusedAndNotWaitedFor(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(folder, name), 0o600))
	f := File{URL: "http://127.0.0.1:1/" + name, Hash: md5Of(content)}
	_, err := Get(t.Context(), f, Options{Cache: t.TempDir(), Mirror: folder}, nil)
	require.ErrorContains(t, err, "is not a regular file")
	require.ErrorContains(t, err, "put it at")
}
