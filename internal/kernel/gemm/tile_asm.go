//go:build (amd64 || arm64) && !purego

package gemm

import "unsafe"

// kernels are tiles by vectors and rows.
type kernels [4][13]func(*byte)

func (k *kernels) run(t *tile, rows, vectors int) {
	k[vectors][rows]((*byte)(unsafe.Pointer(t)))
}
