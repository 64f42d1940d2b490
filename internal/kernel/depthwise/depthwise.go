// Package depthwise is the depthwise convolution: every channel with its own
// kernel. Pictures are NHWC, kernels [kh][kw][c], all float32; outside the
// picture is zero. Results do not depend on the crew.
package depthwise

import (
	"math"

	"github.com/argus-go/argus/internal/parallel"
)

// Shape is a depthwise convolution of one picture of H×W pixels and C
// channels: output pixel (oh, ow) sees input rows oh·StrideH-Top and on,
// columns ow·StrideW-Left and on.
type Shape struct {
	H, W, C          int
	KH, KW           int
	StrideH, StrideW int
	Top, Left        int // rows and columns of padding before the picture
	OutH, OutW       int
}

func (s Shape) in() int     { return s.H * s.W * s.C }
func (s Shape) out() int    { return s.OutH * s.OutW * s.C }
func (s Shape) kernel() int { return s.KH * s.KW * s.C }

func (s Shape) check(n, x, kernel, y int) {
	if min(s.H, s.W, s.C, s.KH, s.KW, s.StrideH, s.StrideW, s.OutH, s.OutW) < 1 || n < 0 {
		panic("depthwise: shape with an empty side")
	}
	if x != n*s.in() || kernel != s.kernel() || y != n*s.out() {
		panic("depthwise: slices do not fit the shape")
	}
}

// Run computes, for n pictures x [n,H,W,C] into y [n,OutH,OutW,C],
//
//	y[oh,ow,c] = clamp(bias[c] + Σ x[oh·StrideH-Top+kh, ow·StrideW-Left+kw, c] · kernel[kh,kw,c])
//
// with no bias where bias is nil, and no clamp where lo and hi are both 0:
// ReLU is (0, +Inf), ReLU6 (0, 6). NaN passes the clamp.
func Run(crew *parallel.Crew, s Shape, n int, x, kernel, bias, y []float32, lo, hi float32) {
	s.check(n, len(x), len(kernel), len(y))
	if bias != nil && len(bias) != s.C {
		panic("depthwise: bias does not fit the shape")
	}
	if lo == 0 && hi == 0 {
		lo, hi = float32(math.Inf(-1)), float32(math.Inf(1))
	}
	k.run(crew, s, n, x, kernel, bias, y, lo, hi)
}

// BackwardInput computes dx [n,H,W,C] (overwritten) from dy [n,OutH,OutW,C].
func BackwardInput(crew *parallel.Crew, s Shape, n int, kernel, dy, dx []float32) {
	s.check(n, len(dx), len(kernel), len(dy))
	k.backward(crew, s, n, kernel, dy, dx)
}

// BackwardKernel computes dk [KH,KW,C] (overwritten) over n pictures.
// Bands of pictures are summed apart and added in order.
func BackwardKernel(crew *parallel.Crew, s Shape, n int, x, dy, dk []float32) {
	s.check(n, len(x), len(dk), len(dy))
	k.gradient(crew, s, n, x, dy, dk)
}

// kernels are the parts with more than one implementation.
type kernels struct {
	run      func(crew *parallel.Crew, s Shape, n int, x, kernel, bias, y []float32, lo, hi float32)
	backward func(crew *parallel.Crew, s Shape, n int, kernel, dy, dx []float32)
	gradient func(crew *parallel.Crew, s Shape, n int, x, dy, dk []float32)
}

type implementation struct {
	name string
	kernels
}

var k = implementations()[0].kernels

// span returns the taps [first, end) of a window starting at place i that
// fall inside [0, n).
func span(i, taps, n int) (first, end int) {
	return min(max(0, -i), taps), max(0, min(taps, n-i))
}
