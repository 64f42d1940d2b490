//go:build !race

package train

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/internal/cpu"
)

// allocated is the bytes that a steady step allocates: the least of some, for a
// collection in between empties the memory that kernels borrow.
func allocated(t *testing.T, s *stepper, batch int) uint64 {
	t.Helper()
	rows := make([]int, batch)
	for i := range rows {
		rows[i] = i
	}
	var before, after runtime.MemStats
	least := ^uint64(0)
	for k := range 6 {
		runtime.ReadMemStats(&before)
		require.NoError(t, s.step(context.Background(), 1, k, rows, true))
		runtime.ReadMemStats(&after)
		if k > 1 { // after the steps that take the memory
			least = min(least, after.TotalAlloc-before.TotalAlloc)
		}
	}
	return least
}

// A whole network of 1,000 ops: decision 0171 says what is left.
// Portable kernels are not made for it.
func TestAStepOfAllLayersAllocatesLittle(t *testing.T) {
	if cpu.Best() == cpu.Generic {
		t.Skip("no vector instructions here")
	}
	m, err := efficientnet.New("b0", 10)
	require.NoError(t, err)
	m.Input.Size = 64
	j := whole(t, m, 4)
	s, err := j.stepper(4)
	require.NoError(t, err)
	s.resume(nil)
	require.Less(t, allocated(t, s, 4), uint64(600_000))
}
