package depthwise

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

func rng() *rand.Rand { return rand.New(rand.NewPCG(7, 8)) }

// same is TensorFlow's "same" padding.
func same(h, w, c, kernel, stride int) Shape {
	s := Shape{H: h, W: w, C: c, KH: kernel, KW: kernel, StrideH: stride, StrideW: stride,
		OutH: (h + stride - 1) / stride, OutW: (w + stride - 1) / stride}
	s.Top = max(0, (s.OutH-1)*stride+kernel-h) / 2
	s.Left = max(0, (s.OutW-1)*stride+kernel-w) / 2
	return s
}

// shapes are the kernels of the declared networks over odd pictures and every
// kind of channel count, and kernels that only the portable code knows.
func shapes() []Shape {
	var all []Shape
	for _, c := range []int{1, 3, 8, 9, 15, 16, 17, 24, 33, 40, 64, 145} {
		for _, kernel := range []int{3, 5, 7} {
			for _, stride := range []int{1, 2} {
				all = append(all, same(7, 7, c, kernel, stride), same(6, 9, c, kernel, stride), same(1, 2, c, kernel, stride))
			}
		}
		all = append(all,
			Shape{H: 9, W: 10, C: c, KH: 3, KW: 3, StrideH: 2, StrideW: 2, OutH: 4, OutW: 4},          // valid, a column unused
			Shape{H: 9, W: 10, C: c, KH: 3, KW: 5, StrideH: 1, StrideW: 2, Left: 1, OutH: 7, OutW: 4}, // not square
			Shape{H: 5, W: 6, C: c, KH: 3, KW: 3, StrideH: 3, StrideW: 1, Top: 2, Left: 2, OutH: 2, OutW: 8},
			Shape{H: 5, W: 6, C: c, KH: 3, KW: 3, StrideH: 1, StrideW: 1, Top: -1, Left: -2, OutH: 2, OutW: 2}, // cropped
		)
	}
	return append(all, same(40, 41, 130, 3, 1), same(40, 41, 200, 5, 2), same(14, 14, 672, 5, 1))
}

// visit calls f for every term of the convolution.
func visit(s Shape, n int, f func(out, in, kernel int)) {
	for i := range n {
		for oh := range s.OutH {
			for ow := range s.OutW {
				for kh := range s.KH {
					for kw := range s.KW {
						h, w := oh*s.StrideH-s.Top+kh, ow*s.StrideW-s.Left+kw
						if h < 0 || h >= s.H || w < 0 || w >= s.W {
							continue
						}
						for c := range s.C {
							f(((i*s.OutH+oh)*s.OutW+ow)*s.C+c, ((i*s.H+h)*s.W+w)*s.C+c, (kh*s.KW+kw)*s.C+c)
						}
					}
				}
			}
		}
	}
}

func close64(t *testing.T, want []float64, got []float32, delta float64, msg ...any) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		if g := float64(got[i]); !(math.Abs(w-g) <= delta) && !(w != w && g != g) && w != g {
			require.Failf(t, "unequal", "at %d: want %v, got %v: %v", i, w, g, msg)
		}
	}
}

func TestForwardEqualsItsDefinitionOnOddShapes(t *testing.T) {
	const n = 2
	inf := float32(math.Inf(1))
	onEach(t, func(t *testing.T) {
		for j, s := range shapes() {
			x, kernel := guard.Normal(t, rng(), n*s.in()), guard.Normal(t, rng(), s.kernel())
			x[len(x)/3], x[len(x)/2] = float32(math.NaN()), 1e-40
			bias := guard.Normal(t, rng(), s.C)
			if j%3 == 0 {
				bias = nil
			}
			clamp := [][2]float32{{0, 0}, {0, inf}, {0, 6}}[j%3]
			want := make([]float64, n*s.out())
			for i := range want {
				if bias != nil {
					want[i] = float64(bias[i%s.C])
				}
			}
			visit(s, n, func(out, in, k int) { want[out] += float64(x[in]) * float64(kernel[k]) })
			ep := Epilogue{Bias: bias, Lo: clamp[0], Hi: clamp[1], Swish: j%4 > 1}
			mean := make([]float64, n*s.C)
			for i, v := range want {
				switch {
				case ep.Swish:
					v /= 1 + math.Exp(-v)
				case j%3 > 0 && v == v:
					v = min(max(v, float64(clamp[0])), float64(clamp[1]))
				}
				want[i] = v
				mean[i/s.out()*s.C+i%s.C] += v / float64(s.OutH*s.OutW)
			}
			y, plain, means := guard.NewOutput(t, n*s.out()), guard.NewOutput(t, n*s.out()), guard.NewOutput(t, n*s.C)
			Run(nil, s, n, x, kernel, plain.V, ep)
			ep.Mean = means.V
			Run(nil, s, n, x, kernel, y.V, ep)
			y.Check(t)
			plain.Check(t)
			means.Check(t)
			close64(t, want, y.V, 2e-5, s)
			close64(t, want, plain.V, 2e-5, s)
			close64(t, mean, means.V, 2e-5, s)
		}
	})
}

