//go:build linux || darwin

package atomicfile

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const limitedPath = "ATOMICFILE_LIMITED_PATH" // set: this is the process with the limit

// TestTheOldFileStaysWhereTheSystemRefusesMoreBytes saves past the system's
// limit on file sizes, in a process of its own, since the limit is for good.
func TestTheOldFileStaysWhereTheSystemRefusesMoreBytes(t *testing.T) {
	if path := os.Getenv(limitedPath); path != "" {
		signal.Ignore(syscall.SIGXFSZ)
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4096, Max: 4096}))
		err := Write(path, 0o600, func(w io.Writer) error {
			_, err := w.Write(bytes.Repeat([]byte("new "), 4096))
			return err
		})
		require.ErrorIs(t, err, syscall.EFBIG)
		require.ErrorContains(t, err, path)
		return
	}
	path := filepath.Join(t.TempDir(), "model.argus")
	require.NoError(t, Write(path, 0o600, put("old")))
	limited := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	limited.Env = append(os.Environ(), limitedPath+"="+path)
	out, err := limited.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	requireOnly(t, path, "old")
}
