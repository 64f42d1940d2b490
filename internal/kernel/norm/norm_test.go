package norm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/kernel/gemm/guard"
	"github.com/argus-go/argus/internal/parallel"
)

func rng() *rand.Rand { return rand.New(rand.NewPCG(9, 10)) }

// moments is the definition in float64.
func moments(rows, c int, x []float64) (mean, variance []float64) {
	mean, variance = make([]float64, c), make([]float64, c)
	for i, v := range x {
		mean[i%c] += v / float64(rows)
	}
	for i, v := range x {
		d := v - mean[i%c]
		variance[i%c] += d * d / float64(rows)
	}
	return mean, variance
}

// apply is the definition in float64; a nil gamma or beta is 1 or 0.
func apply(c int, x, mean, variance, gamma, beta []float64, eps float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		ch := i % c
		y[i] = (v - mean[ch]) / math.Sqrt(variance[ch]+eps)
		if gamma != nil {
			y[i] *= gamma[ch]
		}
		if beta != nil {
			y[i] += beta[ch]
		}
	}
	return y
}

func wide(v []float32) []float64 {
	if v == nil {
		return nil
	}
	w := make([]float64, len(v))
	for i, x := range v {
		w[i] = float64(x)
	}
	return w
}

func delta(t *testing.T, want []float64, got []float32, d float64) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		require.InDelta(t, w, float64(got[i]), d, "at %d", i)
	}
}

func TestMomentsEqualFloat64AndSurviveALargeMean(t *testing.T) {
	for _, c := range []int{1, 3, 16, 37, 200} {
		for _, rows := range []int{1, 2, 63, 64, 65, 5000} {
			x := guard.Normal(t, rng(), rows*c)
			for i := range x {
				if i%c == 0 {
					x[i] += 10_000 // a variance as E[x²]-E[x]² would be lost
				}
			}
			mean, variance := guard.NewOutput(t, c), guard.NewOutput(t, c)
			Moments(nil, rows, c, x, mean.V, variance.V)
			mean.Check(t)
			variance.Check(t)
			wantMean, wantVariance := moments(rows, c, wide(x))
			for i := range c {
				require.InDelta(t, wantMean[i], float64(mean.V[i]), 1e-6+6e-8*math.Abs(wantMean[i]))
				require.InDelta(t, wantVariance[i], float64(variance.V[i]), 1e-5*wantVariance[i]+1e-7)
			}
		}
	}
}

func TestConstantChannelsHaveNoVariance(t *testing.T) {
	x := make([]float32, 300)
	for i := range x {
		x[i] = 123.456
	}
	mean, variance := make([]float32, 3), make([]float32, 3)
	Moments(nil, 100, 3, x, mean, variance)
	for i := range 3 {
		require.InDelta(t, 123.456, mean[i], 1e-5)
		require.InDelta(t, 0, variance[i], 1e-9)
		require.GreaterOrEqual(t, variance[i], float32(0))
	}
}

type example struct {
	rows, c               int
	x, dy, mean, variance []float32
	gamma, beta           []float32
}

const eps = 1e-3

func (e example) pass() Pass {
	return Pass{Rows: e.rows, C: e.c, X: e.x, DY: e.dy, Mean: e.mean, Variance: e.variance, Gamma: e.gamma, Beta: e.beta, Eps: eps}
}

// relu is an activation as good as any.
var relu = Activation{
	Forward: func(_ *parallel.Crew, x, y []float32) {
		for i, v := range x {
			y[i] = max(v, 0)
		}
	},
	Backward: func(_ *parallel.Crew, x, dy, dx []float32) {
		for i, v := range x {
			dx[i] = dy[i]
			if v <= 0 {
				dx[i] = 0
			}
		}
	},
}

