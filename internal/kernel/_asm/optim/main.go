// Command optim writes the loops of package optim.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/argus-go/argus/internal/kernel/_asm/lanes"
)

type (
	load  = func(i int, r reg.VecPhysical)
	store = func(r reg.VecPhysical, i int)
)

func main() {
	ConstraintExpr("!purego")
	lanes.Masks()
	for _, v := range lanes.Both {
		adam(v)
		rmsprop(v)
		sgd(v, "sgd", false)
		sgd(v, "nesterov", true)
		toward(v)
		squares(v)
	}
	Generate()
}

func ptrs(names ...string) (out []lanes.Ptr) {
	for _, n := range names {
		out = append(out, lanes.Ptr{Name: n})
	}
	return out
}

func adam(v lanes.ISA) {
	w, g, m, s, t := v.R(0), v.R(1), v.R(2), v.R(3), v.R(4)
	toM, toV, alpha, eps, decay := v.R(8), v.R(9), v.R(10), v.R(11), v.R(12)
	v.Rows("adam", ptrs("w", "grad", "m", "v"), []string{"toM", "toV", "alpha", "eps", "decay"}, lanes.Flush, func(load load, store store) {
		load(1, g)
		load(2, m)
		load(3, s)
		VSUBPS(m, g, t)
		VFMADD231PS(t, toM, m) // m += (g-m)·toM
		VFMSUB213PS(s, g, g)   // g²-v
		VFMADD231PS(g, toV, s) // v += (g²-v)·toV
		store(m, 2)
		store(s, 3)
		VSQRTPS(s, s)
		VADDPS(eps, s, s)
		VMULPS(alpha, m, m)
		VDIVPS(s, m, m)
		step(v, w, m, decay, load, store)
	})
}

// step is w -= w·decay + d.
func step(v lanes.ISA, w, d, decay reg.VecPhysical, load load, store store) {
	load(0, w)
	VFMADD231PS(w, decay, d)
	VSUBPS(d, w, w)
	store(w, 0)
}

func rmsprop(v lanes.ISA) {
	w, g, s, m, t := v.R(0), v.R(1), v.R(2), v.R(3), v.R(4)
	rho, other, momentum, rate, eps, decay := v.R(8), v.R(9), v.R(10), v.R(11), v.R(12), v.R(13)
	v.Rows("rmsprop", ptrs("w", "grad", "v", "m"), []string{"rho", "other", "momentum", "rate", "eps", "decay"}, lanes.Flush, func(load load, store store) {
		load(1, g)
		load(2, s)
		load(3, m)
		VMULPS(g, other, t)
		VMULPS(g, t, t)
		VFMADD231PS(rho, s, t) // v = rho·v + other·g²
		store(t, 2)
		VADDPS(eps, t, t)
		VSQRTPS(t, t)
		VMULPS(rate, g, g)
		VDIVPS(t, g, g)
		VFMADD231PS(momentum, m, g) // m = momentum·m + rate·g/√(v+eps)
		store(g, 3)
		step(v, w, g, decay, load, store)
	})
}

func sgd(v lanes.ISA, name string, nesterov bool) {
	w, g, u := v.R(0), v.R(1), v.R(2)
	rate, momentum, decay := v.R(8), v.R(9), v.R(10)
	v.Rows(name, ptrs("w", "grad", "v"), []string{"rate", "momentum", "decay"}, lanes.Flush, func(load load, store store) {
		load(1, g)
		load(2, u)
		VMULPS(rate, g, g)
		VFMSUB213PS(g, momentum, u) // v = momentum·v - rate·g
		store(u, 2)
		if nesterov {
			VFMSUB213PS(g, momentum, u)
		}
		load(0, w)
		VFNMADD231PS(w, decay, u)
		VADDPS(u, w, w)
		store(w, 0)
	})
}

// toward is y += rate·(x-y).
func toward(v lanes.ISA) {
	x, y, rate := v.R(0), v.R(1), v.R(8)
	v.Rows("toward", ptrs("x", "y"), []string{"rate"}, lanes.Flush, func(load load, store store) {
		load(0, x)
		load(1, y)
		VSUBPS(y, x, x)
		VFMADD231PS(x, rate, y)
		store(y, 1)
	})
}

// squares sums squares in float64, in as many lanes as a vector has float32.
func squares(v lanes.ISA) {
	x, d, lo, hi := v.R(0), v.R(1), v.R(8), v.R(9)
	half := func(r reg.VecPhysical) reg.VecPhysical {
		if v.Wide() {
			return r.AsY().(reg.VecPhysical)
		}
		return r.AsX().(reg.VecPhysical)
	}
	v.Rows("squares", []lanes.Ptr{{Name: "x"}, {Name: "sums", Channel: true}}, nil, func() func() {
		VPXOR(lo.AsY(), lo.AsY(), lo.AsY())
		VPXOR(hi.AsY(), hi.AsY(), hi.AsY())
		return func() {
			VMOVUPD(lo, lanes.At(reg.GPPhysical(reg.RDI), 0))
			VMOVUPD(hi, lanes.At(reg.GPPhysical(reg.RDI), v.Bytes()))
		}
	}, func(load load, store store) {
		load(0, x)
		VCVTPS2PD(half(x), d)
		VFMADD231PD(d, d, lo)
		if v.Wide() {
			VEXTRACTF64X4(U8(1), x, half(x))
		} else {
			VEXTRACTF128(U8(1), x, half(x))
		}
		VCVTPS2PD(half(x), d)
		VFMADD231PD(d, d, hi)
	})
}
