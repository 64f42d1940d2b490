package hpo

import (
	"math"
	"math/rand/v2"
	"slices"
)

// byParzen proposes where good trials are dense and the others are not, one
// parameter at a time (Bergstra et al., Algorithms for hyper-parameter
// optimization, NeurIPS 2011).
func (r *record) byParzen() (code, string, error) {
	const tries = 24
	rng := r.rng(3)
	done := r.ended(Done)
	slices.SortStableFunc(done, func(a, b Trial) int {
		switch {
		case a.Value < b.Value:
			return -1
		case a.Value > b.Value:
			return 1
		}
		return 0
	})
	n := min((len(done)+9)/10, 25)
	good, rest := done[:n], slices.Concat(done[n:], r.ended(Failed))
	for range 100 {
		x := make(code, len(r.space.params))
		for i, p := range r.space.params {
			x[i] = math.NaN()
			if !r.space.active(x, i) {
				continue
			}
			below, above := parzenOf(p, good, i), parzenOf(p, rest, i)
			best := math.Inf(-1)
			for range tries {
				u := p.snap(below.draw(rng))
				if v := below.logDensity(u) - above.logDensity(u); v > best {
					x[i], best = u, v
				}
			}
		}
		if r.space.allowed(x) && !r.taken[x.key()] {
			return x, string(TPE), nil
		}
	}
	return r.byChance()
}

// A parzen is a density over the codes of one parameter: of labels by counts, of
// numbers by a bump on each seen.
type parzen struct {
	counts  []float64
	at, sds []float64
}

func parzenOf(p Param, trials []Trial, i int) parzen {
	var seen []float64
	for _, t := range trials {
		if !math.IsNaN(t.x[i]) {
			seen = append(seen, t.x[i])
		}
	}
	if p.unordered() {
		d := parzen{counts: make([]float64, p.levels())}
		for k := range d.counts {
			d.counts[k] = 1 / float64(len(d.counts))
		}
		for _, u := range seen {
			d.counts[int(u)]++
		}
		return d
	}
	d := parzen{at: append(seen, .5)} // the last one, wide, stands for what is not known
	slices.Sort(d.at[:len(seen)])
	floor := 1 / math.Min(100, float64(len(seen)+2))
	for k, u := range d.at {
		if k == len(seen) {
			d.sds = append(d.sds, 1)
			continue
		}
		left, right := u, 1-u
		if k > 0 {
			left = u - d.at[k-1]
		}
		if k+1 < len(seen) {
			right = d.at[k+1] - u
		}
		d.sds = append(d.sds, min(max(left, right, floor), 1))
	}
	return d
}

func (d parzen) draw(rng *rand.Rand) float64 {
	if d.counts == nil {
		k := rng.IntN(len(d.at))
		for range 100 {
			if u := d.at[k] + d.sds[k]*rng.NormFloat64(); u >= 0 && u <= 1 {
				return u
			}
		}
		return d.at[k]
	}
	total := 0.0
	for _, c := range d.counts {
		total += c
	}
	lot := rng.Float64() * total
	for k, c := range d.counts {
		if lot -= c; lot < 0 {
			return float64(k)
		}
	}
	return 0
}

// logDensity is that at u, up to a constant.
func (d parzen) logDensity(u float64) float64 {
	sum, total := 0.0, 0.0
	for k, c := range d.counts {
		total += c
		if k == int(u) {
			sum = c
		}
	}
	for k, at := range d.at {
		sd := d.sds[k]
		inside := .5 * (math.Erf((1-at)/(sd*math.Sqrt2)) + math.Erf(at/(sd*math.Sqrt2)))
		z := (u - at) / sd
		sum += math.Exp(-z*z/2) / (sd * inside)
		total++
	}
	return math.Log(sum / total)
}
