package clean

import (
	"math"

	"github.com/argus-go/argus/internal/picture"
)

// A plane is H rows of W grey values from 0 to 255.
type plane struct {
	w, h int
	v    []float32
}

func newPlane(w, h int) plane { return plane{w, h, make([]float32, w*h)} }

func (p plane) row(y int) []float32 { return p.v[y*p.w : (y+1)*p.w] }

// box is a part of a plane in its pixels; edges may lie between two.
type box struct{ x0, y0, x1, y1 float64 }

func (p plane) whole() box { return box{0, 0, float64(p.w), float64(p.h)} }

// luma is the grey picture of at most side×side pixels, averaged over areas; a
// smaller picture stays as it is.
func luma(m *picture.RGB, side int) plane {
	w, h := m.W, m.H
	if long := max(w, h); long > side {
		w, h = max(1, (w*side+long/2)/long), max(1, (h*side+long/2)/long)
	}
	line := make([]float32, m.W)
	return average(box{0, 0, float64(m.W), float64(m.H)}, w, h, func(y int) []float32 {
		pix := m.Pix[3*m.W*y : 3*m.W*(y+1)]
		for x := range line {
			p := pix[3*x : 3*x+3 : 3*x+3]
			line[x] = float32(299*int32(p[0])+587*int32(p[1])+114*int32(p[2])) * 1e-3 // BT.601
		}
		return line
	})
}

// shrink is part b of p averaged over the areas of w×h pixels.
func (p plane) shrink(b box, w, h int) plane { return average(b, w, h, p.row) }

// average gives w×h means over equal parts of b, from source rows read in order.
func average(b box, w, h int, row func(y int) []float32) plane {
	out := newPlane(w, h)
	across := cells(b.x0, b.x1, w)
	mid := make([]float32, w)
	at := -1
	for y, c := range cells(b.y0, b.y1, h) {
		dst := out.row(y)
		for sy := c.first; sy <= c.last; sy++ {
			if sy != at {
				src := row(sy)
				for x, a := range across {
					mid[x] = a.mean(src)
				}
				at = sy
			}
			k := c.weight(sy)
			for x, v := range mid {
				dst[x] += k * v
			}
		}
	}
	return out
}

// A cell averages the source positions first to last, those at the ends in part.
type cell struct {
	first, last int
	head, tail  float32 // weights of first and last
	body        float32 // weight of those between
}

// cells divides from–to into n cells.
func cells(from, to float64, n int) []cell {
	cs := make([]cell, n)
	step := (to - from) / float64(n)
	for i := range cs {
		lo, hi := from+float64(i)*step, from+float64(i+1)*step
		first := int(lo)
		last := max(first, int(math.Ceil(hi-1e-9))-1)
		c := cell{first: first, last: last, body: float32(1 / step), head: 1}
		if last > first {
			c.head = float32((float64(first+1) - lo) / step)
			c.tail = float32((hi - float64(last)) / step)
		}
		cs[i] = c
	}
	return cs
}

func (c cell) weight(i int) float32 {
	switch i {
	case c.first:
		return c.head
	case c.last:
		return c.tail
	}
	return c.body
}

func (c cell) mean(src []float32) float32 {
	sum := c.head * src[c.first]
	if c.last == c.first {
		return sum
	}
	var body float32
	for _, v := range src[c.first+1 : c.last] {
		body += v
	}
	return sum + c.body*body + c.tail*src[c.last]
}

// moments returns mean and standard deviation.
func moments(v []float32) (mean, sd float64) {
	var sum, squares float64
	for _, x := range v {
		sum += float64(x)
		squares += float64(x) * float64(x)
	}
	n := float64(len(v))
	mean = sum / n
	return mean, math.Sqrt(max(0, squares/n-mean*mean))
}

// smooth is p under the binomial filter 1 2 1 both ways.
func (p plane) smooth() plane {
	mid, out := newPlane(p.w, p.h), newPlane(p.w, p.h)
	for y := range p.h {
		src, dst := p.row(y), mid.row(y)
		for x := range src {
			dst[x] = .25*src[max(0, x-1)] + .5*src[x] + .25*src[min(p.w-1, x+1)]
		}
	}
	for y := range p.h {
		up, at, down, dst := mid.row(max(0, y-1)), mid.row(y), mid.row(min(p.h-1, y+1)), out.row(y)
		for x := range dst {
			dst[x] = .25*up[x] + .5*at[x] + .25*down[x]
		}
	}
	return out
}

// gradients are central differences, per pixel.
func (p plane) gradients() (gx, gy plane) {
	gx, gy = newPlane(p.w, p.h), newPlane(p.w, p.h)
	for y := range p.h {
		up, at, down := p.row(max(0, y-1)), p.row(y), p.row(min(p.h-1, y+1))
		dx, dy := gx.row(y), gy.row(y)
		for x := range at {
			dx[x] = (at[min(p.w-1, x+1)] - at[max(0, x-1)]) / 2
			dy[x] = (down[x] - up[x]) / 2
		}
	}
	return gx, gy
}

// A tap is a point between four pixels: right of and below pixel i.
type tap struct {
	i    int
	x, y float32
}

// tap is the point at x, y, held inside; pixel centres are whole numbers.
func (p plane) tap(x, y float64) tap {
	x, y = min(max(x, 0), float64(p.w)-1.001), min(max(y, 0), float64(p.h)-1.001)
	ix, iy := int(x), int(y)
	return tap{iy*p.w + ix, float32(x - float64(ix)), float32(y - float64(iy))}
}

// at interpolates.
func (p plane) at(t tap) float32 {
	top, low := p.v[t.i:t.i+2:t.i+2], p.v[t.i+p.w:t.i+p.w+2:t.i+p.w+2]
	upper := top[0] + t.x*(top[1]-top[0])
	lower := low[0] + t.x*(low[1]-low[0])
	return upper + t.y*(lower-upper)
}

// trimmed is p without a border of one colour, at most a quarter on each side.
func (p plane) trimmed() box {
	column := make([]float32, p.h)
	col := func(x int) []float32 {
		for y := range column {
			column[y] = p.v[y*p.w+x]
		}
		return column
	}
	left := border(p.w/4, col)
	right := border(p.w/4, func(i int) []float32 { return col(p.w - 1 - i) })
	top := border(p.h/4, func(i int) []float32 { return p.row(i)[left : p.w-right] })
	bottom := border(p.h/4, func(i int) []float32 { return p.row(p.h - 1 - i)[left : p.w-right] })
	return box{float64(left), float64(top), float64(p.w - right), float64(p.h - bottom)}
}

// border counts the lines, outermost first, that look like the first one, which
// is even. The last of them may mix with the picture and is left to it.
func border(most int, line func(i int) []float32) int {
	const even, same = 4, 6 // grey values; recompression makes less of a difference
	colour := 0.0
	for i := range most {
		mean, sd := moments(line(i))
		if i == 0 {
			colour = mean
		}
		if sd > even || math.Abs(mean-colour) > same {
			return i
		}
	}
	return 0
}
