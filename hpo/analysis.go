package hpo

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/argus-go/argus/hpo/internal/gp"
)

// ErrFewTrials says that a search has too few values for what is asked.
var ErrFewTrials = errors.New("fewer than two trials are done")

// Importance is how much of the variance of values over the space a parameter
// explains: alone, and with what it does together with others. Both are shares of
// 1, of the process that stands for the values.
type Importance struct {
	Name        string
	Main, Total float64
}

// Importances returns those of all parameters, the largest Total first: Sobol's
// indices, by Jansen's estimates (Saltelli et al., Comput. Phys.
// Commun. 181, 2010).
func (o *Optimizer) Importances() ([]Importance, error) {
	v, err := o.view()
	if err != nil {
		return nil, fmt.Errorf("hpo: importances: %w", err)
	}
	return v.importances(), nil
}

// A view is the process as it is now, to look at.
type view struct {
	space *Space
	surrogate
	f    *gp.Predictor
	row  []float64
	base []code // points of chance, to average over
}

const viewPoints = 1024

func (o *Optimizer) view() (*view, error) {
	o.mu.Lock()
	r := record{o.space, o.options, slices.Clone(o.trials), nil, o.model}
	o.mu.Unlock()
	if len(r.ended(Done)) < 2 {
		return nil, ErrFewTrials
	}
	v := &view{space: o.space, surrogate: r.fit(nil, r.rng(4))}
	v.f = v.process.Predictor()
	v.row = make([]float64, len(o.space.params))
	v.base = v.draw(viewPoints, r.rng(5))
	return v, nil
}

// draw gives points of chance that are allowed.
func (v *view) draw(n int, rng *rand.Rand) []code {
	var out []code
	for range n * 100 {
		if x := v.space.draw(rng); v.space.allowed(x) {
			if out = append(out, x); len(out) == n {
				break
			}
		}
	}
	return out
}

// at is mean and standard deviation of the transformed value.
func (v *view) at(x code) (mean, sd float64) { return v.f.At(v.space.features(v.row, x)) }

func (v *view) mean(x code) float64 { m, _ := v.at(x); return m }

// with is x with parameter i as in y, and what depends on it settled.
func (v *view) with(x code, i int, u float64) code {
	z := slices.Clone(x)
	z[i] = u
	return v.space.settle(z)
}

func (v *view) importances() []Importance {
	a := v.base
	b := v.draw(len(a), rand.New(rand.NewPCG(1, 5)))
	a = a[:min(len(a), len(b))]
	fa, fb := make([]float64, len(a)), make([]float64, len(a))
	sum, square := 0.0, 0.0
	for i := range a {
		fa[i], fb[i] = v.mean(a[i]), v.mean(b[i])
		sum += fa[i] + fb[i]
		square += fa[i]*fa[i] + fb[i]*fb[i]
	}
	n := float64(len(a))
	variance := square/(2*n) - sum*sum/(4*n*n)
	var out []Importance
	for p, param := range v.space.params {
		im := Importance{Name: param.Name}
		for i := range a {
			f := fa[i]
			if !math.IsNaN(a[i][p]) && !math.IsNaN(b[i][p]) {
				f = v.mean(v.with(a[i], p, b[i][p]))
			}
			im.Main -= (fb[i] - f) * (fb[i] - f) / (2 * n)
			im.Total += (fa[i] - f) * (fa[i] - f) / (2 * n)
		}
		if variance > 1e-12 {
			im.Main, im.Total = max(0, 1+im.Main/variance), im.Total/variance
		} else {
			im.Main, im.Total = 0, 0
		}
		im.Main = min(im.Main, im.Total)
		out = append(out, im)
	}
	slices.SortStableFunc(out, func(a, b Importance) int { return cmp.Compare(b.Total, a.Total) })
	return out
}

// dependence is the mean over the space, other things being as they may, of the
// value at each of the given codes of parameter i, and a standard deviation to
// both sides of it.
func (v *view) dependence(i int, codes []float64) (low, middle, high []float64) {
	for _, u := range codes {
		mean, sd, n := 0.0, 0.0, 0.0
		for _, x := range v.base[:min(len(v.base), 256)] {
			if math.IsNaN(x[i]) {
				continue
			}
			m, s := v.at(v.with(x, i, u))
			mean += m
			sd += s
			n++
		}
		mean, sd = mean/n, sd/n
		low = append(low, v.warp.back(mean-sd))
		middle = append(middle, v.warp.back(mean))
		high = append(high, v.warp.back(mean+sd))
	}
	return low, middle, high
}

// dependence2 is that of two parameters, for codes of the first and then of the
// second. NaN stands where the two do not go together.
func (v *view) dependence2(i, j int, first, second []float64) [][]float64 {
	base := v.base[:min(len(v.base), 64)]
	var out [][]float64
	for _, a := range first {
		var row []float64
		for _, b := range second {
			mean, n := 0.0, 0.0
			for _, x := range base {
				z := v.with(v.with(x, i, a), j, b)
				if math.IsNaN(z[i]) || math.IsNaN(z[j]) || math.IsNaN(x[i]) || math.IsNaN(x[j]) {
					continue
				}
				mean += v.mean(z)
				n++
			}
			row = append(row, mean/n)
		}
		out = append(out, row)
	}
	return out
}
