package vec

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

var lengths = []int{0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 129, 1000, grain + 5}

func rng() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// input is normal values with all that is special among them.
func input(t *testing.T, r *rand.Rand, n int) []float32 {
	v := guard.Normal(t, r, n)
	special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e-40, -1e-45, 1e18, 0, float32(math.Copysign(0, -1))}
	for i := 5; i < n; i += 11 {
		v[i] = special[r.IntN(len(special))]
	}
	return v
}

// near wants got within 1e-6 of want, taken in float64 from inputs of the
// given magnitude; values beyond float32 may be infinite.
func near(t *testing.T, want float64, got float32, magnitude float64, msg ...any) {
	t.Helper()
	g := float64(got)
	switch {
	case math.IsNaN(want) || math.IsInf(want, 0):
		if !(math.IsNaN(want) && math.IsNaN(g) || want == g) {
			require.Failf(t, "unequal", "want %v, got %v: %v", want, got, msg)
		}
	case math.IsInf(g, 0) || math.IsNaN(g):
		if !(math.Abs(want) > 3e38) {
			require.Failf(t, "not finite", "want %v, got %v: %v", want, got, msg)
		}
	case math.Abs(g-want) > 1e-6*magnitude+2e-45:
		require.Failf(t, "unequal", "want %v, got %v: %v", want, got, msg)
	}
}

func TestElementwiseEqualsFloat64(t *testing.T) {
	f := func(x float32) float64 { return float64(x) }
	ops := map[string]struct {
		run  func(a, b, y []float32)
		want func(a, b, y float64) float64
	}{
		"Add":      {func(a, b, y []float32) { Add(nil, a, b, y) }, func(a, b, _ float64) float64 { return a + b }},
		"AddTo":    {func(a, _, y []float32) { AddTo(nil, a, y) }, func(a, _, y float64) float64 { return a + y }},
		"Mul":      {func(a, b, y []float32) { Mul(nil, a, b, y) }, func(a, b, _ float64) float64 { return a * b }},
		"MulAdd":   {func(a, b, y []float32) { MulAdd(nil, a, b, y) }, func(a, b, y float64) float64 { return y + a*b }},
		"ScaleAdd": {func(a, b, y []float32) { ScaleAdd(nil, 2, a, -.5, b, y) }, func(a, b, _ float64) float64 { return 2*a - .5*b }},
		"Axpy":     {func(a, _, y []float32) { Axpy(nil, -3, a, y) }, func(a, _, y float64) float64 { return y - 3*a }},
		"Scale":    {func(a, _, y []float32) { Scale(nil, .25, a, y) }, func(a, _, _ float64) float64 { return .25 * a }},
	}
	onEach(t, func(t *testing.T) {
		for name, op := range ops {
			for _, n := range lengths {
				r := rng()
				a, b, y0 := input(t, r, n), input(t, r, n), input(t, r, n)
				y := guard.NewOutput(t, n)
				copy(y.V, y0)
				op.run(a, b, y.V)
				y.Check(t)
				for i, got := range y.V {
					A, B, Y := f(a[i]), f(b[i]), f(y0[i])
					near(t, op.want(A, B, Y), got, 4*(math.Abs(A)+math.Abs(B)+math.Abs(Y)+math.Abs(A*B)), name, n, i, a[i], b[i], y0[i])
				}
			}
		}
	})
}

func TestAnOutputMayBeAnInput(t *testing.T) {
	onEach(t, func(t *testing.T) {
		for _, n := range lengths[1:] {
			a, b := guard.Normal(t, rng(), n), guard.Normal(t, rng(), n)
			want := make([]float32, n)
			Mul(nil, a, b, want)
			Mul(nil, a, b, a)
			require.Equal(t, want, a)
		}
	})
}

var widths = []int{1, 3, 8, 13, 16, 18, 24, 33, 64, 100, 129}

