package optim

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/parallel"
)

// TestAdamFollowsKerasInFloat64 takes the update step by step as keras
// 3 writes it, in float64.
func TestAdamFollowsKerasInFloat64(t *testing.T) {
	const n = 50
	r := rand.New(rand.NewPCG(13, 14))
	for _, decay := range []float32{0, .004} {
		a := Adam{LearningRate: .01, Beta1: .9, Beta2: .999, Epsilon: 1e-7, WeightDecay: decay}
		w, g, m, v := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
		W, M, V := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range w {
			w[i] = float32(r.NormFloat64())
			W[i] = float64(w[i])
		}
		b1, b2 := float64(a.Beta1), float64(a.Beta2)
		for step := 1; step <= 200; step++ {
			alpha := float64(a.LearningRate) * math.Sqrt(1-math.Pow(b2, float64(step))) / (1 - math.Pow(b1, float64(step)))
			for i := range g {
				g[i] = float32(r.NormFloat64()) + 2*w[i]
				G := float64(g[i])
				W[i] -= W[i] * float64(decay) * float64(a.LearningRate)
				M[i] += (G - M[i]) * (1 - b1)
				V[i] += (G*G - V[i]) * (1 - b2)
				W[i] -= M[i] * alpha / (math.Sqrt(V[i]) + float64(a.Epsilon))
			}
			a.Step(nil, step, w, g, m, v)
		}
		for i := range w {
			require.InDelta(t, W[i], float64(w[i]), 2e-5)
			require.InDelta(t, M[i], float64(m[i]), 2e-5)
			require.InDelta(t, V[i], float64(v[i]), 2e-5)
		}
	}
}

// The first step of Adam moves by the learning rate, whatever the gradient.
func TestTheFirstStepIsTheLearningRate(t *testing.T) {
	w, g := []float32{1, 1}, []float32{1e-3, -50}
	Adam{LearningRate: .25, Beta1: .9, Beta2: .999, Epsilon: 1e-7}.Step(nil, 1, w, g, make([]float32, 2), make([]float32, 2))
	require.InDeltaSlice(t, []float32{.75, 1.25}, w, 1e-3)
}

func TestMomentsOfDeadWeightsBecomeZeroNotDenormal(t *testing.T) {
	for _, impl := range implementations() {
		for name, step := range map[string]func(w, g, m, v []float32){
			"adam":     func(w, g, m, v []float32) { impl.adam(adamStep{.1, .01, 1e-3, 1e-7, 0}, w, g, m, v) },
			"rmsprop":  func(w, g, m, v []float32) { impl.rmsprop(rmspropStep{.99, .9, 1e-3, 1e-7, 0}, w, g, v, m) },
			"sgd":      func(w, g, m, v []float32) { impl.sgd(sgdStep{.1, .9, 0}, w, g, m); v[0] = 0 },
			"nesterov": func(w, g, m, v []float32) { impl.nesterov(sgdStep{.1, .9, 0}, w, g, m); v[0] = 0 },
			"toward":   func(w, g, m, v []float32) { impl.toward(.01, g, m); v[0] = 0 },
		} {
			w, g, m, v := []float32{1}, []float32{1}, []float32{0}, []float32{0}
			for range 12_000 {
				step(w, g, m, v)
				g[0] = 0
				for _, x := range []float32{m[0], v[0]} {
					require.True(t, x == 0 || math.Abs(float64(x)) >= math.Ldexp(1, -126), "%s %s", impl.name, name)
				}
			}
			require.Zero(t, m[0], "%s %s", impl.name, name)
			require.Zero(t, v[0], "%s %s", impl.name, name)
		}
	}
}

// numbers are normal ones of many sizes, and some zeros.
func numbers(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		if r.IntN(16) > 0 {
			x[i] = float32(r.NormFloat64() * math.Exp(3*r.NormFloat64()))
		}
	}
	return x
}

