package hpo

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/argus-go/argus/hpo/internal/bfgs"
	"github.com/argus-go/argus/hpo/internal/qmc"
)

// Work of a search for the maximum of an acquisition.
const (
	spreadPoints = 200 // over all the space
	nearPoints   = 60  // near the best trials
	climbs       = 5   // from the best of these
	climbSteps   = 30
	smallSpace   = 1024 // points of a space that are all looked at
	fewLevels    = 16   // values of a parameter that are all looked at
	someLabels   = 32   // labels of a categorical that are tried in one round
	triesToDraw  = 10000
)

// A candidate is a code and its acquisition.
type candidate struct {
	x code
	v float64
}

// A hunt looks for the code that is allowed, not taken and of the highest
// acquisition.
type hunt struct {
	space   *Space
	taken   func(code) bool
	best    []code // of the trials, the best first
	rng     *rand.Rand
	seed    uint64
	workers []*landscape // the same one for each goroutine
}

// run returns the best code; false if there is none that is not taken.
func (h *hunt) run() (code, bool) {
	pool := h.pool()
	h.each(len(pool), func(l *landscape, i int) { pool[i].v = l.at(pool[i].x) })
	rank(pool)
	if n := h.space.size(); n == 0 || n > smallSpace {
		starts := pool[:min(climbs, len(pool))]
		ends := make([]candidate, len(starts))
		seeds := make([]uint64, len(starts))
		for i := range seeds {
			seeds[i] = h.rng.Uint64()
		}
		h.each(len(starts), func(l *landscape, i int) { ends[i] = h.climb(l, starts[i], seeds[i]) })
		pool = append(pool, ends...)
		rank(pool)
	}
	for _, c := range pool {
		if !h.taken(c.x) {
			return c.x, true
		}
	}
	return nil, false
}

func rank(pool []candidate) {
	slices.SortStableFunc(pool, func(a, b candidate) int {
		switch {
		case a.v > b.v || math.IsNaN(b.v) && !math.IsNaN(a.v):
			return -1
		case b.v > a.v || math.IsNaN(a.v) && !math.IsNaN(b.v):
			return 1
		}
		return 0
	})
}

// each calls do for 0 to n-1, shared out over the workers.
func (h *hunt) each(n int, do func(l *landscape, i int)) {
	var group sync.WaitGroup
	for w, l := range h.workers {
		group.Go(func() {
			for i := w; i < n; i += len(h.workers) {
				do(l, i)
			}
		})
	}
	group.Wait()
}

// pool is the codes to look at first: all of a small space, or some over all of
// it and some near the best trials.
func (h *hunt) pool() []candidate {
	var pool []candidate
	if n := h.space.size(); n > 0 && n <= smallSpace {
		for x := range h.space.all() {
			pool = append(pool, candidate{x: x})
		}
		return pool
	}
	for _, lot := range qmc.Sobol(1, spreadPoints, len(h.space.params), h.seed) {
		if x := h.space.fromLots(lot); h.space.allowed(x) {
			pool = append(pool, candidate{x: x})
		}
	}
	for i := 0; len(h.best) > 0 && i < nearPoints; i++ {
		// Half of them around the best, fewer around each next.
		at := min(bitsOfChance(h.rng), len(h.best)-1)
		if x := h.space.near(h.best[at], math.Pow(10, -.5-2.5*h.rng.Float64()), h.rng); h.space.allowed(x) {
			pool = append(pool, candidate{x: x})
		}
	}
	for range triesToDraw {
		if len(pool) >= nearPoints {
			break
		}
		if x := h.space.draw(h.rng); h.space.allowed(x) {
			pool = append(pool, candidate{x: x})
		}
	}
	return pool
}

// bitsOfChance is 0 with probability ½, 1 with ¼ and so on.
func bitsOfChance(rng *rand.Rand) int {
	n := 0
	for rng.Uint64()&1 == 1 {
		n++
	}
	return n
}

// climb goes uphill from c: along the gradient of parameters that are
// continuous or nearly, and value by value in the others.
func (h *hunt) climb(l *landscape, c candidate, seed uint64) candidate {
	rng := rand.New(rand.NewPCG(seed, 0xc1))
	for round := range 4 {
		before := c.v
		c = h.along(l, c)
		c = h.across(l, c, rng)
		if round > 0 && !(c.v > before+1e-6) {
			break
		}
	}
	return c
}

