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
	a := Adam{LearningRate: .001, Beta1: .9, Beta2: .99, Epsilon: 1e-7}
	w, g, m, v := []float32{1}, []float32{1}, []float32{0}, []float32{0}
	for step := 1; step < 12_000; step++ {
		a.Step(nil, step, w, g, m, v)
		g[0] = 0
		for _, x := range []float32{m[0], v[0]} {
			require.True(t, x == 0 || math.Abs(float64(x)) >= math.Ldexp(1, -126))
		}
	}
	require.Zero(t, m[0])
	require.Zero(t, v[0])
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
