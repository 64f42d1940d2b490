// Package act is the activations, forward and backward, and softmax.
//
// Everything is elementwise over []float32 (softmax over rows of c), the
// output may be the input itself. Swish, Sigmoid, Tanh and Softmax are
// within 4e-7 of exact in relative error; values under 1e-36 in magnitude may
// come out as zero, so that denormal numbers, hundreds of times slower on
// some processors, never form. NaN stays NaN. Results do not depend on the
// crew.
package act

import (
	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// ReLU computes y = max(x, 0).
func ReLU(crew *parallel.Crew, x, y []float32) { each(crew, k.relu, x, y) }

// ReLU6 computes y = min(max(x, 0), 6).
func ReLU6(crew *parallel.Crew, x, y []float32) { each(crew, k.relu6, x, y) }

// Sigmoid computes y = 1/(1+e⁻ˣ).
func Sigmoid(crew *parallel.Crew, x, y []float32) { each(crew, k.sigmoid, x, y) }

// Swish computes y = x·sigmoid(x) (Ramachandran et al. 2017,
// arXiv:1710.05941, with β = 1; also SiLU), 0 at -Inf.
func Swish(crew *parallel.Crew, x, y []float32) { each(crew, swish, x, y) }

func swish(x, y []float32) { k.swishRows(x, y, 1, len(y), len(y)) }

// SwishRows replaces rows of width values of y, ld apart, by their Swish, on its
// caller alone.
func SwishRows(rows, width int, y []float32, ld int) {
	if rows == 0 || width == 0 {
		return
	}
	if width > ld && rows > 1 {
		panic("act: rows overlap")
	}
	y = y[:(rows-1)*ld+width]
	k.swishRows(y, y, rows, width, ld)
}

// Tanh computes y = tanh(x).
func Tanh(crew *parallel.Crew, x, y []float32) { each(crew, k.tanh, x, y) }

// Exp computes y = eˣ.
func Exp(crew *parallel.Crew, x, y []float32) { each(crew, k.exp, x, y) }

// ReLUBackward computes dx from the output y (or the input): dy where
// y > 0 or is NaN, else 0. dx may be dy.
func ReLUBackward(crew *parallel.Crew, y, dy, dx []float32) { each2(crew, k.reluBack, y, dy, dx) }

// ReLU6Backward computes dx from the output y (or the input): dy where
// 0 < y < 6 or y is NaN, else 0. dx may be dy.
func ReLU6Backward(crew *parallel.Crew, y, dy, dx []float32) { each2(crew, k.relu6Back, y, dy, dx) }

// SigmoidBackward computes dx = dy·y·(1-y) from the output y. dx may be dy.
func SigmoidBackward(crew *parallel.Crew, y, dy, dx []float32) { each2(crew, k.sigmoidBack, y, dy, dx) }

// SwishBackward computes dx = dy·s·(1 + x·(1-s)), s = sigmoid(x), from the
// input x; at -Inf and Inf by its limits 0 and dy. dx may be dy.
func SwishBackward(crew *parallel.Crew, x, dy, dx []float32) { each2(crew, k.swishBack, x, dy, dx) }

// TanhBackward computes dx = dy·(1-y²) from the output y. dx may be dy.
func TanhBackward(crew *parallel.Crew, y, dy, dx []float32) { each2(crew, k.tanhBack, y, dy, dx) }

// Softmax computes y[r,i] = e^(x[r,i]-m) / Σ e^(x[r,j]-m), m the row's
// largest, over rows of c values. A row that holds NaN or +Inf, or -Inf
// alone, becomes NaN.
func Softmax(crew *parallel.Crew, rows, c int, x, y []float32) {
	fit(rows*c, len(x), len(y))
	vec.Split(crew, rows, 4*c, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			softmax(x[r*c:(r+1)*c], y[r*c:(r+1)*c])
		}
	})
}

func softmax(x, y []float32) {
	if len(x) == 0 {
		return
	}
	m := x[0]
	for _, v := range x {
		if v > m || v != v {
			m = v
		}
	}
	for i, v := range x {
		y[i] = v - m
	}
	k.exp(y, y)
	sum := 0.0
	for _, v := range y {
		sum += float64(v)
	}
	scale := float32(1 / sum)
	for i := range y {
		y[i] *= scale
	}
}

// SoftmaxBackward computes dx[r,i] = y[r,i]·(dy[r,i] - Σ dy[r,j]·y[r,j]) from
// the output y. dx may be dy.
func SoftmaxBackward(crew *parallel.Crew, rows, c int, y, dy, dx []float32) {
	fit(rows*c, len(y), len(dy), len(dx))
	vec.Split(crew, rows, c, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			y, dy, dx := y[r*c:(r+1)*c], dy[r*c:(r+1)*c], dx[r*c:(r+1)*c]
			dot := float32(vec.Dot(nil, y, dy))
			for i := range dx {
				dx[i] = y[i] * (dy[i] - dot)
			}
		}
	})
}

// unaryLoop and binaryLoop are inner loops with what they work on.
type (
	unaryLoop struct {
		f    func(x, y []float32)
		x, y []float32
	}
	binaryLoop struct {
		f         func(a, dy, dx []float32)
		a, dy, dx []float32
	}
)

func each(crew *parallel.Crew, f func(x, y []float32), x, y []float32) {
	fit(len(y), len(x))
	vec.Over(crew, len(y), 1, unaryLoop{f, x, y}, func(l unaryLoop, lo, hi int) { l.f(l.x[lo:hi], l.y[lo:hi]) })
}

func each2(crew *parallel.Crew, f func(a, dy, dx []float32), a, dy, dx []float32) {
	fit(len(dx), len(a), len(dy))
	vec.Over(crew, len(dx), 1, binaryLoop{f, a, dy, dx}, func(l binaryLoop, lo, hi int) { l.f(l.a[lo:hi], l.dy[lo:hi], l.dx[lo:hi]) })
}

func fit(n int, others ...int) {
	for _, o := range others {
		if o != n {
			panic("act: slices differ in length")
		}
	}
}

// kernels are the inner loops; each implementation fills one table.
type kernels struct {
	relu, relu6, exp, sigmoid, tanh                       func(x, y []float32)
	swishRows                                             func(x, y []float32, rows, width, ld int)
	reluBack, relu6Back, sigmoidBack, swishBack, tanhBack func(a, dy, dx []float32)
}

type implementation struct {
	name string
	kernels
}

var k = implementations()[0].kernels
