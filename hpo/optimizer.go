package hpo

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/argus-go/argus/hpo/internal/gp"
	"github.com/argus-go/argus/hpo/internal/qmc"
)

// Method is what proposes points after the first ones.
type Method string

// The methods. TPE and Random are baselines.
const (
	GP     Method = "gp"     // a Gaussian process
	TPE    Method = "tpe"    // tree-structured Parzen estimators (Bergstra et al., NeurIPS 2011)
	Random Method = "random" // chance
)

// Design is how the first points are spread.
type Design string

// The designs.
const (
	Sobol          Design = "sobol" // with digits shifted at random
	LatinHypercube Design = "lhs"
	Uniform        Design = "uniform"
)

// Options of an Optimizer. The zero value is the good default.
type Options struct {
	Method      Method      `json:"method,omitempty"`      // default GP
	Acquisition Acquisition `json:"acquisition,omitempty"` // of GP; default LogEI
	// Initial is the number of points, first and given ones counted, before
	// the method begins; default 10.
	Initial int    `json:"initial,omitempty"`
	Design  Design `json:"design,omitempty"` // of initial points; default Sobol
	Seed    uint64 `json:"seed,omitempty"`
	// First are points to propose before any other.
	First []Point `json:"first,omitempty"`
	// PlainInputs and PlainOutputs leave the warps out.
	PlainInputs  bool `json:"plain_inputs,omitempty"`
	PlainOutputs bool `json:"plain_outputs,omitempty"`

	// Threads of a proposal; default 2. They do not change it.
	Threads int `json:"-"`
}

func (o Options) completed() (Options, error) {
	set := func(have, def string) string {
		if have == "" {
			return def
		}
		return have
	}
	o.Method = Method(set(string(o.Method), string(GP)))
	o.Acquisition = Acquisition(set(string(o.Acquisition), string(LogEI)))
	o.Design = Design(set(string(o.Design), string(Sobol)))
	if o.Initial == 0 {
		o.Initial = 10
	}
	if o.Threads == 0 {
		o.Threads = 2
	}
	switch {
	case !slices.Contains([]Method{GP, TPE, Random}, o.Method):
		return o, fmt.Errorf("method is %q, want gp, tpe or random", o.Method)
	case !slices.Contains([]Acquisition{LogEI, EI, LCB, PI, Hedge}, o.Acquisition):
		return o, fmt.Errorf("acquisition is %q, want logei, ei, lcb, pi or hedge", o.Acquisition)
	case !slices.Contains([]Design{Sobol, LatinHypercube, Uniform}, o.Design):
		return o, fmt.Errorf("design is %q, want sobol, lhs or uniform", o.Design)
	case o.Initial < 0 || o.Threads < 0:
		return o, fmt.Errorf("initial is %d and threads %d, want neither below 0", o.Initial, o.Threads)
	}
	return o, nil
}

// State is what became of a trial.
type State string

// The states.
const (
	Running State = "running" // proposed, and not told of yet
	Done    State = "done"
	Failed  State = "failed" // no value came of it
)

// Trial is a point and what became of it.
type Trial struct {
	ID    int // its place in the record, from 0
	Point Point
	State State
	Value float64 // if Done
	Err   string  // if Failed: why
	By    string  // first, initial, the acquisition or method that proposed it, or given

	x code
}

// Errors of Ask, Tell and Fail.
var (
	// ErrInfeasible says that no point was found that keeps the constraints.
	ErrInfeasible = errors.New("no point keeps the constraints")
	// ErrTrial says that a trial is unknown or was told of before.
	ErrTrial = errors.New("no running trial")
)

// An Optimizer proposes points and is told their values.
type Optimizer struct {
	space   *Space
	options Options
	journal *journal // nil without
	note    string

	asking sync.Mutex // one proposal at a time
	mu     sync.Mutex // all below
	trials []Trial
	taken  map[string]bool
	model  model
}

