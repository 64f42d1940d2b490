package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// coarse: 8·n×8 words, a row stride words after the other, to bytes: each block's
// orthonormal transform, rounded to multiples of q, and back.
func coarse() {
	const (
		dctBits = 4  // after the point of a sample, between the passes
		cosBits = 13 // and of a cosine
		bits    = 15 // and of a reciprocal
	)
	var cosines [8]Mem // cos(kπ/16)/2; √⅛ for 0
	for k := range cosines {
		v := math.Cos(float64(k)*math.Pi/16) / 2
		if k == 0 {
			v = math.Sqrt(.125)
		}
		cosines[k] = constant("cosine"+string(rune('0'+k)), int32(math.Round(v*(1<<cosBits))))
	}
	half := constant("halfOfCosine", 1<<(cosBits-1))
	halfStep := constant("halfOfStep", 1<<(bits+dctBits-1))
	halfSample := constant("halfOfSample", 1<<(dctBits-1))
	middle := constant("middleOfCoarse", 128|128<<16)
	order := dwords("halvesTogether", 0, 4, 0, 4, 0, 4, 0, 4)
	TEXT("coarseAVX2", NOSPLIT, "func(dst *byte, src *int16, stride int, q, recip *int32, n int)")
	Pragma("noescape")
	dst, src, stride := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("stride"), GP64())
	q, recip, n := Load(Param("q"), GP64()), Load(Param("recip"), GP64()), Load(Param("n"), GP64())
	room := AllocLocal(4 * 32)
	place := func(i int) Mem { return room.Offset(32 * i) }
	w := wide{false, YMM, YMM(), YMM()}
	t, u := w.t, w.u
	var v [8]reg.VecVirtual
	for i := range v {
		v[i] = YMM()
	}
	s, r := YMM(), YMM()
	// dot is the sum of cosines times values, those below zero subtracted.
	dot := func(to reg.VecVirtual, x []reg.VecVirtual, k ...int) {
		for i, c := range k {
			if i == 0 {
				VPMULLD(cosines[max(c, -c)], x[0], to)
				continue
			}
			VPMULLD(cosines[max(c, -c)], x[i], t)
			if c < 0 {
				VPSUBD(t, to, to)
			} else {
				VPADDD(t, to, to)
			}
		}
	}
	scaled := func(x reg.VecVirtual) {
		VPADDD(half, x, x)
		VPSRAD(U8(cosBits), x, x)
	}
	forward := func() {
		w.transpose(&v)
		for i := range 4 {
			w.sumDiff(v[i], v[7-i]) // sums in 0 to 3, differences 0 to 3 in 7 to 4
		}
		odd := []reg.VecVirtual{v[7], v[6], v[5], v[4]}
		for i, k := range [][]int{{1, 3, 5, 7}, {3, -7, -1, -5}, {5, -1, 7, 3}, {7, -5, 3, -1}} {
			dot(u, odd, k...)
			scaled(u)
			VMOVDQU(u, place(i))
		}
		w.sumDiff(v[0], v[3])
		w.sumDiff(v[1], v[2])
		even := []reg.VecVirtual{v[3], v[2]}
		dot(s, even, 2, 6)
		dot(r, []reg.VecVirtual{v[3], v[2]}, 6, -2)
		w.sumDiff(v[0], v[1])
		VPMULLD(cosines[0], v[0], v[0])
		VPMULLD(cosines[0], v[1], v[4])
		VMOVDQA(s, v[2])
		VMOVDQA(r, v[6])
		for _, i := range []int{0, 2, 4, 6} {
			scaled(v[i])
			VMOVDQU(place(i/2), v[i+1])
		}
	}
	inverse := func() {
		w.transpose(&v)
		odd := []reg.VecVirtual{v[1], v[3], v[5], v[7]}
		for i, k := range [][]int{{1, 3, 5, 7}, {3, -7, -1, -5}, {5, -1, 7, 3}, {7, -5, 3, -1}} {
			dot(u, odd, k...)
			VMOVDQU(u, place(i))
		}
		even := []reg.VecVirtual{v[2], v[6]}
		dot(s, even, 2, 6)
		dot(r, even, 6, -2)
		w.sumDiff(v[0], v[4])
		VPMULLD(cosines[0], v[0], v[0])
		VPMULLD(cosines[0], v[4], v[1])
		for _, x := range []reg.VecVirtual{v[0], v[1]} {
			VPADDD(half, x, x)
		}
		VPSUBD(s, v[0], v[3])
		VPADDD(s, v[0], v[0])
		VPSUBD(r, v[1], v[2])
		VPADDD(r, v[1], v[1])
		for i := range 4 {
			VMOVDQU(place(i), v[7-i])
			w.sumDiff(v[i], v[7-i])
			VPSRAD(U8(cosBits), v[i], v[i])
			VPSRAD(U8(cosBits), v[7-i], v[7-i])
		}
	}
	at, to := GP64(), GP64()
	Label("block")
	MOVQ(src, at)
	for i := range v {
		VPMOVSXWD(Mem{Base: at}, v[i])
		VPSLLD(U8(dctBits), v[i], v[i])
		if i < 7 {
			LEAQ(Mem{Base: at, Index: stride, Scale: 2}, at)
		}
	}
	forward()
	forward()
	for i := range v {
		VPABSD(v[i], t)
		VPMULLD(Mem{Base: recip, Disp: 32 * i}, t, t)
		VPADDD(halfStep, t, t)
		VPSRAD(U8(bits+dctBits), t, t)
		VPMULLD(Mem{Base: q, Disp: 32 * i}, t, t)
		VPSIGND(v[i], t, t)
		VPSLLD(U8(dctBits), t, v[i])
	}
	inverse()
	inverse()
	MOVQ(dst, to)
	VMOVDQU(order, u)
	for i := range v {
		VPADDD(halfSample, v[i], v[i])
		VPSRAD(U8(dctBits), v[i], v[i])
		VPACKSSDW(v[i], v[i], v[i])
		VPADDSW(middle, v[i], v[i])
		VPACKUSWB(v[i], v[i], v[i])
		VPERMD(v[i], u, v[i])
		VMOVQ(v[i].AsX(), Mem{Base: to})
		ADDQ(stride, to)
	}
	ADDQ(U8(16), src)
	ADDQ(U8(8), dst)
	DECQ(n)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}
