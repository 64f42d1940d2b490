// Package bfgs minimises smooth functions of a few variables within bounds.
package bfgs

import "math"

// Options bound the work of Minimize.
type Options struct {
	Steps     int     // at most; 0: 50
	Tolerance float64 // of a step's relative gain, under which it ends; 0: 1e-8
}

// Minimize walks from x, in place, to a local minimum of f within lo ≤ x ≤ hi and
// returns its value. f writes its gradient to g and may return NaN or +Inf where
// it is not defined, but not at the start.
//
// It is BFGS with a dense inverse Hessian on the variables that are not held at a
// bound, and a search backwards along the projected path (Bertsekas, Projected
// Newton methods, SIAM J. Control Optim. 20, 1982).
func Minimize(f func(x, g []float64) float64, x, lo, hi []float64, o Options) float64 {
	if o.Steps == 0 {
		o.Steps = 50
	}
	if o.Tolerance == 0 {
		o.Tolerance = 1e-8
	}
	n := len(x)
	g, next, gNext, d := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	h := newInverse(n)
	for i := range x {
		x[i] = min(max(x[i], lo[i]), hi[i])
	}
	value := f(x, g)
	for range o.Steps {
		slope := h.direction(d, x, g, lo, hi)
		if !(slope < 0) {
			if h.fresh {
				return value
			}
			h.reset()
			continue
		}
		v, ok := search(f, x, d, next, gNext, lo, hi, value, g, h.fresh)
		if !ok {
			if h.fresh {
				return value
			}
			h.reset()
			continue
		}
		h.update(x, next, g, gNext)
		gain := value - v
		copy(x, next)
		copy(g, gNext)
		value = v
		if gain <= o.Tolerance*math.Max(1, math.Abs(value)) {
			return value
		}
	}
	return value
}

// search finds a step along d that gains enough and leaves it in next.
func search(f func(x, g []float64) float64, x, d, next, gNext, lo, hi []float64, value float64, g []float64, fresh bool) (float64, bool) {
	t := 1.0
	if fresh { // the scale is not known yet: at most a tenth of the box
		for i := range d {
			if w := math.Abs(d[i]) / (hi[i] - lo[i]); d[i] != 0 && w*t > .1 {
				t = .1 / w
			}
		}
	}
	for range 12 {
		gain := 0.0
		for i := range x {
			next[i] = min(max(x[i]+t*d[i], lo[i]), hi[i])
			gain += g[i] * (next[i] - x[i])
		}
		v := f(next, gNext)
		if v <= value+1e-4*gain && gain < 0 {
			return v, true
		}
		shrink := .25
		if !math.IsNaN(v) && !math.IsInf(v, 0) { // the minimum of the parabola through what is known
			if q := -gain / (2 * (v - value - gain)); q > .1 && q < .5 {
				shrink = q
			}
		}
		t *= shrink
	}
	return value, false
}

// inverse approximates the inverse of the Hessian.
type inverse struct {
	n       int
	h       []float64
	s, y, q []float64
	held    []bool
	fresh   bool
}

func newInverse(n int) *inverse {
	h := &inverse{n: n, h: make([]float64, n*n), s: make([]float64, n), y: make([]float64, n), q: make([]float64, n), held: make([]bool, n)}
	h.reset()
	return h
}

func (h *inverse) reset() {
	clear(h.h)
	for i := range h.n {
		h.h[i*h.n+i] = 1
	}
	h.fresh = true
}

// direction writes -H·g over the free variables to d and returns its slope.
func (h *inverse) direction(d, x, g, lo, hi []float64) float64 {
	for i := range x {
		h.held[i] = lo[i] >= hi[i] || x[i] <= lo[i] && g[i] > 0 || x[i] >= hi[i] && g[i] < 0
	}
	slope := 0.0
	for i := range d {
		d[i] = 0
		if h.held[i] {
			continue
		}
		for j := range g {
			if !h.held[j] {
				d[i] -= h.h[i*h.n+j] * g[j]
			}
		}
		slope += d[i] * g[i]
	}
	return slope
}

// update is the BFGS update; where the curvature is not positive it is left out.
func (h *inverse) update(x, next, g, gNext []float64) {
	sy, yy := 0.0, 0.0
	for i := range x {
		h.s[i], h.y[i] = next[i]-x[i], gNext[i]-g[i]
		if h.held[i] {
			h.s[i], h.y[i] = 0, 0
		}
		sy += h.s[i] * h.y[i]
		yy += h.y[i] * h.y[i]
	}
	if !(sy > 1e-12*yy) || sy <= 0 {
		return
	}
	if h.fresh {
		for i := range h.n {
			h.h[i*h.n+i] = sy / yy
		}
		h.fresh = false
	}
	yq := 0.0
	for i := range h.n {
		h.q[i] = 0
		for j := range h.n {
			h.q[i] += h.h[i*h.n+j] * h.y[j]
		}
		yq += h.y[i] * h.q[i]
	}
	a := (1 + yq/sy) / sy
	for i := range h.n {
		for j := range h.n {
			h.h[i*h.n+j] += a*h.s[i]*h.s[j] - (h.q[i]*h.s[j]+h.s[i]*h.q[j])/sy
		}
	}
}
