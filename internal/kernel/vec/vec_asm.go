//go:build (amd64 || arm64) && !purego

package vec

// What follows gives the assembly, which takes pointers and counts rows of c
// values, the form of the definitions.

func binary(f func(a, b, y *float32, rows, c int)) func(a, b, y []float32) {
	return func(a, b, y []float32) {
		if len(y) > 0 {
			f(&a[0], &b[0], &y[0], 1, len(y))
		}
	}
}

func scaledSum(f func(a, b, y *float32, rows, c int, alpha, beta float32)) func(alpha float32, a []float32, beta float32, b, y []float32) {
	return func(alpha float32, a []float32, beta float32, b, y []float32) {
		if len(y) > 0 {
			f(&a[0], &b[0], &y[0], 1, len(y), alpha, beta)
		}
	}
}

func scaled(f func(x, y *float32, rows, c int, alpha float32)) func(alpha float32, x, y []float32) {
	return func(alpha float32, x, y []float32) {
		if len(y) > 0 {
			f(&x[0], &y[0], 1, len(y), alpha)
		}
	}
}

func gated(f func(x, g, y *float32, rows, c int)) func(x, g, y []float32) {
	return func(x, g, y []float32) {
		if len(y) > 0 {
			f(&x[0], &g[0], &y[0], len(y)/len(g), len(g))
		}
	}
}

func affineRows(f func(x, scale, shift, y *float32, rows, c int)) func(x, scale, shift, y []float32) {
	return func(x, scale, shift, y []float32) {
		if len(y) > 0 {
			f(&x[0], &scale[0], &shift[0], &y[0], len(y)/len(scale), len(scale))
		}
	}
}

func affineAddRows(f func(x, scale, z, slope, shift, y *float32, rows, c int)) func(x, scale, z, slope, shift, y []float32) {
	return func(x, scale, z, slope, shift, y []float32) {
		if len(y) > 0 {
			f(&x[0], &scale[0], &z[0], &slope[0], &shift[0], &y[0], len(y)/len(scale), len(scale))
		}
	}
}

func summed(f func(x, acc *float32, rows, ld, c int)) func(x, acc []float32) {
	return func(x, acc []float32) {
		if c := len(acc); len(x) > 0 {
			f(&x[0], &acc[0], len(x)/c, 4*c, c)
		}
	}
}

func summedAbout(f func(x, mean, acc *float32, rows, ld, c int)) func(x, mean, acc []float32) {
	return func(x, mean, acc []float32) {
		if c := len(acc); len(x) > 0 {
			f(&x[0], &mean[0], &acc[0], len(x)/c, 4*c, c)
		}
	}
}

func dotted(f func(a, b, mean, acc *float32, rows, ld, c int)) func(a, b, mean, acc []float32) {
	return func(a, b, mean, acc []float32) {
		if c := len(acc); len(a) > 0 {
			f(&a[0], &b[0], &mean[0], &acc[0], len(a)/c, 4*c, c)
		}
	}
}