func TestBackwardEqualsItsDefinitionOnOddShapes(t *testing.T) {
	const n = 2
	onEach(t, func(t *testing.T) {
		for _, s := range shapes() {
			r := rng()
			x, kernel, dy := guard.Normal(t, r, n*s.in()), guard.Normal(t, r, s.kernel()), guard.Normal(t, r, n*s.out())
			wantX, wantK := make([]float64, len(x)), make([]float64, len(kernel))
			visit(s, n, func(out, in, k int) {
				wantX[in] += float64(dy[out]) * float64(kernel[k])
				wantK[k] += float64(dy[out]) * float64(x[in])
			})
			dx, dk := guard.NewOutput(t, len(x)), guard.NewOutput(t, len(kernel))
			BackwardInput(nil, s, n, kernel, dy, dx.V)
			BackwardKernel(nil, s, n, x, dy, dk.V)
			dx.Check(t)
			dk.Check(t)
			close64(t, wantX, dx.V, 2e-5, s)
			close64(t, wantK, dk.V, 3e-4, s)
		}
	})
}

// Finite differences of L = Σ dy·y over the forward kernel itself: it is
// linear in x and in the kernel, and exact on small whole numbers.
func TestGradientsEqualFiniteDifferences(t *testing.T) {
	onEach(t, func(t *testing.T) {
		for _, s := range []Shape{same(4, 5, 17, 3, 1), same(5, 4, 17, 3, 2), same(6, 5, 8, 5, 2), same(5, 5, 16, 5, 1)} {
			x, kernel, dy := guard.Ints(t, rng(), s.in()), guard.Ints(t, rng(), s.kernel()), guard.Ints(t, rng(), s.out())
			loss := func() float32 {
				y, l := make([]float32, s.out()), float32(0)
				Run(nil, s, 1, x, kernel, y, Epilogue{})
				for i, v := range y {
					l += v * dy[i]
				}
				return l
			}
			slope := func(v *float32) float32 {
				*v += 2
				up := loss()
				*v -= 4
				down := loss()
				*v += 2
				return (up - down) / 4
			}
			dx, dk := make([]float32, s.in()), make([]float32, s.kernel())
			BackwardInput(nil, s, 1, kernel, dy, dx)
			BackwardKernel(nil, s, 1, x, dy, dk)
			for i := range dx {
				require.Equal(t, slope(&x[i]), dx[i])
			}
			for i := range dk {
				require.Equal(t, slope(&kernel[i]), dk[i])
			}
		}
	})
}

func TestResultsDoNotDependOnTheCrew(t *testing.T) {
	crew := parallel.Begin(4)
	defer crew.End()
	onEach(t, func(t *testing.T) {
		for _, s := range []Shape{same(40, 41, 130, 3, 1), same(21, 20, 200, 5, 2)} {
			const n = 3
			x, kernel, dy := guard.Normal(t, rng(), n*s.in()), guard.Normal(t, rng(), s.kernel()), guard.Normal(t, rng(), n*s.out())
			run := func(crew *parallel.Crew) [4][]float32 {
				y, dx, dk, mean := make([]float32, n*s.out()), make([]float32, len(x)), make([]float32, len(kernel)), make([]float32, n*s.C)
				Run(crew, s, n, x, kernel, y, Epilogue{Swish: true, Mean: mean})
				BackwardInput(crew, s, n, kernel, dy, dx)
				BackwardKernel(crew, s, n, x, dy, dk)
				return [4][]float32{y, dx, dk, mean}
			}
			require.Equal(t, run(nil), run(crew))
		}
	})
}

