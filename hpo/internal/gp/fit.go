package gp

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/argus-go/argus/hpo/internal/bfgs"
)

// Options of Fit.
type Options struct {
	Warp      bool    // search A and B too
	Steps     int     // of each search at most; 0: 30
	MaxWeight float64 // of a dimension; 0: 1e4
	MinNoise  float64 // 0: 1e-8
}

// Fit returns the parameters of the highest posterior density that searches
// from the given starts find, and its logarithm.
func Fit(d Data, starts []Params, o Options) (Params, float64) {
	if o.Steps == 0 {
		o.Steps = 30
	}
	if o.MaxWeight == 0 {
		o.MaxWeight = 1e4
	}
	if o.MinNoise == 0 {
		o.MinNoise = minNoise
	}
	best, value := starts[0], math.Inf(-1)
	post := newPosterior(d, o)
	for _, s := range starts {
		x := post.pack(s)
		v := -bfgs.Minimize(post.negative, x, post.lo, post.hi, bfgs.Options{Steps: o.Steps, Tolerance: 1e-4})
		if v > value {
			best, value = post.unpack(x), v
		}
	}
	return best, value
}

// A posterior is the density of parameters given data, as a function of their
// logarithms: weights, scale, noise, and A and B of the numbers.
type posterior struct {
	data    Data
	warp    []int // the dimensions that are warped
	lo, hi  []float64
	k, dk   []float64 // [n][n], upper
	force   []float64 // [n][dims], gradient by warped coordinates
	r, ones []float64
	mean    float64
}

func newPosterior(d Data, o Options) *posterior {
	n := d.n()
	q := &posterior{data: d, k: make([]float64, n*n), dk: make([]float64, n*n), force: make([]float64, len(d.X)), r: make([]float64, n), ones: make([]float64, n)}
	bound := func(lo, hi float64) { q.lo, q.hi = append(q.lo, math.Log(lo)), append(q.hi, math.Log(hi)) }
	for range d.dims() {
		bound(1e-4, o.MaxWeight)
	}
	bound(1e-2, 1e2)
	bound(o.MinNoise, 1)
	for i, l := range d.Label {
		if o.Warp && !l {
			q.warp = append(q.warp, i)
			bound(.2, 5)
			bound(.2, 5)
		}
	}
	return q
}

const minNoise = 1e-8

func (q *posterior) pack(p Params) []float64 {
	var x []float64
	for _, w := range p.Weight {
		x = append(x, math.Log(w))
	}
	x = append(x, math.Log(p.Scale), math.Log(p.Noise))
	for _, i := range q.warp {
		x = append(x, math.Log(p.A[i]), math.Log(p.B[i]))
	}
	return x
}

func (q *posterior) unpack(x []float64) Params {
	p := Start(q.data.Label)
	d := q.data.dims()
	for i := range p.Weight {
		p.Weight[i] = math.Exp(x[i])
	}
	p.Scale, p.Noise = math.Exp(x[d]), math.Exp(x[d+1])
	for k, i := range q.warp {
		p.A[i], p.B[i] = math.Exp(x[d+2+2*k]), math.Exp(x[d+3+2*k])
	}
	return p
}

// negative is minus the log density at x; g takes its gradient.
func (q *posterior) negative(x, g []float64) float64 {
	n, dims := q.data.n(), q.data.dims()
	p := q.unpack(x)
	u := p.warped(q.data)
	for i := range n {
		ui := u[i*dims:][:dims]
		for j := i + 1; j < n; j++ {
			k, dk := matern(p.r2(ui, u[j*dims:][:dims], q.data.Label))
			q.k[i*n+j], q.dk[i*n+j] = p.Scale*k, p.Scale*dk
		}
		q.k[i*n+i] = p.Scale + p.Noise
	}
	c, ok := lapack64.Potrf(blas64.Symmetric{N: n, Data: q.k, Stride: max(1, n), Uplo: blas.Upper})
	if !ok {
		return math.Inf(1)
	}
	value := -q.residual(c)
	// k becomes the inverse of the covariance.
	lapack64.Potri(c)
	clear(g)
	clear(q.force)
	for i := range n {
		ui, fi := u[i*dims:][:dims], q.force[i*dims:][:dims]
		for j := i + 1; j < n; j++ {
			c := (q.r[i]*q.r[j] - q.k[i*n+j]) * q.dk[i*n+j]
			uj, fj := u[j*dims:][:dims], q.force[j*dims:][:dims]
			for d, w := range p.Weight {
				if q.data.Label[d] {
					if ui[d] != uj[d] {
						g[d] -= c * w
					}
					continue
				}
				diff := ui[d] - uj[d]
				f := c * w * diff
				g[d] -= f * diff
				fi[d] += f
				fj[d] -= f
			}
		}
		w := .5 * (q.r[i]*q.r[i] - q.k[i*n+i])
		g[dims+1] -= w * p.Noise
	}
	// The gradient by the scale: ½·tr(G·∂K) with ∂K = K − noise·I, where
	// tr(G·K) = rᵀα − n.
	trace := -float64(n)
	for i := range n {
		trace += q.r[i] * (q.data.Y[i] - q.mean)
	}
	g[dims] -= .5*trace + g[dims+1]
	for i := range n {
		for k, d := range q.warp {
			_, byA, byB := p.warpSlopes(d, q.data.X[i*dims+d])
			g[dims+2+2*k] -= 2 * q.force[i*dims+d] * byA
			g[dims+3+2*k] -= 2 * q.force[i*dims+d] * byB
		}
	}
	return value - q.prior(x, g)
}

// residual is the log likelihood, with r = K⁻¹(y − mean) left in q.r.
func (q *posterior) residual(c blas64.Triangular) float64 {
	s := Process{data: q.data, chol: c}
	copy(q.r, q.data.Y)
	s.solve(q.r)
	for i := range q.ones {
		q.ones[i] = 1
	}
	s.solve(q.ones)
	mean := sum(q.r) / (sum(q.ones) + meanPull)
	like := -.5*s.logDet() - .5*meanPull*mean*mean
	for i := range q.r {
		q.r[i] -= mean * q.ones[i]
		like -= .5 * q.r[i] * (q.data.Y[i] - mean)
	}
	q.mean = mean
	return like
}

// prior is the log density of parameters before data; its gradient is taken off
// g.
func (q *posterior) prior(x, g []float64) float64 {
	d := q.data.dims()
	value := 0.0
	normal := func(i int, mean, sd float64) {
		z := (x[i] - mean) / sd
		value -= .5 * z * z
		g[i] += z / sd
	}
	for i := range d {
		// Weights have magnitudes around the start; more dimensions mean that
		// each says less.
		normal(i, math.Log(startWeight)-math.Log(float64(d))/2, weightSpread)
	}
	normal(d, 0, scaleSpread)
	normal(d+1, math.Log(noiseCentre), noiseSpread)
	for i := d + 2; i < len(x); i++ {
		normal(i, 0, warpSpread)
	}
	return value
}

const (
	weightSpread = 1.5
	scaleSpread  = 1
	noiseCentre  = 1e-5
	noiseSpread  = 3
	warpSpread   = .3
)
