// Command act writes the vector loops of package act.
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

// tanhPoly is the odd polynomial of Cephes (Moshier, tanhf.c) under 0.625.
var tanhPoly = []float32{-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1}

func main() {
	ConstraintExpr("!purego")
	lanes.Masks()
	lanes.Constants(append(tanhPoly, -88, 0.625, 2, 6)...)
	for _, v := range lanes.Both {
		forward(v)
		backward(v)
	}
	Generate()
}

func forward(v lanes.ISA) {
	x := v.R(0)
	zero, six := v.R(9), v.R(10)
	f := func(name string, setup func() func(), body func()) {
		lanes.Release()
		v.Rows(name, []lanes.Ptr{{Name: "x"}, {Name: "y"}}, nil, setup, func(load load, store store) {
			load(0, x)
			body()
			store(x, 1)
		})
	}
	clamps := func() func() {
		VXORPS(zero, zero, zero)
		VMOVUPS(lanes.Float(6), six)
		return nil
	}
	f("relu", clamps, func() { VMAXPS(x, zero, x) })
	f("relu6", clamps, func() {
		VMAXPS(x, zero, x)
		VMINPS(x, six, x)
	})
	ptrs := []lanes.Ptr{{Name: "x"}, {Name: "y"}}
	exponential := func(f func(x, w, n, t []reg.VecPhysical)) lanes.Group {
		return group(v, 1, 0, 4, v.Lanes/4, func(r [][]reg.VecPhysical) { f(r[0], r[1], r[2], r[3]) })
	}
	v.Groups("exp", ptrs, holding(v, lanes.ExpConstants), exponential(func(x, _, n, t []reg.VecPhysical) { v.Exp(x, n, t) }))
	v.Groups("sigmoid", ptrs, holding(v, lanes.NegexpConstants), exponential(func(x, _, n, t []reg.VecPhysical) {
		lanes.Clamp(lanes.Least, lanes.Most, x, x, t)
		v.Negexp(x, n, t)
		for i := range x {
			VADDPS(lanes.Float(1), x[i], x[i])
		}
		for i := range x {
			VDIVPS(x[i], lanes.In(1, t[i]), x[i])
		}
	}))
	f("tanh", holding(v, lanes.ExpConstants), func() { tanh(v, x) })
	v.Strips("swish", ptrs, holding(v, lanes.NegexpConstants), exponential(v.Swish))
}

// group is the body of a loop that does so many vectors at a time, each in registers
// of its own: pointers are loaded into the first of them, the last pointer gets one.
func group(v lanes.ISA, loads, result, registers, together int, f func(r [][]reg.VecPhysical)) lanes.Group {
	return func(vectors int, load func(i, vector int, r reg.VecPhysical), store func(r reg.VecPhysical, i, vector int)) {
		for first := 0; first < vectors; first += together {
			r := make([][]reg.VecPhysical, registers)
			n := min(together, vectors-first)
			for i := range registers * n {
				r[i/n] = append(r[i/n], v.R(i))
			}
			for i := range loads {
				for u := range n {
					load(i, first+u, r[i][u])
				}
			}
			f(r)
			for u := range n {
				store(r[result][u], loads, first+u)
			}
		}
	}
}

// holding is the setup of a loop that holds constants.
func holding(v lanes.ISA, fs []float32) func() func() {
	return func() func() {
		first, n := 8, 7
		if v.Wide() {
			first, n = 16, 16
		}
		v.Hold(first, n, fs...)
		return lanes.Flush()
	}
}

