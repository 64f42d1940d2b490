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

	// Eight rows at a time, so that half a line of dst is written at once.
	transpose: func(src []float32, lds, rows, cols int, dst []float32, ldd int) {
		i := 0
		for ; i+8 <= rows; i += 8 {
			s0, s1, s2, s3 := src[i*lds:][:cols], src[(i+1)*lds:][:cols], src[(i+2)*lds:][:cols], src[(i+3)*lds:][:cols]
			s4, s5, s6, s7 := src[(i+4)*lds:][:cols], src[(i+5)*lds:][:cols], src[(i+6)*lds:][:cols], src[(i+7)*lds:][:cols]
			for j := range s0 {
				d := dst[j*ldd+i:][:8]
				d[0], d[1], d[2], d[3] = s0[j], s1[j], s2[j], s3[j]
				d[4], d[5], d[6], d[7] = s4[j], s5[j], s6[j], s7[j]
			}
		}
		for ; i < rows; i++ {
			for j, v := range src[i*lds:][:cols] {
				dst[j*ldd+i] = v
			}
		}
	},
}
