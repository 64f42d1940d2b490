package hpo

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/argus-go/argus/hpo/internal/gp"
)

// byProcess proposes where the acquisition over a Gaussian process is highest.
func (r *record) byProcess() (code, string, model, error) {
	rng := r.rng(2)
	m := r.model
	f := r.fit(m.Value, rng)
	m.Value = f.fitted
	done, data, process := f.done, f.data, f.process
	best, order := incumbents(process, data, done)
	process = r.withRunning(process, data, m.Value.Params)
	var success *gp.Process
	if failed := r.ended(Failed); len(failed) > 0 {
		m.Success, success = r.fitSuccess(m.Success, done, failed, rng)
	}
	acquisition := r.acquisition(done, data.Y, rng)
	h := hunt{space: r.space, taken: func(x code) bool { return r.taken[x.key()] }, best: order, rng: rng, seed: rng.Uint64()}
	for range r.options.Threads {
		n := len(r.space.params)
		l := &landscape{space: r.space, acquisition: acquisition, value: process.Predictor(), best: best,
			row: make([]float64, n), dm: make([]float64, n), ds: make([]float64, n), gradient: make([]float64, n)}
		if success != nil {
			l.success = success.Predictor()
		}
		h.workers = append(h.workers, l)
	}
	x, ok := h.run()
	if ok {
		return x, string(acquisition), m, nil
	}
	x, by, err := r.byChance()
	return x, by, m, err
}

// A surrogate is the process of the values of trials.
type surrogate struct {
	*fitted
	done    []Trial
	data    gp.Data
	process *gp.Process
	warp    outputWarp
}

// fit conditions a process on the trials that are done, of which there are some.
func (r *record) fit(last *fitted, rng *rand.Rand) surrogate {
	s := surrogate{done: r.ended(Done)}
	values := make([]float64, len(s.done))
	for i, t := range s.done {
		values[i] = t.Value
	}
	s.data = r.data(s.done)
	s.fitted, s.warp = r.fitValues(last, s.data, values, rng)
	s.data.Y = s.warp.all(values)
	s.process = gp.New(s.data, s.Params)
	return s
}

// ended is the trials of one state.
func (r *record) ended(state State) []Trial {
	var out []Trial
	for _, t := range r.trials {
		if t.State == state {
			out = append(out, t)
		}
	}
	return out
}

// data is trials as the process sees them, without values.
func (r *record) data(trials []Trial) gp.Data {
	d := gp.Data{}
	for _, p := range r.space.params {
		d.Label = append(d.Label, p.unordered())
	}
	n := len(d.Label)
	d.X = make([]float64, len(trials)*n)
	for i, t := range trials {
		r.space.features(d.X[i*n:][:n], t.x)
	}
	return d
}

// incumbents are the lowest value that the process believes to have been seen,
// and the codes of the trials from there up.
func incumbents(p *gp.Process, d gp.Data, trials []Trial) (float64, []code) {
	n := len(d.Label)
	f := p.Predictor()
	means := make([]float64, len(trials))
	order := make([]int, len(trials))
	for i := range trials {
		means[i], _ = f.At(d.X[i*n:][:n])
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case means[a] < means[b]:
			return -1
		case means[a] > means[b]:
			return 1
		}
		return 0
	})
	var codes []code
	for _, i := range order {
		codes = append(codes, trials[i].x)
	}
	return means[order[0]], codes
}

// withRunning conditions p on the values that it expects of running trials, too.
func (r *record) withRunning(p *gp.Process, d gp.Data, params gp.Params) *gp.Process {
	running := r.ended(Running)
	if len(running) == 0 {
		return p
	}
	more := r.data(running)
	f := p.Predictor()
	n := len(d.Label)
	all := gp.Data{X: slices.Concat(d.X, more.X), Y: slices.Clone(d.Y), Label: d.Label}
	for i := range running {
		mean, _ := f.At(more.X[i*n:][:n])
		all.Y = append(all.Y, mean)
	}
	return gp.New(all, params)
}

// due says whether n trials are enough more than at the last fit for another:
// each one at first, each twentieth part later.
func (f *fitted) due(n int) bool { return f == nil || n-f.N >= max(1, n/20) || n < f.N }

