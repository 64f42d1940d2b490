package pixel

// Inverse writes 8×8 samples, the rows stride bytes apart: the inverse cosine
// transform of coefs times q, plus 128, held within 0–255. Coefs and q are column by column:
// the vertical frequencies of horizontal frequency 0 come first.
//
// It is the arithmetic of image/jpeg since Go 1.26, to the bit: the algorithm of
// Loeffler, Ligtenberg and Moschytz ("Practical fast 1-D DCT algorithms with 11
// multiplications", ICASSP 1989) backwards, rows first, in 32 bits that overflow.
func Inverse(dst []uint8, stride int, coefs *[64]int16, q *[64]int32) {
	if stride < 8 || len(dst) < 7*stride+8 {
		wrong("inverse: %d bytes for rows of %d", len(dst), stride)
	}
	best.inverse(dst, stride, coefs, q)
}

// Inverses is Inverse of two blocks, side by side.
func Inverses(dst []uint8, stride int, coefs *[128]int16, q *[64]int32) {
	if stride < 16 || len(dst) < 7*stride+16 {
		wrong("inverses: %d bytes for rows of %d", len(dst), stride)
	}
	best.inverses(dst, stride, coefs, q)
}

// Flat is what every sample of Inverse is where there is no frequency but 0, times
// its q.
func Flat(dc int32) uint8 { return clip((dc<<17+1<<19)>>20 + 128) }

// Cosines and sines of multiples of π/16, and √½ of them for 6, with bits after the
// point.
const (
	cos1by12, sin1by12 = 4017, 799
	cos3by12, sin3by12 = 3406, 2276
	cos6by12, sin6by12 = 1108, 2676
	cos6by18, sin6by18 = 70936, 171254
	rootby8, rootby14  = 181, 11585
)

func inverseGo(dst []uint8, stride int, coefs *[64]int16, q *[64]int32) {
	var b [64]int32
	for i := range 8 {
		at := func(k int) int32 { return int32(coefs[8*k+i]) * q[8*k+i] }
		x0, x1, x2, x3, x4, x5, x6, x7 := at(0), at(4), at(2), at(6), at(7), at(3), at(5), at(1)
		x0, x1 = (x0+x1)<<17, (x0-x1)<<17
		x2, x3 = turned(x2, x3, cos6by18, sin6by18)
		x7, x4 = (x7+x4)<<7, (x7-x4)<<7
		x0, x1, x2, x3, x4, x5, x6, x7 = joined(x0, x1, x2, x3, x4, x5*rootby8, x6*rootby8, x7, 2)
		*(*[8]int32)(b[8*i:]) = [8]int32{x0, x1, x2, x3, x4, x5, x6, x7}
	}
	for i := range 8 {
		x0, x1, x2, x3, x4, x5, x6, x7 := b[i], b[32+i], b[16+i], b[48+i], b[56+i], b[24+i], b[40+i], b[8+i]
		x0 += 1 << 19
		x0, x1 = (x0+x1)>>2, (x0-x1)>>2
		x2, x3 = turned(x2>>13, x3>>13, cos6by12, sin6by12)
		x0, x1, x2, x3, x4, x5, x6, x7 = joined(x0, x1, x2, x3, x7-x4, x5>>13*rootby14, x6>>13*rootby14, x7+x4, 14)
		for k, v := range [8]int32{x0, x1, x2, x3, x4, x5, x6, x7} {
			dst[k*stride+i] = clip(v>>18 + 128)
		}
	}
}

func inversesGo(dst []uint8, stride int, coefs *[128]int16, q *[64]int32) {
	inverseGo(dst, stride, (*[64]int16)(coefs[:64]), q)
	inverseGo(dst[8:], stride, (*[64]int16)(coefs[64:]), q)
}

func turned(a, b, cos, sin int32) (int32, int32) { return cos*a - sin*b, sin*a + cos*b }

// joined is what both passes end with.
func joined(x0, x1, x2, x3, x4, x5, x6, x7 int32, down int) (_, _, _, _, _, _, _, _ int32) {
	x1, x2 = x1+x2, x1-x2
	x0, x3 = x0+x3, x0-x3
	x7, x5 = x7+x5, x7-x5
	x4, x6 = x4+x6, x4-x6
	x4, x7 = turned(x4>>down, x7>>down, cos3by12, sin3by12)
	x5, x6 = turned(x5>>down, x6>>down, cos1by12, sin1by12)
	return x0 + x7, x1 + x6, x2 + x5, x3 + x4, x3 - x4, x2 - x5, x1 - x6, x0 - x7
}

// Lowest writes 4×4 samples of each of two blocks, side by side: the inverse transform
// of the lowest 4×4 frequencies, times √½ in each direction, which are the means over
// 2×2 samples of the whole transform but for frequencies above.
func Lowest(dst []uint8, stride int, coefs *[128]int16, q *[64]int32) {
	if stride < 8 || len(dst) < 3*stride+8 {
		wrong("lowest: %d bytes for rows of %d", len(dst), stride)
	}
	best.lowest(dst, stride, coefs, q)
}

// In units of 2⁻¹³: √⅛, and half of cosine and sine of π/8.
const (
	root8by13 = 2896
	cos8by13  = 3784
	sin8by13  = 1567
)

func lowestGo(dst []uint8, stride int, coefs *[128]int16, q *[64]int32) {
	for block := range 2 {
		var b [4][4]int32
		for i := range 4 {
			at := func(k int) int32 { return int32(coefs[64*block+8*k+i]) * q[8*k+i] }
			w, x, y, z := four(at(0), at(1), at(2), at(3), 1<<8)
			b[i] = [4]int32{w >> 9, x >> 9, y >> 9, z >> 9}
		}
		for i := range 4 {
			w, x, y, z := four(b[0][i], b[1][i], b[2][i], b[3][i], 1<<16)
			for k, v := range [4]int32{w, x, y, z} {
				dst[k*stride+4*block+i] = clip(v>>17 + 128)
			}
		}
	}
}

// four is the inverse transform of four points, and half.
func four(a, b, c, d, half int32) (w, x, y, z int32) {
	e0, e1 := root8by13*(a+c)+half, root8by13*(a-c)+half
	o0, o1 := cos8by13*b+sin8by13*d, sin8by13*b-cos8by13*d
	return e0 + o0, e1 + o1, e1 - o1, e0 - o0
}
