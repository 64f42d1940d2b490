package main

// As in ../act, so that the bits are the same: eˣ is 2ⁿ·2ᵗ with t = x·log₂e - n,
// |t| ≤ ½. log₂e is the sum of two numbers, and 2ᵗ a polynomial.
const (
	log2e   = 1.44269502162933349609375
	log2eLo = 1.925963033500e-08

	top    = 89   // eˣ overflows
	bottom = -104 // eˣ is under the smallest denormal

	// e⁻ˣ of sigmoids is sought between these: beyond, it is infinite, or
	// nothing beside 1; n is the exponent of a float32 in between.
	least = -89
	most  = 87

	exponentBias = 127
	signBit      = 0x80000000
)

// The odd polynomial of tanh under 0.625 is that of Cephes (Moshier, tanhf.c).
var (
	exp2Poly = []float32{1.3276472454890609e-3, 9.675541892647743e-3, 5.550713092088699e-2, 0.24022120237350464, 0.6931469440460205, 1.0000001192092896}
	tanhPoly = []float32{-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1}
)

// Vectors that exponentials spoil.
const scratchN, scratchP, scratchQ, scratchT = 8, 9, 10, 11

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

// power replaces x by 2 to the power of x·(l+lo).
func (a *assembler) power(c constants, l, lo float32, narrow bool, x int) {
	const n, t = scratchN, scratchT
	a.v3("fmul", n, x, c.float(l))
	a.v2("frintn", n, n)
	a.v2("fneg", t, n)
	a.mulAdd(t, x, c.float(l))
	a.mulAdd(t, x, c.float(lo))
	p := a.polynomial(c, exp2Poly, t, scratchP, scratchQ)
	a.v2("fcvtns", n, n)
	factors := []int{n}
	if !narrow { // n goes beyond what one exponent holds
		a.halve(t, n)
		a.do("VSUB V%d.S4, V%d.S4, V%d.S4", t, n, n)
		factors = append(factors, t)
	}
	for i, h := range factors {
		a.do("VADD V%d.S4, V%d.S4, V%d.S4", c.bits(exponentBias), h, h)
		a.do("VSHL $23, V%d.S4, V%d.S4", h, h)
		to := p
		if i == len(factors)-1 {
			to = x
		}
		a.v3("fmul", to, p, h)
	}
}

// exp replaces x by eˣ. The loop holds expConstants.
func (a *assembler) exp(c constants, x int) {
	a.v3("fmin", x, x, c.float(top))
	a.v3("fmax", x, x, c.float(bottom))
	a.power(c, log2e, log2eLo, false, x)
}

// negexp replaces x by e⁻ˣ, for x of least at the least. The loop holds negexpConstants.
func (a *assembler) negexp(c constants, x int) {
	a.v3("fmin", x, x, c.float(most))
	a.power(c, -log2e, -log2eLo, true, x)
}

func (a *assembler) expConstants(more ...float32) constants {
	c := a.hold(append(append([]float32{bottom, top, 1, log2e, log2eLo}, exp2Poly...), more...)...)
	c.add(a, exponentBias)
	return c
}

func (a *assembler) negexpConstants(more ...float32) constants {
	c := a.hold(append(append([]float32{least, most, 1, -log2e, -log2eLo}, exp2Poly...), more...)...)
	c.add(a, exponentBias)
	return c
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
	clamps := func() constants { return a.hold(0, 6) }
	f("relu", false, clamps, func() {
		a.v3("fcmgt", m, c.float(0), x)
		a.put(x, c.float(0), m)
	})
	f("relu6", false, clamps, func() { a.clamp(x, c.float(0), c.float(6), m) })
	f("exp", true, func() constants { return a.expConstants() }, func() { a.exp(c, x) })
	f("sigmoid", true, func() constants { return a.negexpConstants() }, func() {
		a.v3("fmax", x, x, c.float(least))
		a.negexp(c, x)
		a.v3("fadd", x, x, c.float(1))
		a.v3("fdiv", x, c.float(1), x)
	})
	f("swish", true, func() constants { return a.negexpConstants() }, func() {
		a.v3("fmax", w, x, c.float(least)) // -Inf/Inf would be NaN
		a.copy(x, w)
		a.negexp(c, x)
		a.v3("fadd", x, x, c.float(1))
		a.v3("fdiv", x, w, x)
	})
	f("tanh", true, func() constants {
		c := a.expConstants(append([]float32{0.625, 2}, tanhPoly...)...)
		c.add(a, signBit)
		return c
	}, func() { a.tanh(c, x) })

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
	one := func() constants { return a.hold(1) }
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
	f("swishBack", true, func() constants { return a.negexpConstants(-88) }, func() {
		const s, u = 3, 4
		a.v3("fmax", x, x, c.float(-88))
		a.v3("fmin", x, x, c.float(most))
		a.copy(m, x)
		a.power(c, -log2e, -log2eLo, true, x)
		a.v3("fadd", s, x, c.float(1))
		a.v3("fdiv", s, c.float(1), s)
		a.v3("fmul", x, x, s)
		a.copy(u, c.float(1))
		a.mulAdd(u, x, m)
		a.v3("fmul", u, u, s)
		a.v3("fmul", w, w, u)
	})
}

// tanh is an odd polynomial under 0.625 and 1 - 2/(e²ˣ+1) beyond.
func (a *assembler) tanh(c constants, x int) {
	const abs, z, q, r, m = 1, 2, 3, 4, 5
	a.v3("fmul", z, x, x)
	p := a.polynomial(c, tanhPoly, z, q, r)
	a.v3("fmul", p, p, z)
	other := q + r - p
	a.copy(other, x)
	a.mulAdd(other, p, x)
	a.v2("fabs", abs, x)
	a.v3("fadd", z, abs, abs)
	a.exp(c, z)
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
