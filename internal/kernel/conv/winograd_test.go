package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/argus-go/argus/internal/kernel/gemm"
	"github.com/argus-go/argus/internal/kernel/gemm/guard"
	"github.com/stretchr/testify/require"
)

// Where a shape is given a form of Winograd's, results differ from those of sums
// of products by rounding alone; but not once a 5×5 kernel has changed.
func TestWinogradsFormsStandInForSumsOfProducts(t *testing.T) {
	for _, l := range []layer{
		{h: 20, w: 22, cin: 24, kh: 3, kw: 3, stride: 1, same: true, cout: 40},
		{h: 9, w: 7, cin: 24, kh: 3, kw: 3, stride: 1, cout: 40},
		{h: 12, w: 13, cin: 24, kh: 5, kw: 5, stride: 1, same: true, cout: 40},
		{h: 12, w: 13, cin: 24, kh: 1, kw: 7, stride: 1, same: true, cout: 40},
		{h: 12, w: 13, cin: 24, kh: 3, kw: 1, stride: 1, same: true, cout: 40},
	} {
		const n = 2
		s := l.shape()
		s.LdX = s.Cin + 4
		r := random()
		k, dy := guard.Normal(t, r, s.KH*s.KW*s.Cin*s.Cout), guard.Normal(t, r, n*s.OutH*s.OutW*s.Cout)
		x := guard.Normal(t, r, n*s.H*s.W*s.LdX)
		c := New(s, k)
		if c.winograd == nil {
			t.Skip("no assembly for the transforms here")
		}
		near := func(run func(y []float32), want func(y []float32), size int) {
			a, b := make([]float32, size), make([]float32, size)
			run(a)
			want(b)
			require.InDeltaSlice(t, b, a, 2e-3, "%+v", l) // of sums of some hundred products
		}
		forward := func(c *Conv) func(y []float32) {
			return func(y []float32) { c.Run(nil, n, x, y, s.Cout, gemm.Epilogue{}) }
		}
		direct := forward(newDirect(s, k))
		near(forward(c), direct, len(dy))
		c.Repack(nil, k)
		require.Equal(t, l.kh == 5, c.winograd == nil)
		near(forward(c), direct, len(dy))
		near(func(dx []float32) { BackwardInput(nil, s, n, k, dy, dx) },
			func(dx []float32) { tableOf(s).backwardInput(nil, &s, n, k, dy, dx) }, len(x))
		near(func(dk []float32) { BackwardKernel(nil, s, n, x, dy, dk) },
			func(dk []float32) { tableOf(s).backwardKernel(nil, &s, n, x, dy, dk) }, len(k))
	}
}

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

// TestWinogradsKernelGradientTime does so for the gradients with respect to
// kernels, on CREW threads.
func TestWinogradsKernelGradientTime(t *testing.T) {
	if os.Getenv("TIME") == "" {
		t.Skip("TIME is not set")
	}
	threads, _ := strconv.Atoi(os.Getenv("CREW"))
	crew := crew(t, max(1, threads))
	done := map[layer]bool{}
	for _, net := range networks {
		for _, l := range net.layers {
			l.times = 0
			s := l.shape()
			w := newWinogradBackwardKernel(s)
			if done[l] || w == nil {
				continue
			}
			done[l] = true
			for _, n := range []int{1, 8, 20} {
				x, dy, dk := make([]float32, n*s.H*s.W*s.Cin), make([]float32, n*s.OutH*s.OutW*s.Cout), make([]float32, s.KH*s.KW*s.Cin*s.Cout)
				var times [2][]float64
				for range max(3, int(3e10/s.FLOP()/float64(n))/10) {
					for i, run := range []func(){
						func() { tableOf(s).backwardKernel(crew, &s, n, x, dy, dk) },
						func() { w.Run(crew, n, x, dy, dk) },
					} {
						start := time.Now()
						run()
						times[i] = append(times[i], time.Since(start).Seconds())
					}
				}
				direct, fast := median(times[0]), median(times[1])
				fmt.Printf("%-14s %dx%dx%d %dx%d %d batch %d: direct %.0f µs %.0f GFLOP/s, winograd %.0f µs %.0f GFLOP/s: %.2f\n", net.name, l.h, l.w, l.cin, l.kh, l.kw, l.cout, n,
					direct*1e6, float64(n)*s.FLOP()/direct/1e9, fast*1e6, float64(n)*s.FLOP()/fast/1e9, direct/fast)
			}
		}
	}
}
