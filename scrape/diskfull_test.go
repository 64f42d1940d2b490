//go:build linux

package scrape

import (
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestARunOnAFullDiskSaysSoAndIsTakenUp(t *testing.T) {
	folder := t.TempDir()
	// Less than 120 pages of 4 kB, more than are staged before the first line is written.
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=400k"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	defer syscall.Unmount(folder, 0)
	s := newSite(t)
	_, err := fullRun(t, folder, s.URL)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, folder)
	full, err := ReadManifest(folder)
	require.NoError(t, err)
	require.NotEmpty(t, full)
	require.Less(t, len(full), 120)

	require.NoError(t, syscall.Mount("tmpfs", folder, "tmpfs", syscall.MS_REMOUNT, "size=10m"))
	summary, err := fullRun(t, folder, s.URL)
	require.NoError(t, err)
	require.Less(t, summary.New, 120)
	require.Len(t, requireSound(t, folder), 120)
}

// TestAManifestThatMayNotGrowStaysWhole limits the size of files in a process
// of its own, since the limit is for good.
func TestAManifestThatMayNotGrowStaysWhole(t *testing.T) {
	if folder := os.Getenv(childFolder); folder != "" {
		signal.Ignore(syscall.SIGXFSZ)
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 20000, Max: 20000}))
		_, err := fullRun(t, folder, os.Getenv(childSite))
		require.ErrorIs(t, err, syscall.EFBIG)
		return
	}
	s := newSite(t)
	folder := t.TempDir()
	limited := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	limited.Env = append(os.Environ(), childFolder+"="+folder, childSite+"="+s.URL)
	out, err := limited.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	before, err := ReadManifest(folder)
	require.NoError(t, err)
	require.NotEmpty(t, before)
	content, err := os.ReadFile(folder + "/" + ManifestFile)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(content), "}\n"))

	_, err = fullRun(t, folder, s.URL)
	require.NoError(t, err)
	require.Len(t, requireSound(t, folder), 120)
}
