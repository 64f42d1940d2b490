package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lowest: the inverse transform of the lowest 4×4 frequencies of two blocks, column by
// column, times q, to four rows of eight bytes.
func lowest() {
	root, cos, sin := constant("root8by13", 2896), constant("cos8by13", 3784), constant("sin8by13", 1567)
	half9, half17, middle := constant("halfOf9", 1<<8), constant("halfOf17", 1<<16), constant("middleOfWords", 128|128<<16)
	order := dwords("fourOfTwo", 0, 4, 1, 5, 2, 6, 3, 7)
	TEXT("lowestAVX2", NOSPLIT, "func(dst *byte, stride int, coefs *int16, q *int32)")
	Pragma("noescape")
	dst, stride := Load(Param("dst"), GP64()), Load(Param("stride"), GP64())
	coefs, q := Load(Param("coefs"), GP64()), Load(Param("q"), GP64())
	var v [4]reg.VecVirtual
	t, u, w := YMM(), YMM(), YMM()
	for i := range v {
		v[i] = YMM()
		VMOVQ(Mem{Base: coefs, Disp: 16 * i}, t.AsX())
		VMOVHPS(Mem{Base: coefs, Disp: 128 + 16*i}, t.AsX(), t.AsX())
		VPMOVSXWD(t.AsX(), v[i])
		VBROADCASTI128(Mem{Base: q, Disp: 32 * i}, t)
		VPMULLD(t, v[i], v[i])
	}
	pass := func(half Mem, down uint8) {
		a, b, c, d := v[0], v[1], v[2], v[3]
		VPADDD(c, a, t)
		VPSUBD(c, a, a)
		VPMULLD(root, t, t)
		VPMULLD(root, a, a)
		VPADDD(half, t, t)
		VPADDD(half, a, a)
		VPMULLD(cos, b, u)
		VPMULLD(sin, d, w)
		VPADDD(w, u, u)
		VPMULLD(sin, b, b)
		VPMULLD(cos, d, d)
		VPSUBD(d, b, b)
		VPSUBD(u, t, d)
		VPADDD(u, t, t)
		VPSUBD(b, a, c)
		VPADDD(b, a, b)
		VMOVDQA(t, a)
		for _, x := range v {
			VPSRAD(U8(down), x, x)
		}
	}
	pass(half9, 9)
	a, b, c, d := v[0], v[1], v[2], v[3]
	VPUNPCKLDQ(b, a, t)
	VPUNPCKHDQ(b, a, u)
	VPUNPCKLDQ(d, c, w)
	VPUNPCKHDQ(d, c, d)
	VPUNPCKLQDQ(w, t, a)
	VPUNPCKHQDQ(w, t, b)
	VPUNPCKLQDQ(d, u, c)
	VPUNPCKHQDQ(d, u, d)
	pass(half17, 17)
	VPACKSSDW(b, a, a)
	VPACKSSDW(d, c, c)
	VPADDSW(middle, a, a)
	VPADDSW(middle, c, c)
	VPACKUSWB(c, a, a)
	VMOVDQU(order, t)
	VPERMD(a, t, a)
	wide{}.rows(a, dst, stride, true)
	VZEROUPPER()
	RET()
}
