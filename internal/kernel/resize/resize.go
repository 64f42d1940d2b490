// Package resize scales packed 8-bit RGB pictures as Pillow does, bit for bit,
// and turns them into network input.
//
// The filter is separable and antialiased: scaling down by s widens its support
// by s. Weights are rounded to 22 fractional bits; the horizontal pass comes
// first and its result is rounded to 8 bits before the vertical pass (Pillow,
// src/libImaging/Resample.c).
package resize

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/argus-go/argus/internal/kernel/pixel"
)

// Filter is a resampling kernel.
type Filter int

const (
	// Bilinear is the triangle of support 1: Pillow's BILINEAR.
	Bilinear Filter = iota
	// Bicubic is Keys' cubic with a = −0.5 and support 2: Pillow's BICUBIC.
	Bicubic
	// Area is the mean of what a pixel covers: Pillow's BOX.
	Area
)

func (f Filter) support() float64 {
	return [...]float64{Bilinear: 1, Bicubic: 2, Area: .5}[f]
}

// at returns the kernel's value at x. Products are rounded on their own, as
// fused ones would differ in the last bit.
func (f Filter) at(x float64) float64 {
	if f == Area {
		if x > -.5 && x <= .5 {
			return 1
		}
		return 0
	}
	x = math.Abs(x)
	if f == Bilinear {
		return max(0, 1-x)
	}
	const a = -0.5
	switch {
	case x < 1:
		return float64(float64(float64(float64((a+2)*x)-(a+3))*x)*x) + 1
	case x < 2:
		return float64((float64((float64((x-5)*x)+8)*x) - 4) * a)
	}
	return 0
}

// Image is H rows of W pixels of three bytes; row y starts at Pix[y*Stride].
// Part of a picture is an Image too: same Stride, later start.
type Image struct {
	Pix          []uint8
	W, H, Stride int
}

// Crop returns the w×h part of m whose top left pixel is (x, y).
func (m Image) Crop(x, y, w, h int) Image {
	if x < 0 || y < 0 || w < 1 || h < 1 || x > m.W-w || y > m.H-h {
		panic(fmt.Sprintf("resize: crop (%d,%d) %d×%d of %d×%d", x, y, w, h, m.W, m.H))
	}
	return Image{m.Pix[y*m.Stride+3*x:], w, h, m.Stride}
}

// RGB scales src to dst, whose Pix must not overlap. It equals Pillow's
// Image.resize((dst.W, dst.H), filter).
func RGB(dst, src Image, f Filter) {
	Part(dst, src, [4]float64{0, 0, float64(src.W), float64(src.H)}, f)
}

// Part scales the part of src with the sides left, top, right and bottom to dst;
// what lies beside the part counts where the filter reaches. It equals Pillow's
// Image.resize((dst.W, dst.H), filter, box).
func Part(dst, src Image, box [4]float64, f Filter) {
	dst.check("destination")
	src.check("source")
	if !(box[0] >= 0 && box[1] >= 0 && box[2] <= float64(src.W) && box[3] <= float64(src.H) && box[0] < box[2] && box[1] < box[3]) {
		panic(fmt.Sprintf("resize: part %v of %d×%d", box, src.W, src.H))
	}
	across := side{part{src.W, box[0], box[2]}, dst.W, f}
	down := side{part{src.H, box[1], box[3]}, dst.H, f}
	if across.in.is(dst.W) {
		vertical(dst, src, down)
		return
	}
	if down.in.is(dst.H) {
		horizontal(dst, src, across)
		return
	}
	// Only the rows that the vertical pass reads.
	t := columns.table(down)
	defer columns.Put(t)
	last := t.windows[len(t.windows)-1]
	top := t.windows[0].first
	src = src.Crop(0, top, src.W, last.first+len(last.weights)-top)
	n := src.H * dst.W * 3
	buf := scratch.Get().(*[]uint8)
	defer scratch.Put(buf)
	if cap(*buf) < n {
		*buf = make([]uint8, n)
	}
	mid := Image{(*buf)[:n], dst.W, src.H, 3 * dst.W}
	horizontal(mid, src, across)
	sumRows(dst, mid, t.windows, top)
}

// part is from lo to hi of a side of n pixels.
type part struct {
	n      int
	lo, hi float64
}

// is says whether the part is the whole side and out pixels long.
func (p part) is(out int) bool { return p.n == out && p.lo == 0 && p.hi == float64(p.n) }

var scratch = sync.Pool{New: func() any { return new([]uint8) }}

func (m Image) check(what string) {
	if m.W < 1 || m.H < 1 || m.Stride < 3*m.W || len(m.Pix) < (m.H-1)*m.Stride+3*m.W {
		panic(fmt.Sprintf("resize: %s is %d×%d, stride %d, %d bytes", what, m.W, m.H, m.Stride, len(m.Pix)))
	}
}

func (m Image) row(y int) []uint8 { return m.Pix[y*m.Stride:][:3*m.W] }

// horizontal sums pixels of each row. What is read after a row has no weight; it
// must be there, so that the last rows are copied first.
func horizontal(dst, src Image, s side) {
	t := rows.table(s)
	defer rows.Put(t)
	for y := range src.H {
		row := src.Pix[y*src.Stride:]
		if n := 3*src.W + t.across.Overrun(); len(row) < n {
			t.room = slices.Grow(t.room[:0], n)[:n]
			copy(t.room, row[:3*src.W])
			row = t.room
		}
		pixel.Across(dst.row(y), row, t.across)
	}
}

func vertical(dst, src Image, s side) {
	if s.in.is(dst.H) {
		for y := range dst.H {
			copy(dst.row(y), src.row(y))
		}
		return
	}
	t := columns.table(s)
	defer columns.Put(t)
	sumRows(dst, src, t.windows, 0)
}

// sumRows adds whole rows, so that memory is read in order; src begins at row top.
func sumRows(dst, src Image, ws []window, top int) {
	for y, w := range ws {
		rows := src.Pix[(w.first-top)*src.Stride:]
		pixel.Down(dst.row(y), rows, src.Stride, w.weights)
	}
}
