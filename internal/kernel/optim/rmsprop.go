package optim

import (
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
	s := rmspropStep{o.Rho, o.Momentum, o.LearningRate, o.Epsilon, o.LearningRate * o.WeightDecay}
	vec.Over(crew, len(w), 2, loop{rmspropStep: s, w: w, g: g, a: v, b: m}, func(l loop, lo, hi int) {
		k.rmsprop(l.rmspropStep, l.w[lo:hi], l.g[lo:hi], l.a[lo:hi], l.b[lo:hi])
	})
}

type rmspropStep struct{ rho, momentum, rate, eps, decay float32 }
