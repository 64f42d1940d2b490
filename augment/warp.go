package augment

import (
	"math"
	"slices"

	"github.com/argus-go/argus/internal/kernel/pixel"
	"github.com/argus-go/argus/internal/kernel/resize"
	"github.com/argus-go/argus/internal/picture"
)

// A chain is geometric operations that wait to be done at once: where each
// point of a w×h result comes from, the last stage's move first.
type chain struct {
	w, h   int
	stages []stage
}

// A stage is a matrix or a mesh.
type stage struct {
	matrix matrix
	mesh   *mesh // nil: it is the matrix
}

func (c *chain) empty() bool { return len(c.stages) == 0 }

// geometry readies the chain for one more stage. Levels that wait to be changed
// are changed before the picture is moved, as they stand before it in the list.
func (w *work) geometry() *chain {
	if w.table != nil {
		w.settled()
	}
	if w.chain.empty() {
		w.chain.w, w.chain.h = w.picture.W, w.picture.H
	}
	return &w.chain
}

func (w *work) move(m matrix) {
	c := w.geometry()
	if n := len(c.stages); n > 0 && c.stages[n-1].mesh == nil {
		c.stages[n-1].matrix = c.stages[n-1].matrix.times(m)
		return
	}
	c.stages = append(c.stages, stage{matrix: m})
}

func (w *work) bend(m *mesh) {
	c := w.geometry()
	c.stages = append(c.stages, stage{mesh: m})
}

// warp does what waits.
func (c *chain) warp(p *RGB, a Augmentor) *RGB {
	m := c.stages[0].matrix
	if len(c.stages) == 1 && c.stages[0].mesh == nil && upright(m) {
		if out := c.straight(p, m, a.Filter); out != nil {
			return out
		}
	}
	src := c.reduced(p, a.Filter)
	if src != p {
		defer src.Free()
	}
	s := newSampler(src, a)
	out := picture.Blank(c.w, c.h)
	if len(c.stages) == 1 && c.stages[0].mesh == nil && m.affine() {
		c.slide(out, p, &s, m)
		return out
	}
	xs, ys := make([]float64, c.w), make([]float64, c.w)
	qx, qy := make([]int32, c.w), make([]int32, c.w)
	toX, toY := float64(src.W)/float64(p.W), float64(src.H)/float64(p.H)
	for y := range c.h {
		c.row(xs, ys, y)
		fixed(qx, xs, toX, src.W)
		fixed(qy, ys, toY, src.H)
		s.row(out.Pix[3*y*c.w:][:3*c.w], qx, qy)
	}
	return out
}

func (m matrix) affine() bool { return m[6] == 0 && m[7] == 0 && m[8] == 1 }

// slide is warp by an affine matrix: along a row, coordinates grow by the same
// steps, in units of 2⁻³².
func (c *chain) slide(out, p *RGB, s *sampler, m matrix) {
	const bits = 32
	toX, toY := float64(s.W)/float64(p.W), float64(s.H)/float64(p.H)
	left, top := float64(c.w-1)/2, float64(c.h-1)/2
	unit := func(v float64) int64 {
		const far = 1 << 48 // 2¹⁶ pixels; as many steps stay within int64
		return int64(math.Floor(min(max(mul(v, 1<<bits), -far), far) + .5))
	}
	dx, dy := unit(mul(m[0], toX)), unit(mul(m[3], toY))
	qx, qy := make([]int32, c.w), make([]int32, c.w)
	const half, limit = 1 << (bits - fraction - 1), 1 << (21 + bits)
	for y := range c.h {
		v := float64(y) - top
		x := unit(mul(mul(m[1], v)+m[2]-mul(m[0], left), toX)+float64(s.W-1)/2) + half
		y0 := unit(mul(mul(m[4], v)+m[5]-mul(m[3], left), toY)+float64(s.H-1)/2) + half
		for i := range qx {
			qx[i] = int32(min(max(x, -limit), limit) >> (bits - fraction))
			qy[i] = int32(min(max(y0, -limit), limit) >> (bits - fraction))
			x, y0 = x+dx, y0+dy
		}
		s.row(out.Pix[3*y*c.w:][:3*c.w], qx, qy)
	}
}

// row is where the pixels of row y come from, from the picture's middle.
func (c *chain) row(xs, ys []float64, y int) {
	left, top := float64(c.w-1)/2, float64(y)-float64(c.h-1)/2
	for i := range xs {
		xs[i], ys[i] = float64(i)-left, top
	}
	for _, s := range slices.Backward(c.stages) {
		if s.mesh != nil {
			s.mesh.move(xs, ys)
			continue
		}
		s.matrix.move(xs, ys)
	}
}

func (m matrix) move(xs, ys []float64) {
	if m == identity {
		return
	}
	ys = ys[:len(xs)]
	if m.affine() {
		for i, x := range xs {
			y := ys[i]
			xs[i] = mul(m[0], x) + mul(m[1], y) + m[2]
			ys[i] = mul(m[3], x) + mul(m[4], y) + m[5]
		}
		return
	}
	for i, x := range xs {
		y := ys[i]
		z := 1 / (mul(m[6], x) + mul(m[7], y) + m[8])
		xs[i] = mul(mul(m[0], x)+mul(m[1], y)+m[2], z)
		ys[i] = mul(mul(m[3], x)+mul(m[4], y)+m[5], z)
	}
}

