package optim

import "math"

// portable is the definition of every inner loop.
var portable = kernels{
	adam: func(s adamStep, w, g, m, v []float32) {
		for i, d := range g {
			m1 := normal(m[i] + (d-m[i])*s.toM)
			v1 := normal(v[i] + (d*d-v[i])*s.toV)
			m[i], v[i] = m1, v1
			w[i] -= w[i]*s.decay + s.alpha*m1/(root(v1)+s.eps)
		}
	},
	rmsprop: func(s rmspropStep, w, g, v, m []float32) {
		for i, d := range g {
			v1 := normal(s.rho*v[i] + (1-s.rho)*d*d)
			m1 := normal(s.momentum*m[i] + s.rate*d/root(v1+s.eps))
			v[i], m[i] = v1, m1
			w[i] -= w[i]*s.decay + m1
		}
	},
	sgd: func(s sgdStep, w, g, v []float32) {
		for i, d := range g {
			v[i] = normal(s.momentum*v[i] - s.rate*d)
			w[i] += v[i] - w[i]*s.decay
		}
	},
	nesterov: func(s sgdStep, w, g, v []float32) {
		for i, d := range g {
			d *= s.rate
			v[i] = normal(s.momentum*v[i] - d)
			w[i] += s.momentum*v[i] - d - w[i]*s.decay
		}
	},
	toward: func(rate float32, x, y []float32) {
		for i, v := range x {
			y[i] = normal(y[i] + rate*(v-y[i]))
		}
	},
	squares: func(x []float32) float64 {
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
	},
}

func root(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// normal replaces a denormal number by 0.
func normal(x float32) float32 {
	if math.Float32bits(x)&0x7f800000 == 0 {
		return 0
	}
	return x
}
