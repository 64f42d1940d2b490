// Package norm is batch normalisation (Ioffe and Szegedy 2015,
// arXiv:1502.03167) over the channels of rows × c values, float32, NHWC
// flattened. Gamma and beta are nil where a network has none (1 and 0).
// Sums run in float64 over blocks of rows and do not depend on the crew.
package norm

import (
	"math"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// Moments computes the mean and the biased variance (divided by rows, as
// Keras trains with) of each channel of x [rows,c], in two passes, the second
// of which corrects the first.
func Moments(crew *parallel.Crew, rows, c int, x, mean, variance []float32) {
	fit(rows*c, len(x))
	fit(c, len(mean), len(variance))
	n := float64(rows)
	lent := vec.Doubles.Take(2 * c)
	defer vec.Doubles.Give(lent)
	about := *lent
	vec.ReduceOf(crew, rows, 1, about[:c], vec.Terms{C: c, X: x}, func(t vec.Terms, lo, hi int, acc []float32) {
		vec.SumRows(t.X[lo*t.C:hi*t.C], acc)
	})
	for i := range mean {
		mean[i] = float32(about[i] / n)
	}
	vec.ReduceOf(crew, rows, 2, about, vec.Terms{C: c, X: x, Mean: mean}, func(t vec.Terms, lo, hi int, acc []float32) {
		vec.SumOff(t.X[lo*t.C:hi*t.C], t.Mean, acc[:t.C])
		vec.SumAbout(t.X[lo*t.C:hi*t.C], t.Mean, acc[t.C:])
	})
	for i := range mean {
		off := about[i] / n
		mean[i] = float32(float64(mean[i]) + off)
		variance[i] = float32(max(0, about[c+i]/n-off*off))
	}
}

// Fold turns normalisation into y = x·scale + shift for each of c channels:
// scale = gamma/√(variance+eps), shift = beta - mean·scale. A convolution
// takes it in by multiplying its kernel's outputs by scale.
func Fold(mean, variance, gamma, beta []float32, eps float32, scale, shift []float32) {
	c := len(mean)
	fit(c, len(variance), len(scale), len(shift))
	for i := range c {
		s := 1 / math.Sqrt(float64(variance[i])+float64(eps))
		if gamma != nil {
			s *= float64(gamma[i])
		}
		b := -float64(mean[i]) * s
		if beta != nil {
			b += float64(beta[i])
		}
		scale[i], shift[i] = float32(s), float32(b)
	}
}

// Apply computes y = (x-mean)/√(variance+eps)·gamma + beta. y may be x.
func Apply(crew *parallel.Crew, rows, c int, x, y, mean, variance, gamma, beta []float32, eps float32) {
	lent := vec.Floats.Take(2 * c)
	defer vec.Floats.Give(lent)
	scale, shift := (*lent)[:c], (*lent)[c:]
	Fold(mean, variance, gamma, beta, eps, scale, shift)
	vec.Affine(crew, rows, c, x, scale, shift, y)
}

// Backward computes the gradients of Apply in training, where mean and
// variance are the Moments of x itself. dx may be dy; dx, dgamma and dbeta
// may each be nil.
func Backward(crew *parallel.Crew, rows, c int, x, dy, mean, variance, gamma []float32, eps float32, dx, dgamma, dbeta []float32) {
	fit(rows*c, len(x), len(dy))
	fit(c, len(mean), len(variance))
	lent := vec.Doubles.Take(3 * c)
	defer vec.Doubles.Give(lent)
	g := gradients(crew, rows, c, x, dy, mean, variance, eps, *lent)
	if dx != nil {
		// dx = a·dy + b·x + k with the projections of dy on 1 and x̂ taken out.
		lent := vec.Floats.Take(3 * c)
		defer vec.Floats.Give(lent)
		a, b, k := (*lent)[:c], (*lent)[c:2*c], (*lent)[2*c:]
		for i := range c {
			scale := g.rstd[i]
			if gamma != nil {
				scale *= float64(gamma[i])
			}
			slope := -scale * g.rstd[i] * g.dgamma[i] / float64(rows)
			a[i], b[i] = float32(scale), float32(slope)
			k[i] = float32(-scale*g.dbeta[i]/float64(rows) - slope*float64(mean[i]))
		}
		vec.AffineAdd(crew, rows, c, dy, a, x, b, k, dx)
	}
	round(g.dgamma, dgamma)
	round(g.dbeta, dbeta)
}

// BackwardFrozen computes the gradients of Apply where mean and variance are
// constants (inference mode). x is not read where dgamma is nil. dx may be
// dy; dx, dgamma and dbeta may each be nil.
func BackwardFrozen(crew *parallel.Crew, rows, c int, x, dy, mean, variance, gamma []float32, eps float32, dx, dgamma, dbeta []float32) {
	fit(rows*c, len(dy))
	fit(c, len(mean), len(variance))
	switch {
	case dgamma != nil:
		lent := vec.Doubles.Take(3 * c)
		defer vec.Doubles.Give(lent)
		g := gradients(crew, rows, c, x, dy, mean, variance, eps, *lent)
		round(g.dgamma, dgamma)
		round(g.dbeta, dbeta)
	case dbeta != nil:
		vec.ColumnSums(crew, rows, c, dy, dbeta)
	}
	if dx != nil {
		lent := vec.Floats.Take(2 * c)
		defer vec.Floats.Give(lent)
		scale, shift := (*lent)[:c], (*lent)[c:]
		Fold(mean, variance, gamma, nil, eps, scale, shift)
		vec.ScaleChannels(crew, rows, c, dy, scale, dx)
	}
}

type sums struct{ rstd, dgamma, dbeta []float64 }

// gradients sums dy and dy·x̂, x̂ = (x-mean)·rstd, in the memory of room [3c].
func gradients(crew *parallel.Crew, rows, c int, x, dy, mean, variance []float32, eps float32, room []float64) sums {
	g := sums{dbeta: room[:c], dgamma: room[c : 2*c], rstd: room[2*c:]}
	vec.ReduceOf(crew, rows, 2, room[:2*c], vec.Terms{C: c, X: x, Y: dy, Mean: mean}, func(t vec.Terms, lo, hi int, acc []float32) {
		dy := t.Y[lo*t.C : hi*t.C]
		vec.SumRows(dy, acc[:t.C])
		vec.DotRows(dy, t.X[lo*t.C:hi*t.C], t.Mean, acc[t.C:])
	})
	for i := range c {
		g.rstd[i] = 1 / math.Sqrt(float64(variance[i])+float64(eps))
		g.dgamma[i] *= g.rstd[i]
	}
	return g
}

// round stores from in to, unless to is nil.
func round(from []float64, to []float32) {
	for i := range to {
		to[i] = float32(from[i])
	}
}

func fit(n int, others ...int) {
	for _, o := range others {
		if o != n {
			panic("norm: slices do not fit")
		}
	}
}
