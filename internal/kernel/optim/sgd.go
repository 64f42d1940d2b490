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
	decay := o.LearningRate * o.WeightDecay
	vec.Split(crew, len(w), 2, func(lo, hi int) {
		w, g, v := w[lo:hi], g[lo:hi], v[lo:hi]
		for i, d := range g {
			d *= o.LearningRate
			v1 := normal(o.Momentum*v[i] - d)
			v[i] = v1
			if o.Nesterov {
				v1 = o.Momentum*v1 - d
			}
			w[i] += v1 - w[i]*decay
		}
	})
}
