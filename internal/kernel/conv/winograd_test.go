package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/argus-go/argus/internal/kernel/gemm"
)

// TestWinogradTime sets Winograd's form beside the sum of products, medians of
// alternating runs: TIME=1, and for weights that are not in the cache COLD=1.
func TestWinogradTime(t *testing.T) {
	if os.Getenv("TIME") == "" {
		t.Skip("TIME is not set")
	}
	cold := make([]float32, 16<<20)
	sink := float32(0)
	touch := func(v []float32) {
		for i := 0; i < len(v); i += 16 {
			sink += v[i]
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	normal := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	done := map[layer]bool{}
	for _, net := range networks {
		for _, l := range net.layers {
			l.times = 0
			if done[l] || l.h == 1 || l.stride > 1 {
				continue
			}
			done[l] = true
			s := l.shape()
			k := normal(s.KH * s.KW * s.Cin * s.Cout)
			w := New(s, k)
			if w.winograd == nil {
				continue
			}
			d := newDirect(s, k)
			for _, n := range []int{1, 16} {
				x, y, bias := normal(n*s.H*s.W*s.Cin), make([]float32, n*s.OutH*s.OutW*s.Cout), normal(s.Cout)
				var times [2][]float64
				for range map[int]int{1: 15, 16: 5}[n] {
					for i, c := range []*Conv{d, w} {
						if os.Getenv("COLD") != "" && n == 1 {
							touch(cold)
							touch(x)
						} else {
							c.Run(nil, n, x, y, s.Cout, gemm.Epilogue{Bias: bias, Hi: float32(math.Inf(1))})
						}
						start := threadTime()
						c.Run(nil, n, x, y, s.Cout, gemm.Epilogue{Bias: bias, Hi: float32(math.Inf(1))})
						times[i] = append(times[i], (threadTime() - start).Seconds())
					}
				}
				direct, fast := median(times[0]), median(times[1])
				fmt.Printf("%-14s %dx%dx%d %dx%d %d batch %d: direct %.0f µs %.0f GFLOP/s, winograd %.0f µs %.0f GFLOP/s: %.2f\n", net.name, l.h, l.w, l.cin, l.kh, l.kw, l.cout, n,
					direct*1e6, float64(n)*s.FLOP()/direct/1e9, fast*1e6, float64(n)*s.FLOP()/fast/1e9, direct/fast)
			}
		}
	}
}
