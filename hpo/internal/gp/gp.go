// Package gp is Gaussian-process regression with the Matérn 5/2 kernel over
// numbers and labels (Rasmussen and Williams, Gaussian Processes for Machine
// Learning, 2006).
package gp

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
)

// Data is what a process is fitted to.
type Data struct {
	X     []float64 // [n][len(Label)], numbers from 0 to 1
	Y     []float64 // [n], about standardised
	Label []bool    // dimensions whose values are equal or not, without order
}

func (d Data) n() int    { return len(d.Y) }
func (d Data) dims() int { return len(d.Label) }

// Process is a fitted process.
//
// The covariance of two points is Scale·m(r), where m is Matérn 5/2 and
//
//	r² = Σ weight·(warp(x) − warp(x'))² + Σ weight·[x ≠ x']
//
// over numbers and labels, and warp is the Kumaraswamy distribution function
// 1 − (1 − xᵃ)ᵇ (Snoek et al., arXiv:1402.0929).
type Process struct {
	Params Params
	Mean   float64 // the constant that the process returns to, by least squares

	data  Data
	u     []float64 // X, warped
	chol  blas64.Triangular
	alpha []float64
}

// Params are the parameters of the covariance.
type Params struct {
	Weight []float64 // 1/length², one for each dimension
	Scale  float64   // variance of the values
	Noise  float64   // variance of what is seen of them
	A, B   []float64 // of the warp, one for each dimension; 1 for labels
}

// Start returns the parameters that a search begins from.
func Start(label []bool) Params {
	p := Params{Scale: 1, Noise: 1e-4}
	for _, l := range label {
		w := startWeight
		if l {
			w = 1
		}
		p.Weight = append(p.Weight, w)
		p.A, p.B = append(p.A, 1), append(p.B, 1)
	}
	return p
}

const startWeight = 4. // a length of half the range

const sqrt5 = 2.2360679774997896964

// matern is the kernel and its derivative by r².
func matern(r2 float64) (k, dk float64) {
	a := sqrt5 * math.Sqrt(r2)
	e := math.Exp(-a)
	return (1 + a + a*a/3) * e, -5. / 6 * (1 + a) * e
}

// warped is X after the warp.
func (p Params) warped(d Data) []float64 {
	u := make([]float64, len(d.X))
	dims := d.dims()
	for i, x := range d.X {
		u[i] = p.warp(i%dims, x, d.Label)
	}
	return u
}

func (p Params) warp(dim int, x float64, label []bool) float64 {
	if label[dim] || p.A[dim] == 1 && p.B[dim] == 1 {
		return x
	}
	return 1 - math.Pow(1-math.Pow(x, p.A[dim]), p.B[dim])
}

// inside keeps derivatives of the warp finite.
const inside = 1e-9

// warpSlopes are the derivatives of the warp by x, ln A and ln B.
func (p Params) warpSlopes(dim int, x float64) (byX, byA, byB float64) {
	a, b := p.A[dim], p.B[dim]
	x = min(max(x, inside), 1-inside)
	xa := math.Pow(x, a)
	rest := 1 - xa
	rb := math.Pow(rest, b-1)
	byX = a * b * rb * xa / x
	byA = a * b * rb * xa * math.Log(x)
	byB = -b * rb * rest * math.Log(rest)
	return byX, byA, byB
}

// r2 is the squared distance of two warped points.
func (p Params) r2(u, v []float64, label []bool) float64 {
	sum := 0.0
	for d, w := range p.Weight {
		if label[d] {
			if u[d] != v[d] {
				sum += w
			}
			continue
		}
		diff := u[d] - v[d]
		sum += w * diff * diff
	}
	return sum
}

// New conditions a process with parameters p on data. If the covariance cannot
// be factored, as when points repeat without noise, noise is added until it can.
func New(d Data, p Params) *Process {
	q := &Process{Params: p, data: d, u: p.warped(d)}
	n, dims := d.n(), d.dims()
	k := make([]float64, n*n)
	for i := range n {
		for j := range i {
			v, _ := matern(p.r2(q.u[i*dims:][:dims], q.u[j*dims:][:dims], d.Label))
			k[j*n+i] = p.Scale * v
		}
	}
	for jitter := 0.0; ; jitter = max(1e-10, jitter*10) {
		for i := range n {
			k[i*n+i] = p.Scale + p.Noise + jitter*p.Scale
		}
		c, ok := lapack64.Potrf(blas64.Symmetric{N: n, Data: append([]float64(nil), k...), Stride: max(1, n), Uplo: blas.Upper})
		if ok && !math.IsNaN(sum(c.Data[:1])) || jitter > 1e3 {
			q.chol = c
			break
		}
	}
	ones := make([]float64, n)
	for i := range ones {
		ones[i] = 1
	}
	q.solve(ones)
	q.alpha = append([]float64(nil), d.Y...)
	q.solve(q.alpha)
	// A weak pull towards 0 stands in for the prior of the mean.
	q.Mean = sum(q.alpha) / (sum(ones) + meanPull)
	for i := range ones {
		q.alpha[i] -= q.Mean * ones[i]
	}
	return q
}

