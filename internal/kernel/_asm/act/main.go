// Command act writes the vector loops of package act.
package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/argus-go/argus/internal/kernel/_asm/lanes"
)

type (
	load  = func(i int, r reg.VecPhysical)
	store = func(r reg.VecPhysical, i int)
)

// table holds constants, each as often as the widest vector has lanes.
var (
	table Mem
	index = map[uint32]int{}
)

func bits(b uint32) Mem {
	i, ok := index[b]
	if !ok {
		panic("constant missing from the table")
	}
	return table.Offset(64 * i)
}

func float(f float32) Mem { return bits(math.Float32bits(f)) }

// Range reduction and polynomial of eʳ on |r| ≤ ln2/2, and the odd polynomial
// of tanh under 0.625, as in Cephes (Moshier, expf.c and tanhf.c).
const (
	log2e = 1.44269504088896341
	ln2hi = 0.693359375
	ln2lo = -2.12194440e-4

	top    = 89   // eˣ overflows
	bottom = -104 // eˣ is under the smallest denormal
)

var (
	expPoly  = []float32{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1, 1}
	tanhPoly = []float32{-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1}
)

func constants() {
	table = GLOBL("constants", 24) // RODATA|NOPTR
	add := func(b uint32) {
		if _, ok := index[b]; ok {
			return
		}
		n := len(index)
		index[b] = n
		for i := range 16 {
			DATA(64*n+4*i, U32(b))
		}
	}
	for _, f := range append(append([]float32{log2e, ln2hi, ln2lo, top, bottom, -88, -100, 100, 0.625, 1, 2, 6}, expPoly...), tanhPoly...) {
		add(math.Float32bits(f))
	}
	add(127) // exponent bias
	add(0x80000000)
	add(0x7fffffff)
}

// exp replaces x by eˣ; n, p and t are scratch.
func exp(v lanes.ISA, x, n, p, t reg.VecPhysical) {
	VMOVUPS(float(top), t)
	VMINPS(x, t, x) // NaN stays: the second source wins
	VMOVUPS(float(bottom), t)
	VMAXPS(x, t, x)
	VMULPS(float(log2e), x, n)
	if v.Wide() {
		VRNDSCALEPS(U8(8), n, n)
	} else {
		VROUNDPS(U8(8), n, n)
	}
	VFNMADD231PS(float(ln2hi), n, x)
	VFNMADD231PS(float(ln2lo), n, x)
	VMOVUPS(float(expPoly[0]), p)
	for _, c := range expPoly[1:] {
		VFMADD213PS(float(c), x, p)
	}
	if v.Wide() {
		VSCALEFPS(n, p, x)
		return
	}
	// 2ⁿ in two factors, as n goes beyond what one exponent holds.
	VCVTPS2DQ(n, n)
	VPSRAD(U8(1), n, t)
	VPSUBD(t, n, n)
	for _, h := range []reg.VecPhysical{t, n} {
		VPADDD(bits(127), h, h)
		VPSLLD(U8(23), h, h)
		VMULPS(h, p, p)
	}
	VMOVAPS(p, x)
}

// negexp replaces x by e⁻ˣ.
func negexp(v lanes.ISA, x, n, p, t reg.VecPhysical) {
	VXORPS(bits(0x80000000), x, x)
	exp(v, x, n, p, t)
}

func main() {
	ConstraintExpr("!purego")
	lanes.Masks()
	constants()
	for _, v := range lanes.Both {
		forward(v)
		backward(v)
	}
	Generate()
}

