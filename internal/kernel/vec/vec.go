// Package vec holds the elementwise, per-channel and per-image arithmetic
// between the large kernels.
//
// Everything is float32. A picture batch is NHWC, flattened to rows of c
// channels where only the channel matters. Results do not depend on the
// crew: work and sums are split by shape alone. An output may be the same
// slice as an input unless a function says otherwise; partial overlap is a
// caller's bug. Slices of unequal length panic.
package vec

import "github.com/argus-go/argus/internal/parallel"

// grain is the number of elements worth handing to another core.
const grain = 16 << 10

// Split runs f over [0, n) in consecutive spans of about a grain of elements
// (64 KiB of float32), where each of the n items holds size elements.
func Split(crew *parallel.Crew, n, size int, f func(lo, hi int)) {
	span := max(1, grain/max(1, size))
	tasks := (n + span - 1) / span
	if tasks <= 1 {
		if n > 0 {
			f(0, n)
		}
		return
	}
	crew.Do(tasks, func(i int) { f(i*span, min(n, (i+1)*span)) })
}

// Add computes y = a + b.
func Add(crew *parallel.Crew, a, b, y []float32) {
	same(len(y), len(a), len(b))
	Split(crew, len(y), 1, func(lo, hi int) { k.add(a[lo:hi], b[lo:hi], y[lo:hi]) })
}

// AddTo computes y += x.
func AddTo(crew *parallel.Crew, x, y []float32) { Add(crew, x, y, y) }

// Mul computes y = a · b, element by element.
func Mul(crew *parallel.Crew, a, b, y []float32) {
	same(len(y), len(a), len(b))
	Split(crew, len(y), 1, func(lo, hi int) { k.mul(a[lo:hi], b[lo:hi], y[lo:hi]) })
}

// MulAdd computes y += a · b, element by element.
func MulAdd(crew *parallel.Crew, a, b, y []float32) {
	same(len(y), len(a), len(b))
	Split(crew, len(y), 1, func(lo, hi int) { k.mulAdd(a[lo:hi], b[lo:hi], y[lo:hi]) })
}

// ScaleAdd computes y = alpha·a + beta·b.
func ScaleAdd(crew *parallel.Crew, alpha float32, a []float32, beta float32, b, y []float32) {
	same(len(y), len(a), len(b))
	Split(crew, len(y), 1, func(lo, hi int) { k.scaleAdd(alpha, a[lo:hi], beta, b[lo:hi], y[lo:hi]) })
}

// Axpy computes y += alpha·x.
func Axpy(crew *parallel.Crew, alpha float32, x, y []float32) {
	same(len(y), len(x))
	Split(crew, len(y), 1, func(lo, hi int) { k.axpy(alpha, x[lo:hi], y[lo:hi]) })
}

// Scale computes y = alpha·x.
func Scale(crew *parallel.Crew, alpha float32, x, y []float32) {
	same(len(y), len(x))
	Split(crew, len(y), 1, func(lo, hi int) { k.scale(alpha, x[lo:hi], y[lo:hi]) })
}

// Dot returns Σ a·b. Spans of 64 KiB are summed in float32 lanes and added
// in order in float64.
func Dot(crew *parallel.Crew, a, b []float32) float64 {
	same(len(a), len(b))
	parts := make([]float64, (len(a)+grain-1)/grain)
	Split(crew, len(a), 1, func(lo, hi int) { parts[lo/grain] = k.dot(a[lo:hi], b[lo:hi]) })
	sum := 0.0
	for _, p := range parts {
		sum += p
	}
	return sum
}

// kernels are the inner loops; each implementation fills one table.
type kernels struct {
	add, mul, mulAdd func(a, b, y []float32)
	scaleAdd         func(alpha float32, a []float32, beta float32, b, y []float32)
	axpy, scale      func(alpha float32, x, y []float32)
	dot              func(a, b []float32) float64
	// Rows of len(g) channels, x and y as long as each other.
	mulRows   func(x, g, y []float32)
	affine    func(x, scale, shift, y []float32)
	affineAdd func(x, scale, z, slope, shift, y []float32)
	// acc[c] += Σ over rows of len(acc) channels.
	sumRows  func(x, acc []float32)
	sumOff   func(x, mean, acc []float32)
	sumAbout func(x, mean, acc []float32)
	dotRows  func(a, b, mean, acc []float32)
}

var k = implementations()[0].kernels

type implementation struct {
	name string
	kernels
}

func same(n int, others ...int) {
	for _, o := range others {
		if o != n {
			panic("vec: slices differ in length")
		}
	}
}
