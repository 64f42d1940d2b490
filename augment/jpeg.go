package augment

import (
	"cmp"
)

// JPEG gives the picture the artefacts of a JPEG file of a quality from Min to
// Max, 30 to 90 by default: colour at half the resolution, frequencies of 8×8
// blocks rounded. No file is made.
type JPEG struct {
	Min int `json:"min,omitempty"`
	Max int `json:"max,omitempty"`
}

func (o JPEG) bounds() (lo, hi int) {
	lo = cmp.Or(o.Min, 30)
	return lo, cmp.Or(o.Max, max(lo, 90))
}

func (JPEG) kind() string { return "jpeg" }

func (o JPEG) check() error {
	lo, hi := o.bounds()
	return within(bound{"min", float64(lo), 1, 100}, bound{"max", float64(hi), float64(lo), 100})
}

func (o JPEG) apply(w *work) {
	lo, hi := o.bounds()
	p := w.settled()
	quality := lo + w.below(hi-lo+1)
	w.replace(compressed(p, quality))
}

// The tables of ITU-T T.81, K.1, for quality 50.
var quantization = [2][64]int32{{
	16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
	18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
}, {
	17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
	99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
}}

// steps scales a table as libjpeg does.
func steps(table *[64]int32, quality int) (q [64]int32) {
	scale := int32(200 - 2*quality)
	if quality < 50 {
		scale = int32(5000 / quality)
	}
	for i, v := range table {
		q[i] = min(max((v*scale+50)/100, 1), 255)
	}
	return q
}

// compressed is p as a JPEG file would bring it back.
func compressed(p *RGB, quality int) *RGB {
	// Planes are of whole blocks of 16×16 pixels, edges repeated.
	w, h := (p.W+15)&^15, (p.H+15)&^15
	luma, cb, cr := make([]int16, w*h), make([]int16, w*h/4), make([]int16, w*h/4)
	split(p, luma, cb, cr, w, h)
	q := steps(&quantization[0], quality)
	coarse(luma, w, h, &q)
	q = steps(&quantization[1], quality)
	coarse(cb, w/2, h/2, &q)
	coarse(cr, w/2, h/2, &q)
	return joined(p.W, p.H, luma, cb, cr, w)
}

// split writes luma, and chroma of 2×2 pixels, less 128 (T.871).
func split(p *RGB, luma, cb, cr []int16, w, h int) {
	sums := make([]int32, w) // of two rows: w/2 of cb, w/2 of cr
	for y := range h {
		row := p.Pix[3*min(y, p.H-1)*p.W:][:3*p.W]
		if y%2 == 0 {
			clear(sums)
		}
		b, r := sums[:w/2], sums[w/2:]
		out := luma[y*w:][:w]
		for x := range out {
			i := 3 * min(x, p.W-1)
			px := row[i : i+3 : i+3]
			R, G, B := int32(px[0]), int32(px[1]), int32(px[2])
			out[x] = int16((greyR*R+greyG*G+greyB*B+halfUnit)>>16 - 128)
			b[x/2] += -11059*R - 21709*G + 32768*B
			r[x/2] += 32768*R - 27439*G - 5329*B
		}
		if y%2 == 1 {
			at := y / 2 * (w / 2)
			for i := range b {
				cb[at+i], cr[at+i] = int16((b[i]+2*unit)>>18), int16((r[i]+2*unit)>>18)
			}
		}
	}
}

func joined(width, height int, luma, cb, cr []int16, w int) *RGB {
	p := blank(width, height)
	for y := range height {
		row, c := luma[y*w:][:width], y/2*(w/2)
		out := p.Pix[3*y*width:]
		for x, v := range row {
			b, r := int32(cb[c+x/2]), int32(cr[c+x/2])
			l := (int32(v)+128)<<16 + halfUnit
			d := out[3*x : 3*x+3 : 3*x+3]
			d[0] = clip((l + 91881*r) >> 16)
			d[1] = clip((l - 22554*b - 46802*r) >> 16)
			d[2] = clip((l + 116130*b) >> 16)
		}
	}
	return p
}

// coarse rounds the frequencies of each 8×8 block to multiples of q.
func coarse(plane []int16, w, h int, q *[64]int32) {
	const bits = 15
	var recip [64]int32
	for i, v := range q {
		recip[i] = (1<<bits + v/2) / v
	}
	var b, t [64]int32
	for y := 0; y < h; y += 8 {
		for x := 0; x < w; x += 8 {
			for i := range 8 {
				for j, v := range plane[(y+i)*w+x:][:8] {
					b[8*i+j] = int32(v) << dctBits
				}
			}
			forwardRows(&b, &t)
			forwardRows(&t, &b)
			for i, v := range b {
				s := v >> 31 // rounded to the nearest, halves away from zero
				k := ((v^s-s)*recip[i] + 1<<(bits+dctBits-1)) >> (bits + dctBits)
				b[i] = (k*q[i] ^ s - s) << dctBits
			}
			inverseRows(&b, &t)
			inverseRows(&t, &b)
			for i := range 8 {
				out := plane[(y+i)*w+x:][:8]
				for j := range out {
					out[j] = int16(min(max((b[8*i+j]+1<<(dctBits-1))>>dctBits, -128), 127))
				}
			}
		}
	}
}

const (
	dctBits = 4 // of a sample after the point, between the passes

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
		c[0], c[8], c[16], c[24], c[32], c[40], c[48], c[56] = inverse(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7])
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

// inverse undoes forward.
func inverse(x0, x1, x2, x3, x4, x5, x6, x7 int32) (y0, y1, y2, y3, y4, y5, y6, y7 int32) {
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
