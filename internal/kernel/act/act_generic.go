package act

import "math"

// portable is the definition: float64 arithmetic, rounded once.
var portable = kernels{
	relu: func(x, y []float32) {
		for i, v := range x {
			if v < 0 {
				v = 0
			}
			y[i] = v
		}
	},
	relu6: func(x, y []float32) {
		for i, v := range x {
			if v < 0 {
				v = 0
			}
			if v > 6 {
				v = 6
			}
			y[i] = v
		}
	},
	exp:     rounded(math.Exp),
	sigmoid: rounded(sigmoid),
	tanh:    rounded(math.Tanh),
	swishRows: func(x, y []float32, rows, width, ld int) {
		for r := range rows {
			rounded(swish64)(x[r*ld:][:width], y[r*ld:])
		}
	},
	reluBack: func(y, dy, dx []float32) {
		for i, v := range y {
			d := dy[i]
			if v <= 0 {
				d = 0
			}
			dx[i] = d
		}
	},
	relu6Back: func(y, dy, dx []float32) {
		for i, v := range y {
			d := dy[i]
			if v <= 0 || v >= 6 {
				d = 0
			}
			dx[i] = d
		}
	},
	sigmoidBack: func(y, dy, dx []float32) {
		for i, v := range y {
			dx[i] = dy[i] * (v * (1 - v))
		}
	},
	swishBack: func(x, dy, dx []float32) {
		for i, v := range x {
			dx[i] = float32(float64(dy[i]) * swishSlope(float64(v)))
		}
	},
	tanhBack: func(y, dy, dx []float32) {
		for i, v := range y {
			dx[i] = dy[i] * ((1 - v) * (1 + v))
		}
	},
}

func rounded(f func(float64) float64) func(x, y []float32) {
	return func(x, y []float32) {
		for i, v := range x {
			y[i] = float32(f(float64(v)))
		}
	}
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func swish64(x float64) float64 {
	if math.IsInf(x, -1) {
		return 0
	}
	return x * sigmoid(x)
}

// swishSlope is s·(1 + x·(1-s)), with its limits 0 and 1 far out.
func swishSlope(x float64) float64 {
	x = math.Max(-1e4, math.Min(x, 1e4))
	s := sigmoid(x)
	return s * (1 + x*(1-s))
}
