package act

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

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

func rng() *rand.Rand { return rand.New(rand.NewPCG(3, 4)) }

// sweep is a fine grid over where the functions bend, every power of two of
// both signs, and what is special.
func sweep(t *testing.T) []float32 {
	v := []float32{0, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)),
		math.MaxFloat32, -math.MaxFloat32, 88.72, 88.73, -87.3, -87.4, -88, -100, -103.9, -104, -105, 89, 90, 6, 5.9999995, 0.625, -0.625}
	for e := -149; e < 128; e++ {
		p := float32(math.Ldexp(1, e))
		v = append(v, p, -p, 1.37*p, -1.37*p)
	}
	for x := -110.0; x < 110; x += 0.00371 {
		v = append(v, float32(x))
	}
	for x := -1.5; x < 1.5; x += 0.000137 {
		v = append(v, float32(x))
	}
	in := guard.Floats(t, len(v))
	copy(in, v)
	return in
}

const relative, absolute = 4e-7, 1e-36

func near(t *testing.T, want float64, got float32, msg ...any) {
	t.Helper()
	if want > math.MaxFloat32 {
		want = math.Inf(1)
	}
	g := float64(got)
	if math.IsNaN(want) && math.IsNaN(g) || want == g || math.Abs(want-g) <= relative*math.Abs(want)+absolute {
		return
	}
	require.Failf(t, "unequal", "want %v, got %v: %v", want, got, msg)
}

func clamp(lo, hi float64) func(float64) float64 {
	return func(x float64) float64 {
		switch {
		case x < lo:
			return lo
		case x > hi:
			return hi
		}
		return x
	}
}

var functions = map[string]struct {
	forward  func(*parallel.Crew, []float32, []float32)
	backward func(crew *parallel.Crew, a, dy, dx []float32)
	ofY      bool // backward takes the output
	f        func(float64) float64
}{
	"ReLU":    {ReLU, ReLUBackward, true, clamp(0, math.Inf(1))},
	"ReLU6":   {ReLU6, ReLU6Backward, true, clamp(0, 6)},
	"Sigmoid": {Sigmoid, SigmoidBackward, true, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }},
	"Swish": {Swish, SwishBackward, false, func(x float64) float64 {
		if math.IsInf(x, -1) {
			return 0
		}
		return x / (1 + math.Exp(-x))
	}},
	"Tanh": {Tanh, TanhBackward, true, math.Tanh},
	"Exp":  {Exp, nil, false, math.Exp},
}

func TestFunctionsEqualFloat64EverywhereToFewUlps(t *testing.T) {
	x := sweep(t)
	onEach(t, func(t *testing.T) {
		for name, fn := range functions {
			y := guard.NewOutput(t, len(x))
			fn.forward(nil, x, y.V)
			y.Check(t)
			for i, v := range x {
				near(t, fn.f(float64(v)), y.V[i], name, v)
			}
		}
	})
}

func TestTailsOfEveryLengthEqualTheMiddle(t *testing.T) {
	onEach(t, func(t *testing.T) {
		x := guard.Normal(t, rng(), 200)
		for name, fn := range functions {
			whole := make([]float32, len(x))
			fn.forward(nil, x, whole)
			for n := range 150 {
				y := guard.NewOutput(t, n)
				fn.forward(nil, x[200-n:], y.V)
				y.Check(t)
				inPlace := append([]float32{}, x[200-n:]...)
				fn.forward(nil, inPlace, inPlace)
				for i, v := range y.V {
					require.Equal(t, whole[200-n+i], v, name)
					require.Equal(t, v, inPlace[i], name)
				}
			}
		}
	})
}

func TestSwishRowsIsSwishOfEachRowAndLeavesTheRest(t *testing.T) {
	onEach(t, func(t *testing.T) {
		for _, width := range []int{1, 15, 32, 47, 64, 100} {
			for _, rows := range []int{1, 2, 13} {
				for _, ld := range []int{width, width + 1, 128} {
					y := guard.Normal(t, rng(), (rows-1)*ld+width)
					want := append([]float32{}, y...)
					for r := range rows {
						Swish(nil, want[r*ld:][:width], want[r*ld:][:width])
					}
					SwishRows(rows, width, y, ld)
					require.Equal(t, want, y, "%d rows of %d, %d apart", rows, width, ld)
				}
			}
		}
		y := guard.Normal(t, rng(), 100)
		require.Zero(t, testing.AllocsPerRun(10, func() { SwishRows(5, 20, y, 20) }))
		SwishRows(0, 20, nil, 20)
		SwishRows(3, 0, nil, 20)
		require.Panics(t, func() { SwishRows(2, 20, y, 19) })
	})
}