func TestRowOpsEqualFloat64(t *testing.T) {
	many := 700
	if testing.Short() { // under an emulator
		many = 130
	}
	onEach(t, func(t *testing.T) {
		for _, c := range widths {
			for _, hw := range []int{1, 5, 49, many} {
				r, n := rng(), 3
				rows := n * hw
				x, z, dy := guard.Normal(t, r, rows*c), guard.Normal(t, r, rows*c), guard.Normal(t, r, rows*c)
				p, q, s := guard.Normal(t, r, c), guard.Normal(t, r, c), guard.Normal(t, r, c)
				g := guard.Normal(t, r, n*c)
				check := func(run func(y []float32), want func(i, ch int) float64) {
					y := guard.NewOutput(t, rows*c)
					run(y.V)
					y.Check(t)
					for i, got := range y.V {
						near(t, want(i, i%c), got, 20, c, hw, i)
					}
				}
				f := func(v []float32, i int) float64 { return float64(v[i]) }
				check(func(y []float32) { AddBias(nil, rows, c, x, p, y) }, func(i, ch int) float64 { return f(x, i) + f(p, ch) })
				check(func(y []float32) { Affine(nil, rows, c, x, p, q, y) }, func(i, ch int) float64 { return f(x, i)*f(p, ch) + f(q, ch) })
				check(func(y []float32) { ScaleChannels(nil, rows, c, x, p, y) }, func(i, ch int) float64 { return f(x, i) * f(p, ch) })
				check(func(y []float32) { AffineAdd(nil, rows, c, x, p, z, q, s, y) },
					func(i, ch int) float64 { return f(x, i)*f(p, ch) + f(z, i)*f(q, ch) + f(s, ch) })
				check(func(y []float32) { Gate(nil, n, hw, c, x, g, y) }, func(i, ch int) float64 { return f(x, i) * f(g, i/(hw*c)*c+ch) })

				dg, sums := guard.NewOutput(t, n*c), guard.NewOutput(t, c)
				GateGradient(nil, n, hw, c, x, dy, dg.V)
				ColumnSums(nil, rows, c, x, sums.V)
				dg.Check(t)
				sums.Check(t)
				gate, column := make([]float64, n*c), make([]float64, c)
				for i := range x {
					gate[i/(hw*c)*c+i%c] += f(x, i) * f(dy, i)
					column[i%c] += f(x, i)
				}
				for i := range gate {
					near(t, gate[i], dg.V[i], math.Sqrt(float64(hw))*3)
				}
				for i := range column {
					near(t, column[i], sums.V[i], math.Sqrt(float64(rows))*3)
				}
				acc := guard.NewOutput(t, c)
				clear(acc.V)
				SumAbout(x[:hw*c], p, acc.V)
				acc.Check(t)
				about, off := make([]float64, c), guard.NewOutput(t, c)
				clear(off.V)
				SumOff(x[:hw*c], p, off.V)
				off.Check(t)
				for i := range c {
					near(t, columnSum(x[:hw*c], c, i)-float64(hw)*f(p, i), off.V[i], 3*float64(hw))
				}
				for i := range hw * c {
					d := f(x, i) - f(p, i%c)
					about[i%c] += d * d
				}
				for i := range about {
					near(t, about[i], acc.V[i], about[i]*4)
				}
			}
		}
	})
}

func columnSum(x []float32, c, i int) float64 {
	sum := 0.0
	for ; i < len(x); i += c {
		sum += float64(x[i])
	}
	return sum
}

func TestSumsOfManyRowsStayExact(t *testing.T) {
	const rows, c = 200_000, 3
	x := make([]float32, rows*c)
	for i := range x {
		x[i] = 1000.1
	}
	sums := make([]float32, c)
	ColumnSums(nil, rows, c, x, sums)
	want := float64(float32(1000.1)) * rows
	for _, s := range sums {
		require.InEpsilon(t, want, float64(s), 1e-6) // one running float32 sum is off by 1e-3
	}
}

func TestDotEqualsFloat64(t *testing.T) {
	for _, n := range lengths {
		a, b := guard.Normal(t, rng(), n), guard.Normal(t, rng(), n)
		want := 0.0
		for i := range a {
			want += float64(a[i]) * float64(b[i])
		}
		require.InDelta(t, want, Dot(nil, a, b), 1e-9*float64(n+1))
	}
}

func TestChannelSlicesOfAConcatenation(t *testing.T) {
	const pixels = 5
	a, b := guard.Normal(t, rng(), pixels*3), guard.Normal(t, rng(), pixels*4)
	y := guard.NewOutput(t, pixels*7)
	CopyChannels(nil, pixels, 3, a, 3, y.V, 7)
	require.True(t, y.Untouched(3))
	CopyChannels(nil, pixels, 4, b, 4, y.V[3:], 7)
	y.Check(t)
	back := make([]float32, pixels*4)
	CopyChannels(nil, pixels, 4, y.V[3:], 7, back, 4)
	require.Equal(t, b, back)
	AddChannels(nil, pixels, 4, b, 4, y.V[3:], 7)
	for p := range pixels {
		require.Equal(t, a[p*3:p*3+3], y.V[p*7:p*7+3])
		require.Equal(t, 2*b[p*4+1], y.V[p*7+3+1])
	}
}

