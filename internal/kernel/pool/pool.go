// Package pool is maximum and average pooling, over windows and over whole
// pictures. Pictures are NHWC float32. Results do not depend on the crew.
package pool

import (
	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// Shape is a pooling of one picture of H×W pixels and C channels: output
// pixel (oh, ow) sees input rows oh·StrideH-Top and on, columns
// ow·StrideW-Left and on, as far as they lie inside the picture. Every window
// must hold a pixel of the picture.
type Shape struct {
	H, W, C          int
	KH, KW           int
	StrideH, StrideW int
	Top, Left        int // rows and columns of padding before the picture
	OutH, OutW       int
	CountPad         bool // padding counts as zeros
}

func (s Shape) in() int { return s.H * s.W * s.C }

func (s Shape) check(n, x, y, ldy int) {
	if min(s.H, s.W, s.C, s.KH, s.KW, s.StrideH, s.StrideW, s.OutH, s.OutW) < 1 || n < 0 {
		panic("pool: shape with an empty side")
	}
	if min(s.Top, s.Left) < 0 || s.Top >= s.KH || s.Left >= s.KW ||
		(s.OutH-1)*s.StrideH-s.Top >= s.H || (s.OutW-1)*s.StrideW-s.Left >= s.W {
		panic("pool: window outside the picture")
	}
	if x != n*s.in() || ldy < s.C || n > 0 && y < (n*s.OutH*s.OutW-1)*ldy+s.C {
		panic("pool: slices do not fit the shape")
	}
}

// Max computes the largest value of each window of x [n,H,W,C] into y, NaN
// where the window holds one. Output pixels lie ldy values apart, C or more,
// so that y may be a slice of the channels of a wider tensor.
func Max(crew *parallel.Crew, s Shape, n int, x, y []float32, ldy int) {
	s.check(n, len(x), len(y), ldy)
	parallel.Each(crew, n*s.OutH, loop{s: s, x: x, y: y, ldy: ldy}, loop.maxRow)
}

func (l loop) maxRow(row int) {
	for ow := range l.s.OutW {
		w := l.s.window(row/l.s.OutH, row%l.s.OutH*l.s.OutW+ow)
		most := l.y[w.out*l.ldy:][:l.s.C]
		k.max(l.x[w.in:], w.rows, w.cols, l.s.W*l.s.C, l.s.C, most)
		if l.s.share(w) != 1 {
			for c, v := range most {
				most[c] = max(v, 0)
			}
		}
	}
}

// Avg computes the mean of each window as TensorFlow does: padding is left
// out of sum and count, unless s.CountPad says to do as PyTorch does. Layout as
// in Max.
func Avg(crew *parallel.Crew, s Shape, n int, x, y []float32, ldy int) {
	s.check(n, len(x), len(y), ldy)
	parallel.Each(crew, n*s.OutH, loop{s: s, x: x, y: y, ldy: ldy}, loop.avgRow)
}

func (l loop) avgRow(row int) {
	for ow := range l.s.OutW {
		w := l.s.window(row/l.s.OutH, row%l.s.OutH*l.s.OutW+ow)
		mean := l.y[w.out*l.ldy:][:l.s.C]
		k.avg(l.x[w.in:], w.rows, w.cols, l.s.W*l.s.C, l.s.C, mean)
		if share := l.s.share(w); share != 1 {
			for c := range mean {
				mean[c] *= share
			}
		}
	}
}

// share is the part of a window that counts as pixels of the picture.
func (s Shape) share(w window) float32 {
	if !s.CountPad {
		return 1
	}
	return float32(w.rows*w.cols) / float32(s.KH*s.KW)
}

// MaxBackward computes dx [n,H,W,C] (overwritten) from x, y = Max(x) and dy,
// both [n,OutH,OutW,C]. The gradient of a window goes to its first maximal
// element in row-major order; in a window that holds NaN, to the first NaN; in
// one whose padding is largest, to none.
func MaxBackward(crew *parallel.Crew, s Shape, n int, x, y, dy, dx []float32) {
	s.check(n, len(x), len(y), s.C)
	if len(dx) != len(x) || len(dy) != len(y) {
		panic("pool: slices do not fit the shape")
	}
	parallel.Each(crew, n*s.groups(), loop{s: s, x: x, y: y, dy: dy, dx: dx}, loop.maxBack)
}

func (l loop) maxBack(task int) {
	s := &l.s
	i, lo, hi := s.group(task)
	clearChannels(l.dx[i*s.in():][:s.in()], s.C, lo, hi)
	for p := range s.OutH * s.OutW {
		w := s.window(i, p)
		at := w.out * s.C
		k.maxBack(l.x[w.in+lo:], l.dx[w.in+lo:], w.rows, w.cols, s.W*s.C, s.C, l.y[at+lo:at+hi], l.dy[at+lo:at+hi])
	}
}

// AvgBackward computes dx [n,H,W,C] (overwritten) from dy [n,OutH,OutW,C].
func AvgBackward(crew *parallel.Crew, s Shape, n int, dy, dx []float32) {
	s.check(n, len(dx), len(dy), s.C)
	parallel.Each(crew, n*s.groups(), loop{s: s, dy: dy, dx: dx}, loop.avgBack)
}

func (l loop) avgBack(task int) {
	s := &l.s
	i, lo, hi := s.group(task)
	clearChannels(l.dx[i*s.in():][:s.in()], s.C, lo, hi)
	lent := vec.Floats.Take(group)
	defer vec.Floats.Give(lent)
	shared := (*lent)[:hi-lo]
	for p := range s.OutH * s.OutW {
		w := s.window(i, p)
		dy := l.dy[w.out*s.C+lo : w.out*s.C+hi]
		if share := s.share(w); share != 1 {
			for c, v := range dy {
				shared[c] = v * share
			}
			dy = shared
		}
		k.spread(dy, l.dx[w.in+lo:], w.rows, w.cols, s.W*s.C, s.C)
	}
}

// loop is what a pooling works on: forwards a row of outputs a task, backwards
// a group of channels of a picture.
type loop struct {
	s            Shape
	x, y, dy, dx []float32
	ldy          int
}

// window is the part of a window inside the picture: the index of its first
// value, its extent, and the output pixel.
type window struct{ in, rows, cols, out int }

// window returns that of output pixel p of picture i.
func (s Shape) window(i, p int) window {
	h, w := p/s.OutW*s.StrideH-s.Top, p%s.OutW*s.StrideW-s.Left
	h0, w0 := max(h, 0), max(w, 0)
	return window{
		in:   ((i*s.H+h0)*s.W + w0) * s.C,
		rows: min(h+s.KH, s.H) - h0,
		cols: min(w+s.KW, s.W) - w0,
		out:  i*s.OutH*s.OutW + p,
	}
}

// group is the number of channels a backward task holds: windows overlap, so
// a picture is split by channels, never by rows.
const group = 128

func (s Shape) groups() int { return (s.C + group - 1) / group }

// group returns the picture and the channels of a backward task.
func (s Shape) group(task int) (i, lo, hi int) {
	lo = task % s.groups() * group
	return task / s.groups(), lo, min(lo+group, s.C)
}

func clearChannels(x []float32, c, lo, hi int) {
	for p := 0; p < len(x); p += c {
		clear(x[p+lo : p+hi])
	}
}

// kernels are the loops over one window of rows×cols pixels, row and ld
// values apart, for len(y) channels.
type kernels struct {
	max, avg func(x []float32, rows, cols, row, ld int, y []float32)
	// maxBack adds dy to dx where x is y, or NaN, for the first time; at most
	// group channels.
	maxBack func(x, dx []float32, rows, cols, row, ld int, y, dy []float32)
	// spread adds dy divided by the window's size to every pixel of dx.
	spread func(dy, dx []float32, rows, cols, row, ld int)
}

type implementation struct {
	name string
	kernels
}

var k = implementations()[0].kernels
