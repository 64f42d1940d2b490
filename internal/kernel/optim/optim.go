// Package optim is the optimizers as plain functions over slices: their whole
// state is the caller's and can be saved. Results do not depend on the crew.
package optim

import (
	"math"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// fit panics where slices differ in length.
func fit(w []float32, others ...[]float32) {
	for _, o := range others {
		if len(o) != len(w) {
			panic("optim: slices do not fit")
		}
	}
}

// normal replaces a denormal number by 0.
func normal(x float32) float32 {
	if math.Float32bits(x)&0x7f800000 == 0 {
		return 0
	}
	return x
}

// AddScaled is y += scale·x.
func AddScaled(crew *parallel.Crew, y []float32, scale float32, x []float32) {
	fit(y, x)
	vec.Split(crew, len(y), 2, func(lo, hi int) {
		y, x := y[lo:hi], x[lo:hi]
		for i, v := range x {
			y[i] += scale * v
		}
	})
}

// Scale is x *= scale.
func Scale(crew *parallel.Crew, x []float32, scale float32) {
	vec.Split(crew, len(x), 2, func(lo, hi int) {
		x := x[lo:hi]
		for i := range x {
			x[i] *= scale
		}
	})
}

// Toward is y += rate·(x - y): a moving average y of x.
func Toward(crew *parallel.Crew, y []float32, rate float32, x []float32) {
	fit(y, x)
	vec.Split(crew, len(y), 2, func(lo, hi int) {
		y, x := y[lo:hi], x[lo:hi]
		for i, v := range x {
			y[i] = normal(y[i] + rate*(v-y[i]))
		}
	})
}

// SquareSum is Σ x², in float64.
func SquareSum(x []float32) float64 {
	var a, b, c, d float64 // four sums, for the adder takes four cycles
	for len(x) >= 4 {
		a += float64(x[0]) * float64(x[0])
		b += float64(x[1]) * float64(x[1])
		c += float64(x[2]) * float64(x[2])
		d += float64(x[3]) * float64(x[3])
		x = x[4:]
	}
	for _, v := range x {
		a += float64(v) * float64(v)
	}
	return (a + b) + (c + d)
}
