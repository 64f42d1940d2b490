package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lanes8 is a constant in each of eight double words.
func lanes8(name string, v int32) Mem {
	m := GLOBL(name, 24) // RODATA|NOPTR
	for i := range 8 {
		DATA(4*i, U32(uint32(v)))
	}
	return m
}

// sumDiff makes a, b to a+b, a−b.
func sumDiff(a, b, t reg.VecVirtual) {
	VMOVDQA(a, t)
	VPADDD(b, a, a)
	VPSUBD(b, t, b)
}

// turn makes a, b to cos·a − sin·b, sin·a + cos·b.
func turn(a, b reg.VecVirtual, cos, sin Mem, t, u reg.VecVirtual) {
	VPMULLD(sin, b, t)
	VPMULLD(sin, a, u)
	VPMULLD(cos, a, a)
	VPMULLD(cos, b, b)
	VPSUBD(t, a, a)
	VPADDD(u, b, b)
}

// transpose8 exchanges rows and columns of eight by eight double words.
func transpose8(v *[8]reg.VecVirtual, t reg.VecVirtual) {
	for i := 0; i < 8; i += 2 { // words of two rows side by side
		VPUNPCKHDQ(v[i+1], v[i], t)
		VPUNPCKLDQ(v[i+1], v[i], v[i])
		VMOVDQA(t, v[i+1])
	}
	for i := 0; i < 8; i += 4 {
		for k := range 2 {
			a, b := v[i+k], v[i+k+2]
			VPUNPCKHQDQ(b, a, t)
			VPUNPCKLQDQ(b, a, a)
			VMOVDQA(t, b)
		}
	}
	// Now v[i] holds column 0 or 2, 1 or 3 of four rows, in each half: see order.
	order := [4]int{0, 2, 1, 3}
	var out [8]reg.VecVirtual
	for c, i := range order {
		a, b := v[i], v[i+4]
		VPERM2I128(U8(0x31), b, a, t)
		VPERM2I128(U8(0x20), b, a, a)
		VMOVDQA(t, b)
		out[c], out[c+4] = a, b
	}
	*v = out
}

// whole: the inverse transform of image/jpeg of a block of frequencies, column by column,
// times q, to eight rows of eight bytes.
func whole() {
	cos6, sin6 := lanes8("cos6by18", 70936), lanes8("sin6by18", 171254)
	root8 := lanes8("rootby8", 181)
	cos3, sin3 := lanes8("cos3by12", 3406), lanes8("sin3by12", 2276)
	cos1, sin1 := lanes8("cos1by12", 4017), lanes8("sin1by12", 799)
	cos6s, sin6s := lanes8("cos6by12", 1108), lanes8("sin6by12", 2676)
	root14 := lanes8("rootby14", 11585)
	half := lanes8("halfby20", 1<<19)
	middle := bytesTable("middle128", func() (v []int) {
		for range 16 {
			v = append(v, 128, 0)
		}
		return
	}()...)
	order := GLOBL("rowsTogether", 24)
	for i, v := range []uint32{0, 4, 1, 5, 2, 6, 3, 7} {
		DATA(4*i, U32(v))
	}
	TEXT("wholeAVX2", NOSPLIT, "func(dst *byte, stride int, coefs *int16, q *int32)")
	Pragma("noescape")
	dst, stride := Load(Param("dst"), GP64()), Load(Param("stride"), GP64())
	coefs, q := Load(Param("coefs"), GP64()), Load(Param("q"), GP64())
	var v [8]reg.VecVirtual
	for i := range v {
		v[i] = YMM()
		VPMOVSXWD(Mem{Base: coefs, Disp: 16 * i}, v[i])
		VPMULLD(Mem{Base: q, Disp: 32 * i}, v[i], v[i])
	}
	t, u := YMM(), YMM()
	names := func() (a, b, c, d, e, f, g, h reg.VecVirtual) {
		return v[0], v[4], v[2], v[6], v[7], v[3], v[5], v[1]
	}
	// The rotations and sums that both passes end with.
	rest := func(x0, x1, x2, x3, x4, x5, x6, x7 reg.VecVirtual, down uint8) {
		sumDiff(x7, x5, t)
		sumDiff(x4, x6, t)
		for _, x := range []reg.VecVirtual{x4, x5, x6, x7} {
			VPSRAD(U8(down), x, x)
		}
		turn(x4, x7, cos3, sin3, t, u)
		turn(x5, x6, cos1, sin1, t, u)
		sumDiff(x0, x7, t)
		sumDiff(x1, x6, t)
		sumDiff(x2, x5, t)
		sumDiff(x3, x4, t)
		v = [8]reg.VecVirtual{x0, x1, x2, x3, x4, x5, x6, x7}
	}
	x0, x1, x2, x3, x4, x5, x6, x7 := names()
	VPSLLD(U8(17), x0, x0)
	VPSLLD(U8(17), x1, x1)
	sumDiff(x0, x1, t)
	turn(x2, x3, cos6, sin6, t, u)
	sumDiff(x1, x2, t)
	sumDiff(x0, x3, t)
	VPSLLD(U8(7), x4, x4)
	VPSLLD(U8(7), x7, x7)
	sumDiff(x7, x4, t)
	VPMULLD(root8, x6, x6)
	VPMULLD(root8, x5, x5)
	rest(x0, x1, x2, x3, x4, x5, x6, x7, 2)
	transpose8(&v, t)

	x0, x1, x2, x3, x4, x5, x6, x7 = names()
	VPADDD(half, x0, x0)
	sumDiff(x0, x1, t)
	VPSRAD(U8(2), x0, x0)
	VPSRAD(U8(2), x1, x1)
	VPSRAD(U8(13), x2, x2)
	VPSRAD(U8(13), x3, x3)
	turn(x2, x3, cos6s, sin6s, t, u)
	sumDiff(x1, x2, t)
	sumDiff(x0, x3, t)
	sumDiff(x7, x4, t)
	VPSRAD(U8(13), x5, x5)
	VPSRAD(U8(13), x6, x6)
	VPMULLD(root14, x5, x5)
	VPMULLD(root14, x6, x6)
	rest(x0, x1, x2, x3, x4, x5, x6, x7, 14)
	for _, x := range v {
		VPSRAD(U8(18), x, x)
	}
	VMOVDQU(order, u)
	x := XMM()
	for i := 0; i < 8; i += 4 {
		VPACKSSDW(v[i+1], v[i], v[i])
		VPACKSSDW(v[i+3], v[i+2], v[i+2])
		VPADDW(middle, v[i], v[i])
		VPADDW(middle, v[i+2], v[i+2])
		VPACKUSWB(v[i+2], v[i], v[i])
		VPERMD(v[i], u, v[i])
		VMOVQ(v[i].AsX(), Mem{Base: dst})
		VMOVHPS(v[i].AsX(), Mem{Base: dst, Index: stride, Scale: 1})
		VEXTRACTI128(U8(1), v[i], x)
		LEAQ(Mem{Base: dst, Index: stride, Scale: 2}, dst)
		VMOVQ(x, Mem{Base: dst})
		VMOVHPS(x, Mem{Base: dst, Index: stride, Scale: 1})
		if i == 0 {
			LEAQ(Mem{Base: dst, Index: stride, Scale: 2}, dst)
		}
	}
	VZEROUPPER()
	RET()
}