// tanh is an odd polynomial under 0.625 and 1 - 2/(e²ˣ+1) beyond.
func tanh(v lanes.ISA, x reg.VecPhysical) {
	n, t, a, z, q := v.R(1), v.R(2), v.R(3), v.R(4), v.R(5)
	VMULPS(x, x, z)
	VMOVUPS(lanes.Float(tanhPoly[0]), q)
	for _, c := range tanhPoly[1:] {
		VFMADD213PS(lanes.Float(c), z, q)
	}
	VMULPS(z, q, q)
	VFMADD213PS(x, x, q) // q·x + x
	VANDPS(lanes.Bits(0x7fffffff), x, a)
	VADDPS(a, a, z)
	v.Exp([]reg.VecPhysical{z}, []reg.VecPhysical{n}, []reg.VecPhysical{t})
	VADDPS(lanes.Float(1), z, z)
	VMOVUPS(lanes.Float(2), t)
	VDIVPS(z, t, z)
	VSUBPS(z, lanes.In(1, t), z)
	VANDPS(lanes.Bits(0x80000000), x, t)
	VORPS(t, z, x)
	const less = 17 // LT_OQ
	if v.Wide() {
		VCMPPS(U8(less), lanes.Float(0.625), a, reg.K2)
		VMOVAPS(q, reg.K2, x)
		return
	}
	VCMPPS(U8(less), lanes.Float(0.625), a, t)
	VBLENDVPS(t, q, x, x)
}

func backward(v lanes.ISA) {
	a, d, t, w, one := v.R(0), v.R(1), v.R(4), v.R(5), v.R(8)
	zero, six := v.R(9), v.R(10)
	ptrs := []lanes.Ptr{{Name: "a"}, {Name: "dy"}, {Name: "dx"}}
	f := func(name string, setup func() func(), body func()) {
		lanes.Release()
		v.Rows(name, ptrs, nil, setup, func(load load, store store) {
			load(0, a)
			load(1, d)
			body()
			store(d, 2)
		})
	}
	clamps := func() func() {
		VXORPS(zero, zero, zero)
		VMOVUPS(lanes.Float(6), six)
		return nil
	}
	// keep zeroes d where not (a pred bound); the predicates hold for NaN.
	const notLE, notGE = 22, 25 // NLE_UQ, NGE_UQ
	keep := func(pred uint8, bound reg.VecPhysical) {
		if v.Wide() {
			VCMPPS(U8(pred), bound, a, reg.K2)
			VMOVAPS_Z(d, reg.K2, d)
			return
		}
		VCMPPS(U8(pred), bound, a, t)
		VANDPS(t, d, d)
	}
	f("reluBack", clamps, func() { keep(notLE, zero) })
	f("relu6Back", clamps, func() {
		keep(notLE, zero)
		keep(notGE, six)
	})
	ones := func() func() {
		VMOVUPS(lanes.Float(1), one)
		return nil
	}
	f("sigmoidBack", ones, func() {
		VSUBPS(a, one, t)
		VMULPS(a, t, t)
		VMULPS(t, d, d)
	})
	f("tanhBack", ones, func() {
		VSUBPS(a, one, t)
		VADDPS(a, one, w)
		VMULPS(w, t, t)
		VMULPS(t, d, d)
	})
	// dy·s·(1 + x·(1-s)) with 1-s = e·s, which does not cancel.
	const finite = -88 // e⁻ˣ is
	v.Groups("swishBack", ptrs, holding(v, append([]float32{finite}, lanes.NegexpConstants[1:]...)),
		group(v, 2, 1, 5, v.Lanes/8, func(r [][]reg.VecPhysical) {
			a, d, w, n, t := r[0], r[1], r[2], r[3], r[4]
			lanes.Clamp(finite, lanes.Most, a, w, t)
			for i := range a {
				VMOVAPS(w[i], a[i])
			}
			v.Negexp(a, n, t)
			for i := range a {
				one := lanes.In(1, t[i])
				VADDPS(one, a[i], n[i])
				VDIVPS(n[i], one, n[i])
				VMULPS(n[i], a[i], a[i])
				VFMADD213PS(one, w[i], a[i])
				VMULPS(n[i], a[i], a[i])
				VMULPS(a[i], d[i], d[i])
			}
		}))
}