// fitValues returns parameters for the values and how the process sees them.
func (r *record) fitValues(last *fitted, data gp.Data, values []float64, rng *rand.Rand) (*fitted, outputWarp) {
	choice := warps(values)
	if r.options.PlainOutputs {
		choice = choice[:1]
	}
	if !last.due(len(values)) && last.Warp < len(choice) {
		return last, choice[last.Warp]
	}
	next := &fitted{N: len(values)}
	starts := []gp.Params{gp.Start(data.Label)}
	if last != nil {
		next.Warp = min(last.Warp, len(choice)-1)
		starts = []gp.Params{last.Params}
		if crossed(last.N, len(values)) {
			starts = append(starts, gp.Start(data.Label), perturbed(gp.Start(data.Label), rng))
		}
	} else {
		starts = append(starts, perturbed(starts[0], rng))
	}
	o := gp.Options{Warp: !r.options.PlainInputs}
	for range 2 {
		data.Y = choice[next.Warp].all(values)
		next.Params, _ = gp.Fit(data, starts, o)
		if len(choice) == 1 {
			break
		}
		at := bestWarp(gp.New(data, next.Params), choice, values)
		if at == next.Warp {
			break
		}
		next.Warp = at
		starts = []gp.Params{next.Params}
	}
	return next, choice[next.Warp]
}

// crossed says whether a number of trials lies between a and b from which on
// parameters are searched for anew.
func crossed(a, b int) bool {
	for n := 8.; n <= float64(b); n *= 1.4 {
		if float64(a) < n {
			return true
		}
	}
	return false
}

// perturbed is p with weights of other magnitudes.
func perturbed(p gp.Params, rng *rand.Rand) gp.Params {
	for i := range p.Weight {
		p.Weight[i] *= math.Exp(1.5 * rng.NormFloat64())
	}
	p.Noise = 1e-2
	return p
}

// plainGain is what a transform of the values has to gain over the plain one in
// log density.
const plainGain = 2

// bestWarp is the position of the transform under which the values are the most
// likely.
func bestWarp(p *gp.Process, choice []outputWarp, values []float64) int {
	at, best := 0, math.Inf(-1)
	for i, w := range choice {
		v := p.Evidence(w.all(values)) + w.slope
		if i == 0 {
			v += plainGain
		}
		if v > best {
			at, best = i, v
		}
	}
	return at
}

// edge keeps the process of success smooth: a step is no reason to know nothing
// of what lies between two failures.
var edge = gp.Options{MaxWeight: 25, MinNoise: 1e-3}

// fitSuccess is a process of 1 for done and 0 for failed trials.
func (r *record) fitSuccess(last *fitted, done, failed []Trial, rng *rand.Rand) (*fitted, *gp.Process) {
	all := slices.Concat(done, failed)
	d := r.data(all)
	d.Y = make([]float64, len(all))
	for i := range done {
		d.Y[i] = 1
	}
	if last.due(len(all)) {
		starts := []gp.Params{gp.Start(d.Label)}
		if last != nil {
			starts[0] = last.Params
		}
		next := &fitted{N: len(all)}
		next.Params, _ = gp.Fit(d, starts, edge)
		last = next
	}
	return last, gp.New(d, last.Params)
}

// acquisition is the one to use now.
func (r *record) acquisition(done []Trial, y []float64, rng *rand.Rand) Acquisition {
	if r.options.Acquisition != Hedge {
		return r.options.Acquisition
	}
	arms := []Acquisition{LogEI, LCB, PI}
	gain := make([]float64, len(arms))
	for i, t := range done {
		if k := slices.Index(arms, Acquisition(t.By)); k >= 0 {
			gain[k] -= y[i]
		}
	}
	most, total := slices.Max(gain), 0.0
	for k := range gain {
		gain[k] = math.Exp(gain[k] - most)
		total += gain[k]
	}
	lot := rng.Float64() * total
	for k, g := range gain {
		if lot -= g; lot < 0 {
			return arms[k]
		}
	}
	return arms[0]
}
