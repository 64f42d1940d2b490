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
