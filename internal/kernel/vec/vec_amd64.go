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
		}}}, all...)
	}
	if cpu.Has(cpu.AVX512) {
		all = append([]implementation{{"avx512", kernels{
			add: binary(addAVX512), mul: binary(mulAVX512), mulAdd: binary(mulAddAVX512),
			scaleAdd: scaledSum(scaleAddAVX512), axpy: scaled(axpyAVX512), scale: scaled(scaleAVX512), dot: portable.dot,
			mulRows: gated(mulRowsAVX512), affine: affineRows(affineAVX512), affineAdd: affineAddRows(affineAddAVX512),
			sumRows: summed(sumRowsAVX512), sumOff: summedAbout(sumOffAVX512), sumAbout: summedAbout(sumAboutAVX512), dotRows: dotted(dotRowsAVX512),
		}}}, all...)
	}
	return all
}