func TestAPictureGivesTheSameBitsInAnyBatch(t *testing.T) {
	onEach(t, func(t *testing.T) {
		for _, s := range []Shape{same(7, 7, 145, 5, 1), same(14, 13, 200, 3, 2)} {
			const n = 9
			x, kernel := guard.Normal(t, rng(), n*s.in()), guard.Normal(t, rng(), s.kernel())
			all, one := make([]float32, n*s.out()), make([]float32, s.out())
			means, mean := make([]float32, n*s.C), make([]float32, s.C)
			Run(nil, s, n, x, kernel, all, Epilogue{Hi: 6, Mean: means})
			Run(nil, s, 1, x[8*s.in():], kernel, one, Epilogue{Hi: 6, Mean: mean})
			require.Equal(t, all[8*s.out():], one)
			require.Equal(t, means[8*s.C:], mean)
		}
	})
}

func TestASteadyRunAllocatesNothingBig(t *testing.T) {
	if implementations()[0].name == "portable" {
		t.Skip("the portable code keeps nothing")
	}
	s := same(28, 28, 64, 5, 1)
	x, kernel, y, mean := make([]float32, s.in()), make([]float32, s.kernel()), make([]float32, s.out()), make([]float32, s.C)
	r := testing.Benchmark(func(b *testing.B) {
		for range b.N {
			Run(nil, s, 1, x, kernel, y, Epilogue{Mean: mean})
		}
	})
	require.Less(t, r.AllocedBytesPerOp(), int64(2000))
}

func TestSlicesThatDoNotFitPanic(t *testing.T) {
	s := same(4, 4, 3, 3, 1)
	require.Panics(t, func() { Run(nil, s, 1, make([]float32, 47), make([]float32, 27), make([]float32, 48), Epilogue{}) })
	require.Panics(t, func() {
		Run(nil, s, 1, make([]float32, 48), make([]float32, 27), make([]float32, 48), Epilogue{Bias: make([]float32, 2)})
	})
	require.Panics(t, func() {
		Run(nil, s, 1, make([]float32, 48), make([]float32, 27), make([]float32, 48), Epilogue{Mean: make([]float32, 2)})
	})
}

// Shapes of EfficientNet-B0.
func BenchmarkDepthwise(b *testing.B) {
	for _, s := range []Shape{same(112, 112, 32, 3, 1), same(112, 112, 96, 3, 2), same(56, 56, 144, 3, 1), same(56, 56, 144, 5, 2),
		same(28, 28, 240, 5, 1), same(14, 14, 480, 3, 1), same(14, 14, 672, 5, 1), same(7, 7, 1152, 5, 1), same(7, 7, 1152, 3, 1)} {
		x, kernel, y := make([]float32, s.in()), make([]float32, s.kernel()), make([]float32, s.out())
		flops := 2e-9 * float64(s.OutH*s.OutW*s.kernel())
		for name, f := range map[string]func(){
			"Run":            func() { Run(nil, s, 1, x, kernel, y, Epilogue{Hi: 6}) },
			"Swish":          func() { Run(nil, s, 1, x, kernel, y, Epilogue{Swish: true, Mean: kernel[:s.C]}) },
			"BackwardInput":  func() { BackwardInput(nil, s, 1, kernel, y, x) },
			"BackwardKernel": func() { BackwardKernel(nil, s, 1, x, y, kernel) },
		} {
			b.Run(fmt.Sprintf("%dx%dx%d/k%d/s%d/%s", s.H, s.W, s.C, s.KH, s.StrideH, name), func(b *testing.B) {
				for range b.N {
					f()
				}
				b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds(), "GFLOP/s")
			})
		}
	}
}

func TestAssemblyGivesTheSameBitsOnVectorsOfAnyWidth(t *testing.T) {
	best := k
	defer func() { k = best }()
	for _, s := range shapes() {
		if s.C < 16 || s.KH != s.KW || s.KH > 5 || s.StrideH > 2 || s.StrideW > 2 {
			continue // the portable code, which rounds products
		}
		x, kernel := guard.Normal(t, rng(), s.in()), guard.Normal(t, rng(), s.kernel())
		var want []float32
		for _, i := range implementations() {
			if i.name == "portable" {
				continue
			}
			k = i.kernels
			y := make([]float32, s.out()+s.C)
			Run(nil, s, 1, x, kernel, y[:s.out()], Epilogue{Hi: 6, Mean: y[s.out():]})
			if want == nil {
				want = y
			}
			require.Equal(t, want, y, "%s %v", i.name, s)
		}
	}
}
