//go:build !purego

package optim

import (
	"unsafe"

	"github.com/argus-go/argus/internal/cpu"
)

//go:generate go run -C ../_asm ./optim -pkg optim -out ../optim/optim_amd64.s -stubs ../optim/optim_stub_amd64.go

// implementations lists what this machine has, best first.
func implementations() []implementation {
	all := []implementation{{"portable", portable}}
	if cpu.Has(cpu.AVX2) {
		all = append([]implementation{{"avx2", kernels{
			adam: adamBy(adamAVX2), rmsprop: rmspropBy(rmspropAVX2), sgd: sgdBy(sgdAVX2), nesterov: sgdBy(nesterovAVX2),
			toward: towardBy(towardAVX2), squares: squaresBy(squaresAVX2),
		}}}, all...)
	}
	if cpu.Has(cpu.AVX512) {
		all = append([]implementation{{"avx512", kernels{
			adam: adamBy(adamAVX512), rmsprop: rmspropBy(rmspropAVX512), sgd: sgdBy(sgdAVX512), nesterov: sgdBy(nesterovAVX512),
			toward: towardBy(towardAVX512), squares: squaresBy(squaresAVX512),
		}}}, all...)
	}
	return all
}

// What follows gives the assembly, which takes pointers and is written for rows,
// the form of the definitions.

func adamBy(f func(w, grad, m, v *float32, rows, c int, toM, toV, alpha, eps, decay float32)) func(s adamStep, w, g, m, v []float32) {
	return func(s adamStep, w, g, m, v []float32) {
		if len(w) > 0 {
			f(&w[0], &g[0], &m[0], &v[0], 1, len(w), s.toM, s.toV, s.alpha, s.eps, s.decay)
		}
	}
}

func rmspropBy(f func(w, grad, v, m *float32, rows, c int, rho, other, momentum, rate, eps, decay float32)) func(s rmspropStep, w, g, v, m []float32) {
	return func(s rmspropStep, w, g, v, m []float32) {
		if len(w) > 0 {
			f(&w[0], &g[0], &v[0], &m[0], 1, len(w), s.rho, 1-s.rho, s.momentum, s.rate, s.eps, s.decay)
		}
	}
}

func sgdBy(f func(w, grad, v *float32, rows, c int, rate, momentum, decay float32)) func(s sgdStep, w, g, v []float32) {
	return func(s sgdStep, w, g, v []float32) {
		if len(w) > 0 {
			f(&w[0], &g[0], &v[0], 1, len(w), s.rate, s.momentum, s.decay)
		}
	}
}

func towardBy(f func(x, y *float32, rows, c int, rate float32)) func(rate float32, x, y []float32) {
	return func(rate float32, x, y []float32) {
		if len(x) > 0 {
			f(&x[0], &y[0], 1, len(x), rate)
		}
	}
}

func squaresBy(f func(x, sums *float32, rows, c int)) func(x []float32) float64 {
	return func(x []float32) (sum float64) {
		if len(x) == 0 {
			return 0
		}
		var sums [16]float64 // float64, whatever the stub says
		f(&x[0], (*float32)(unsafe.Pointer(&sums)), 1, len(x))
		for _, s := range sums {
			sum += s
		}
		return sum
	}
}
