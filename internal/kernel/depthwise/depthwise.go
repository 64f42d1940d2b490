// Package depthwise is the depthwise convolution: every channel with its own
// kernel. Pictures are NHWC, kernels [kh][kw][c], all float32; outside the
// picture is zero. Results do not depend on the crew.
package depthwise

import (
	"math"

	"github.com/argus-go/argus/internal/kernel/vec"
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

// An Epilogue is what happens to a sum on its way to y. The zero value is the
// plain sum.
type Epilogue struct {
	Bias   []float32 // one a channel, or nil
	Lo, Hi float32   // bounds; both 0: none. ReLU is 0, +Inf, ReLU6 is 0, 6. NaN stays NaN.
	Swish  bool      // v/(1+e⁻ᵛ), as in package act, in place of bounds

	// Mean, unless nil, gets the mean of y over the pixels of each picture [n,C].
	Mean []float32
}

// Run computes, for n pictures x [n,H,W,C] into y [n,OutH,OutW,C],
//
//	y[oh,ow,c] = ep(Σ x[oh·StrideH-Top+kh, ow·StrideW-Left+kw, c] · kernel[kh,kw,c])
func Run(crew *parallel.Crew, s Shape, n int, x, kernel, y []float32, ep Epilogue) {
	s.check(n, len(x), len(kernel), len(y))
	if ep.Bias != nil && len(ep.Bias) != s.C || ep.Mean != nil && len(ep.Mean) != n*s.C {
		panic("depthwise: bias or mean does not fit the shape")
	}
	if ep.Lo == 0 && ep.Hi == 0 {
		ep.Lo, ep.Hi = float32(math.Inf(-1)), float32(math.Inf(1))
	}
	if ep.Mean == nil {
		k.run(crew, s, n, x, kernel, y, ep, nil)
		return
	}
	lent := vec.Floats.Take(n * s.OutH * s.C)
	defer vec.Floats.Give(lent)
	k.run(crew, s, n, x, kernel, y, ep, *lent)
	vec.SumImages(crew, n, s.OutH, ep.Mean, vec.Terms{C: s.C, X: *lent}, vec.Terms.SumX)
	for i := range ep.Mean {
		ep.Mean[i] /= float32(s.OutH * s.OutW)
	}
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
	// run puts the sums over each row of y into sums [n,OutH,C], unless nil.
	run      func(crew *parallel.Crew, s Shape, n int, x, kernel, y []float32, ep Epilogue, sums []float32)
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
