package pool

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/kernel/gemm/guard"
	"github.com/argus-go/argus/internal/parallel"
)

// onEach runs f with every implementation that the machine has.
func onEach(t *testing.T, f func(t *testing.T)) {
	best := k
	defer func() { k = best }()
	for _, i := range implementations() {
		k = i.kernels
		t.Run(i.name, f)
	}
}

func rng() *rand.Rand { return rand.New(rand.NewPCG(5, 6)) }

// shapes are 3×3 and 5×5 windows with TensorFlow's and no padding, and odd
// ones, over every kind of channel count.
func shapes() []Shape {
	var all []Shape
	for _, c := range []int{1, 3, 8, 15, 16, 17, 18, 31, 64, 65, 100, 129, 192} {
		all = append(all,
			Shape{H: 7, W: 9, C: c, KH: 3, KW: 3, StrideH: 2, StrideW: 2, OutH: 3, OutW: 4},
			Shape{H: 6, W: 5, C: c, KH: 3, KW: 3, StrideH: 1, StrideW: 1, Top: 1, Left: 1, OutH: 6, OutW: 5},
			Shape{H: 6, W: 7, C: c, KH: 3, KW: 3, StrideH: 2, StrideW: 2, Left: 1, OutH: 3, OutW: 4},
			Shape{H: 5, W: 4, C: c, KH: 5, KW: 2, StrideH: 1, StrideW: 2, Top: 2, OutH: 5, OutW: 2},
			Shape{H: 1, W: 1, C: c, KH: 3, KW: 3, StrideH: 2, StrideW: 2, Top: 1, Left: 1, OutH: 1, OutW: 1},
		)
	}
	return all
}

// visit calls f for every output value with the indices of its window.
func visit(s Shape, n int, f func(out int, in []int)) {
	for i := range n {
		for oh := range s.OutH {
			for ow := range s.OutW {
				for c := range s.C {
					var in []int
					for kh := range s.KH {
						for kw := range s.KW {
							h, w := oh*s.StrideH-s.Top+kh, ow*s.StrideW-s.Left+kw
							if h >= 0 && h < s.H && w >= 0 && w < s.W {
								in = append(in, ((i*s.H+h)*s.W+w)*s.C+c)
							}
						}
					}
					f(((i*s.OutH+oh)*s.OutW+ow)*s.C+c, in)
				}
			}
		}
	}
}

// plus is input with ties and, now and then, NaN and infinities.
func plus(t *testing.T, n int, special bool) []float32 {
	r := rng()
	x := guard.Ints(t, r, n)
	for i := range x {
		if special && r.IntN(20) == 0 {
			x[i] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e-41}[r.IntN(4)]
		}
	}
	return x
}

func TestPoolingEqualsItsDefinitionOnOddShapes(t *testing.T) {
	const n = 2
	onEach(t, func(t *testing.T) {
		for _, s := range shapes() {
			x := plus(t, n*s.in(), true)
			for _, ldy := range []int{s.C, s.C + 5} {
				pixels := n * s.OutH * s.OutW
				largest, mean := guard.NewOutput(t, (pixels-1)*ldy+s.C), guard.NewOutput(t, (pixels-1)*ldy+s.C)
				Max(nil, s, n, x, largest.V, ldy)
				Avg(nil, s, n, x, mean.V, ldy)
				largest.Check(t)
				mean.Check(t)
				for p := range pixels - 1 {
					for c := s.C; c < ldy; c++ {
						require.True(t, largest.Untouched(p*ldy+c) && mean.Untouched(p*ldy+c))
					}
				}
				visit(s, n, func(out int, in []int) {
					m, sum := math.Inf(-1), 0.0
					for _, i := range in {
						sum += float64(x[i])
						if v := float64(x[i]); m == m && !(v <= m) {
							m = v
						}
					}
					at := out/s.C*ldy + out%s.C
					same(t, m, largest.V[at], 0)
					same(t, sum/float64(len(in)), mean.V[at], 1e-6)
				})
			}
		}
	})
}

func same(t *testing.T, want float64, got float32, delta float64) {
	t.Helper()
	g := float64(got)
	if !(math.IsNaN(want) && math.IsNaN(g) || want == g || math.Abs(want-g) <= delta) && !(delta == 0 && float32(want) == got) {
		require.Failf(t, "unequal", "want %v, got %v", want, got)
	}
}