func examples(t *testing.T) []example {
	var all []example
	for i, c := range []int{1, 5, 16, 33} {
		r := rng()
		e := example{rows: 21, c: c, mean: guard.Floats(t, c), variance: guard.Floats(t, c)}
		e.x, e.dy = guard.Normal(t, r, e.rows*c), guard.Normal(t, r, e.rows*c)
		if i%2 == 1 {
			e.gamma, e.beta = guard.Normal(t, r, c), guard.Normal(t, r, c)
		}
		Moments(nil, e.rows, c, e.x, e.mean, e.variance)
		all = append(all, e)
	}
	return all
}

func TestApplyEqualsFloat64(t *testing.T) {
	for _, e := range examples(t) {
		y := guard.NewOutput(t, len(e.x))
		Apply(nil, e.rows, e.c, e.x, y.V, e.mean, e.variance, e.gamma, e.beta, eps, Activation{})
		y.Check(t)
		delta(t, apply(e.c, wide(e.x), wide(e.mean), wide(e.variance), wide(e.gamma), wide(e.beta), eps), y.V, 5e-6)
		Apply(nil, e.rows, e.c, e.x, e.x, e.mean, e.variance, e.gamma, e.beta, eps, Activation{})
		require.Equal(t, y.V, e.x)
	}
}

// slopes are central differences of Σ dy·f at v.
func slopes(v []float64, dy []float32, f func() []float64) []float64 {
	const h = 1e-5
	loss := func() float64 {
		sum := 0.0
		for i, y := range f() {
			sum += y * float64(dy[i])
		}
		return sum
	}
	out := make([]float64, len(v))
	for i, at := range v {
		v[i] = at + h
		up := loss()
		v[i] = at - h
		out[i] = (up - loss()) / (2 * h)
		v[i] = at
	}
	return out
}

func TestBackwardEqualsFiniteDifferences(t *testing.T) {
	for _, e := range examples(t) {
		x, gamma, beta := wide(e.x), wide(e.gamma), wide(e.beta)
		if gamma == nil { // the gradient exists all the same
			gamma, beta = make([]float64, e.c), make([]float64, e.c)
			for i := range gamma {
				gamma[i] = 1
			}
		}
		training := func() []float64 {
			mean, variance := moments(e.rows, e.c, x)
			return apply(e.c, x, mean, variance, gamma, beta, eps)
		}
		dx, dgamma, dbeta := guard.NewOutput(t, len(x)), guard.NewOutput(t, e.c), guard.NewOutput(t, e.c)
		Backward(nil, e.pass(), dx.V, dgamma.V, dbeta.V)
		for _, o := range []*guard.Output{dx, dgamma, dbeta} {
			o.Check(t)
		}
		delta(t, slopes(x, e.dy, training), dx.V, 2e-5)
		delta(t, slopes(gamma, e.dy, training), dgamma.V, 2e-5)
		delta(t, slopes(beta, e.dy, training), dbeta.V, 2e-5)

		frozen := func() []float64 { return apply(e.c, x, wide(e.mean), wide(e.variance), gamma, beta, eps) }
		BackwardFrozen(nil, e.pass(), dx.V, dgamma.V, dbeta.V)
		delta(t, slopes(x, e.dy, frozen), dx.V, 2e-5)
		delta(t, slopes(gamma, e.dy, frozen), dgamma.V, 2e-5)
		delta(t, slopes(beta, e.dy, frozen), dbeta.V, 2e-5)

		alone := make([]float32, e.c)
		p := e.pass()
		p.X = nil
		BackwardFrozen(nil, p, nil, nil, alone)
		require.InDeltaSlice(t, dbeta.V, alone, 1e-6)
		want := make([]float32, len(e.dy))
		Backward(nil, e.pass(), want, nil, nil)
		Backward(nil, e.pass(), e.dy, nil, nil)
		require.Equal(t, want, e.dy)
	}
}

