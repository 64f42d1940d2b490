//go:build (amd64 || arm64) && !purego

package act

// What follows gives the assembly, which takes pointers and counts rows of c
// values, the form of the definitions.

func unary(f func(x, y *float32, rows, c int)) func(x, y []float32) {
	return func(x, y []float32) {
		if len(y) > 0 {
			f(&x[0], &y[0], 1, len(y))
		}
	}
}

func strips(f func(x, y *float32, rows, c, ld int)) func(x, y []float32, rows, width, ld int) {
	return func(x, y []float32, rows, width, ld int) {
		if len(y) > 0 {
			f(&x[0], &y[0], rows, width, ld)
		}
	}
}

func binary(f func(a, dy, dx *float32, rows, c int)) func(a, dy, dx []float32) {
	return func(a, dy, dx []float32) {
		if len(dx) > 0 {
			f(&a[0], &dy[0], &dx[0], 1, len(dx))
		}
	}
}