func TestMaxGradientGoesToTheFirstMaximumOrTheFirstNaN(t *testing.T) {
	const n = 2
	onEach(t, func(t *testing.T) {
		for _, s := range shapes() {
			x, dy := plus(t, n*s.in(), true), guard.Ints(t, rng(), n*s.OutH*s.OutW*s.C)
			y, dx := guard.Floats(t, len(dy)), guard.NewOutput(t, len(x))
			Max(nil, s, n, x, y, s.C)
			MaxBackward(nil, s, n, x, y, dy, dx.V)
			dx.Check(t)
			want := make([]float32, len(x))
			visit(s, n, func(out int, in []int) {
				first := in[0]
				for _, i := range in {
					if x[first] == x[first] && (x[i] > x[first] || x[i] != x[i]) {
						first = i
					}
				}
				want[first] += dy[out]
			})
			require.Equal(t, want, dx.V, s)
		}
	})
}

func TestAvgGradientEqualsItsTranspose(t *testing.T) {
	const n = 2
	onEach(t, func(t *testing.T) {
		for _, s := range shapes() {
			dy := guard.Normal(t, rng(), n*s.OutH*s.OutW*s.C)
			dx := guard.NewOutput(t, n*s.in())
			AvgBackward(nil, s, n, dy, dx.V)
			dx.Check(t)
			want := make([]float64, n*s.in())
			visit(s, n, func(out int, in []int) {
				for _, i := range in {
					want[i] += float64(dy[out]) / float64(len(in))
				}
			})
			for i, w := range want {
				require.InDelta(t, w, float64(dx.V[i]), 2e-6)
			}
		}
	})
}

func TestCountedPaddingIsZerosInMeansAndTheirGradients(t *testing.T) {
	const n = 2
	onEach(t, func(t *testing.T) {
		for _, s := range shapes() {
			s.CountPad = true
			x, dy := guard.Normal(t, rng(), n*s.in()), guard.Normal(t, rng(), n*s.OutH*s.OutW*s.C)
			y, dx := guard.NewOutput(t, len(dy)), guard.NewOutput(t, len(x))
			Avg(nil, s, n, x, y.V, s.C)
			AvgBackward(nil, s, n, dy, dx.V)
			y.Check(t)
			dx.Check(t)
			want := make([]float64, len(x))
			visit(s, n, func(out int, in []int) {
				sum := 0.0
				for _, i := range in {
					sum += float64(x[i])
					want[i] += float64(dy[out]) / float64(s.KH*s.KW)
				}
				same(t, sum/float64(s.KH*s.KW), y.V[out], 1e-6)
			})
			for i, v := range want {
				same(t, v, dx.V[i], 1e-5)
			}
		}
	})
}

func TestCountedPaddingIsZerosInMaximaAndTheirGradients(t *testing.T) {
	const n = 2
	onEach(t, func(t *testing.T) {
		for _, s := range shapes() {
			s.CountPad = true
			x, dy := guard.Normal(t, rng(), n*s.in()), guard.Normal(t, rng(), n*s.OutH*s.OutW*s.C)
			for i := range x {
				x[i]--
			}
			y, dx := guard.NewOutput(t, len(dy)), guard.NewOutput(t, len(x))
			Max(nil, s, n, x, y.V, s.C)
			MaxBackward(nil, s, n, x, y.V, dy, dx.V)
			y.Check(t)
			dx.Check(t)
			want := make([]float64, len(x))
			visit(s, n, func(out int, in []int) {
				at, most := -1, math.Inf(-1)
				if len(in) < s.KH*s.KW {
					most = 0
				}
				for _, i := range in {
					if float64(x[i]) > most {
						at, most = i, float64(x[i])
					}
				}
				same(t, most, y.V[out], 0)
				if at >= 0 {
					want[at] += float64(dy[out])
				}
			})
			for i, v := range want {
				same(t, v, dx.V[i], 1e-5)
			}
		}
	})
}

// Finite differences in float64 of L = Σ dy·y, on distinct values.
func TestGradientsEqualFiniteDifferences(t *testing.T) {
	s := Shape{H: 4, W: 5, C: 2, KH: 3, KW: 3, StrideH: 2, StrideW: 2, Top: 1, Left: 1, OutH: 2, OutW: 3}
	x, dy := make([]float32, s.in()), guard.Normal(t, rng(), s.OutH*s.OutW*s.C)
	for i, p := range rng().Perm(len(x)) {
		x[i] = float32(p)
	}
	loss := func(x []float64, pool func([]float64) float64) float64 {
		l := 0.0
		visit(s, 1, func(out int, in []int) {
			var window []float64
			for _, i := range in {
				window = append(window, x[i])
			}
			l += float64(dy[out]) * pool(window)
		})
		return l
	}
	largest := func(w []float64) float64 {
		m := w[0]
		for _, v := range w {
			m = max(m, v)
		}
		return m
	}
	mean := func(w []float64) float64 {
		sum := 0.0
		for _, v := range w {
			sum += v
		}
		return sum / float64(len(w))
	}
	onEach(t, func(t *testing.T) {
		y, dmax, davg := make([]float32, len(dy)), make([]float32, len(x)), make([]float32, len(x))
		Max(nil, s, 1, x, y, s.C)
		MaxBackward(nil, s, 1, x, y, dy, dmax)
		AvgBackward(nil, s, 1, dy, davg)
		for i := range x {
			slope := func(pool func([]float64) float64) float64 {
				const h = 1e-3
				at := make([]float64, len(x))
				for j, v := range x {
					at[j] = float64(v)
				}
				at[i] += h
				up := loss(at, pool)
				at[i] -= 2 * h
				return (up - loss(at, pool)) / (2 * h)
			}
			require.InDelta(t, slope(largest), float64(dmax[i]), 1e-5)
			require.InDelta(t, slope(mean), float64(davg[i]), 1e-5)
		}
	})
}