func TestBackwardEqualsFiniteDifferences(t *testing.T) {
	onEach(t, func(t *testing.T) {
		for name, fn := range functions {
			if fn.backward == nil {
				continue
			}
			for _, n := range []int{1, 6, 7, 16, 45, 129} {
				x, dy := guard.Normal(t, rng(), n), guard.Normal(t, rng(), n)
				for i := range x {
					x[i] *= 5
				}
				a := x
				if fn.ofY {
					a = make([]float32, n)
					fn.forward(nil, x, a)
				}
				dx := guard.NewOutput(t, n)
				fn.backward(nil, a, dy, dx.V)
				dx.Check(t)
				for i, v := range x {
					const h = 1e-5
					slope := (fn.f(float64(v)+h) - fn.f(float64(v)-h)) / (2 * h)
					require.InDelta(t, slope*float64(dy[i]), float64(dx.V[i]), 3e-6, "%s %v", name, v)
				}
				fn.backward(nil, a, dy, dy)
				require.Equal(t, dx.V, dy, name)
			}
		}
	})
}

func TestBackwardAtTheEdges(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	x := []float32{-inf, inf, nan, -200, -90, -88, -80, 80, 200, 0, 6, 1e-40, -1e-40, 1e-45}
	dy, dx := make([]float32, len(x)), make([]float32, len(x))
	for i := range dy {
		dy[i] = 1
	}
	onEach(t, func(t *testing.T) {
		SwishBackward(nil, x, dy, dx)
		for i, v := range x {
			want := swishSlope(float64(v))
			if v != v {
				want = float64(nan)
			}
			near(t, want, dx[i], v)
		}
		require.Equal(t, float32(0), dx[0])
		require.Equal(t, float32(1), dx[1])
		ReLU6Backward(nil, x, dy, dx)
		require.Equal(t, []float32{0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1}, dx)
		ReLUBackward(nil, x, dy, dx)
		require.Equal(t, []float32{0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 1, 1, 0, 1}, dx)
	})
}

func TestSoftmaxEqualsFloat64(t *testing.T) {
	inf := math.Inf(1)
	onEach(t, func(t *testing.T) {
		for _, c := range []int{1, 2, 5, 16, 33, 1000} {
			const rows = 7
			x, dy := guard.Normal(t, rng(), rows*c), guard.Normal(t, rng(), rows*c)
			for i := range x {
				x[i] *= 10
			}
			x[c-1], x[c], x[3*c] = 3e38, -3e38, float32(-inf)
			y, dx := guard.NewOutput(t, rows*c), guard.NewOutput(t, rows*c)
			Softmax(nil, rows, c, x, y.V)
			SoftmaxBackward(nil, rows, c, y.V, dy, dx.V)
			y.Check(t)
			dx.Check(t)
			for r := range rows {
				m, sum, dot := -inf, 0.0, 0.0
				for _, v := range x[r*c : (r+1)*c] {
					m = max(m, float64(v))
				}
				for _, v := range x[r*c : (r+1)*c] {
					sum += math.Exp(float64(v) - m)
				}
				for i, v := range x[r*c : (r+1)*c] {
					p := math.Exp(float64(v)-m) / sum
					dot += p * float64(dy[r*c+i])
				}
				for i, v := range x[r*c : (r+1)*c] {
					p := math.Exp(float64(v)-m) / sum
					if math.Abs(float64(v)-m) < 1e3 { // x - m is rounded
						p *= 1 + 1e-6
					}
					require.InEpsilon(t, 1+p, 1+float64(y.V[r*c+i]), 2e-6)
					if !math.IsNaN(p) {
						require.InDelta(t, p*(float64(dy[r*c+i])-dot), float64(dx.V[r*c+i]), 1e-5)
					}
				}
			}
		}
	})
}

// Denormal inputs may take a few times as long, never hundreds.
func TestDenormalsAreNotSlow(t *testing.T) {
	if implementations()[0].name == "portable" {
		t.Skip("the portable code works in float64, where these are no denormals")
	}
	x, y, slow := make([]float32, 1<<14), make([]float32, 1<<14), make([]float32, 1<<14)
	for i := range x {
		x[i], slow[i] = 1, 1e-40
	}
	best := func(in []float32, f func(*parallel.Crew, []float32, []float32)) time.Duration {
		least := time.Hour
		for range 30 {
			start := time.Now()
			f(nil, in, y)
			least = min(least, time.Since(start))
		}
		return least
	}
	for name, fn := range functions {
		require.Less(t, best(slow, fn.forward), 10*best(x, fn.forward)+20*time.Microsecond, name)
	}
}

func TestResultsDoNotDependOnTheCrew(t *testing.T) {
	const rows, c = 41, 1003
	x := guard.Normal(t, rng(), rows*c)
	want, got := make([]float32, len(x)), make([]float32, len(x))
	crew := parallel.Begin(3)
	defer crew.End()
	for name, fn := range functions {
		fn.forward(nil, x, want)
		fn.forward(crew, x, got)
		require.Equal(t, want, got, name)
	}
	Softmax(nil, rows, c, x, want)
	Softmax(crew, rows, c, x, got)
	require.Equal(t, want, got)
}

func BenchmarkForward(b *testing.B) {
	x, y := make([]float32, 1<<14), make([]float32, 1<<14)
	for i := range x {
		x[i] = float32(i%1000)/100 - 5
	}
	for name, fn := range functions {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(8 * int64(len(x)))
			for range b.N {
				fn.forward(nil, x, y)
			}
		})
	}
}
