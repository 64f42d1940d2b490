//go:build !purego

package pool

import "github.com/argus-go/argus/internal/cpu"

//go:generate go run -C ../_asm ./pool -pkg pool -out ../pool/pool_amd64.s -stubs ../pool/pool_stub_amd64.go

// implementations lists what this machine has, best first.
func implementations() []implementation {
	all := []implementation{{"portable", portable}}
	if cpu.Has(cpu.AVX2) {
		all = append([]implementation{{"avx2", table(maxAVX2, avgAVX2, maxBackAVX2, spreadAVX2)}}, all...)
	}
	if cpu.Has(cpu.AVX512) {
		all = append([]implementation{{"avx512", table(maxAVX512, avgAVX512, maxBackAVX512, spreadAVX512)}}, all...)
	}
	return all
}

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
