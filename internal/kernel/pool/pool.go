// Package pool is maximum and average pooling, over windows and over whole
// pictures. Pictures are NHWC float32. Results do not depend on the crew.
package pool

import "github.com/argus-go/argus/internal/parallel"

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
	s.windows(crew, n, func(w window) {
		most := y[w.out*ldy:][:s.C]
		k.max(x[w.in:], w.rows, w.cols, s.W*s.C, s.C, most)
		if s.share(w) != 1 {
			for c, v := range most {
				most[c] = max(v, 0)
			}
		}
	})
}

// Avg computes the mean of each window as TensorFlow does: padding is left
// out of sum and count, unless s.CountPad says to do as PyTorch does. Layout as
// in Max.
func Avg(crew *parallel.Crew, s Shape, n int, x, y []float32, ldy int) {
	s.check(n, len(x), len(y), ldy)
	s.windows(crew, n, func(w window) {
		mean := y[w.out*ldy:][:s.C]
		k.avg(x[w.in:], w.rows, w.cols, s.W*s.C, s.C, mean)
		if share := s.share(w); share != 1 {
			for c := range mean {
				mean[c] *= share
			}
		}
	})
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
	s.pictures(crew, n, func(i, lo, hi int) {
		clearChannels(dx[i*s.in():][:s.in()], s.C, lo, hi)
		for p := range s.OutH * s.OutW {
			w := s.window(i, p)
			at := w.out * s.C
			k.maxBack(x[w.in+lo:], dx[w.in+lo:], w.rows, w.cols, s.W*s.C, s.C, y[at+lo:at+hi], dy[at+lo:at+hi])
		}
	})
}

// AvgBackward computes dx [n,H,W,C] (overwritten) from dy [n,OutH,OutW,C].
func AvgBackward(crew *parallel.Crew, s Shape, n int, dy, dx []float32) {
	s.check(n, len(dx), len(dy), s.C)
	s.pictures(crew, n, func(i, lo, hi int) {
		clearChannels(dx[i*s.in():][:s.in()], s.C, lo, hi)
		shared := make([]float32, hi-lo)
		for p := range s.OutH * s.OutW {
			w := s.window(i, p)
			dy := dy[w.out*s.C+lo : w.out*s.C+hi]
			if share := s.share(w); share != 1 {
				for c, v := range dy {
					shared[c] = v * share
				}
				dy = shared
			}
			k.spread(dy, dx[w.in+lo:], w.rows, w.cols, s.W*s.C, s.C)
		}
	})
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

// windows visits every output pixel, an output row a task.
func (s Shape) windows(crew *parallel.Crew, n int, f func(window)) {
	crew.Do(n*s.OutH, func(i int) {
		for ow := range s.OutW {
			f(s.window(i/s.OutH, i%s.OutH*s.OutW+ow))
		}
	})
}

// group is the number of channels a backward task holds: windows overlap, so
// a picture is split by channels, never by rows.
const group = 128

func (s Shape) pictures(crew *parallel.Crew, n int, f func(i, lo, hi int)) {
	groups := (s.C + group - 1) / group
	crew.Do(n*groups, func(t int) {
		lo := t % groups * group
		f(t/groups, lo, min(lo+group, s.C))
	})
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
