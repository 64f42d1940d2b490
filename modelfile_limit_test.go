//go:build linux || darwin

package argus

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const limitedModel = "ARGUS_LIMITED_MODEL" // set: this is the process with the limit

// TestAFullDiskLeavesTheOldModelAndNoHalfSegment works under the system's limit on
// file sizes, in a process of its own, since the limit is for good.
func TestAFullDiskLeavesTheOldModelAndNoHalfSegment(t *testing.T) {
	if dir := os.Getenv(limitedModel); dir != "" {
		signal.Ignore(syscall.SIGXFSZ)
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4096, Max: 4096}))
		path := filepath.Join(dir, "tiny.argus")
		err := tinyTrained(t).Save(path)
		require.ErrorIs(t, err, syscall.EFBIG)
		require.ErrorContains(t, err, path)

		c := openCache(t, dir, "key", 2000, 0)
		c.put(hashOf(1), vectorOf(1, 2000))
		require.ErrorIs(t, c.close(), syscall.EFBIG)
		return
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "tiny.argus")
	require.NoError(t, tinyTrained(t).Save(path))
	old, err := os.ReadFile(path)
	require.NoError(t, err)
	limited := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	limited.Env = append(os.Environ(), limitedModel+"="+dir)
	out, err := limited.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	now, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, old, now)
	require.Empty(t, segmentFiles(t, dir))
	left, err := filepath.Glob(filepath.Join(dir, ".tmp-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}
