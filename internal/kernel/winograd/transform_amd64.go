//go:build !purego

package winograd

import (
	"unsafe"

	"github.com/argus-go/argus/internal/cpu"
)

//go:generate go run -C ../_asm ./winograd -pkg winograd -out ../winograd/transform_amd64.s -stubs ../winograd/transform_stub_amd64.go

// implementations lists what this machine can run, the fastest first.
func implementations() (list []*implementation) {
	if cpu.Has(cpu.AVX512) {
		list = append(list, avx512)
	}
	if cpu.Has(cpu.AVX2) {
		list = append(list, avx2)
	}
	return append(list, portable)
}

var avx512 = &implementation{"avx512", combination(combineAVX512), map[[2]int]transform{
	{4, 4}: assembly(into4x4AVX512, from4x4AVX512, spread4x4AVX512),
	{6, 6}: assembly(into6x6AVX512, from6x6AVX512, spread6x6AVX512),
	{8, 8}: assembly(into8x8AVX512, from8x8AVX512, spread8x8AVX512),
	{1, 6}: assembly(into6AVX512, from6AVX512, spread6AVX512),
	{1, 9}: assembly(into9AVX512, from9AVX512, spread9AVX512),
}}

var avx2 = &implementation{"avx2", combination(combineAVX2), map[[2]int]transform{
	{4, 4}: assembly(into4x4AVX2, from4x4AVX2, spread4x4AVX2),
	{6, 6}: assembly(into6x6AVX2, from6x6AVX2, spread6x6AVX2),
	{8, 8}: assembly(into8x8AVX2, from8x8AVX2, spread8x8AVX2),
	{1, 6}: assembly(into6AVX2, from6AVX2, spread6AVX2),
	{1, 9}: assembly(into9AVX2, from9AVX2, spread9AVX2),
}}

func assembly(into, from, spread func(*byte)) transform {
	return transform{
		func(t *tile) { into((*byte)(unsafe.Pointer(t))) },
		func(t *tile) { from((*byte)(unsafe.Pointer(t))) },
		func(t *tile) { spread((*byte)(unsafe.Pointer(t))) },
	}
}

func combination(f func(dst, src *float32, distances *int, factors *float32, terms, rows, n, dstStep, srcStep int)) func(t terms, rows, n int, src []float32, srcStep int, dst []float32, dstStep int) {
	return func(t terms, rows, n int, src []float32, srcStep int, dst []float32, dstStep int) {
		_, _ = dst[(rows-1)*dstStep+n-1], src[t.reach+(rows-1)*srcStep+n-1]
		f(&dst[0], &src[0], &t.distances[0], &t.factors[0], len(t.factors), rows, n, dstStep, srcStep)
	}
}
