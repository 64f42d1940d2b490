package vec

import "unsafe"

// Aligned returns n zeros that start at a cache line.
func Aligned(n int) []float32 {
	const line = 64
	b := make([]float32, n+line/4-1)
	at := 0
	if n > 0 {
		at = int(-uintptr(unsafe.Pointer(&b[0]))%line) / 4
	}
	return b[at : at+n : at+n]
}

// Grow returns n floats that hold anything: b's, which Aligned made, where it has as
// many.
func Grow(b []float32, n int) []float32 {
	if cap(b) < n {
		return Aligned(n)
	}
	return b[:n]
}
