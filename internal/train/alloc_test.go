//go:build !race

package train

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/inception"
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

// A whole network of 1,000 ops, and the end of one of wide layers (decision 0172).
// Portable kernels are not made for it.
func TestAStepOfManyLayersAllocatesLittle(t *testing.T) {
	if cpu.Best() == cpu.Generic {
		t.Skip("no vector instructions here")
	}
	const batch = 4
	b0, err := efficientnet.New("b0", 10)
	require.NoError(t, err)
	b0.Input.Size = 64
	v3 := inception.V3(10)
	v3.Top = nil
	blended := whole(t, b0, batch)
	blended.Mixup = .4
	for name, j := range map[string]*Job{"b0": whole(t, b0, batch), "b0, blended": blended, "the last block of inception-v3": tuned(t, v3, "mixed10", batch)} {
		s, err := j.stepper(batch)
		require.NoError(t, err)
		s.resume(nil)
		require.Less(t, allocated(t, s, batch), uint64(10_000), name)
	}
}
