package cpu

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGODEBUGLowersTheLevel runs this test binary again with instruction
// sets switched off.
func TestGODEBUGLowersTheLevel(t *testing.T) {
	if os.Getenv("CPU_TEST_PRINT") != "" {
		os.Stdout.WriteString("level=" + Best().String() + "\n")
		return
	}
	if Best() == NEON {
		t.Skip("NEON cannot be switched off")
	}
	if strings.Contains(os.Getenv("GODEBUG"), "cpu.") {
		t.Skip("GODEBUG already says which instructions to use")
	}
	for _, c := range []struct {
		debug string
		limit Level
	}{
		{"cpu.avx512f=off", AVX2},
		{"cpu.avx2=off,cpu.avx512f=off", Generic},
	} {
		run := exec.Command(os.Args[0], "-test.run=^TestGODEBUGLowersTheLevel$")
		run.Env = append(os.Environ(), "CPU_TEST_PRINT=1", "GODEBUG="+c.debug)
		out, err := run.CombinedOutput()
		if err != nil && Best() == Generic {
			t.Skipf("cannot run the test binary again here: %v", err) // under an emulator
		}
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "level="+min(c.limit, Best()).String()+"\n", c.debug)
	}
}

func TestALevelIncludesTheLowerOnes(t *testing.T) {
	for l := Generic; l <= NEON; l++ {
		require.Equal(t, l <= Best(), Has(l), l)
	}
}
