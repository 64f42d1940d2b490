// Command pixel writes the vector loops of package pixel. All work on bytes of
// packed RGB.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!purego")
	table()
	flip()
	matrix()
	blend()
	bilinear()
	down()
	sums()
	across()
	acrossFour()
	ycbcr()
	whole()
	lowest()
	coarse()
	Generate()
}

// bytesTable is a constant of the given bytes.
func bytesTable(name string, values ...int) Mem {
	m := GLOBL(name, 24) // RODATA|NOPTR
	for i, v := range values {
		DATA(i, U8(uint8(v)))
	}
	return m
}

const none = 0x80 // pshufb writes a zero

// table: dst[i] = t[src[i]] for 64·n bytes.
func table() {
	TEXT("tableVBMI", NOSPLIT, "func(dst, src, t *byte, n int)")
	Pragma("noescape")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	t, n := Load(Param("t"), GP64()), Load(Param("n"), GP64())
	var part [4]reg.VecVirtual
	for i := range part {
		part[i] = ZMM()
		VMOVDQU8(Mem{Base: t, Disp: 64 * i}, part[i])
	}
	v, lo, hi := ZMM(), ZMM(), ZMM()
	Label("loop")
	VMOVDQU8(Mem{Base: src}, v)
	VMOVDQA64(v, lo)
	VMOVDQA64(v, hi)
	VPERMI2B(part[1], part[0], lo)
	VPERMI2B(part[3], part[2], hi)
	k := K()
	VPMOVB2M(v, k)
	VMOVDQU8(hi, k, lo)
	VMOVDQU8(lo, Mem{Base: dst})
	ADDQ(U8(64), src)
	ADDQ(U8(64), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// flip: 5·n pixels, from src on downwards, to dst on upwards. Sixteen bytes are
// read and written for fifteen.
func flip() {
	m := bytesTable("fiveBack", 13, 14, 15, 10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3, none)
	TEXT("flipAVX2", NOSPLIT, "func(dst, src *byte, n int)")
	Pragma("noescape")
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64())
	order, v := XMM(), XMM()
	VMOVDQU(m, order)
	Label("loop")
	VMOVDQU(Mem{Base: src}, v)
	VPSHUFB(order, v, v)
	VMOVDQU(v, Mem{Base: dst})
	SUBQ(U8(15), src)
	ADDQ(U8(15), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	RET()
}

// matrix: 8·n pixels; 28 bytes are read for 24.
func matrix() {
	var spread [3]Mem
	for c, name := range []string{"spreadR", "spreadG", "spreadB"} {
		var v []int
		for range 2 {
			for p := range 4 {
				v = append(v, 3*p+c, none, none, none)
			}
		}
		spread[c] = bytesTable(name, v...)
	}
	var p []int
	for range 2 {
		p = append(p, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, none, none, none, none)
	}
	packed := bytesTable("packRGB", p...)
	TEXT("matrixAVX2", NOSPLIT, "func(dst, src *byte, k *int32, n int)")
	Pragma("noescape")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	k, n := Load(Param("k"), GP64()), Load(Param("n"), GP64())
	half, zero, top := YMM(), YMM(), YMM()
	one := GP32()
	x := XMM()
	MOVL(U32(1<<15), one)
	VMOVD(one, x)
	VPBROADCASTD(x, half)
	VPXOR(zero, zero, zero)
	MOVL(U32(255), one)
	VMOVD(one, x)
	VPBROADCASTD(x, top)
	v, sum, t, out := YMM(), YMM(), YMM(), YMM()
	in := [3]reg.VecVirtual{YMM(), YMM(), YMM()}
	Label("loop")
	VMOVDQU(Mem{Base: src}, v.AsX())
	VINSERTI128(U8(1), Mem{Base: src, Disp: 12}, v, v)
	for c := range in {
		VPSHUFB(spread[c], v, in[c])
	}
	for row := range 3 {
		VMOVDQA(half, sum)
		for c := range in {
			VPBROADCASTD(Mem{Base: k, Disp: 4 * (3*row + c)}, t)
			VPMULLD(in[c], t, t)
			VPADDD(t, sum, sum)
		}
		VPSRAD(U8(16), sum, sum)
		VPMAXSD(zero, sum, sum)
		VPMINSD(top, sum, sum)
		if row == 0 {
			VMOVDQA(sum, out)
			continue
		}
		VPSLLD(U8(uint8(8*row)), sum, sum)
		VPOR(sum, out, out)
	}
	VPSHUFB(packed, out, out)
	VMOVDQU(out.AsX(), Mem{Base: dst})
	VEXTRACTI128(U8(1), out, x)
	VMOVQ(x, Mem{Base: dst, Disp: 12})
	VPEXTRD(U8(2), x, Mem{Base: dst, Disp: 20})
	ADDQ(U8(24), src)
	ADDQ(U8(24), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// blend: 16·n or 32·n bytes, dst[i] = (Σ w[k]·rows[k][i] + 2¹³) >> 14, an even number
// of rows.
func blend() {
	blendOf("blendAVX2", YMM, false)
	blendOf("blendAVX512", ZMM, true)
}

func blendOf(name string, vec func() reg.VecVirtual, wide bool) {
	TEXT(name, NOSPLIT, "func(dst *byte, rows **byte, w *int16, pairs, n int)")
	Pragma("noescape")
	dst, rows := Load(Param("dst"), GP64()), Load(Param("rows"), GP64())
	w, pairs, n := Load(Param("w"), GP64()), Load(Param("pairs"), GP64()), Load(Param("n"), GP64())
	half := vec()
	one, x := GP32(), XMM()
	MOVL(U32(1<<13), one)
	VMOVD(one, x)
	VPBROADCASTD(x, half)
	at := GP64()
	XORQ(at, at)
	lo, hi, a, b, t, f := vec(), vec(), vec(), vec(), vec(), vec()
	row, weight, left, p := GP64(), GP64(), GP64(), GP64()
	move := func(from, to reg.VecVirtual) {
		if wide {
			VMOVDQA64(from, to)
		} else {
			VMOVDQA(from, to)
		}
	}
	Label("block")
	move(half, lo)
	move(half, hi)
	MOVQ(rows, row)
	MOVQ(w, weight)
	MOVQ(pairs, left)
	Label("pair")
	MOVQ(Mem{Base: row}, p)
	VPMOVZXBW(Mem{Base: p, Index: at, Scale: 1}, a)
	MOVQ(Mem{Base: row, Disp: 8}, p)
	VPMOVZXBW(Mem{Base: p, Index: at, Scale: 1}, b)
	VPBROADCASTD(Mem{Base: weight}, f)
	VPUNPCKLWD(b, a, t)
	VPMADDWD(f, t, t)
	VPADDD(t, lo, lo)
	VPUNPCKHWD(b, a, t)
	VPMADDWD(f, t, t)
	VPADDD(t, hi, hi)
	ADDQ(U8(16), row)
	ADDQ(U8(4), weight)
	DECQ(left)
	JNZ(LabelRef("pair"))
	VPSRAD(U8(14), lo, lo)
	VPSRAD(U8(14), hi, hi)
	VPACKSSDW(hi, lo, lo) // words in order, as the halves were unpacked
	if wide {
		VPXORD(t, t, t)
		VPMAXSW(t, lo, lo)
		VPMOVUSWB(lo, Mem{Base: dst, Index: at, Scale: 1})
		ADDQ(U8(32), at)
	} else {
		VEXTRACTI128(U8(1), lo, x)
		VPACKUSWB(x, lo.AsX(), lo.AsX())
		VMOVDQU(lo.AsX(), Mem{Base: dst, Index: at, Scale: 1})
		ADDQ(U8(16), at)
	}
	DECQ(n)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// bilinear: n pixels, four bytes written for three; eight bytes are read at each
// of two rows.
func bilinear() {
	pair := bytesTable("pairRGB",
		0, none, 3, none, 1, none, 4, none, 2, none, 5, none, none, none, none, none,
		0, none, 3, none, 1, none, 4, none, 2, none, 5, none, none, none, none, none)
	TEXT("bilinearAVX2", NOSPLIT, "func(dst, pix *byte, stride int, xs, ys *int32, n int)")
	Pragma("noescape")
	dst, pix, stride := Load(Param("dst"), GP64()), Load(Param("pix"), GP64()), Load(Param("stride"), GP64())
	xs, ys, n := Load(Param("xs"), GP64()), Load(Param("ys"), GP64()), Load(Param("n"), GP64())
	order := XMM()
	VMOVDQU(pair, order)
	half := XMM()
	g := GP32()
	x := XMM()
	MOVL(U32(1<<15), g)
	VMOVD(g, x)
	VPBROADCASTD(x, half)
	qx, qy, u := GP64(), GP64(), GP64()
	top, bottom, f := XMM(), XMM(), XMM()
	Label("loop")
	MOVLQSX(Mem{Base: xs}, qx)
	MOVLQSX(Mem{Base: ys}, qy)
	// Weights 256−u and u as two words.
	MOVBQZX(qx.As8L(), u)
	SARQ(U8(8), qx)
	LEAQ(Mem{Base: qx, Index: qx, Scale: 2}, qx)
	p := GP64()
	MOVQ(qy, p)
	SARQ(U8(8), p)
	IMULQ(stride, p)
	ADDQ(qx, p)
	ADDQ(pix, p)
	MOVBQZX(qy.As8L(), qy)
	wu := GP64()
	MOVQ(u, wu)
	SHLQ(U8(16), wu)
	SUBQ(u, wu)
	ADDQ(I32(256), wu)
	VMOVD(wu.As32(), f)
	VPBROADCASTD(f, f)
	VMOVQ(Mem{Base: p}, top)
	VMOVQ(Mem{Base: p, Index: stride, Scale: 1}, bottom)
	VPSHUFB(order, top, top)
	VPSHUFB(order, bottom, bottom)
	VPMADDWD(f, top, top)
	VPMADDWD(f, bottom, bottom)
	// 256·top + v·(bottom−top)
	VMOVD(qy.As32(), f)
	VPBROADCASTD(f, f)
	VPSUBD(top, bottom, bottom)
	VPMULLD(f, bottom, bottom)
	VPSLLD(U8(8), top, top)
	VPADDD(bottom, top, top)
	VPADDD(half, top, top)
	VPSRLD(U8(16), top, top)
	VPACKUSDW(top, top, top)
	VPACKUSWB(top, top, top)
	VMOVD(top, Mem{Base: dst})
	ADDQ(U8(4), xs)
	ADDQ(U8(4), ys)
	ADDQ(U8(3), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// down: 8·n or 16·n bytes, dst[i] = (Σ w[k]·src[k·stride+i] + 2²¹) >> 22.
func down() {
	downOf("downAVX2", YMM, false)
	downOf("downAVX512", ZMM, true)
}

func downOf(name string, vec func() reg.VecVirtual, wide bool) {
	TEXT(name, NOSPLIT, "func(dst, src *byte, stride int, w *int32, taps, n int)")
	Pragma("noescape")
	dst, src, stride := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("stride"), GP64())
	w, taps, n := Load(Param("w"), GP64()), Load(Param("taps"), GP64()), Load(Param("n"), GP64())
	half := vec()
	g, x := GP32(), XMM()
	MOVL(U32(1<<21), g)
	VMOVD(g, x)
	VPBROADCASTD(x, half)
	sum, v, f := vec(), vec(), vec()
	p, weight, left := GP64(), GP64(), GP64()
	Label("block")
	if wide {
		VMOVDQA64(half, sum)
	} else {
		VMOVDQA(half, sum)
	}
	MOVQ(src, p)
	MOVQ(w, weight)
	MOVQ(taps, left)
	Label("tap")
	VPMOVZXBD(Mem{Base: p}, v)
	if wide {
		VPMULLD_BCST(Mem{Base: weight}, v, v)
	} else {
		VPBROADCASTD(Mem{Base: weight}, f)
		VPMULLD(f, v, v)
	}
	VPADDD(v, sum, sum)
	ADDQ(stride, p)
	ADDQ(U8(4), weight)
	DECQ(left)
	JNZ(LabelRef("tap"))
	VPSRAD(U8(22), sum, sum)
	if wide {
		VPXORD(v, v, v)
		VPMAXSD(v, sum, sum)
		VPMOVUSDB(sum, Mem{Base: dst})
		ADDQ(U8(16), src)
		ADDQ(U8(16), dst)
	} else {
		VEXTRACTI128(U8(1), sum, x)
		VPACKSSDW(x, sum.AsX(), sum.AsX())
		VPACKUSWB(sum.AsX(), sum.AsX(), sum.AsX())
		VMOVQ(sum.AsX(), Mem{Base: dst})
		ADDQ(U8(8), src)
		ADDQ(U8(8), dst)
	}
	DECQ(n)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// sums: of each byte's place in three, of 96·n bytes, as total[3][4]; zero before.
func sums() {
	var masks [3]Mem
	for c, name := range []string{"everyThird0", "everyThird1", "everyThird2"} {
		var v []int
		for i := range 32 {
			v = append(v, 0)
			if i%3 == c {
				v[i] = 255
			}
		}
		masks[c] = bytesTable(name, v...)
	}
	TEXT("sumsAVX2", NOSPLIT, "func(total *uint64, src *byte, n int)")
	Pragma("noescape")
	total, src, n := Load(Param("total"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64())
	zero, v, t := YMM(), YMM(), YMM()
	VPXOR(zero, zero, zero)
	var mask, sum [3]reg.VecVirtual
	for c := range sum {
		mask[c], sum[c] = YMM(), YMM()
		VMOVDQU(masks[c], mask[c])
		VPXOR(sum[c], sum[c], sum[c])
	}
	Label("loop")
	for part := range 3 { // the first byte of a part is of place 2·part, as 32 is of 2
		VMOVDQU(Mem{Base: src, Disp: 32 * part}, v)
		for c := range sum {
			VPAND(mask[(c+part)%3], v, t)
			VPSADBW(zero, t, t)
			VPADDQ(t, sum[c], sum[c])
		}
	}
	ADDQ(U8(96), src)
	DECQ(n)
	JNZ(LabelRef("loop"))
	for c := range sum {
		VMOVDQU(sum[c], Mem{Base: total, Disp: 32 * c})
	}
	VZEROUPPER()
	RET()
}

// across: n pixels of a row. Pixel i is the sum of 2·pairs pixels from
// src+offset[i] on, with weights w, each there four times. Four bytes are written for
// three, and two more read than the pairs have.
func across() {
	both := bytesTable("twoPixels",
		0, none, none, none, 1, none, none, none, 2, none, none, none, none, none, none, none,
		3, none, none, none, 4, none, none, none, 5, none, none, none, none, none, none, none)
	TEXT("acrossAVX2", NOSPLIT, "func(dst, src *byte, offset *int32, w *int32, pairs, n int)")
	Pragma("noescape")
	dst, src, offset := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("offset"), GP64())
	w, pairs, n := Load(Param("w"), GP64()), Load(Param("pairs"), GP64()), Load(Param("n"), GP64())
	order, half := YMM(), XMM()
	VMOVDQU(both, order)
	g, x := GP32(), XMM()
	MOVL(U32(1<<21), g)
	VMOVD(g, x)
	VPBROADCASTD(x, half)
	sum, v := YMM(), YMM()
	p, left := GP64(), GP64()
	Label("pixel")
	MOVLQSX(Mem{Base: offset}, p)
	ADDQ(src, p)
	MOVQ(pairs, left)
	VMOVDQA(half, sum.AsX()) // the upper half is zero
	Label("two")
	VPBROADCASTQ(Mem{Base: p}, v)
	VPSHUFB(order, v, v)
	VPMULLD(Mem{Base: w}, v, v)
	VPADDD(v, sum, sum)
	ADDQ(U8(6), p)
	ADDQ(U8(32), w)
	DECQ(left)
	JNZ(LabelRef("two"))
	VEXTRACTI128(U8(1), sum, x)
	VPADDD(x, sum.AsX(), sum.AsX())
	VPSRAD(U8(22), sum.AsX(), sum.AsX())
	VPACKSSDW(sum.AsX(), sum.AsX(), sum.AsX())
	VPACKUSWB(sum.AsX(), sum.AsX(), sum.AsX())
	VMOVD(sum.AsX(), Mem{Base: dst})
	ADDQ(U8(4), offset)
	ADDQ(U8(3), dst)
	DECQ(n)
	JNZ(LabelRef("pixel"))
	VZEROUPPER()
	RET()
}

// acrossFour: 4·n pixels of a row, each the sum of 4·quads pixels from src+offset[i] on.
// Weights are three digits of base 256, −128 to 127, lowest first: d[n][quads][3][4 pixels]
// [4 channels][4 weights]. Sixteen bytes are written for twelve, and read for each
// twelve.
func acrossFour() {
	var v, p []int
	for range 4 {
		for c := range 3 {
			v = append(v, c, c+3, c+6, c+9)
		}
		v = append(v, none, none, none, none)
	}
	for i := range 16 {
		p = append(p, none)
		if i < 12 {
			p[i] = i/3*4 + i%3
		}
	}
	byChannel, packed := bytesTable("fourByChannel", v...), bytesTable("packFour", p...)
	TEXT("acrossVNNI", NOSPLIT, "func(dst, src *byte, offset *int32, d *int8, quads, n int)")
	Pragma("noescape")
	dst, src, offset := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("offset"), GP64())
	d, quads, n := Load(Param("d"), GP64()), Load(Param("quads"), GP64()), Load(Param("n"), GP64())
	order, half, zero, pack := ZMM(), ZMM(), ZMM(), XMM()
	VMOVDQU8(byChannel, order)
	VMOVDQU(packed, pack)
	VPXORD(zero, zero, zero)
	g := GP32()
	MOVL(U32(1<<21), g)
	VPBROADCASTD(g, half)
	px := ZMM()
	sum := [3]reg.VecVirtual{ZMM(), ZMM(), ZMM()}
	var at [4]reg.GPVirtual
	for i := range at {
		at[i] = GP64()
	}
	left := GP64()
	Label("four")
	for i := range at {
		MOVLQSX(Mem{Base: offset, Disp: 4 * i}, at[i])
		ADDQ(src, at[i])
	}
	VMOVDQA64(half, sum[0])
	VMOVDQA64(zero, sum[1])
	VMOVDQA64(zero, sum[2])
	MOVQ(quads, left)
	Label("quad")
	VMOVDQU(Mem{Base: at[0]}, px.AsX())
	VINSERTI32X4(U8(1), Mem{Base: at[1]}, px, px)
	VINSERTI32X4(U8(2), Mem{Base: at[2]}, px, px)
	VINSERTI32X4(U8(3), Mem{Base: at[3]}, px, px)
	VPSHUFB(order, px, px)
	for k := range sum {
		dotBytes(Mem{Base: d, Disp: 64 * k}, px, sum[k])
	}
	for i := range at {
		ADDQ(U8(12), at[i])
	}
	ADDQ(U32(192), d)
	DECQ(left)
	JNZ(LabelRef("quad"))
	VPSLLD(U8(8), sum[2], sum[2])
	VPADDD(sum[1], sum[2], sum[2])
	VPSLLD(U8(8), sum[2], sum[2])
	VPADDD(sum[0], sum[2], sum[2])
	VPSRAD(U8(22), sum[2], sum[2])
	VPMAXSD(zero, sum[2], sum[2])
	VPMOVUSDB(sum[2], px.AsX())
	VPSHUFB(pack, px.AsX(), px.AsX())
	VMOVDQU(px.AsX(), Mem{Base: dst})
	ADDQ(U8(16), offset)
	ADDQ(U8(12), dst)
	DECQ(n)
	JNZ(LabelRef("four"))
	VZEROUPPER()
	RET()
}

// dotBytes is VPDPBUSD, which avo does not know yet: sum += four unsigned bytes of u times
// four signed ones of s, in each double word.
func dotBytes(s Mem, u, sum reg.VecVirtual) {
	Instruction(&ir.Instruction{
		Opcode: "VPDPBUSD", Operands: []Op{s, u, sum},
		Inputs: []Op{s, u, sum}, Outputs: []Op{sum}, ISA: []string{"AVX512VNNI"},
	})
}
