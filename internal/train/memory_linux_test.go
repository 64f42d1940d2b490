//go:build !race

package train

import (
	"context"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet"
)

// resident is this process's memory in bytes: VmRSS now, or VmHWM at most.
func resident(t *testing.T, name string) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == name+":" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			require.NoError(t, err)
			return n * 1024
		}
	}
	t.Fatalf("/proc/self/status has no %s", name)
	return 0
}

func TestMemoryIsWhatARunTakes(t *testing.T) {
	m, err := efficientnet.New("b0", 10)
	require.NoError(t, err)
	m.Input.Size = 128
	j := whole(t, m, 8)
	j.Val, j.TrainNorm = j.Train, false
	j.Epoch, j.Progress = func(Epoch) bool { return false }, func(int, int) {}
	want, err := j.Memory(8)
	require.NoError(t, err)
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // VmHWM begins anew
		t.Skip("the peak cannot be begun anew: ", err)
	}
	before := resident(t, "VmRSS")
	_, err = j.Run(context.Background(), nil)
	require.NoError(t, err)
	took := resident(t, "VmHWM") - before
	t.Logf("told %d MB, took %d MB", want/1e6, took/1e6)
	require.InEpsilon(t, took, want, .15)
}