const (
	fraction = 8 // bits of a coordinate after the point
	one      = 1 << fraction
)

// fixed turns distances from the middle of the picture into coordinates of a
// side of n pixels, of which scale make one pixel of the picture. Pixel i's
// middle is i.
func fixed(to []int32, v []float64, scale float64, n int) {
	const far = 1 << 21                // pixels; what is further is as far
	a := mul(scale, one)               // q = ⌊v·a + b⌋
	b := mul(float64(n-1)/2, one) + .5 // half: to the nearest
	for i, x := range v {
		x = mul(x, a) + b + far*one
		if !(x > 0) { // also no number, as of 0/0
			x = 0
		} else if x > 2*far*one {
			x = 2 * far * one
		}
		to[i] = int32(int64(x) - far*one)
	}
}

// upright says whether m moves and scales along the sides alone.
func upright(m matrix) bool {
	return m[1] == 0 && m[3] == 0 && m.affine() && m[0] != 0 && m[4] != 0
}

// straight does what cuts out, mirrors and scales: as resizing does. It is nil
// where m looks outside of the picture.
func (c *chain) straight(p *RGB, m matrix, f Filter) *RGB {
	x0, x1, okX := span(m[0], m[2], c.w, p.W)
	y0, y1, okY := span(m[4], m[5], c.h, p.H)
	if !okX || !okY {
		return nil
	}
	out := picture.Blank(c.w, c.h)
	src := resize.Image{Pix: p.Pix, W: p.W, H: p.H, Stride: 3 * p.W}
	dst := resize.Image{Pix: out.Pix, W: c.w, H: c.h, Stride: 3 * c.w}
	whole := x0 == math.Floor(x0) && y0 == math.Floor(y0) && x1-x0 == float64(c.w) && y1-y0 == float64(c.h)
	switch {
	case whole:
		part := src.Crop(int(x0), int(y0), c.w, c.h)
		for y := range c.h {
			row, to := part.Pix[y*part.Stride:][:dst.Stride], y
			if m[4] < 0 {
				to = c.h - 1 - y
			}
			if m[0] < 0 {
				pixel.Flip(out.Pix[to*dst.Stride:][:dst.Stride], row)
			} else {
				copy(out.Pix[to*dst.Stride:], row)
			}
		}
		return out
	case f == Nearest:
		return nil
	}
	filters := [...]resize.Filter{Bilinear: resize.Bilinear, Bicubic: resize.Bicubic, Area: resize.Area}
	resize.Part(dst, src, [4]float64{x0, y0, x1, y1}, filters[f])
	mirror(out, m[0] < 0, m[4] < 0)
	return out
}

// span is the part of a side of n pixels that out pixels of the result are made
// of, and whether all of it is there.
func span(scale, shift float64, out, n int) (lo, hi float64, ok bool) {
	const tiny = 1e-9 // what sums may be off, of the side
	half, middle := mul(abs(scale), float64(out)/2), float64(n)/2+shift
	lo, hi = middle-half, middle+half
	slack := mul(tiny, float64(n))
	ok = lo >= -slack && hi <= float64(n)+slack && hi-lo > slack
	return max(lo, 0), min(hi, float64(n)), ok
}

// mirror flips p in its place.
func mirror(p *RGB, leftRight, topBottom bool) {
	n := 3 * p.W
	if topBottom {
		line := make([]uint8, n)
		for i, j := 0, len(p.Pix)-n; i < j; i, j = i+n, j-n {
			copy(line, p.Pix[i:])
			copy(p.Pix[i:i+n], p.Pix[j:])
			copy(p.Pix[j:], line)
		}
	}
	if leftRight {
		line := make([]uint8, n)
		for at := 0; at < len(p.Pix); at += n {
			row := p.Pix[at:][:n]
			copy(line, row)
			pixel.Flip(row, line)
		}
	}
}

// reduced is p with whole blocks averaged, where the chain shrinks it to less
// than half.
func (c *chain) reduced(p *RGB, f Filter) *RGB {
	if f == Nearest {
		return p
	}
	m := identity
	for _, s := range c.stages {
		if s.mesh == nil {
			m = m.times(s.matrix)
		}
	}
	scale := math.Sqrt(abs(mul(m[0], m[4])-mul(m[1], m[3]))) / abs(m[8])
	n := int(min(scale, maxSide))
	if n < 2 {
		return p
	}
	out := picture.Blank(max(1, p.W/n), max(1, p.H/n))
	resize.RGB(resize.Image{Pix: out.Pix, W: out.W, H: out.H, Stride: 3 * out.W},
		resize.Image{Pix: p.Pix, W: p.W, H: p.H, Stride: 3 * p.W}, resize.Area)
	return out
}