const meanPull = .1

func sum(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s
}

// solve replaces b by K⁻¹·b.
func (q *Process) solve(b []float64) {
	v := blas64.Vector{N: len(b), Data: b, Inc: 1}
	blas64.Trsv(blas.Trans, q.chol, v)
	blas64.Trsv(blas.NoTrans, q.chol, v)
}

// logDet is that of the covariance.
func (q *Process) logDet() float64 {
	s := 0.0
	for i := range q.chol.N {
		s += 2 * math.Log(q.chol.Data[i*q.chol.Stride+i])
	}
	return s
}

// Evidence is the logarithm of the density of values y in place of the data's,
// with its own mean, but for a constant.
func (q *Process) Evidence(y []float64) float64 {
	n := len(y)
	z := append([]float64(nil), y...)
	one := make([]float64, n)
	for i := range one {
		one[i] = 1
	}
	half := func(b []float64) { blas64.Trsv(blas.Trans, q.chol, blas64.Vector{N: n, Data: b, Inc: 1}) }
	half(z)
	half(one)
	zz, zo, oo := 0.0, 0.0, 0.0
	for i := range z {
		zz += z[i] * z[i]
		zo += z[i] * one[i]
		oo += one[i] * one[i]
	}
	return -.5*(zz-zo*zo/(oo+meanPull)) - .5*q.logDet()
}

// A Predictor predicts points, one at a time, with memory of its own.
type Predictor struct {
	*Process
	u, k, v, dk []float64
}

// Predictor returns one for a goroutine.
func (q *Process) Predictor() *Predictor {
	n := q.data.n()
	return &Predictor{q, make([]float64, q.data.dims()), make([]float64, n), make([]float64, n), make([]float64, n)}
}

// At is mean and standard deviation, without noise, at x.
func (p *Predictor) At(x []float64) (mean, sd float64) {
	p.covariances(x)
	copy(p.v, p.k)
	blas64.Trsv(blas.Trans, p.chol, blas64.Vector{N: len(p.v), Data: p.v, Inc: 1})
	return p.moments()
}

// covariances of x with the data.
func (p *Predictor) covariances(x []float64) {
	dims := len(x)
	for d := range x {
		p.u[d] = p.Params.warp(d, x[d], p.data.Label)
	}
	for i := range p.k {
		k, dk := matern(p.Params.r2(p.u, p.Process.u[i*dims:][:dims], p.data.Label))
		p.k[i], p.dk[i] = p.Params.Scale*k, p.Params.Scale*dk
	}
}

func (p *Predictor) moments() (mean, sd float64) {
	mean, variance := p.Mean, p.Params.Scale
	for i := range p.k {
		mean += p.k[i] * p.alpha[i]
		variance -= p.v[i] * p.v[i]
	}
	return mean, math.Sqrt(max(variance, 1e-14*p.Params.Scale))
}

// Slopes is At with the derivatives by the numbers of x; those by labels are 0.
func (p *Predictor) Slopes(x, dMean, dSD []float64) (mean, sd float64) {
	mean, sd = p.At(x)
	blas64.Trsv(blas.NoTrans, p.chol, blas64.Vector{N: len(p.v), Data: p.v, Inc: 1})
	dims := len(x)
	for d := range x {
		dMean[d], dSD[d] = 0, 0
	}
	for i := range p.k {
		m, s := p.alpha[i]*p.dk[i], p.v[i]*p.dk[i]
		for d, v := range p.Process.u[i*dims:][:dims] {
			diff := p.u[d] - v
			dMean[d] += m * diff
			dSD[d] += s * diff
		}
	}
	for d := range x {
		slope := 0.0
		switch {
		case p.data.Label[d]:
		case p.Params.A[d] == 1 && p.Params.B[d] == 1:
			slope = 1
		default:
			slope, _, _ = p.Params.warpSlopes(d, x[d])
		}
		slope *= 2 * p.Params.Weight[d]
		dMean[d] *= slope
		dSD[d] *= -slope / sd
	}
	return mean, sd
}
