package nn

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/stretchr/testify/require"
)

func TestSpansInUseAtOnceNeverOverlap(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		spans := make([]span, r.IntN(40))
		live := make([]int, 30)
		for i := range spans {
			from := r.IntN(20)
			spans[i] = span{r.IntN(5) * line, from, from + r.IntN(10)}
			for at := from; at <= spans[i].to; at++ {
				live[at] += spans[i].size
			}
		}
		offsets, total := layout(spans)
		least := 0
		for _, n := range live {
			least = max(least, n)
		}
		require.GreaterOrEqual(t, total, least)
		require.LessOrEqual(t, total, 2*least, "seed %d", seed)
		for i, a := range spans {
			require.LessOrEqual(t, offsets[i]+a.size, total)
			require.Zero(t, offsets[i]%line)
			for j, b := range spans[:i] {
				apart := a.to < b.from || b.to < a.from || offsets[i]+a.size <= offsets[j] || offsets[j]+b.size <= offsets[i]
				require.True(t, apart, "seed %d: %v at %d and %v at %d", seed, a, offsets[i], b, offsets[j])
			}
		}
	}
}

func TestMemoryStartsOnACacheLine(t *testing.T) {
	for n := range 100 {
		x := vec.Aligned(n + 1)
		require.Len(t, x, n+1)
		require.Zero(t, uintptr(unsafe.Pointer(&x[0]))%(4*line))
		require.Empty(t, vec.Aligned(0))
		require.GreaterOrEqual(t, roundUp(n), n)
		require.Less(t, roundUp(n), n+line)
		require.Zero(t, roundUp(n)%line)
	}
}
