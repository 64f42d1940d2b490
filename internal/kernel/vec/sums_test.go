package vec

import (
	"testing"

	"github.com/argus-go/argus/internal/kernel/gemm/guard"
	"github.com/stretchr/testify/require"
)

// Whole numbers, whose sums are exact in any order.
func TestSumsOverRowsAddToWhatIsThere(t *testing.T) {
	const rows = 3
	onEach(t, func(t *testing.T) {
		for c := 1; c <= 70; c++ {
			r := rng()
			x, y, mean := guard.Ints(t, r, rows*c), guard.Ints(t, r, rows*c), guard.Ints(t, r, c)
			for name, sum := range map[string]struct {
				run  func(acc []float32)
				term func(x, y, mean float32) float32
			}{
				"SumRows":  {func(acc []float32) { SumRows(x, acc) }, func(x, _, _ float32) float32 { return x }},
				"SumOff":   {func(acc []float32) { SumOff(x, mean, acc) }, func(x, _, m float32) float32 { return x - m }},
				"SumAbout": {func(acc []float32) { SumAbout(x, mean, acc) }, func(x, _, m float32) float32 { return (x - m) * (x - m) }},
				"DotRows":  {func(acc []float32) { DotRows(x, y, mean, acc) }, func(x, y, m float32) float32 { return x * (y - m) }},
			} {
				acc := guard.Ints(t, r, c)
				want := append([]float32{}, acc...)
				for i := range x {
					want[i%c] += sum.term(x[i], y[i], mean[i%c])
				}
				sum.run(acc)
				require.Equal(t, want, acc, "%s of %d channels", name, c)
			}
		}
	})
}
