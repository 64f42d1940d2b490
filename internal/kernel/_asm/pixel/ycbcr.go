package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// ycbcr: n times 16 or 32 pixels; order doubles each byte of chroma or not, and step is
// how many bytes of chroma are used up of those read, as many as pixels. Three bytes a
// pixel are written.
//
// Of the factors' 16 bits after the point, each is less than a half in size once a
// whole number is taken out, so that words are enough: y·65793 + r·91881 is
// 65536·(y + r) + y·257 + r·26345.
func ycbcr() {
	words := func(name string, even, odd int) Mem {
		m := GLOBL(name, 24)
		for i := range 16 {
			DATA(4*i, U32(uint32(even&0xffff|odd<<16)))
		}
		return m
	}
	k := ycbcrConstants{words("toR", 257, 26345), words("toG", 257, -22554), words("toG2", 18734, 0), words("toB", 257, -14942), words("chromaMiddle", 128, 128), Mem{}}
	ycbcrOf("ycbcrAVX2", "*[16]byte", YMM, k, spread16(""))
	ycbcrOf("ycbcrVBMI", "*[32]byte", ZMM, k, spread32())
	// A half in the place of y·257.
	k.two, k.toR, k.toG, k.toB = words("two", 2, 2), words("roundR", 1<<14, 26345), words("roundG", 1<<14, -22554), words("roundB", 1<<14, -14942)
	ycbcrOf("roundedAVX2", "*[16]byte", YMM, k, spread16("Rounded"))
}

type ycbcrConstants struct{ toR, toG, toG2, toB, middle, two Mem }

// spread16 stores red, green and blue words as bytes side by side.
func spread16(suffix string) func(dst reg.Register, red, green, blue reg.VecVirtual) {
	// Where each byte of 48 is found in 16 of red, green or blue.
	var spread [3][3]Mem
	for part, name := range []string{"first", "second", "third"} {
		for c, color := range []string{"R", "G", "B"} {
			var v []int
			for i := range 16 {
				at := 16*part + i
				if at%3 == c {
					v = append(v, at/3)
				} else {
					v = append(v, none)
				}
			}
			spread[part][c] = bytesTable(name+color+suffix, v...)
		}
	}
	return func(dst reg.Register, red, green, blue reg.VecVirtual) {
		x, p := XMM(), XMM()
		for _, v := range []reg.VecVirtual{red, green, blue} {
			VEXTRACTI128(U8(1), v, x)
			VPACKUSWB(x, v.AsX(), v.AsX())
		}
		for part := range spread {
			VPSHUFB(spread[part][0], red.AsX(), x)
			VPSHUFB(spread[part][1], green.AsX(), p)
			VPOR(p, x, x)
			VPSHUFB(spread[part][2], blue.AsX(), p)
			VPOR(p, x, x)
			VMOVDQU(x, Mem{Base: dst, Disp: 16 * part})
		}
	}
}

// spread32 is spread16 for 32 of each.
func spread32() func(dst reg.Register, red, green, blue reg.VecVirtual) {
	// Packed, red and green lie in turns of eight; blue behind them is there twice.
	var tables [2]Mem
	for part, name := range []string{"first64", "last32"} {
		var v []int
		for i := 64 * part; i < min(64*part+64, 96); i++ {
			p, c := i/3, i%3
			at := p/8*16 + p%8
			v = append(v, [3]int{at, at + 8, 64 + at}[c])
		}
		tables[part] = bytesTable(name, v...)
	}
	return func(dst reg.Register, red, green, blue reg.VecVirtual) {
		VPACKUSWB(green, red, red)
		VPACKUSWB(blue, blue, blue)
		t := ZMM()
		VMOVDQU8(tables[0], t)
		VPERMI2B(blue, red, t)
		VMOVDQU8(t, Mem{Base: dst})
		VMOVDQU(tables[1], t.AsY())
		VPERMI2B(blue, red, t)
		VMOVDQU(t.AsY(), Mem{Base: dst, Disp: 64})
	}
}

func ycbcrOf(name, order string, vec func() reg.VecVirtual, k ycbcrConstants, store func(dst reg.Register, red, green, blue reg.VecVirtual)) {
	TEXT(name, NOSPLIT, "func(dst, y, cb, cr *byte, order "+order+", step, n int)")
	Pragma("noescape")
	dst, y := Load(Param("dst"), GP64()), Load(Param("y"), GP64())
	cb, cr := Load(Param("cb"), GP64()), Load(Param("cr"), GP64())
	table, step, n := Load(Param("order"), GP64()), Load(Param("step"), GP64()), Load(Param("n"), GP64())
	pixels, bytes := 32, func(v reg.VecVirtual) reg.Register { return v.AsY() }
	if order == "*[16]byte" {
		pixels, bytes = 16, func(v reg.VecVirtual) reg.Register { return v.AsX() }
	}
	twice, zero := vec(), vec()
	VMOVDQU(Mem{Base: table}, bytes(twice))
	VPXOR(zero.AsY(), zero.AsY(), zero.AsY()) // the rest of it, too
	first := vec()
	luma, b, r, lo, hi, t, u := vec(), vec(), vec(), vec(), vec(), vec(), vec()
	red, green, blue := vec(), vec(), vec()
	chroma := func(from reg.Register, v reg.VecVirtual) {
		VMOVDQU(Mem{Base: from}, bytes(v))
		if pixels == 16 {
			VPSHUFB(bytes(twice), bytes(v), bytes(v))
		} else {
			VPERMB(bytes(v), bytes(twice), bytes(v))
		}
		VPMOVZXBW(bytes(v), v)
		VPSUBW(k.middle, v, v)
	}
	// rest is the sum of products with a constant, without its 16 bits.
	rest := func(k Mem) {
		VPMADDWD(k, lo, t)
		VPMADDWD(k, hi, u)
	}
	join := func(out reg.VecVirtual) {
		VPSRAD(U8(16), t, t)
		VPSRAD(U8(16), u, u)
		VPACKSSDW(u, t, out) // words in order, as the halves were unpacked
		VPADDW(luma, out, out)
	}
	rounded := k.two != Mem{}
	if rounded {
		VMOVDQU(k.two, first)
	}
	Label("loop")
	VPMOVZXBW(Mem{Base: y}, luma)
	if !rounded {
		first = luma
	}
	chroma(cb, b)
	chroma(cr, r)

	VPUNPCKLWD(r, first, lo)
	VPUNPCKHWD(r, first, hi)
	rest(k.toR)
	join(red)
	VPADDW(r, red, red)

	VPUNPCKLWD(b, first, lo)
	VPUNPCKHWD(b, first, hi)
	rest(k.toB)
	join(blue)
	VPADDW(b, blue, blue)
	VPADDW(b, blue, blue)

	rest(k.toG)
	VPUNPCKLWD(zero, r, lo)
	VPUNPCKHWD(zero, r, hi)
	VPMADDWD(k.toG2, lo, lo)
	VPMADDWD(k.toG2, hi, hi)
	VPADDD(lo, t, t)
	VPADDD(hi, u, u)
	join(green)
	VPSUBW(r, green, green)

	store(dst, red, green, blue)
	ADDQ(U8(uint8(pixels)), y)
	ADDQ(step, cb)
	ADDQ(step, cr)
	ADDQ(U8(uint8(3*pixels)), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
