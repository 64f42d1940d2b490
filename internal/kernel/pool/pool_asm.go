//go:build (amd64 || arm64) && !purego

package pool

// table gives the assembly, whose row and ld are in bytes, the form of the
// definitions.
func table(
	largest func(x, y *float32, rows, cols, row, ld, c int),
	mean func(x, y *float32, rows, cols, row, ld, c int, size float32),
	back func(x, dx, y, dy *float32, rows, cols, row, ld, c int),
	spread func(dx, dy *float32, rows, cols, row, ld, c int, size float32),
) kernels {
	return kernels{
		max: func(x []float32, rows, cols, row, ld int, y []float32) {
			largest(&x[0], &y[0], rows, cols, 4*row, 4*ld, len(y))
		},
		avg: func(x []float32, rows, cols, row, ld int, y []float32) {
			mean(&x[0], &y[0], rows, cols, 4*row, 4*ld, len(y), float32(rows*cols))
		},
		maxBack: func(x, dx []float32, rows, cols, row, ld int, y, dy []float32) {
			back(&x[0], &dx[0], &y[0], &dy[0], rows, cols, 4*row, 4*ld, len(y))
		},
		spread: func(dy, dx []float32, rows, cols, row, ld int) {
			spread(&dx[0], &dy[0], rows, cols, 4*row, 4*ld, len(dy), float32(rows*cols))
		},
	}
}
