// Package pixel is loops over the bytes of packed 8-bit RGB pictures: three bytes
// (red, green, blue) a pixel, without gaps.
package pixel

import "fmt"

// kernels is one way to do what this package does. Each function takes what the
// exported one of its name checked.
type kernels struct {
	table    func(dst, src []uint8, t *[256]uint8)
	flip     func(dst, src []uint8)
	matrix   func(dst, src []uint8, k *[9]int32)
	blend    func(dst []uint8, rows [][]uint8, w []int16)
	bilinear func(dst, pix []uint8, stride int, xs, ys []int32)
	down     func(dst, src []uint8, stride int, w []int32)
	across   func(dst, src []uint8, ws *Windows)
	ycbcr    func(dst, y, cb, cr []uint8, shift int)
	rounded  func(dst, y, cb, cr []uint8, shift int)
	inverse  func(dst []uint8, stride int, coefs *[64]int16, q *[64]int32)
	lowest   func(dst []uint8, stride int, coefs *[128]int16, q *[64]int32)
	coarse   func(dst []uint8, src []int16, stride int, q, recip *[64]int32)
	sums     func(src []uint8) (total [3]int64)
	inverses func(dst []uint8, stride int, coefs *[128]int16, q *[64]int32)
}

type implementation struct {
	name string
	kernels
}

var best = implementations()[0].kernels

// wrong is a caller's bug. It is called, with arguments that the heap must hold, only if there is one.
func wrong(format string, args ...any) { panic("pixel: " + fmt.Sprintf(format, args...)) }

// Table writes dst[i] = t[src[i]]. Dst may be src.
func Table(dst, src []uint8, t *[256]uint8) {
	if len(dst) != len(src) {
		wrong("table: %d bytes to %d", len(src), len(dst))
	}
	best.table(dst, src, t)
}

// Flip writes the pixels of src, a row, in reverse order. Dst must not overlap src.
func Flip(dst, src []uint8) {
	if len(dst) != len(src) || len(src)%3 != 0 {
		wrong("flip: %d bytes to %d", len(src), len(dst))
	}
	best.flip(dst, src)
}

// Matrix writes (k·(r, g, b) + 2¹⁵) >> 16 of each pixel, held within 0–255; k is
// row by row, and |k| summed over a row below 2²³. Dst may be src.
func Matrix(dst, src []uint8, k *[9]int32) {
	if len(dst) != len(src) || len(src)%3 != 0 {
		wrong("matrix: %d bytes to %d", len(src), len(dst))
	}
	best.matrix(dst, src, k)
}

// Blend writes dst[i] = (Σₖ w[k]·rows[k][i] + 2¹³) >> 14, held within 0–255. Rows
// are at least as long as dst; only one of them, the first, may be dst, or none.
func Blend(dst []uint8, rows [][]uint8, w []int16) {
	if len(rows) != len(w) || len(w) == 0 {
		wrong("blend: %d rows, %d weights", len(rows), len(w))
	}
	for _, row := range rows {
		if len(row) < len(dst) {
			wrong("blend: row has %d bytes, want %d", len(row), len(dst))
		}
	}
	best.blend(dst, rows, w)
}

// Bilinear reads a pixel between four for each coordinate, which has 8 bits after
// the point. For the four at (x, y), (x+1, y), (x, y+1) and (x+1, y+1) there must be
// eight bytes in pix from (x, y) on and from (x, y+1) on.
func Bilinear(dst, pix []uint8, stride int, xs, ys []int32) {
	if len(dst) != 3*len(xs) || len(xs) != len(ys) {
		wrong("bilinear: %d bytes for %d and %d coordinates", len(dst), len(xs), len(ys))
	}
	best.bilinear(dst, pix, stride, xs, ys)
}

// Down writes dst[i] = (Σₖ w[k]·src[k·stride+i] + 2²¹) >> 22, held within 0–255.
func Down(dst, src []uint8, stride int, w []int32) {
	if len(w) == 0 || len(src) < (len(w)-1)*stride+len(dst) {
		wrong("down: %d bytes for %d rows of %d", len(src), len(w), len(dst))
	}
	best.down(dst, src, stride, w)
}

// Windows are the weights, in units of 2⁻²², of the pixels that each pixel of a
// row is made of: those from Offset[i]/3 on.
type Windows struct {
	Offset []int32
	Taps   int     // the most of a window, rounded up to an even number
	w      []int32 // [len(Offset)][Taps][4], zero after the last
	quads  int     // of four taps
	d      []int8  // see acrossFour in ../_asm; none where a weight is 2 or more in size
}

// NewWindows makes room for n windows of up to taps weights, all zero.
func NewWindows(n, taps int) *Windows {
	taps += taps % 2
	quads := (taps + 3) / 4
	return &Windows{make([]int32, n), taps, make([]int32, 4*n*taps), quads, make([]int8, (n+3)/4*192*quads)}
}

// Set sets window i.
func (w *Windows) Set(i, first int, weights []int32) {
	w.Offset[i] = int32(3 * first)
	at := w.w[4*i*w.Taps:][:4*w.Taps]
	for k, v := range weights {
		for j := range 4 {
			at[4*k+j] = v
		}
	}
	if w.d == nil {
		return
	}
	for k, v := range weights {
		digits := w.d[(i/4*w.quads+k/4)*192+i%4*16+k%4:][:141]
		for digit := range 3 {
			low := int8(v)
			v = (v - int32(low)) >> 8
			for c := range 3 {
				digits[64*digit+4*c] = low
			}
		}
		if v != 0 {
			w.d = nil
			return
		}
	}
}

// Overrun is how many bytes after a row Across may read.
func (w *Windows) Overrun() int { return 12*w.quads + 4 }

// Across writes a row of pixels, each a sum of pixels of src, rounded and held within
// 0–255. After the row in src there must be Overrun bytes, whatever they hold.
func Across(dst, src []uint8, ws *Windows) {
	n := len(ws.Offset)
	if len(dst) != 3*n {
		wrong("across: %d bytes for %d pixels", len(dst), n)
	}
	best.across(dst, src, ws)
}

// YCbCr writes a row of pixels of JFIF's YCbCr (ITU-T T.871), as color.YCbCrToRGB
// does; pixel x has chroma x>>shift, shift being 0 or 1.
func YCbCr(dst, y, cb, cr []uint8, shift int) {
	n := (len(y) + 1<<shift - 1) >> shift
	if len(dst) != 3*len(y) || len(cb) < n || len(cr) < n || shift&^1 != 0 {
		wrong("ycbcr: %d bytes for %d, %d and %d", len(dst), len(y), len(cb), len(cr))
	}
	best.ycbcr(dst, y, cb, cr, shift)
}

// YCbCrRounded is YCbCr with results rounded to the nearest.
func YCbCrRounded(dst, y, cb, cr []uint8, shift int) {
	n := (len(y) + 1<<shift - 1) >> shift
	if len(dst) != 3*len(y) || len(cb) < n || len(cr) < n || shift&^1 != 0 {
		wrong("ycbcr rounded: %d bytes for %d, %d and %d", len(dst), len(y), len(cb), len(cr))
	}
	best.rounded(dst, y, cb, cr, shift)
}
