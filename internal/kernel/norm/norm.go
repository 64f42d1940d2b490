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
	vec.ReduceRows(crew, rows, 1, about[:c], vec.Terms{C: c, X: x}, vec.Terms.SumX)
	for i := range mean {
		mean[i] = float32(about[i] / n)
	}
	vec.ReduceRows(crew, rows, 2, about, vec.Terms{C: c, X: x, Mean: mean}, func(t vec.Terms, lo, hi int, acc []float32) {
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

// An Activation is what comes after a norm, done while its values are in cache. The
// zero value is none.
type Activation struct {
	// Forward computes y, which may be x; Backward dx, which may be dy, from the
	// input x. Both element by element.
	Forward  func(crew *parallel.Crew, x, y []float32)
	Backward func(crew *parallel.Crew, x, dy, dx []float32)
}

// Apply computes y = act((x-mean)/√(variance+eps)·gamma + beta). y may be x.
func Apply(crew *parallel.Crew, rows, c int, x, y, mean, variance, gamma, beta []float32, eps float32, act Activation) {
	lent := vec.Floats.Take(2 * c)
	defer vec.Floats.Give(lent)
	scale, shift := (*lent)[:c], (*lent)[c:]
	Fold(mean, variance, gamma, beta, eps, scale, shift)
	if act.Forward == nil {
		vec.Affine(crew, rows, c, x, scale, shift, y)
		return
	}
	fit(rows*c, len(x), len(y))
	vec.Over(crew, rows, c, applied{c, x, y, scale, shift, act.Forward}, func(a applied, lo, hi int) {
		y := a.y[lo*a.c : hi*a.c]
		vec.Affine(nil, hi-lo, a.c, a.x[lo*a.c:hi*a.c], a.scale, a.shift, y)
		a.then(nil, y, y)
	})
}

// applied is what Apply works on.
type applied struct {
	c                  int
	x, y, scale, shift []float32
	then               func(crew *parallel.Crew, x, y []float32)
}

// A Pass is what the gradients of Apply are computed from: x and dy [rows,c], and
// what Apply was told.
type Pass struct {
	Rows, C                     int
	X, DY                       []float32
	Mean, Variance, Gamma, Beta []float32
	Eps                         float32
	Act                         Activation
}

// fold computes the norm's scale and shift in lent memory [2c].
func (p *Pass) fold(lent []float32) (scale, shift []float32) {
	scale, shift = lent[:p.C], lent[p.C:]
	Fold(p.Mean, p.Variance, p.Gamma, p.Beta, p.Eps, scale, shift)
	return scale, shift
}

func (p *Pass) check() {
	fit(p.Rows*p.C, len(p.X), len(p.DY))
	fit(p.C, len(p.Mean), len(p.Variance))
}

// Backward computes the gradients of Apply in training, where mean and
// variance are the Moments of x itself. dx may be dy; dx, dgamma and dbeta
// may each be nil.
func Backward(crew *parallel.Crew, p Pass, dx, dgamma, dbeta []float32) {
	p.check()
	lent := vec.Doubles.Take(3 * p.C)
	defer vec.Doubles.Give(lent)
	g := p.gradients(crew, dx, *lent)
	if dx != nil {
		// dx = a·dy + b·x + k with the projections of dy on 1 and x̂ taken out.
		c, rows := p.C, float64(p.Rows)
		lent := vec.Floats.Take(3 * c)
		defer vec.Floats.Give(lent)
		a, b, k := (*lent)[:c], (*lent)[c:2*c], (*lent)[2*c:]
		for i := range c {
			scale := g.rstd[i]
			if p.Gamma != nil {
				scale *= float64(p.Gamma[i])
			}
			slope := -scale * g.rstd[i] * g.dgamma[i] / rows
			a[i], b[i] = float32(scale), float32(slope)
			k[i] = float32(-scale*g.dbeta[i]/rows - slope*float64(p.Mean[i]))
		}
		vec.AffineAdd(crew, p.Rows, c, g.dz, a, p.X, b, k, dx)
	}
	round(g.dgamma, dgamma)
	round(g.dbeta, dbeta)
}

// BackwardFrozen computes the gradients of Apply where mean and variance are
// constants (inference mode). Without an activation X is not read where dgamma is
// nil, and may be nil. dx may be dy; dx, dgamma and dbeta may each be nil.
func BackwardFrozen(crew *parallel.Crew, p Pass, dx, dgamma, dbeta []float32) {
	dz := p.DY
	switch {
	case dgamma != nil || dbeta != nil && p.Act.Backward != nil:
		p.check()
		lent := vec.Doubles.Take(3 * p.C)
		defer vec.Doubles.Give(lent)
		g := p.gradients(crew, dx, *lent)
		round(g.dgamma, dgamma)
		round(g.dbeta, dbeta)
		dz = g.dz
	case dbeta != nil:
		vec.ColumnSums(crew, p.Rows, p.C, p.DY, dbeta)
	case p.Act.Backward != nil && dx != nil:
		p.check()
		p.through(crew, dx)
		return
	}
	if dx != nil {
		fit(p.C, len(p.Mean), len(p.Variance))
		lent := vec.Floats.Take(2 * p.C)
		defer vec.Floats.Give(lent)
		scale, _ := p.fold(*lent)
		vec.ScaleChannels(crew, p.Rows, p.C, dz, scale, dx)
	}
}

// through computes dx = dz·scale alone.
func (p *Pass) through(crew *parallel.Crew, dx []float32) {
	lent := vec.Floats.Take(2 * p.C)
	defer vec.Floats.Give(lent)
	scale, shift := p.fold(*lent)
	t := vec.Terms{C: p.C, X: p.X, Y: p.DY, Z: dx, Scale: scale, Shift: shift, Then: p.Act.Backward}
	vec.Over(crew, p.Rows, p.C, t, func(t vec.Terms, lo, hi int) {
		behind(t, lo, hi, func(dz []float32, lo, hi int) { vec.ScaleChannels(nil, hi-lo, t.C, dz, t.Scale, dz) })
	})
}

type sums struct {
	rstd, dgamma, dbeta []float64
	dz                  []float32 // before the activation; dy itself without one, in dx if that is not nil
}

// gradients sums dz and dz·x̂, x̂ = (x-mean)·rstd, in the memory of room [3c].
func (p *Pass) gradients(crew *parallel.Crew, dx []float32, room []float64) sums {
	c := p.C
	g := sums{dbeta: room[:c], dgamma: room[c : 2*c], rstd: room[2*c:], dz: p.DY}
	t := vec.Terms{C: c, X: p.X, Y: p.DY, Mean: p.Mean}
	if p.Act.Backward == nil {
		vec.ReduceRows(crew, p.Rows, 2, room[:2*c], t, func(t vec.Terms, lo, hi int, acc []float32) {
			addSums(t, t.Y[lo*t.C:hi*t.C], lo, hi, acc)
		})
	} else {
		lent := vec.Floats.Take(2 * c)
		defer vec.Floats.Give(lent)
		t.Scale, t.Shift = p.fold(*lent)
		t.Then, t.Z = p.Act.Backward, dx
		g.dz = dx
		vec.ReduceRows(crew, p.Rows, 2, room[:2*c], t, func(t vec.Terms, lo, hi int, acc []float32) {
			behind(t, lo, hi, func(dz []float32, lo, hi int) { addSums(t, dz, lo, hi, acc) })
		})
	}
	for i := range c {
		g.rstd[i] = 1 / math.Sqrt(float64(p.Variance[i])+float64(p.Eps))
		g.dgamma[i] *= g.rstd[i]
	}
	return g
}

// addSums adds dz of rows lo to hi, and dz·(x-mean), to acc.
func addSums(t vec.Terms, dz []float32, lo, hi int, acc []float32) {
	vec.SumRows(dz, acc[:t.C])
	vec.DotRows(dz, t.X[lo*t.C:hi*t.C], t.Mean, acc[t.C:])
}

// strip is about how many values stay in the second-level cache with three times as
// many more.
const strip = 16384

// behind computes dz, the gradient before the activation, for rows lo to hi in
// strips, and calls f for each while it is in cache. It stores dz in Z, unless that
// is nil.
func behind(t vec.Terms, lo, hi int, f func(dz []float32, lo, hi int)) {
	c, n := t.C, max(1, strip/t.C)
	lent := vec.Floats.Take(2 * n * c)
	defer vec.Floats.Give(lent)
	for ; lo < hi; lo += n {
		end := min(hi, lo+n)
		size := (end - lo) * c
		z, dz := (*lent)[:size], (*lent)[n*c:][:size]
		if t.Z != nil {
			dz = t.Z[lo*c : end*c]
		}
		vec.Affine(nil, end-lo, c, t.X[lo*c:end*c], t.Scale, t.Shift, z)
		t.Then(nil, z, t.Y[lo*c:end*c], dz)
		f(dz, lo, end)
	}
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