func forward(v lanes.ISA) {
	x, n, p, t, w, one := v.R(0), v.R(1), v.R(2), v.R(3), v.R(4), v.R(8)
	zero, six := v.R(9), v.R(10)
	f := func(name string, setup func() func(), body func()) {
		v.Rows(name, []lanes.Ptr{{Name: "x"}, {Name: "y"}}, nil, setup, func(load load, store store) {
			load(0, x)
			body()
			store(x, 1)
		})
	}
	clamps := func() func() {
		VXORPS(zero, zero, zero)
		VMOVUPS(float(6), six)
		return nil
	}
	f("relu", clamps, func() { VMAXPS(x, zero, x) })
	f("relu6", clamps, func() {
		VMAXPS(x, zero, x)
		VMINPS(x, six, x)
	})
	flush := func() func() {
		VMOVUPS(float(1), one)
		return lanes.Flush()
	}
	f("exp", flush, func() { exp(v, x, n, p, t) })
	f("sigmoid", flush, func() {
		negexp(v, x, n, p, t)
		VADDPS(one, x, x)
		VDIVPS(x, one, x)
	})
	v.Strips("swish", []lanes.Ptr{{Name: "x"}, {Name: "y"}}, flush, func(load load, store store) {
		load(0, x)
		VMOVUPS(float(-100), t) // -Inf/Inf would be NaN
		VMAXPS(x, t, w)
		VMOVAPS(w, x)
		negexp(v, x, n, p, t)
		VADDPS(one, x, x)
		VDIVPS(x, w, x)
		store(x, 1)
	})
	f("tanh", flush, func() { tanh(v, x) })
}

// tanh is an odd polynomial under 0.625 and 1 - 2/(e²ˣ+1) beyond.
func tanh(v lanes.ISA, x reg.VecPhysical) {
	n, p, t, a, z, q, one := v.R(1), v.R(2), v.R(3), v.R(4), v.R(5), v.R(6), v.R(8)
	VMULPS(x, x, z)
	VMOVUPS(float(tanhPoly[0]), q)
	for _, c := range tanhPoly[1:] {
		VFMADD213PS(float(c), z, q)
	}
	VMULPS(z, q, q)
	VFMADD213PS(x, x, q) // q·x + x
	VANDPS(bits(0x7fffffff), x, a)
	VADDPS(a, a, z)
	exp(v, z, n, p, t)
	VADDPS(one, z, z)
	VMOVUPS(float(2), t)
	VDIVPS(z, t, z)
	VSUBPS(z, one, z)
	VANDPS(bits(0x80000000), x, t)
	VORPS(t, z, x)
	const less = 17 // LT_OQ
	if v.Wide() {
		VCMPPS(U8(less), float(0.625), a, reg.K2)
		VMOVAPS(q, reg.K2, x)
		return
	}
	VCMPPS(U8(less), float(0.625), a, t)
	VBLENDVPS(t, q, x, x)
}

func backward(v lanes.ISA) {
	a, d, n, p, t, w, one := v.R(0), v.R(1), v.R(2), v.R(3), v.R(4), v.R(5), v.R(8)
	zero, six := v.R(9), v.R(10)
	f := func(name string, setup func() func(), body func()) {
		v.Rows(name, []lanes.Ptr{{Name: "a"}, {Name: "dy"}, {Name: "dx"}}, nil, setup, func(load load, store store) {
			load(0, a)
			load(1, d)
			body()
			store(d, 2)
		})
	}
	clamps := func() func() {
		VXORPS(zero, zero, zero)
		VMOVUPS(float(6), six)
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
		VMOVUPS(float(1), one)
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
	flush := func() func() {
		VMOVUPS(float(1), one)
		return lanes.Flush()
	}
	// dy·s·(1 + x·(1-s)) with 1-s = e·s, which does not cancel.
	f("swishBack", flush, func() {
		VMOVUPS(float(-88), t)
		VMAXPS(a, t, a)
		VMOVUPS(float(100), t)
		VMINPS(a, t, w)
		VMOVAPS(w, a)
		negexp(v, a, n, p, t)
		VADDPS(one, a, n)
		VDIVPS(n, one, n)
		VMULPS(n, a, a)
		VFMADD213PS(one, w, a)
		VMULPS(n, a, a)
		VMULPS(a, d, d)
	})
}
