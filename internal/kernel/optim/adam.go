package optim

import (
	"math"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// Adam holds the numbers of Kingma and Ba 2015 (arXiv:1412.6980) in the form
// Keras computes; Keras' defaults are 1e-3, 0.9, 0.999, 1e-7.
type Adam struct {
	LearningRate float32
	Beta1, Beta2 float32
	Epsilon      float32
	// WeightDecay, decoupled (AdamW, Loshchilov and Hutter 2019,
	// arXiv:1711.05101): w -= LearningRate·WeightDecay·w before each step.
	WeightDecay float32
}

// Step applies gradient g at step t, counted from 1, to weights w and the
// moments m and v, zero before the first step:
//
//	w -= LearningRate·WeightDecay·w
//	m += (g - m)·(1 - Beta1)
//	v += (g² - v)·(1 - Beta2)
//	w -= α·m / (√v + Epsilon),  α = LearningRate·√(1-Beta2ᵗ)/(1-Beta1ᵗ)
//
// Moments that fall under 2⁻¹²⁶ become 0: a weight whose gradient stays zero
// would otherwise be worked on in slow denormal numbers for ever.
func (a Adam) Step(crew *parallel.Crew, t int, w, g, m, v []float32) {
	fit(w, g, m, v)
	if t < 1 {
		panic("optim: step below 1")
	}
	b1, b2 := float64(a.Beta1), float64(a.Beta2)
	s := adamStep{
		toM:   1 - a.Beta1,
		toV:   1 - a.Beta2,
		alpha: float32(float64(a.LearningRate) * math.Sqrt(1-math.Pow(b2, float64(t))) / (1 - math.Pow(b1, float64(t)))),
		eps:   a.Epsilon,
		decay: a.LearningRate * a.WeightDecay,
	}
	vec.Over(crew, len(w), 2, loop{adamStep: s, w: w, g: g, a: m, b: v}, func(l loop, lo, hi int) {
		k.adam(l.adamStep, l.w[lo:hi], l.g[lo:hi], l.a[lo:hi], l.b[lo:hi])
	})
}

type adamStep struct{ toM, toV, alpha, eps, decay float32 }
