package pixel

// Coarse writes the samples of a row of 8×8 blocks after their frequencies were rounded to
// multiples of q, row by row: src is eight rows of stride samples less 128, stride being a
// multiple of 8, and dst the same with 128 added again, held within 0–255. The transforms
// are orthonormal, in 32 bits, for src of −256 to 255 and q of 1 to 255.
func Coarse(dst []uint8, src []int16, stride int, q *[64]int32) {
	if stride < 8 || stride%8 != 0 || len(dst) != 8*stride || len(src) != len(dst) {
		wrong("coarse: %d samples to %d, rows of %d", len(src), len(dst), stride)
	}
	var recip [64]int32
	for i, v := range q {
		recip[i] = (1<<recipBits + v/2) / v
	}
	best.coarse(dst, src, stride, q, &recip)
}

func coarseGo(dst []uint8, src []int16, stride int, q, recip *[64]int32) {
	var b, t [64]int32
	for x := 0; x < stride; x += 8 {
		for i := range 8 {
			for j, v := range src[i*stride+x:][:8] {
				b[8*i+j] = int32(v) << dctBits
			}
		}
		forwardRows(&b, &t)
		forwardRows(&t, &b)
		for i, v := range b {
			s := v >> 31 // rounded to the nearest, halves away from zero
			k := ((v^s-s)*recip[i] + 1<<(recipBits+dctBits-1)) >> (recipBits + dctBits)
			b[i] = (k*q[i] ^ s - s) << dctBits
		}
		inverseRows(&b, &t)
		inverseRows(&t, &b)
		for i := range 8 {
			out := dst[i*stride+x:][:8]
			for j := range out {
				out[j] = clip((b[8*i+j]+1<<(dctBits-1))>>dctBits + 128)
			}
		}
	}
}

const (
	dctBits   = 4 // of a sample after the point, between the passes
	recipBits = 15

	// √⅛, and cos(kπ/16)/2, in units of 2⁻¹³.
	cosBits = 13
	cos0    = 2896
	cos1    = 4017
	cos2    = 3784
	cos3    = 3406
	cos5    = 2276
	cos6    = 1567
	cos7    = 799
)

func scaled(v int32) int32 { return (v + 1<<(cosBits-1)) >> cosBits }

// forwardRows puts the transforms of src's rows into dst's columns.
func forwardRows(src, dst *[64]int32) {
	for i := range 8 {
		r, c := (*[8]int32)(src[8*i:]), dst[i:i+57:i+57]
		c[0], c[8], c[16], c[24], c[32], c[40], c[48], c[56] = forward(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7])
	}
}

// inverseRows undoes forwardRows. Most rows hold one frequency or none.
func inverseRows(src, dst *[64]int32) {
	for i := range 8 {
		r, c := (*[8]int32)(src[8*i:]), dst[i:i+57:i+57]
		if r[1]|r[2]|r[3]|r[4]|r[5]|r[6]|r[7] == 0 {
			v := scaled(cos0 * r[0])
			c[0], c[8], c[16], c[24], c[32], c[40], c[48], c[56] = v, v, v, v, v, v, v, v
			continue
		}
		c[0], c[8], c[16], c[24], c[32], c[40], c[48], c[56] = backward(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7])
	}
}

// forward is the orthonormal discrete cosine transform of eight values (T.81, A.3.3,
// one direction of it).
func forward(x0, x1, x2, x3, x4, x5, x6, x7 int32) (y0, y1, y2, y3, y4, y5, y6, y7 int32) {
	s0, s1, s2, s3 := x0+x7, x1+x6, x2+x5, x3+x4
	d0, d1, d2, d3 := x0-x7, x1-x6, x2-x5, x3-x4
	return scaled(cos0 * (s0 + s3 + s1 + s2)),
		scaled(cos1*d0 + cos3*d1 + cos5*d2 + cos7*d3),
		scaled(cos2*(s0-s3) + cos6*(s1-s2)),
		scaled(cos3*d0 - cos7*d1 - cos1*d2 - cos5*d3),
		scaled(cos0 * (s0 + s3 - s1 - s2)),
		scaled(cos5*d0 - cos1*d1 + cos7*d2 + cos3*d3),
		scaled(cos6*(s0-s3) - cos2*(s1-s2)),
		scaled(cos7*d0 - cos5*d1 + cos3*d2 - cos1*d3)
}

// backward undoes forward.
func backward(x0, x1, x2, x3, x4, x5, x6, x7 int32) (y0, y1, y2, y3, y4, y5, y6, y7 int32) {
	e0, e1 := cos0*(x0+x4), cos0*(x0-x4)
	e2, e3 := cos2*x2+cos6*x6, cos6*x2-cos2*x6
	s0, s1, s2, s3 := e0+e2, e1+e3, e1-e3, e0-e2
	d0 := cos1*x1 + cos3*x3 + cos5*x5 + cos7*x7
	d1 := cos3*x1 - cos7*x3 - cos1*x5 - cos5*x7
	d2 := cos5*x1 - cos1*x3 + cos7*x5 + cos3*x7
	d3 := cos7*x1 - cos5*x3 + cos3*x5 - cos1*x7
	return scaled(s0 + d0), scaled(s1 + d1), scaled(s2 + d2), scaled(s3 + d3),
		scaled(s3 - d3), scaled(s2 - d2), scaled(s1 - d1), scaled(s0 - d0)
}
