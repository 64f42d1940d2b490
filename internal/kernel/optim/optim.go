// Package optim is the optimizers as plain functions over slices: their whole
// state is the caller's and can be saved. Results do not depend on the crew.
package optim

import (
	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// kernels are the inner loops; each implementation fills one table.
type kernels struct {
	adam          func(s adamStep, w, g, m, v []float32)
	rmsprop       func(s rmspropStep, w, g, v, m []float32)
	sgd, nesterov func(s sgdStep, w, g, v []float32)
	toward        func(rate float32, x, y []float32)
	squares       func(x []float32) float64
}

type implementation struct {
	name string
	kernels
}

var k = implementations()[0].kernels

// loop is what a step works on.
type loop struct {
	sgd        func(s sgdStep, w, g, v []float32)
	w, g, a, b []float32
	rate       float32
	adamStep
	rmspropStep
	sgdStep
}

// fit panics where slices differ in length.
func fit(w []float32, others ...[]float32) {
	for _, o := range others {
		if len(o) != len(w) {
			panic("optim: slices do not fit")
		}
	}
}

// Toward is y += rate·(x - y): a moving average y of x. Values under 2⁻¹²⁶
// become 0.
func Toward(crew *parallel.Crew, y []float32, rate float32, x []float32) {
	fit(y, x)
	vec.Over(crew, len(y), 2, loop{rate: rate, g: x, a: y}, func(l loop, lo, hi int) { k.toward(l.rate, l.g[lo:hi], l.a[lo:hi]) })
}

// SquareSum is Σ x², in float64.
func SquareSum(x []float32) float64 { return k.squares(x) }
