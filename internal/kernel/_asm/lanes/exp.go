package lanes

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// table holds constants, each as often as the widest vector has lanes.
var (
	table Mem
	index = map[uint32]int{}
	held  = map[uint32]reg.VecPhysical{} // of the loop at hand
)

// Bits is a constant, in a register or in the table.
func Bits(b uint32) Op {
	if r, ok := held[b]; ok {
		return r
	}
	i, ok := index[b]
	if !ok {
		panic("constant missing from the table")
	}
	return table.Offset(64 * i)
}

// Float is Bits of a float32.
func Float(f float32) Op { return Bits(math.Float32bits(f)) }

// Hold keeps the first n of some constants in registers from the given one on, for
// the length of a loop.
func (v ISA) Hold(first, n int, fs ...float32) {
	Release()
	regs := map[uint32]reg.VecPhysical{}
	for i, f := range fs[:min(n, len(fs))] {
		regs[math.Float32bits(f)] = v.R(first + i)
		VMOVUPS(Float(f), v.R(first+i))
	}
	held = regs
}

// Release forgets what registers hold, as a new loop begins.
func Release() { clear(held) }

// In is a constant in a register: its own, or else r.
func In(f float32, r reg.VecPhysical) reg.VecPhysical {
	c := Float(f)
	if own, ok := c.(reg.VecPhysical); ok {
		return own
	}
	VMOVUPS(c, r)
	return r
}

// eˣ is 2ⁿ·2ᵗ with t = x·log₂e - n, |t| ≤ ½. log₂e is the sum of two numbers,
// and 2ᵗ a polynomial of the least relative error, 7.5e-8 (Remez).
const (
	log2e   = 1.44269502162933349609375
	log2eLo = 1.925963033500e-08

	top    = 89   // eˣ overflows
	bottom = -104 // eˣ is under the smallest denormal

	// Sigmoids seek e⁻ˣ between these: beyond, it is infinite, or nothing beside
	// 1. In between, n is the exponent of a float32.
	Least = -89
	Most  = 87
)

// What Exp and Negexp need, the most needed first.
var (
	ExpConstants    = append([]float32{bottom, top, 1, log2e, log2eLo}, exp2Poly...)
	NegexpConstants = append([]float32{Least, Most, 1, -log2e, -log2eLo}, exp2Poly...)

	exp2Poly = []float32{1.3276472454890609e-3, 9.675541892647743e-3, 5.550713092088699e-2, 0.24022120237350464, 0.6931469440460205, 1.0000001192092896}
)

// Constants declares the table of constants: those of exponentials, and more; call
// it once per file.
func Constants(more ...float32) {
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
	for _, f := range append(append(more, ExpConstants...), NegexpConstants...) {
		add(math.Float32bits(f))
	}
	add(127) // exponent bias
	add(0x80000000)
	add(0x7fffffff)
}

// power replaces each x by 2 to the power of x·(l+lo); n and t are scratch. What
// does not wait for each other stands together: the processor looks so far ahead
// only.
func (v ISA) power(l, lo float32, narrow bool, x, n, t []reg.VecPhysical) {
	for i := range x {
		VMULPS(Float(l), x[i], n[i])
	}
	for i := range x {
		if v.Wide() {
			VRNDSCALEPS(U8(8), n[i], n[i])
		} else {
			VROUNDPS(U8(8), n[i], n[i])
		}
	}
	for i := range x {
		VMOVAPS(n[i], t[i])
		VFMSUB231PS(Float(l), x[i], t[i])
	}
	for i := range x {
		VFMADD231PS(Float(lo), x[i], t[i])
	}
	for i := range x {
		VMOVUPS(Float(exp2Poly[0]), x[i])
	}
	for _, c := range exp2Poly[1:] {
		for i := range x {
			VFMADD213PS(Float(c), t[i], x[i])
		}
	}
	for i := range x {
		v.scale(narrow, x[i], n[i], t[i])
	}
}

// scale multiplies x by 2ⁿ; n and t are scratch. Where narrow, n is the exponent of
// a float32.
func (v ISA) scale(narrow bool, x, n, t reg.VecPhysical) {
	if v.Wide() {
		VSCALEFPS(n, x, x)
		return
	}
	VCVTPS2DQ(n, n)
	factors := []reg.VecPhysical{n}
	if !narrow { // in two factors
		VPSRAD(U8(1), n, t)
		VPSUBD(t, n, n)
		factors = append(factors, t)
	}
	for _, f := range factors {
		VPADDD(Bits(127), f, f)
		VPSLLD(U8(23), f, f)
		VMULPS(f, x, x)
	}
}

// Exp replaces each x by eˣ, with ExpConstants.
func (v ISA) Exp(x, n, t []reg.VecPhysical) {
	Clamp(bottom, top, x, x, t)
	v.power(log2e, log2eLo, false, x, n, t)
}

// Negexp replaces each x between Least and Most, or NaN, by e⁻ˣ, with
// NegexpConstants.
func (v ISA) Negexp(x, n, t []reg.VecPhysical) {
	v.power(-log2e, -log2eLo, true, x, n, t)
}

// Clamp computes each y, x between bounds; t is scratch.
func Clamp(lo, hi float32, x, y, t []reg.VecPhysical) {
	for i := range x {
		VMAXPS(x[i], In(lo, t[i]), y[i]) // NaN stays: the second source wins
	}
	for i := range x {
		VMINPS(y[i], In(hi, t[i]), y[i])
	}
}

// Swish replaces each x by x/(1+e⁻ˣ), with NegexpConstants.
func (v ISA) Swish(x, w, n, t []reg.VecPhysical) {
	for i := range x {
		VMAXPS(x[i], In(Least, t[i]), x[i]) // -Inf/Inf would be NaN
	}
	for i := range x {
		VMINPS(x[i], In(Most, t[i]), w[i])
	}
	v.Negexp(w, n, t)
	for i := range x {
		VADDPS(Float(1), w[i], w[i])
	}
	for i := range x {
		VDIVPS(w[i], x[i], x[i])
	}
}
