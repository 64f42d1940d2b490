package main

import (
	"fmt"
	"math"
)

// As in ../act, so that the bits are the same: eˣ is 2ⁿ·2ᵗ with t = x·log₂e - n,
// |t| ≤ ½. log₂e is the sum of two numbers, and 2ᵗ a polynomial, here in -t.
const (
	log2e   = 1.44269502162933349609375
	log2eLo = 1.925963033500e-08

	top    = 89   // eˣ overflows
	bottom = -104 // eˣ is under the smallest denormal

	// e⁻ˣ of sigmoids is sought between these: beyond, it is infinite, or
	// nothing beside 1; n is the exponent of a float32 in between.
	least = -89
	most  = 87

	// Added to a number, it leaves no bits for a fraction; its own are shifted
	// out where the exponent's go.
	rounder = 0x1.8p23

	signBit = 0x80000000
)

// The odd polynomial of tanh under 0.625 is that of Cephes (Moshier, tanhf.c).
var (
	exp2Poly = []float32{-1.3276472454890609e-3, 9.675541892647743e-3, -5.550713092088699e-2, 0.24022120237350464, -0.6931469440460205, 1.0000001192092896}
	tanhPoly = []float32{-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1}
)

// constants says in which vectors numbers are held.
type constants struct {
	at  map[uint32]int
	log int // log₂e, or its negative, in two lanes
}

func (c constants) bits(b uint32) int {
	v, ok := c.at[b]
	if !ok {
		panic(fmt.Sprintf("%#x is not held", b))
	}
	return v
}

func (c constants) float(f float32) int { return c.bits(math.Float32bits(f)) }

// hold loads the two of log, where there are any, and each of fs and words into
// vectors from first on; it spoils R19.
func (a *assembler) hold(first int, log []float32, fs []float32, words ...uint32) constants {
	c := constants{at: map[uint32]int{}, log: first}
	var vectors [][4]uint32
	if log != nil {
		vectors = append(vectors, [4]uint32{math.Float32bits(log[0]), math.Float32bits(log[1])})
	}
	for i := range len(fs) + len(words) {
		var b uint32
		if i < len(fs) {
			b = math.Float32bits(fs[i])
		} else {
			b = words[i-len(fs)]
		}
		c.at[b] = first + len(vectors)
		vectors = append(vectors, [4]uint32{b, b, b, b})
	}
	if first+len(vectors) > 32 {
		panic("too many constants")
	}
	a.tabled(first, vectors)
	return c
}

// holdExp is what exp needs, and more.
func (a *assembler) holdExp(first int, more ...float32) constants {
	return a.hold(first, []float32{log2e, log2eLo}, append(append([]float32{bottom, top, 1, rounder}, exp2Poly...), more...), signBit)
}

// holdNegexp is what negexp needs, and more.
func (a *assembler) holdNegexp(first int, more ...float32) constants {
	return a.hold(first, []float32{-log2e, -log2eLo}, append(append([]float32{least, most, 1, rounder}, exp2Poly...), more...))
}

// scratch is vectors to spoil.
type scratch struct{ n, p, q, t int }

// polynomial returns where the value at t is, one of p and q.
func (a *assembler) polynomial(c constants, coefficients []float32, t, p, q int) int {
	a.copy(p, c.float(coefficients[0]))
	for _, f := range coefficients[1:] {
		a.copy(q, c.float(f))
		a.mulAdd(q, p, t)
		p, q = q, p
	}
	return p
}

// power replaces x by 2 to the power of x·log; narrow says that a float32 has
// such an exponent.
func (a *assembler) power(c constants, narrow bool, x int, s scratch) {
	a.lane("fmul", s.n, x, c.log, 0)
	a.v3("fadd", s.t, s.n, c.float(rounder)) // n is in the lowest bits
	a.v3("fsub", s.n, s.t, c.float(rounder))
	a.lane("fmls", s.n, x, c.log, 0) // -t
	a.lane("fmls", s.n, x, c.log, 1)
	p := a.polynomial(c, exp2Poly, s.n, s.p, s.q)
	factors := []int{s.t}
	if !narrow {
		a.do("VSUB V%d.S4, V%d.S4, V%d.S4", c.float(rounder), s.t, s.t)
		a.halve(s.n, s.t)
		a.do("VSUB V%d.S4, V%d.S4, V%d.S4", s.n, s.t, s.t)
		factors = append(factors, s.n)
	}
	for i, h := range factors {
		a.do("VSHL $23, V%d.S4, V%d.S4", h, h)
		a.do("VADD V%d.S4, V%d.S4, V%d.S4", c.float(1), h, h) // the exponent's bias
		to := p
		if i == len(factors)-1 {
			to = x
		}
		a.v3("fmul", to, p, h)
	}
}

// exp replaces x by eˣ, with holdExp.
func (a *assembler) exp(c constants, x int, s scratch) {
	a.v3("fmin", x, x, c.float(top))
	a.v3("fmax", x, x, c.float(bottom))
	a.power(c, false, x, s)
}

// sigmoidDenominator writes w = 1+e⁻ˣ, for x of least at the least, with holdNegexp.
func (a *assembler) sigmoidDenominator(c constants, w, x int, s scratch) {
	a.v3("fmin", w, x, c.float(most))
	a.power(c, true, w, s)
	a.v3("fadd", w, w, c.float(1))
}