// Every length, so that whole vectors and tails take part; beyond the slices
// nothing may change.
func TestEveryImplementationIsTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for _, impl := range implementations() {
		for n := range 140 {
			var in [4][]float32
			for i := range in {
				in[i] = numbers(r, n+1)
			}
			for i := range in[2] { // an average of squares is none below zero
				in[2][i], in[3][i] = abs(in[2][i]), abs(in[3][i])
			}
			check := func(name string, step func(k kernels, x [4][]float32)) {
				var got, want, had [4][]float32
				for i := range in {
					had[i] = append([]float32{}, in[i]...)
					got[i] = append([]float32{}, in[i]...)[:n]
					want[i] = append([]float32{}, in[i]...)[:n]
				}
				step(impl.kernels, got)
				step(portable, want)
				for i := range in {
					for j, w := range want[i] {
						require.InDelta(t, w, got[i][j], 1e-6*max(1, math.Abs(float64(had[0][j])), math.Abs(float64(w))), "%s %s: slice %d, value %d of %d", impl.name, name, i, j, n)
					}
					require.Equal(t, had[i][n], got[i][:n+1][n])
				}
			}
			check("adam", func(k kernels, x [4][]float32) {
				k.adam(adamStep{.1, .001, .01, 1e-7, .004}, x[0], x[1], x[2], x[3])
			})
			check("rmsprop", func(k kernels, x [4][]float32) {
				k.rmsprop(rmspropStep{.9, .3, .01, 1e-7, .004}, x[0], x[1], x[2], x[3])
			})
			check("sgd", func(k kernels, x [4][]float32) { k.sgd(sgdStep{.1, .9, .004}, x[0], x[1], x[2]) })
			check("nesterov", func(k kernels, x [4][]float32) { k.nesterov(sgdStep{.1, .9, .004}, x[0], x[1], x[2]) })
			check("toward", func(k kernels, x [4][]float32) { k.toward(.3, x[0], x[1]) })
			require.InEpsilon(t, 1+portable.squares(in[0][:n]), 1+impl.squares(in[0][:n]), 1e-12, "%s: squares of %d", impl.name, n)
		}
	}
}

func abs(x float32) float32 { return float32(math.Abs(float64(x))) }

func TestNaNStaysNaN(t *testing.T) {
	nan := float32(math.NaN())
	for _, impl := range implementations() {
		for _, step := range []func(w, g, a, b []float32){
			func(w, g, a, b []float32) { impl.adam(adamStep{.1, .001, .01, 1e-7, 0}, w, g, a, b) },
			func(w, g, a, b []float32) { impl.rmsprop(rmspropStep{.9, .3, .01, 1e-7, 0}, w, g, a, b) },
			func(w, g, a, _ []float32) { impl.sgd(sgdStep{.1, .9, 0}, w, g, a) },
			func(w, g, a, _ []float32) { impl.nesterov(sgdStep{.1, .9, 0}, w, g, a) },
			func(w, g, _, _ []float32) { impl.toward(.1, g, w) },
			func(w, g, _, _ []float32) { w[0] = float32(impl.squares(g)) },
		} {
			w := []float32{1}
			step(w, []float32{nan}, []float32{0}, []float32{0})
			require.NotEqual(t, w[0], w[0], impl.name)
		}
	}
}

func TestResultsDoNotDependOnTheCrew(t *testing.T) {
	const n = 100_001
	run := func(crew *parallel.Crew) [3][]float32 {
		w, g, m, v := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range g {
			g[i] = float32(i%97) - 48
		}
		Adam{LearningRate: .01, Beta1: .9, Beta2: .999, Epsilon: 1e-7}.Step(crew, 1, w, g, m, v)
		return [3][]float32{w, m, v}
	}
	crew := parallel.Begin(4)
	defer crew.End()
	require.Equal(t, run(nil), run(crew))
	require.Panics(t, func() { Adam{}.Step(nil, 0, nil, nil, nil, nil) })
}

func BenchmarkAdam(b *testing.B) {
	const n = 1 << 20
	w, g, m, v := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range g {
		g[i] = float32(i%97) - 48
	}
	b.SetBytes(4 * n) // of weights
	for i := range b.N {
		Adam{LearningRate: .01, Beta1: .9, Beta2: .999, Epsilon: 1e-7}.Step(nil, i+1, w, g, m, v)
	}
}
