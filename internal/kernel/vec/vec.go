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
	Over(crew, n, size, f, func(f func(lo, hi int), lo, hi int) { f(lo, hi) })
}

// Over is Split for f(a, lo, hi). Where f is no closure, nothing is allocated.
func Over[A any](crew *parallel.Crew, n, size int, a A, f func(a A, lo, hi int)) {
	parallel.Spans(crew, n, max(1, grain/max(1, size)), a, f)
}

// loop is an inner loop with what it works on.
type loop struct {
	binary      func(a, b, y []float32)
	scaled      func(alpha float32, x, y []float32)
	alpha, beta float32
	a, b, y     []float32
}

// Add computes y = a + b.
func Add(crew *parallel.Crew, a, b, y []float32) { each3(crew, k.add, a, b, y) }

// AddTo computes y += x.
func AddTo(crew *parallel.Crew, x, y []float32) { Add(crew, x, y, y) }

// Mul computes y = a · b, element by element.
func Mul(crew *parallel.Crew, a, b, y []float32) { each3(crew, k.mul, a, b, y) }

// MulAdd computes y += a · b, element by element.
func MulAdd(crew *parallel.Crew, a, b, y []float32) { each3(crew, k.mulAdd, a, b, y) }

func each3(crew *parallel.Crew, f func(a, b, y []float32), a, b, y []float32) {
	same(len(y), len(a), len(b))
	Over(crew, len(y), 1, loop{binary: f, a: a, b: b, y: y}, func(l loop, lo, hi int) { l.binary(l.a[lo:hi], l.b[lo:hi], l.y[lo:hi]) })
}

// ScaleAdd computes y = alpha·a + beta·b.
func ScaleAdd(crew *parallel.Crew, alpha float32, a []float32, beta float32, b, y []float32) {
	same(len(y), len(a), len(b))
	Over(crew, len(y), 1, loop{alpha: alpha, a: a, beta: beta, b: b, y: y}, func(l loop, lo, hi int) {
		k.scaleAdd(l.alpha, l.a[lo:hi], l.beta, l.b[lo:hi], l.y[lo:hi])
	})
}

// Axpy computes y += alpha·x.
func Axpy(crew *parallel.Crew, alpha float32, x, y []float32) { each2(crew, k.axpy, alpha, x, y) }

// Scale computes y = alpha·x.
func Scale(crew *parallel.Crew, alpha float32, x, y []float32) { each2(crew, k.scale, alpha, x, y) }

func each2(crew *parallel.Crew, f func(alpha float32, x, y []float32), alpha float32, x, y []float32) {
	same(len(y), len(x))
	Over(crew, len(y), 1, loop{scaled: f, alpha: alpha, a: x, y: y}, func(l loop, lo, hi int) { l.scaled(l.alpha, l.a[lo:hi], l.y[lo:hi]) })
}

// Dot returns Σ a·b. Spans of 64 KiB are summed in float32 lanes and added
// in order in float64.
func Dot(crew *parallel.Crew, a, b []float32) float64 {
	same(len(a), len(b))
	lent := Doubles.Take((len(a) + grain - 1) / grain)
	defer Doubles.Give(lent)
	type dot struct {
		a, b  []float32
		parts []float64
	}
	Over(crew, len(a), 1, dot{a, b, *lent}, func(d dot, lo, hi int) { d.parts[lo/grain] = k.dot(d.a[lo:hi], d.b[lo:hi]) })
	sum := 0.0
	for _, p := range *lent {
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

	transpose func(src []float32, lds, rows, cols int, dst []float32, ldd int)
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
