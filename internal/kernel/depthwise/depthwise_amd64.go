//go:build !purego

package depthwise

import "github.com/argus-go/argus/internal/cpu"

//go:generate go run -C ../_asm ./depthwise -pkg depthwise -out ../depthwise/depthwise_amd64.s -stubs ../depthwise/depthwise_stub_amd64.go

// implementations lists what this machine has, best first.
func implementations() []implementation {
	all := []implementation{{"portable", portable}}
	avx2 := assembly{8, map[loop]func(*byte){{3, 1}: forward3by1AVX2, {3, 2}: forward3by2AVX2, {5, 1}: forward5by1AVX2, {5, 2}: forward5by2AVX2},
		map[int]gradientLoop{3: {3, gradient3x3AVX2}, 5: {1, gradient1x5AVX2}}}
	if cpu.Has(cpu.AVX2) {
		all = append([]implementation{{"avx2", avx2.table()}}, all...)
	}
	if cpu.Has(cpu.AVX512) {
		avx512 := assembly{16, map[loop]func(*byte){{3, 1}: forward3by1AVX512, {3, 2}: forward3by2AVX512, {5, 1}: forward5by1AVX512, {5, 2}: forward5by2AVX512},
			map[int]gradientLoop{3: {3, gradient3x3AVX512}, 5: {5, gradient5x5AVX512}}}
		all = append([]implementation{{"avx512", avx512.table()}}, all...)
	}
	return all
}
