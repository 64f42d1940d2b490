package tfrecord

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const killedDir = "TFRECORD_KILLED_DIR" // set: this is the process to be killed

// TestARerunAfterKillGivesTheSameFiles kills writers at random moments, ten in all or
// as many as ARGUS_KILLS says, and starts them again until one gets to the end.
func TestARerunAfterKillGivesTheSameFiles(t *testing.T) {
	in := album(t, 60)
	o := ImageOptions{ShardBytes: 8000, Threads: 2}
	if dir := os.Getenv(killedDir); dir != "" {
		_, err := WriteImages(t.Context(), in, dir, o)
		require.NoError(t, err)
		return
	}
	kills := 10
	if s := os.Getenv("ARGUS_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		require.NoError(t, err)
		kills = n
	} else if testing.Short() {
		t.Skip("starts processes")
	}
	complete := t.TempDir()
	start := time.Now()
	require.NoError(t, writer(t, complete).Run())
	took := time.Since(start)
	want := tree(t, complete)
	require.Greater(t, len(want), 10)

	killed, sets := 0, 0
	for ; killed < kills; sets++ {
		dir := t.TempDir()
		for {
			w := writer(t, dir)
			require.NoError(t, w.Start())
			alarm := time.AfterFunc(rand.N(took), func() { _ = w.Process.Kill() })
			err := w.Wait()
			alarm.Stop()
			if err == nil {
				break
			}
			require.Equal(t, -1, w.ProcessState.ExitCode(), "ended by itself: %v", err)
			if killed++; killed%10 == 0 { // a run that is killed as often as not must end, too
				require.NoError(t, writer(t, dir).Run())
				break
			}
		}
		require.Equal(t, want, tree(t, dir))
	}
	t.Logf("%d kills, %d sets completed", killed, sets)
}

// writer is the process that writes into dir.
func writer(t *testing.T, dir string) *exec.Cmd {
	c := exec.Command(os.Args[0], "-test.run=^TestARerunAfterKillGivesTheSameFiles$")
	c.Env = append(os.Environ(), killedDir+"="+dir)
	return c
}
