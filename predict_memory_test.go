package argus

import (
	"context"
	"fmt"
	"image"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/internal/cpu"
	"github.com/argus-go/argus/internal/kernel/gemm/guard"
	"github.com/argus-go/argus/nn"
)

// drawn is a classifier for so many classes with weights of no meaning.
func drawn(t testing.TB, m nn.Model, classes int) *Classifier {
	t.Helper()
	w, err := nn.Init(m.Whole(), m.Input.Shape(), 1)
	require.NoError(t, err)
	names := make([]string, classes)
	for i := range names {
		names[i] = fmt.Sprint("class ", i)
	}
	c, err := Pretrained(nn.Backbone{Model: m, Weights: nn.Fixed(w), Classes: names})
	require.NoError(t, err)
	return c
}

// Below 10 kB, of which 24 bytes a class are the answer, which is the caller's.
// Portable kernels are not made for it, and the race detector empties pools.
func TestASteadyPredictAllocatesLittle(t *testing.T) {
	if cpu.Best() == cpu.Generic || guard.Race {
		t.Skip("no vector instructions here")
	}
	b0, err := efficientnet.New("b0", 100)
	require.NoError(t, err)
	small := inception.V3(100)
	small.Input.Size = 107
	for _, m := range []nn.Model{efficientnet.Lite0(100), b0, small} {
		c := drawn(t, m, 100)
		img := image.NewYCbCr(image.Rect(0, 0, 533, 400), image.YCbCrSubsampleRatio420)
		least := uint64(1 << 40) // a collection empties pools
		for range 12 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range 3 {
				_, err := c.Predict(context.Background(), img)
				require.NoError(t, err)
			}
			runtime.ReadMemStats(&after)
			least = min(least, (after.TotalAlloc-before.TotalAlloc)/3)
		}
		t.Log(m.Name, least, "bytes")
		require.Less(t, least, uint64(10_000), m.Name)
	}
}
