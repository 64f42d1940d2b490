package optim

import (
	"math"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// RMSprop divides by a moving average of the gradient's size (Hinton, Neural
// Networks for Machine Learning, lecture 6e, 2012), in the form Keras computes;
// Keras' defaults are 1e-3, 0.9, 0, 1e-7.
type RMSprop struct {
	LearningRate, Rho, Momentum, Epsilon float32
	WeightDecay                          float32 // decoupled, as Adam's
}

// Step applies gradient g to weights w, the average v and the momentum m, both
// zero before the first step:
//
//	w -= LearningRate·WeightDecay·w
//	v = Rho·v + (1 - Rho)·g²
//	m = Momentum·m + LearningRate·g / √(v + Epsilon)
//	w -= m
func (o RMSprop) Step(crew *parallel.Crew, w, g, v, m []float32) {
	fit(w, g, v, m)
	decay := o.LearningRate * o.WeightDecay
	vec.Split(crew, len(w), 2, func(lo, hi int) {
		w, g, v, m := w[lo:hi], g[lo:hi], v[lo:hi], m[lo:hi]
		for i, d := range g {
			v1 := normal(o.Rho*v[i] + (1-o.Rho)*d*d)
			m1 := normal(o.Momentum*m[i] + o.LearningRate*d/float32(math.Sqrt(float64(v1+o.Epsilon))))
			v[i], m[i] = v1, m1
			w[i] -= w[i]*decay + m1
		}
	})
}