// The stream must never change: a saved seed trains the same network again.
func TestRandomBitsAreSplitMix64(t *testing.T) {
	// The reference generator's first outputs from state 1234567.
	state := uint64(1234567)
	for _, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423} {
		state += gamma
		require.Equal(t, want, mix(state))
	}
	key := stream(7, 8)
	require.Equal(t, mix(key+gamma+gamma+gamma), Bits(7, 8, 2))
	require.NotEqual(t, Bits(7, 8, 0), Bits(8, 7, 0))
}

func TestDropoutKeepsTheMeanAndRepeats(t *testing.T) {
	const n = 100_003
	x, y, again, other := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = 1
	}
	Dropout(nil, .2, 5, 9, x, y)
	crew := parallel.Begin(3)
	defer crew.End()
	Dropout(crew, .2, 5, 9, x, again)
	Dropout(nil, .2, 5, 10, x, other)
	require.Equal(t, y, again)
	require.NotEqual(t, y, other)
	dropped := 0
	for i, v := range y {
		require.Equal(t, Bits(5, 9, uint64(i))>>32 < threshold(.2), v == 0)
		if v == 0 {
			dropped++
		} else {
			require.Equal(t, float32(1)/(1-float32(.2)), v)
		}
	}
	require.InDelta(t, .2, float64(dropped)/n, .005)
	Dropout(nil, 0, 5, 9, x, y)
	require.Equal(t, x, y)
	require.Panics(t, func() { Dropout(nil, 1, 5, 9, x, y) })
}

func TestStochasticDepthDropsWholeImages(t *testing.T) {
	const n, size = 400, 7
	x, y := make([]float32, n*size), make([]float32, n*size)
	for i := range x {
		x[i] = float32(math.NaN())
	}
	StochasticDepth(nil, .5, 1, 2, n, x, y)
	kept := 0
	for i := range n {
		for _, v := range y[i*size : (i+1)*size] {
			require.Equal(t, y[i*size] != y[i*size], v != v)
		}
		if y[i*size] != y[i*size] {
			kept++
		} else {
			require.Zero(t, y[i*size])
		}
	}
	require.InDelta(t, n/2, kept, 50)
}

func TestResultsDoNotDependOnTheCrew(t *testing.T) {
	const n, hw, c = 3, 3000, 17
	x, dy := guard.Normal(t, rng(), n*hw*c), guard.Normal(t, rng(), n*hw*c)
	run := func(crew *parallel.Crew) string {
		y, g, s := make([]float32, n*hw*c), make([]float32, n*c), make([]float32, c)
		GateGradient(crew, n, hw, c, x, dy, g)
		ColumnSums(crew, n*hw, c, x, s)
		Gate(crew, n, hw, c, x, g, y)
		return fmt.Sprint(y, g, s, Dot(crew, x, dy))
	}
	want := run(nil)
	for threads := 1; threads <= 4; threads++ {
		crew := parallel.Begin(threads)
		require.Equal(t, want, run(crew))
		crew.End()
	}
}

func BenchmarkVec(b *testing.B) {
	const hw, c = 49, 320
	x, y, z, g := make([]float32, hw*c), make([]float32, hw*c), make([]float32, hw*c), make([]float32, c)
	for name, f := range map[string]func(){
		"Add":        func() { Add(nil, x, y, z) },
		"Axpy":       func() { Axpy(nil, 2, x, y) },
		"Gate":       func() { Gate(nil, 1, hw, c, x, g, z) },
		"ColumnSums": func() { ColumnSums(nil, hw, c, x, g) },
		"Dropout":    func() { Dropout(nil, .2, 1, 2, x, z) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(4 * hw * c) // of x
			for range b.N {
				f()
			}
		})
	}
}

func TestTransposeSwapsRowsAndColumns(t *testing.T) {
	onEach(t, func(t *testing.T) {
		r := rng()
		for _, rows := range []int{1, 5, 8, 12, 16, 33} {
			for _, cols := range []int{1, 7, 8, 9, 24, 35} {
				lds, ldd := cols+rows%3, rows+cols%4
				src, dst := input(t, r, (rows-1)*lds+cols), guard.NewOutput(t, (cols-1)*ldd+rows)
				Transpose(src, lds, rows, cols, dst.V, ldd)
				dst.Check(t)
				for i, v := range dst.V {
					if j, i := i/ldd, i%ldd; i < rows {
						require.Equal(t, math.Float32bits(src[i*lds+j]), math.Float32bits(v))
					} else {
						require.True(t, dst.Untouched(j*ldd+i))
					}
				}
			}
		}
		Transpose(nil, 0, 0, 3, nil, 0)
	})
}
