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
	held  = map[uint32]reg.VecPhysical{} // of the loop at hand
)

func bits(b uint32) Op {
	if r, ok := held[b]; ok {
		return r
	}
	i, ok := index[b]
	if !ok {
		panic("constant missing from the table")
	}
	return table.Offset(64 * i)
}

func float(f float32) Op { return bits(math.Float32bits(f)) }

// hold loads constants into registers for the length of a loop: as many of the
// first as there are free.
func hold(v lanes.ISA, fs ...float32) {
	clear(held)
	first, n := 7, 8
	if v.Wide() {
		first, n = 16, 16
	}
	regs := map[uint32]reg.VecPhysical{}
	for i, f := range fs[:min(n, len(fs))] {
		regs[math.Float32bits(f)] = v.R(first + i)
		VMOVUPS(float(f), v.R(first+i))
	}
	held = regs
}

// reg of a constant that is held.
func in(f float32) reg.VecPhysical { return held[math.Float32bits(f)] }

// eˣ is 2ⁿ·2ᵗ with t = x·log₂e - n, |t| ≤ ½. log₂e is the sum of two numbers,
// and 2ᵗ a polynomial of the least relative error, 7.5e-8 (Remez).
const (
	log2e   = 1.44269502162933349609375
	log2eLo = 1.925963033500e-08

	top    = 89   // eˣ overflows
	bottom = -104 // eˣ is under the smallest denormal

	// e⁻ˣ of sigmoids is sought between these: beyond, it is infinite, or
	// nothing beside 1; n is the exponent of a float32 in between.
	least = -89
	most  = 87
)

// The odd polynomial of tanh under 0.625 is that of Cephes (Moshier, tanhf.c).
var (
	exp2Poly = []float32{1.3276472454890609e-3, 9.675541892647743e-3, 5.550713092088699e-2, 0.24022120237350464, 0.6931469440460205, 1.0000001192092896}
	tanhPoly = []float32{-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1}

	expConstants    = append([]float32{bottom, top, 1, log2e, log2eLo}, exp2Poly...)
	negexpConstants = append([]float32{least, most, 1, -log2e, -log2eLo}, exp2Poly...)
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
	all := append([]float32{-88, 0.625, 2, 6}, expConstants...)
	for _, f := range append(append(all, negexpConstants...), tanhPoly...) {
		add(math.Float32bits(f))
	}
	add(127) // exponent bias
	add(0x80000000)
	add(0x7fffffff)
}

// power replaces x by 2 to the power of x·(l+lo); n, p and t are scratch.
func power(v lanes.ISA, l, lo float32, narrow bool, x, n, p, t reg.VecPhysical) {
	VMULPS(float(l), x, n)
	if v.Wide() {
		VRNDSCALEPS(U8(8), n, n)
	} else {
		VROUNDPS(U8(8), n, n)
	}
	VMOVAPS(n, t)
	VFMSUB231PS(float(l), x, t)
	VFMADD231PS(float(lo), x, t)
	VMOVUPS(float(exp2Poly[0]), p)
	for _, c := range exp2Poly[1:] {
		VFMADD213PS(float(c), t, p)
	}
	if v.Wide() {
		VSCALEFPS(n, p, x)
		return
	}
	VCVTPS2DQ(n, n)
	factors := []reg.VecPhysical{n}
	if !narrow { // n goes beyond what one exponent holds
		VPSRAD(U8(1), n, t)
		VPSUBD(t, n, n)
		factors = append(factors, t)
	}
	for i, h := range factors {
		VPADDD(bits(127), h, h)
		VPSLLD(U8(23), h, h)
		if i == len(factors)-1 {
			VMULPS(h, p, x)
		} else {
			VMULPS(h, p, p)
		}
	}
}

// exp replaces x by eˣ. The loop holds expConstants.
func exp(v lanes.ISA, x, n, p, t reg.VecPhysical) {
	VMINPS(x, in(top), x) // NaN stays: the second source wins
	VMAXPS(x, in(bottom), x)
	power(v, log2e, log2eLo, false, x, n, p, t)
}

// negexp replaces x by e⁻ˣ, for x of least at the least. The loop holds negexpConstants.
func negexp(v lanes.ISA, x, n, p, t reg.VecPhysical) {
	VMINPS(x, in(most), x)
	power(v, -log2e, -log2eLo, true, x, n, p, t)
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
	x, n, p, t, w := v.R(0), v.R(1), v.R(2), v.R(3), v.R(4)
	zero, six := v.R(9), v.R(10)
	f := func(name string, setup func() func(), body func()) {
		clear(held)
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
	f("exp", holding(v, expConstants), func() { exp(v, x, n, p, t) })
	f("sigmoid", holding(v, negexpConstants), func() {
		VMAXPS(x, in(least), x)
		negexp(v, x, n, p, t)
		VADDPS(in(1), x, x)
		VDIVPS(x, in(1), x)
	})
	f("tanh", holding(v, expConstants), func() { tanh(v, x) })
	v.Strips("swish", []lanes.Ptr{{Name: "x"}, {Name: "y"}}, holding(v, negexpConstants), func(load load, store store) {
		load(0, x)
		VMAXPS(x, in(least), w) // -Inf/Inf would be NaN
		VMOVAPS(w, x)
		negexp(v, x, n, p, t)
		VADDPS(in(1), x, x)
		VDIVPS(x, w, x)
		store(x, 1)
	})
}

// holding is the setup of a loop that holds constants.
func holding(v lanes.ISA, fs []float32) func() func() {
	return func() func() {
		hold(v, fs...)
		return lanes.Flush()
	}
}

// tanh is an odd polynomial under 0.625 and 1 - 2/(e²ˣ+1) beyond.
func tanh(v lanes.ISA, x reg.VecPhysical) {
	n, p, t, a, z, q := v.R(1), v.R(2), v.R(3), v.R(4), v.R(5), v.R(6)
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
	VADDPS(in(1), z, z)
	VMOVUPS(float(2), t)
	VDIVPS(z, t, z)
	VSUBPS(z, in(1), z)
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
		clear(held)
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
	// dy·s·(1 + x·(1-s)) with 1-s = e·s, which does not cancel.
	f("swishBack", holding(v, append([]float32{-88}, negexpConstants[1:]...)), func() {
		VMAXPS(a, in(-88), a)
		VMINPS(a, in(most), w)
		VMOVAPS(w, a)
		power(v, -log2e, -log2eLo, true, a, n, p, t)
		VADDPS(in(1), a, n)
		VDIVPS(n, in(1), n)
		VMULPS(n, a, a)
		VFMADD213PS(in(1), w, a)
		VMULPS(n, a, a)
		VMULPS(a, d, d)
	})
}
