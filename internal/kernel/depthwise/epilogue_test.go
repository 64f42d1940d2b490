package depthwise

import (
	"fmt"
	"math"
	"testing"

	"github.com/argus-go/argus/internal/kernel/gemm/guard"
	"github.com/stretchr/testify/require"
)

// Rows of 14 pixels have every block of pixels in them.
func TestEveryLoopEndsInEveryEpilogueAsTheDefinitionDoes(t *testing.T) {
	const out, c = 14, 21
	bias := guard.Normal(t, rng(), c)
	epilogues := map[string]Epilogue{
		"sum":    {},
		"bias":   {Bias: bias},
		"bounds": {Bias: bias, Lo: -1, Hi: 2},
		"ReLU":   {Hi: float32(math.Inf(1))},
		"swish":  {Bias: bias, Swish: true},
	}
	for _, size := range []int{3, 5} {
		for _, stride := range []int{1, 2} {
			s := same(out*stride, out*stride, c, size, stride)
			x, kernel := guard.Normal(t, rng(), s.in()), guard.Normal(t, rng(), s.kernel())
			for name, ep := range epilogues {
				run := func() ([]float32, []float32) {
					y, mean := make([]float32, s.out()), make([]float32, c)
					ep.Mean = mean
					Run(nil, s, 1, x, kernel, y, ep)
					return y, mean
				}
				best := k
				k = portable
				wantY, wantMean := run()
				k = best
				onEach(t, func(t *testing.T) {
					y, mean := run()
					msg := fmt.Sprintf("%d×%d, stride %d, %s", size, size, stride, name)
					require.InDeltaSlice(t, wantY, y, 1e-5, msg)
					require.InDeltaSlice(t, wantMean, mean, 1e-5, msg)
				})
			}
		}
	}
}
