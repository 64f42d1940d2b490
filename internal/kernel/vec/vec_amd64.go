//go:build !purego

package vec

import "github.com/argus-go/argus/internal/cpu"

//go:generate go run -C ../_asm ./vec -pkg vec -out ../vec/vec_amd64.s -stubs ../vec/vec_stub_amd64.go

// implementations lists what this machine has, best first.
func implementations() []implementation {
	all := []implementation{{"portable", portable}}
	if cpu.Has(cpu.AVX2) {
		all = append([]implementation{{"avx2", kernels{
			add: binary(addAVX2), mul: binary(mulAVX2), mulAdd: binary(mulAddAVX2),
			scaleAdd: scaledSum(scaleAddAVX2), axpy: scaled(axpyAVX2), scale: scaled(scaleAVX2), dot: portable.dot,
			mulRows: gated(mulRowsAVX2), affine: affineRows(affineAVX2), affineAdd: affineAddRows(affineAddAVX2),
			sumRows: summed(sumRowsAVX2), sumOff: summedAbout(sumOffAVX2), sumAbout: summedAbout(sumAboutAVX2), dotRows: dotted(dotRowsAVX2),
			transpose: transpose,
		}}}, all...)
	}
	if cpu.Has(cpu.AVX512) {
		all = append([]implementation{{"avx512", kernels{
			add: binary(addAVX512), mul: binary(mulAVX512), mulAdd: binary(mulAddAVX512),
			scaleAdd: scaledSum(scaleAddAVX512), axpy: scaled(axpyAVX512), scale: scaled(scaleAVX512), dot: portable.dot,
			mulRows: gated(mulRowsAVX512), affine: affineRows(affineAVX512), affineAdd: affineAddRows(affineAddAVX512),
			sumRows: summed(sumRowsAVX512), sumOff: summedAbout(sumOffAVX512), sumAbout: summedAbout(sumAboutAVX512), dotRows: dotted(dotRowsAVX512),
			transpose: transpose,
		}}}, all...)
	}
	return all
}

// transpose is portable.transpose with whole blocks of 8×8 in registers.
func transpose(src []float32, lds, rows, cols int, dst []float32, ldd int) {
	whole := cols / 8 * 8
	i := 0
	for ; i+8 <= rows && whole > 0; i += 8 {
		transpose8AVX2(&src[i*lds], &dst[i], 4*lds, 4*ldd, whole/8)
	}
	if whole < cols && i > 0 {
		portable.transpose(src[whole:], lds, i, cols-whole, dst[whole*ldd:], ldd)
	}
	if i < rows {
		portable.transpose(src[i*lds:], lds, rows-i, cols, dst[i:], ldd)
	}
}
