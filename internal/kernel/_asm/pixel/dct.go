package main

import (
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A wide writes the same for blocks of eight by eight double words: one in YMM, two in
// ZMM, side by side.
type wide struct {
	two  bool
	vec  func() reg.VecVirtual
	t, u reg.VecVirtual // for now
}

// constant is v in each double word.
func constant(name string, v int32) Mem {
	m := GLOBL(name, 24) // RODATA|NOPTR
	for i := range 8 {
		DATA(4*i, U32(uint32(v)))
	}
	return m
}

func (w wide) move(from, to reg.VecVirtual) {
	if w.two {
		VMOVDQA64(from, to)
	} else {
		VMOVDQA(from, to)
	}
}

// times is a·k, k being a constant.
func (w wide) times(k Mem, a, to reg.VecVirtual) {
	if w.two {
		VPMULLD_BCST(k, a, to)
	} else {
		VPMULLD(k, a, to)
	}
}

// plus is a+k, k being a constant.
func (w wide) plus(k Mem, a reg.VecVirtual) {
	if w.two {
		VPADDD_BCST(k, a, a)
	} else {
		VPADDD(k, a, a)
	}
}

// sumDiff makes a, b to a+b, a−b.
func (w wide) sumDiff(a, b reg.VecVirtual) {
	w.move(a, w.t)
	VPADDD(b, a, a)
	VPSUBD(b, w.t, b)
}

// turn makes a, b to cos·a − sin·b, sin·a + cos·b.
func (w wide) turn(a, b reg.VecVirtual, cos, sin Mem) {
	w.times(sin, b, w.t)
	w.times(sin, a, w.u)
	w.times(cos, a, a)
	w.times(cos, b, b)
	VPSUBD(w.t, a, a)
	VPADDD(w.u, b, b)
}

// transpose exchanges rows and columns. Of two blocks, the first halves of both rows lie
// in the first half of the result.
func (w wide) transpose(v *[8]reg.VecVirtual) {
	t := w.t
	for i := 0; i < 8; i += 2 { // words of two rows side by side
		VPUNPCKHDQ(v[i+1], v[i], t)
		VPUNPCKLDQ(v[i+1], v[i], v[i])
		w.move(t, v[i+1])
	}
	for i := 0; i < 8; i += 4 {
		for k := range 2 {
			a, b := v[i+k], v[i+k+2]
			VPUNPCKHQDQ(b, a, t)
			VPUNPCKLQDQ(b, a, a)
			w.move(t, b)
		}
	}
	// Now v[i] holds column 0 or 2, 1 or 3 of four rows, in each half: see order.
	order := [4]int{0, 2, 1, 3}
	var out [8]reg.VecVirtual
	for c, i := range order {
		a, b := v[i], v[i+4]
		if w.two {
			VSHUFI32X4(U8(0xdd), b, a, t)
			VSHUFI32X4(U8(0x88), b, a, a)
		} else {
			VPERM2I128(U8(0x31), b, a, t)
			VPERM2I128(U8(0x20), b, a, a)
		}
		w.move(t, b)
		out[c], out[c+4] = a, b
	}
	*v = out
}

type dctConstants struct {
	cos6, sin6, root8, cos3, sin3, cos1, sin1, cos6s, sin6s, root14, half Mem
}

// whole: the inverse transform of image/jpeg of one block of frequencies or of two, column
// by column, times q, to eight rows of eight or sixteen bytes.
func whole() {
	k := dctConstants{
		constant("cos6by18", 70936), constant("sin6by18", 171254), constant("rootby8", 181),
		constant("cos3by12", 3406), constant("sin3by12", 2276), constant("cos1by12", 4017), constant("sin1by12", 799),
		constant("cos6by12", 1108), constant("sin6by12", 2676), constant("rootby14", 11585), constant("halfby20", 1<<19),
	}
	wholeOf(false, k)
	wholeOf(true, k)
}

func dwords(name string, values ...uint32) Mem {
	m := GLOBL(name, 24)
	for i, v := range values {
		DATA(4*i, U32(v))
	}
	return m
}

func wholeOf(two bool, k dctConstants) {
	var order, middle Mem
	name, vec := "wholeAVX2", YMM
	if two {
		name, vec = "wholeAVX512", ZMM
		order = dwords("rowsOfTwo", 0, 8, 4, 12, 1, 9, 5, 13, 2, 10, 6, 14, 3, 11, 7, 15)
		middle = dwords("middleOfTwo", slices.Repeat([]uint32{128 | 128<<16}, 16)...)
	} else {
		order = dwords("rowsOfOne", 0, 4, 1, 5, 2, 6, 3, 7)
		middle = dwords("middleOfOne", slices.Repeat([]uint32{128 | 128<<16}, 8)...)
	}
	TEXT(name, NOSPLIT, "func(dst *byte, stride int, coefs *int16, q *int32)")
	Pragma("noescape")
	dst, stride := Load(Param("dst"), GP64()), Load(Param("stride"), GP64())
	coefs, q := Load(Param("coefs"), GP64()), Load(Param("q"), GP64())
	w := wide{two, vec, vec(), vec()}
	var v [8]reg.VecVirtual
	for i := range v {
		v[i] = vec()
		if two {
			VMOVDQU(Mem{Base: coefs, Disp: 16 * i}, w.t.AsX())
			VINSERTI128(U8(1), Mem{Base: coefs, Disp: 128 + 16*i}, w.t.AsY(), w.t.AsY())
			VPMOVSXWD(w.t.AsY(), v[i])
			VBROADCASTI64X4(Mem{Base: q, Disp: 32 * i}, w.u)
			VPMULLD(w.u, v[i], v[i])
		} else {
			VPMOVSXWD(Mem{Base: coefs, Disp: 16 * i}, v[i])
			VPMULLD(Mem{Base: q, Disp: 32 * i}, v[i], v[i])
		}
	}
	names := func() (a, b, c, d, e, f, g, h reg.VecVirtual) {
		return v[0], v[4], v[2], v[6], v[7], v[3], v[5], v[1]
	}
	// The rotations and sums that both passes end with.
	rest := func(x0, x1, x2, x3, x4, x5, x6, x7 reg.VecVirtual, down uint8) {
		w.sumDiff(x7, x5)
		w.sumDiff(x4, x6)
		for _, x := range []reg.VecVirtual{x4, x5, x6, x7} {
			VPSRAD(U8(down), x, x)
		}
		w.turn(x4, x7, k.cos3, k.sin3)
		w.turn(x5, x6, k.cos1, k.sin1)
		w.sumDiff(x0, x7)
		w.sumDiff(x1, x6)
		w.sumDiff(x2, x5)
		w.sumDiff(x3, x4)
		v = [8]reg.VecVirtual{x0, x1, x2, x3, x4, x5, x6, x7}
	}
	x0, x1, x2, x3, x4, x5, x6, x7 := names()
	VPSLLD(U8(17), x0, x0)
	VPSLLD(U8(17), x1, x1)
	w.sumDiff(x0, x1)
	w.turn(x2, x3, k.cos6, k.sin6)
	w.sumDiff(x1, x2)
	w.sumDiff(x0, x3)
	VPSLLD(U8(7), x4, x4)
	VPSLLD(U8(7), x7, x7)
	w.sumDiff(x7, x4)
	w.times(k.root8, x6, x6)
	w.times(k.root8, x5, x5)
	rest(x0, x1, x2, x3, x4, x5, x6, x7, 2)
	w.transpose(&v)

	x0, x1, x2, x3, x4, x5, x6, x7 = names()
	w.plus(k.half, x0)
	w.sumDiff(x0, x1)
	VPSRAD(U8(2), x0, x0)
	VPSRAD(U8(2), x1, x1)
	VPSRAD(U8(13), x2, x2)
	VPSRAD(U8(13), x3, x3)
	w.turn(x2, x3, k.cos6s, k.sin6s)
	w.sumDiff(x1, x2)
	w.sumDiff(x0, x3)
	w.sumDiff(x7, x4)
	VPSRAD(U8(13), x5, x5)
	VPSRAD(U8(13), x6, x6)
	w.times(k.root14, x5, x5)
	w.times(k.root14, x6, x6)
	rest(x0, x1, x2, x3, x4, x5, x6, x7, 14)
	for _, x := range v {
		VPSRAD(U8(18), x, x)
	}
	for i := 0; i < 8; i += 4 {
		VPACKSSDW(v[i+1], v[i], v[i])
		VPACKSSDW(v[i+3], v[i+2], v[i+2])
		VPADDW(middle, v[i], v[i])
		VPADDW(middle, v[i+2], v[i+2])
		VPACKUSWB(v[i+2], v[i], v[i])
		if two {
			VMOVDQU32(order, w.u)
		} else {
			VMOVDQU(order, w.u)
		}
		VPERMD(v[i], w.u, v[i])
		w.rows(v[i], dst, stride, i == 4)
	}
	VZEROUPPER()
	RET()
}

// rows stores four rows and leaves dst after them.
func (w wide) rows(v reg.VecVirtual, dst, stride reg.Register, last bool) {
	x := XMM()
	for i := range 4 {
		at := Mem{Base: dst}
		if i%2 == 1 {
			at.Index, at.Scale = stride, 1
		}
		switch {
		case !w.two && i == 0:
			VMOVQ(v.AsX(), at)
		case !w.two && i == 1:
			VMOVHPS(v.AsX(), at)
		case !w.two && i == 2:
			VEXTRACTI128(U8(1), v, x)
			VMOVQ(x, at)
		case !w.two:
			VMOVHPS(x, at)
		case i == 0:
			VMOVDQU(v.AsX(), at)
		default:
			VEXTRACTI32X4(U8(uint8(i)), v, at)
		}
		if i == 1 || i == 3 && !last {
			LEAQ(Mem{Base: dst, Index: stride, Scale: 2}, dst)
		}
	}
}