func TestGlobalPoolingEqualsOneWindow(t *testing.T) {
	onEach(t, func(t *testing.T) {
		for _, n := range []int{1, 3} {
			for _, hw := range []int{1, 6, 200} {
				for _, c := range []int{1, 17, 200} {
					s := whole(hw, c)
					x, dy := plus(t, n*hw*c, false), guard.Normal(t, rng(), n*c)
					y, want := guard.NewOutput(t, n*c), make([]float32, n*c)
					GlobalAvg(nil, n, hw, c, x, y.V)
					y.Check(t)
					Avg(nil, s, n, x, want, c)
					require.InDeltaSlice(t, want, y.V, 1e-6)
					dx, wantDx := guard.NewOutput(t, n*hw*c), make([]float32, n*hw*c)
					GlobalAvgBackward(nil, n, hw, c, dy, dx.V)
					dx.Check(t)
					AvgBackward(nil, s, n, dy, wantDx)
					require.Equal(t, wantDx, dx.V)
					GlobalMax(nil, n, hw, c, x, y.V)
					GlobalMaxBackward(nil, n, hw, c, x, y.V, dy, dx.V)
					Max(nil, s, n, x, want, c)
					MaxBackward(nil, s, n, x, want, dy, wantDx)
					require.Equal(t, want, y.V)
					require.Equal(t, wantDx, dx.V)
				}
			}
		}
	})
}

func TestResultsDoNotDependOnTheCrew(t *testing.T) {
	s := Shape{H: 33, W: 20, C: 200, KH: 3, KW: 3, StrideH: 1, StrideW: 1, Top: 1, Left: 1, OutH: 33, OutW: 20}
	const n = 2
	x, dy := guard.Normal(t, rng(), n*s.in()), guard.Normal(t, rng(), n*s.in())
	run := func(crew *parallel.Crew) string {
		y, a, dx, da, g := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x)), make([]float32, s.C)
		Max(crew, s, n, x, y, s.C)
		Avg(crew, s, n, x, a, s.C)
		MaxBackward(crew, s, n, x, y, dy, dx)
		AvgBackward(crew, s, n, dy, da)
		GlobalAvg(crew, 1, n*s.H*s.W, s.C, x, g)
		return fmt.Sprint(y[:999], a, dx, da, g)
	}
	want := run(nil)
	crew := parallel.Begin(4)
	defer crew.End()
	require.Equal(t, want, run(crew))
}

func TestAShapeWithAWindowOutsideThePicturePanics(t *testing.T) {
	s := Shape{H: 2, W: 2, C: 1, KH: 3, KW: 3, StrideH: 1, StrideW: 1, Top: 3, OutH: 2, OutW: 2}
	require.Panics(t, func() { Max(nil, s, 1, make([]float32, 4), make([]float32, 4), 1) })
}

func BenchmarkPool(b *testing.B) {
	s := Shape{H: 35, W: 35, C: 288, KH: 3, KW: 3, StrideH: 1, StrideW: 1, Top: 1, Left: 1, OutH: 35, OutW: 35}
	x, y, dy, dx := make([]float32, s.in()), make([]float32, s.in()), make([]float32, s.in()), make([]float32, s.in())
	for name, f := range map[string]func(){
		"Max":         func() { Max(nil, s, 1, x, y, s.C) },
		"Avg":         func() { Avg(nil, s, 1, x, y, s.C) },
		"MaxBackward": func() { MaxBackward(nil, s, 1, x, y, dy, dx) },
		"AvgBackward": func() { AvgBackward(nil, s, 1, dy, dx) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(8 * int64(len(x)))
			for range b.N {
				f()
			}
		})
	}
}