// swish replaces x by x/(1+e⁻ˣ), with holdNegexp; w is spoilt.
func (a *assembler) swish(c constants, x, w int, s scratch) {
	a.v3("fmax", x, x, c.float(least)) // -Inf/Inf would be NaN
	a.sigmoidDenominator(c, w, x, s)
	a.v3("fdiv", x, x, w)
}

func act(a *assembler) {
	const x, w, m = 0, 1, 2
	var c constants
	f := func(name string, exponential bool, hold func() constants, body func()) {
		a.rows(rowLoop{name: name, pointers: []string{"x", "y"}, strips: name == "swish", flush: exponential,
			setup: func() { c = hold() },
			body: func(load, store func(int, int)) {
				load(0, x)
				body()
				store(x, 1)
			}})
	}
	s := scratch{8, 9, 10, 11}
	const first = 12 // of the constants
	clamps := func() constants { return a.hold(first, nil, []float32{0, 6}) }
	exponents := func() constants { return a.holdExp(first) }
	negative := func() constants { return a.holdNegexp(first) }
	f("relu", false, clamps, func() {
		a.v3("fcmgt", m, c.float(0), x)
		a.put(x, c.float(0), m)
	})
	f("relu6", false, clamps, func() { a.clamp(x, c.float(0), c.float(6), m) })
	f("exp", true, exponents, func() { a.exp(c, x, s) })
	f("sigmoid", true, negative, func() {
		a.v3("fmax", x, x, c.float(least))
		a.sigmoidDenominator(c, x, x, s)
		a.v3("fdiv", x, c.float(1), x)
	})
	f("swish", true, negative, func() { a.swish(c, x, w, s) })
	f("tanh", true, func() constants { return a.holdExp(first, append([]float32{0.625, 2}, tanhPoly...)...) },
		func() { a.tanh(c, x, s) })

	f = func(name string, exponential bool, hold func() constants, body func()) {
		a.rows(rowLoop{name: name, pointers: []string{"a", "dy", "dx"}, flush: exponential,
			setup: func() { c = hold() },
			body: func(load, store func(int, int)) {
				load(0, x)
				load(1, w)
				body()
				store(w, 2)
			}})
	}
	f("reluBack", false, clamps, func() {
		a.v3("fcmge", m, c.float(0), x)
		a.put(w, c.float(0), m)
	})
	f("relu6Back", false, clamps, func() {
		a.v3("fcmge", m, c.float(0), x)
		a.put(w, c.float(0), m)
		a.v3("fcmge", m, x, c.float(6))
		a.put(w, c.float(0), m)
	})
	one := func() constants { return a.hold(first, nil, []float32{1}) }
	f("sigmoidBack", false, one, func() {
		a.v3("fsub", m, c.float(1), x)
		a.v3("fmul", m, m, x)
		a.v3("fmul", w, w, m)
	})
	f("tanhBack", false, one, func() {
		const t = 3
		a.v3("fsub", m, c.float(1), x)
		a.v3("fadd", t, c.float(1), x)
		a.v3("fmul", m, m, t)
		a.v3("fmul", w, w, m)
	})
	// dy·s·(1 + x·(1-s)) with 1-s = e·s, which does not cancel.
	f("swishBack", true, func() constants { return a.holdNegexp(first, -88) }, func() {
		const sigmoid, u = 3, 4
		a.v3("fmax", x, x, c.float(-88))
		a.v3("fmin", x, x, c.float(most))
		a.copy(m, x)
		a.power(c, true, x, s)
		a.v3("fadd", sigmoid, x, c.float(1))
		a.v3("fdiv", sigmoid, c.float(1), sigmoid)
		a.v3("fmul", x, x, sigmoid)
		a.copy(u, c.float(1))
		a.mulAdd(u, x, m)
		a.v3("fmul", u, u, sigmoid)
		a.v3("fmul", w, w, u)
	})
}

// tanh is an odd polynomial under 0.625 and 1 - 2/(e²ˣ+1) beyond.
func (a *assembler) tanh(c constants, x int, s scratch) {
	const abs, z, q, r, m = 1, 2, 3, 4, 5
	a.v3("fmul", z, x, x)
	p := a.polynomial(c, tanhPoly, z, q, r)
	a.v3("fmul", p, p, z)
	other := q + r - p
	a.copy(other, x)
	a.mulAdd(other, p, x)
	a.v2("fabs", abs, x)
	a.v3("fadd", z, abs, abs)
	a.exp(c, z, s)
	a.v3("fadd", z, z, c.float(1))
	a.v3("fdiv", z, c.float(2), z)
	a.v3("fsub", z, c.float(1), z)
	a.put(z, x, c.bits(signBit))
	a.v3("fcmgt", m, c.float(0.625), abs)
	a.copy(x, z)
	a.put(x, other, m)
}

// halve writes d = n>>1, for integers.
func (a *assembler) halve(d, n int) {
	a.word(0x4f3f0400|uint32(n<<5|d), "sshr v%d.4s, v%d.4s, #1", d, n)
}
