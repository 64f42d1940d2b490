package augment

import (
	"cmp"
	"sync"

	"github.com/argus-go/argus/internal/kernel/pixel"
	"github.com/argus-go/argus/internal/picture"
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
	r := planes.Get().(*planeRoom)
	defer planes.Put(r)
	r.words, r.bytes = grown(r.words, w*h*3/2), grown(r.bytes, w*h*3/2)
	luma, cb, cr := r.words[:w*h], r.words[w*h:w*h*5/4], r.words[w*h*5/4:]
	split(p, luma, cb, cr, w, h)
	q := steps(&quantization[0], quality)
	coarse(r.bytes[:w*h], luma, w, &q)
	q = steps(&quantization[1], quality)
	coarse(r.bytes[w*h:], r.words[w*h:], w/2, &q)
	out := picture.Blank(p.W, p.H)
	for y := range p.H {
		c := y / 2 * (w / 2)
		pixel.YCbCrRounded(out.Pix[3*y*p.W:][:3*p.W], r.bytes[y*w:][:p.W], r.bytes[w*h+c:w*h*5/4], r.bytes[w*h*5/4+c:], 1)
	}
	return out
}

// coarse rounds the frequencies of a plane with rows of w samples.
func coarse(dst []uint8, src []int16, w int, q *[64]int32) {
	for at := 0; at < len(src); at += 8 * w {
		pixel.Coarse(dst[at:at+8*w], src[at:at+8*w], w, q)
	}
}

// planeRoom is of luma and both chromas.
type planeRoom struct {
	words []int16
	bytes []uint8
}

var planes = sync.Pool{New: func() any { return new(planeRoom) }}

// grown is s with n elements, whatever they are.
func grown[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
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