// A model is what one proposal leaves to the next: where searches for the
// parameters of processes begin. It is part of the record.
type model struct {
	Value   *fitted `json:"value,omitempty"`
	Success *fitted `json:"success,omitempty"`
}

// A fitted is parameters and what they were fitted to.
type fitted struct {
	gp.Params
	N    int `json:"n"`    // trials
	Warp int `json:"warp"` // position among warps
}

// New returns an optimizer of a space. The space must not change after.
func New(space *Space, o Options) (*Optimizer, error) {
	o, err := o.completed()
	if err != nil {
		return nil, fmt.Errorf("hpo: %w", err)
	}
	for i, p := range o.First {
		if _, err := space.encode(p); err != nil {
			return nil, fmt.Errorf("hpo: first point %d: %w", i, err)
		}
	}
	return &Optimizer{space: space, options: o, taken: map[string]bool{}}, nil
}

// Space returns the space that is searched.
func (o *Optimizer) Space() *Space { return o.space }

// Ask proposes a point. Trials that are running count as if they had come out as
// expected, so that many may be asked for before any is told. A point is
// proposed again only if the space has no other.
func (o *Optimizer) Ask(ctx context.Context) (Trial, error) {
	o.asking.Lock()
	defer o.asking.Unlock()
	if err := ctx.Err(); err != nil {
		return Trial{}, fmt.Errorf("hpo: ask: %w", err)
	}
	o.mu.Lock()
	r := record{o.space, o.options, slices.Clone(o.trials), maps.Clone(o.taken), o.model}
	o.mu.Unlock()
	p, err := r.propose()
	if err != nil {
		return Trial{}, fmt.Errorf("hpo: ask: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	t := Trial{ID: len(o.trials), Point: p.point, State: Running, By: p.by, x: p.x}
	if err := o.journal.ask(t, o.model, p.model); err != nil {
		return Trial{}, err
	}
	o.take(t)
	o.model = p.model
	return t.copied(), nil
}

// AskBatch proposes n points to be tried at the same time.
func (o *Optimizer) AskBatch(ctx context.Context, n int) ([]Trial, error) {
	var batch []Trial
	for range n {
		t, err := o.Ask(ctx)
		if err != nil {
			return batch, err
		}
		batch = append(batch, t)
	}
	return batch, nil
}

// Tell gives the value of a running trial. NaN and infinities say that it
// failed.
func (o *Optimizer) Tell(id int, value float64) error {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return o.Fail(id, fmt.Sprintf("the value is %v", value))
	}
	return o.end(id, Done, value, "")
}

// Fail says that no value came of a running trial, and why. The search keeps
// away from where trials fail.
func (o *Optimizer) Fail(id int, reason string) error { return o.end(id, Failed, 0, reason) }

func (o *Optimizer) end(id int, state State, value float64, reason string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if id < 0 || id >= len(o.trials) || o.trials[id].State != Running {
		return fmt.Errorf("hpo: tell: trial %d: %w", id, ErrTrial)
	}
	t := o.trials[id]
	t.State, t.Value, t.Err = state, value, reason
	if err := o.journal.tell(t); err != nil {
		return err
	}
	o.trials[id] = t
	return nil
}

// Add puts a point in the record that was tried elsewhere. A value that is NaN
// or infinite says that it failed.
func (o *Optimizer) Add(p Point, value float64) error {
	t, err := o.space.given(p, value)
	if err != nil {
		return fmt.Errorf("hpo: add: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	t.ID = len(o.trials)
	if err := o.journal.add(t); err != nil {
		return err
	}
	o.take(t)
	return nil
}

func (s *Space) given(p Point, value float64) (Trial, error) {
	x, err := s.encode(p)
	if err != nil {
		return Trial{}, err
	}
	q, err := s.Canonical(p)
	if err != nil {
		return Trial{}, err
	}
	t := Trial{Point: q, State: Done, Value: value, By: "given", x: x}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		t.State, t.Value, t.Err = Failed, 0, fmt.Sprintf("the value is %v", value)
	}
	return t, nil
}

// Trials returns a copy of the record.
func (o *Optimizer) Trials() []Trial {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]Trial, len(o.trials))
	for i, t := range o.trials {
		out[i] = t.copied()
	}
	return out
}

