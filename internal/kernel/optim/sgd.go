package optim

import (
	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// SGD is gradient descent with momentum (Polyak 1964), Nesterov's if so wanted
// (Sutskever et al. 2013), in the form Keras computes.
type SGD struct {
	LearningRate, Momentum float32
	Nesterov               bool
	WeightDecay            float32 // decoupled, as Adam's
}

// Step applies gradient g to weights w and the velocity v, zero before the first
// step:
//
//	w -= LearningRate·WeightDecay·w
//	v = Momentum·v - LearningRate·g
//	w += v, with Nesterov Momentum·v - LearningRate·g
func (o SGD) Step(crew *parallel.Crew, w, g, v []float32) {
	fit(w, g, v)
	s, step := sgdStep{o.LearningRate, o.Momentum, o.LearningRate * o.WeightDecay}, k.sgd
	if o.Nesterov {
		step = k.nesterov
	}
	vec.Over(crew, len(w), 2, loop{sgd: step, sgdStep: s, w: w, g: g, a: v}, func(l loop, lo, hi int) {
		l.sgd(l.sgdStep, l.w[lo:hi], l.g[lo:hi], l.a[lo:hi])
	})
}

type sgdStep struct{ rate, momentum, decay float32 }