// Done in one pass the activation changes no bit.
func TestAnActivationBehindANormIsThatOfItsOutput(t *testing.T) {
	examples := examples(t)
	wideRows := example{rows: 70, c: 2*strip + 3}
	wideRows.x, wideRows.dy = guard.Normal(t, rng(), 70*wideRows.c), guard.Normal(t, rng(), 70*wideRows.c)
	wideRows.mean, wideRows.variance = make([]float32, wideRows.c), make([]float32, wideRows.c)
	Moments(nil, wideRows.rows, wideRows.c, wideRows.x, wideRows.mean, wideRows.variance)
	for _, e := range append(examples, wideRows) {
		n := len(e.x)
		y, z, dz := guard.NewOutput(t, n), make([]float32, n), make([]float32, n)
		Apply(nil, e.rows, e.c, e.x, y.V, e.mean, e.variance, e.gamma, e.beta, eps, relu)
		Apply(nil, e.rows, e.c, e.x, z, e.mean, e.variance, e.gamma, e.beta, eps, Activation{})
		y.Check(t)
		relu.Backward(nil, z, e.dy, dz)
		relu.Forward(nil, z, z)
		require.Equal(t, z, y.V)

		fused, apart := e.pass(), e.pass()
		fused.Act, apart.DY = relu, dz
		for _, backward := range []func(*parallel.Crew, Pass, []float32, []float32, []float32){Backward, BackwardFrozen} {
			for _, wanted := range []int{7, 1, 2, 4, 6} { // dx, dgamma, dbeta
				out := func(p Pass) (out [3][]float32) {
					for i, size := range []int{n, e.c, e.c} {
						if wanted>>i&1 != 0 {
							out[i] = make([]float32, size)
						}
					}
					backward(nil, p, out[0], out[1], out[2])
					return out
				}
				require.Equal(t, out(apart), out(fused), "wanted %b", wanted)
			}
		}
		in := fused
		in.DY = append([]float32{}, e.dy...)
		want := make([]float32, n)
		Backward(nil, fused, want, nil, nil)
		Backward(nil, in, in.DY, nil, nil)
		require.Equal(t, want, in.DY, "in place")
	}
}

func TestResultsDoNotDependOnTheCrew(t *testing.T) {
	const rows, c = 9000, 33
	x, dy, gamma := guard.Normal(t, rng(), rows*c), guard.Normal(t, rng(), rows*c), guard.Normal(t, rng(), c)
	run := func(crew *parallel.Crew) [][]float32 {
		mean, variance, y, dx, dg, db := make([]float32, c), make([]float32, c), make([]float32, rows*c), make([]float32, rows*c), make([]float32, c), make([]float32, c)
		Moments(crew, rows, c, x, mean, variance)
		Apply(crew, rows, c, x, y, mean, variance, gamma, nil, eps, Activation{})
		p := Pass{Rows: rows, C: c, X: x, DY: dy, Mean: mean, Variance: variance, Gamma: gamma, Eps: eps}
		Backward(crew, p, dx, dg, db)
		p.Act = relu
		behind := make([]float32, rows*c)
		Backward(crew, p, behind, nil, nil)
		return [][]float32{mean, variance, y, dx, dg, db, behind}
	}
	crew := parallel.Begin(4)
	defer crew.End()
	require.Equal(t, run(nil), run(crew))
}

func BenchmarkNorm(b *testing.B) {
	const rows, c = 56 * 56 * 8, 144
	x, y, v := make([]float32, rows*c), make([]float32, rows*c), make([]float32, c)
	for name, f := range map[string]func(){
		"Moments": func() { Moments(nil, rows, c, x, v, v) },
		"Apply":   func() { Apply(nil, rows, c, x, y, v, v, nil, nil, eps, Activation{}) },
		"Backward": func() {
			Backward(nil, Pass{Rows: rows, C: c, X: x, DY: y, Mean: v, Variance: v, Eps: eps}, y, nil, nil)
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(4 * rows * c) // of x
			for range b.N {
				f()
			}
		})
	}
}