// Best returns the trial of the lowest value, the first of several; false if
// none is done.
func (o *Optimizer) Best() (Trial, bool) {
	best, ok := Trial{}, false
	for _, t := range o.Trials() {
		if t.State == Done && (!ok || t.Value < best.Value) {
			best, ok = t, true
		}
	}
	return best, ok
}

// copied shares no memory with t that may change.
func (t Trial) copied() Trial {
	p := Point{}
	for k, v := range t.Point {
		p[k] = v
	}
	t.Point = p
	return t
}

// key is equal for equal codes.
func (x code) key() string {
	b := make([]byte, 0, 8*len(x))
	for _, v := range x {
		if math.IsNaN(v) {
			v = -1
		}
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(v))
	}
	return string(b)
}

// A record is what a proposal depends on.
type record struct {
	space   *Space
	options Options
	trials  []Trial
	taken   map[string]bool
	model   model
}

// A proposal is a point, who proposes it, and the model it came of.
type proposal struct {
	x     code
	point Point
	by    string
	model model
}

func (r *record) propose() (proposal, error) {
	p := proposal{model: r.model}
	for _, first := range r.options.First {
		x, err := r.space.encode(first)
		if err != nil {
			return p, err
		}
		if !r.taken[x.key()] {
			p.x, p.by = x, "first"
			p.point, err = r.space.Canonical(first)
			return p, err
		}
	}
	method := r.options.Method
	done := 0
	for _, t := range r.trials {
		if t.State == Done {
			done++
		}
	}
	var err error
	switch {
	case len(r.trials) < r.options.Initial || method != Random && done < 2:
		p.x, p.by, err = r.initial()
	case method == GP:
		p.x, p.by, p.model, err = r.byProcess()
	case method == TPE:
		p.x, p.by, err = r.byParzen()
	default:
		p.x, p.by, err = r.byChance()
	}
	if err != nil {
		return p, err
	}
	// The code of the point as it is written down: a record that was read again
	// has no other.
	p.point = r.space.decode(p.x)
	p.x, err = r.space.encode(p.point)
	return p, err
}

// rng is of chance that depends on the seed and the number of trials alone.
func (r *record) rng(purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(r.options.Seed, uint64(len(r.trials))<<8|purpose))
}

// initial is the next point of the design.
func (r *record) initial() (code, string, error) {
	n, dims := len(r.trials), len(r.space.params)
	var lot []float64
	switch {
	case r.options.Design == Sobol:
		lot = qmc.Sobol(n, 1, dims, r.options.Seed)[0]
	case r.options.Design == LatinHypercube && n < r.options.Initial:
		lot = qmc.LatinHypercube(r.options.Initial, dims, r.options.Seed)[n]
	default:
		return r.byChance()
	}
	x := r.space.fromLots(lot)
	if !r.space.allowed(x) || r.taken[x.key()] {
		x, _, err := r.byChance()
		return x, "initial", err
	}
	return x, "initial", nil
}

// byChance draws until a point is allowed and, if that can be, not taken.
func (r *record) byChance() (code, string, error) {
	rng := r.rng(1)
	var again code
	for i := range triesToDraw {
		x := r.space.draw(rng)
		if !r.space.allowed(x) {
			continue
		}
		if !r.taken[x.key()] {
			return x, "random", nil
		}
		if again = x; i > triesToDraw/10 {
			break
		}
	}
	if n := r.space.size(); n > 0 && n <= 1<<20 {
		for x := range r.space.all() {
			if again == nil {
				again = x
			}
			if !r.taken[x.key()] {
				return x, "random", nil
			}
		}
	}
	if again == nil {
		return nil, "", ErrInfeasible
	}
	return again, "random", nil
}
