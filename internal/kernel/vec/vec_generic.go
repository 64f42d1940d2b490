package vec

// portable is the definition of every inner loop.
var portable = kernels{
	add: func(a, b, y []float32) {
		for i := range y {
			y[i] = a[i] + b[i]
		}
	},
	mul: func(a, b, y []float32) {
		for i := range y {
			y[i] = a[i] * b[i]
		}
	},
	mulAdd: func(a, b, y []float32) {
		for i := range y {
			y[i] += a[i] * b[i]
		}
	},
	scaleAdd: func(alpha float32, a []float32, beta float32, b, y []float32) {
		for i := range y {
			y[i] = alpha*a[i] + beta*b[i]
		}
	},
	axpy: func(alpha float32, x, y []float32) {
		for i := range y {
			y[i] += alpha * x[i]
		}
	},
	scale: func(alpha float32, x, y []float32) {
		for i := range y {
			y[i] = alpha * x[i]
		}
	},
	dot: func(a, b []float32) float64 {
		var s [4]float64
		for len(a) >= 4 && len(b) >= 4 {
			for j := range s {
				s[j] += float64(a[j]) * float64(b[j])
			}
			a, b = a[4:], b[4:]
		}
		for i := range a {
			s[0] += float64(a[i]) * float64(b[i])
		}
		return s[0] + s[1] + s[2] + s[3]
	},
	mulRows: func(x, g, y []float32) {
		for ; len(y) > 0; x, y = x[len(g):], y[len(g):] {
			for c := range g {
				y[c] = x[c] * g[c]
			}
		}
	},
	affine: func(x, scale, shift, y []float32) {
		for ; len(y) > 0; x, y = x[len(scale):], y[len(scale):] {
			for c := range scale {
				y[c] = x[c]*scale[c] + shift[c]
			}
		}
	},
	affineAdd: func(x, scale, z, slope, shift, y []float32) {
		for n := len(scale); len(y) > 0; x, z, y = x[n:], z[n:], y[n:] {
			for c := range scale {
				y[c] = x[c]*scale[c] + (z[c]*slope[c] + shift[c])
			}
		}
	},
	sumRows: func(x, acc []float32) {
		for ; len(x) > 0; x = x[len(acc):] {
			for c := range acc {
				acc[c] += x[c]
			}
		}
	},
	sumOff: func(x, mean, acc []float32) {
		for ; len(x) > 0; x = x[len(acc):] {
			for c := range acc {
				acc[c] += x[c] - mean[c]
			}
		}
	},
	sumAbout: func(x, mean, acc []float32) {
		for ; len(x) > 0; x = x[len(acc):] {
			for c := range acc {
				d := x[c] - mean[c]
				acc[c] += d * d
			}
		}
	},
	dotRows: func(a, b, mean, acc []float32) {
		for ; len(a) > 0; a, b = a[len(acc):], b[len(acc):] {
			for c := range acc {
				acc[c] += a[c] * (b[c] - mean[c])
			}
		}
	},
}