// along maximises over the parameters that are continuous or nearly.
func (h *hunt) along(l *landscape, c candidate) candidate {
	var free []int
	for i, p := range h.space.params {
		if n := p.levels(); !p.unordered() && (n == 0 || n > fewLevels) && !math.IsNaN(c.x[i]) {
			free = append(free, i)
		}
	}
	if len(free) == 0 {
		return c
	}
	x, lo, hi := make([]float64, len(free)), make([]float64, len(free)), make([]float64, len(free))
	for k, i := range free {
		x[k], hi[k] = c.x[i], 1
	}
	at := slices.Clone(c.x)
	constrained := !h.space.free()
	bfgs.Minimize(func(x, g []float64) float64 {
		for k, i := range free {
			at[i] = x[k]
		}
		if constrained && !h.space.allowed(at) {
			return math.Inf(1)
		}
		v := l.slopes(at)
		for k, i := range free {
			g[k] = -l.gradient[i]
		}
		return -v
	}, x, lo, hi, bfgs.Options{Steps: climbSteps, Tolerance: 1e-5})
	for k, i := range free {
		at[i] = x[k]
	}
	return h.better(l, c, at)
}

// across tries other values of one parameter at a time.
func (h *hunt) across(l *landscape, c candidate, rng *rand.Rand) candidate {
	for i, p := range h.space.params {
		if math.IsNaN(c.x[i]) {
			continue
		}
		for _, u := range p.others(c.x[i], rng) {
			x := slices.Clone(c.x)
			x[i] = u
			c = h.better(l, c, x)
		}
	}
	return c
}

// better returns x if it is allowed and higher, else c.
func (h *hunt) better(l *landscape, c candidate, x code) candidate {
	x = h.space.settle(x)
	if !h.space.allowed(x) {
		return c
	}
	v := l.at(x)
	if math.IsNaN(v) || !(v > c.v) && !h.taken(c.x) || h.taken(x) {
		return c
	}
	return candidate{x, v}
}

// others are values to try in place of u.
func (p Param) others(u float64, rng *rand.Rand) []float64 {
	n := p.levels()
	if n == 0 || n == 1 {
		return nil
	}
	at := p.position(u)
	var out []float64
	switch {
	case n <= fewLevels || p.unordered() && n <= someLabels:
		for i := range n {
			if i != at {
				out = append(out, p.place(i))
			}
		}
	case p.unordered():
		for range someLabels {
			out = append(out, p.place(rng.IntN(n)))
		}
	default:
		for _, step := range []int{-1, 1} {
			if i := at + step; i >= 0 && i < n {
				out = append(out, p.place(i))
			}
		}
	}
	return out
}

// near is a random code around x: some of its parameters moved by about scale of
// their range, or to another label.
func (s *Space) near(x code, scale float64, rng *rand.Rand) code {
	y := slices.Clone(x)
	all := rng.Uint64()&1 == 0
	one := rng.IntN(len(y))
	for i, p := range s.params {
		if !all && i != one && rng.Float64() > 2/float64(len(y)) || math.IsNaN(y[i]) {
			continue
		}
		n := p.levels()
		switch {
		case p.unordered():
			if !all || rng.Float64() < .2 {
				y[i] = float64(rng.IntN(n))
			}
		case n > 0 && n <= fewLevels:
			if !all || rng.Float64() < .3 {
				y[i] = p.place(min(max(p.position(y[i])+1-2*rng.IntN(2), 0), n-1))
			}
		default:
			y[i] = min(max(y[i]+scale*rng.NormFloat64(), 0), 1)
		}
	}
	return s.settle(y)
}

// fromLots is the code for a number from [0, 1) for each parameter.
func (s *Space) fromLots(lots []float64) code {
	x := make(code, len(s.params))
	for i, p := range s.params {
		x[i] = math.NaN()
		if s.active(x, i) {
			x[i] = p.fromLot(lots[i])
		}
	}
	return x
}

// draw is a code of chance; constraints are not looked at.
func (s *Space) draw(rng *rand.Rand) code {
	lots := make([]float64, len(s.params))
	for i := range lots {
		lots[i] = rng.Float64()
	}
	return s.fromLots(lots)
}

// all yields the allowed codes of a space that has few.
func (s *Space) all() func(yield func(code) bool) {
	return func(yield func(code) bool) {
		s.from(make(code, len(s.params)), 0, yield)
	}
}

func (s *Space) from(x code, i int, yield func(code) bool) bool {
	if i == len(x) {
		return !s.allowed(x) || yield(slices.Clone(x))
	}
	x[i] = math.NaN()
	if !s.active(x, i) {
		return s.from(x, i+1, yield)
	}
	for at := range s.params[i].levels() {
		x[i] = s.params[i].place(at)
		if !s.from(x, i+1, yield) {
			return false
		}
	}
	return true
}
