package argus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/argus-go/argus/hpo"
	"github.com/argus-go/argus/nn"
)

// TuneOptions say how Tune searches. The zero value is the good default.
type TuneOptions struct {
	Space  TuneSpace // default HeadSpace
	Trials int       // default 20
	// Base is the options that are not searched, and the baseline. Its Checkpoint
	// and Logs are not used, and Views must not be negative.
	Base FitOptions
	// Objective is what is minimised on the validation pictures; default
	// TuneLoss.
	Objective TuneObjective
	// Prune ends trials early that look hopeless; default MedianPruning.
	Prune Pruning
	// Search is how points are proposed. First points of the space come before
	// those of Search, half the trials, but 10 at most, are Initial by default,
	// and with a Seed of 0 it is that of Base.
	Search hpo.Options
	// Journal, if set, is a file that the search is recorded in. Where it is
	// there the search goes on: its trials count.
	Journal string
	// Known are points with values from elsewhere, of the same objective.
	Known []hpo.Observation
}

// TuneObjective is a value of the best epoch.
type TuneObjective string

// The objectives. The loss tells heads apart that are right equally often.
const (
	TuneLoss  TuneObjective = "loss"  // cross-entropy, with class weights
	TuneError TuneObjective = "error" // the share that is told wrong
)

// Pruning is a rule by which trials are ended early.
type Pruning string

// The rules compare the lowest loss of a trial with those that others had after as
// many epochs. A pruned trial has the value of its best epoch.
const (
	MedianPruning Pruning = "median"  // ends what is worse than half of them (Golovin et al., Google Vizier, KDD 2017)
	Halving       Pruning = "halving" // of trials that reach 3, 9, 27 … epochs the best third goes on (arXiv:1810.05934)
	NoPruning     Pruning = "none"
)

// TuneReport is what a search found.
type TuneReport struct {
	// Options are the best ones, for Fit: those of Best, or of the baseline where
	// none of the trials is better.
	Options FitOptions  `json:"options"`
	Best    TuneTrial   `json:"best"`    // of Trials
	Default TuneTrial   `json:"default"` // the baseline, which is no part of Trials
	Trials  []TuneTrial `json:"trials"`
	// Better says whether Best is better than Default.
	Better  bool        `json:"better"`
	Note    string      `json:"note,omitempty"` // what the journal lost in a crash
	Seconds TuneSeconds `json:"seconds"`

	// Search holds the record, for figures; its journal is closed.
	Search *hpo.Optimizer `json:"-"`
}

// TuneSeconds is where the time of a search went.
type TuneSeconds struct {
	Features float64 `json:"features"` // reading pictures included
	Trials   float64 `json:"trials"`
	Propose  float64 `json:"propose"`
	Total    float64 `json:"total"`
}

// TuneTrial is one training of a search.
type TuneTrial struct {
	Point    hpo.Point  `json:"point,omitempty"` // none of the baseline
	Options  FitOptions `json:"options"`         // for Fit
	Value    float64    `json:"value"`           // of the objective
	Loss     float64    `json:"loss"`            // on the validation pictures
	Accuracy Interval   `json:"accuracy"`        // likewise
	Epochs   int        `json:"epochs"`          // that were trained
	Pruned   bool       `json:"pruned,omitempty"`
	Err      string     `json:"error,omitempty"` // why it failed
	Seconds  float64    `json:"seconds"`
	// Earlier says that the trial is from the journal, which keeps no more than
	// point, value and error.
	Earlier bool `json:"earlier,omitempty"`
}

// TuneProgress is how far a search is.
type TuneProgress struct {
	Done, Total int // trials
	Trial       TuneTrial
	Best        TuneTrial     // so far, the baseline included
	Left        time.Duration // about, at the trials' mean time
}

// TuneHooks are called while Tune works, on the caller's goroutine. Either may
// be nil.
type TuneHooks struct {
	Progress func(Progress) // of pictures and weights
	Trial    func(TuneProgress)
}

// Tune searches for the options with which Fit does best on data's validation
// pictures, and measures o.Base for comparison. Pictures go through the part of
// the network that stays as it is once for all trials; a trial that tunes some of
// it begins with its own trained head. The classifier itself does not change: Fit
// with the report's Options trains the best trial again, to the end if it was
// pruned, and to the same bits where no trial tunes the network.
//
// The value of the best of many trials is optimistic, the more so the fewer
// validation pictures there are; what to expect is Evaluate's to say, on others.
//
// A trial that diverges, panics or has options that make no sense is recorded as
// failed, and the search goes on. With a journal, trials that a crash ended are
// run again.
func (c *Classifier) Tune(ctx context.Context, data Dataset, o TuneOptions, hooks ...TuneHooks) (*TuneReport, error) {
	if err := c.fitting.take(ctx); err != nil {
		return nil, fmt.Errorf("argus: tune: %w", err)
	}
	defer c.fitting.give()
	t := tuner{fit: fit{c: c, start: time.Now()}, options: o, hooks: hooks}
	for _, h := range hooks {
		t.fit.hooks = append(t.fit.hooks, Hooks{Progress: h.Progress})
	}
	r, err := t.run(ctx, data)
	if err != nil {
		return nil, inside("tune", err)
	}
	return r, nil
}

// A tuner is one call of Tune.
type tuner struct {
	fit     fit // with the base's options
	options TuneOptions
	hooks   []TuneHooks

	search   *hpo.Optimizer
	cut      prepared // to be fine-tuned from; no after: nothing is
	features rows     // of the whole body
	in       nn.Shape // of a row of features
	prune    pruner
	report   TuneReport
}

func (t *tuner) run(ctx context.Context, data Dataset) (*TuneReport, error) {
	if err := t.complete(); err != nil {
		return nil, err
	}
	if err := t.prepare(ctx, data); err != nil {
		return nil, err
	}
	if err := t.open(); err != nil {
		return nil, err
	}
	defer t.search.Close()
	t.report.Search, t.report.Note = t.search, t.search.Note()
	t.report.Seconds.Features = time.Since(t.fit.start).Seconds()
	t.report.Default = t.trial(ctx, nil)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if t.report.Default.Err != "" {
		return nil, fmt.Errorf("the baseline: %s", t.report.Default.Err)
	}
	if err := t.trials(ctx); err != nil {
		return nil, err
	}
	return t.conclude()
}

// complete fills in the defaults.
func (t *tuner) complete() (err error) {
	o := &t.options
	if o.Space.Space == nil {
		first := o.Space.First
		o.Space = HeadSpace()
		o.Space.First = first
	}
	if err := checkSpace(o.Space.Space); err != nil {
		return err
	}
	if o.Trials == 0 {
		o.Trials = 20
	}
	if o.Trials < 0 {
		return fmt.Errorf("there are %d trials, want 1 or more", o.Trials)
	}
	if o.Base.Views < 0 {
		return errors.New("views are drawn anew in every epoch, which no two trials could share; want 0 views or more")
	}
	if o.Objective == "" {
		o.Objective = TuneLoss
	}
	if o.Objective != TuneLoss && o.Objective != TuneError {
		return fmt.Errorf("objective is %q, want loss or error", o.Objective)
	}
	if t.prune, err = newPruner(o.Prune); err != nil {
		return err
	}
	o.Base.Checkpoint, o.Base.Logs = Checkpoint{}, Logs{}
	if o.Search.Initial == 0 {
		o.Search.Initial = max(1, min(10, o.Trials/2))
	}
	if o.Search.Seed == 0 {
		o.Search.Seed = o.Base.Seed
	}
	o.Search.First = slices.Concat(o.Space.First, o.Search.First)
	return nil
}

// tunes says whether some trial may train part of the body.
func (t *tuner) tunes() bool {
	base := t.options.Base.FineTune
	return base.From != "" || base.Blocks != 0 || slices.ContainsFunc(t.options.Space.Params(), func(p hpo.Param) bool { return p.Name == "fine_tune" })
}

// prepare takes the pictures through the network: up to where fine-tuning begins
// if some trial does that, and to the end.
func (t *tuner) prepare(ctx context.Context, data Dataset) (err error) {
	f := &t.fit
	widest := t.options.Base
	if t.tunes() && widest.FineTune.From == "" && widest.FineTune.Blocks == 0 {
		widest.FineTune.Blocks = 1
	}
	if f.options, err = widest.completed(f.c.backbone.Model, len(f.c.classes)); err != nil {
		return err
	}
	if data, err = f.c.trainable(ctx, data, f.options.Limits); err != nil {
		return err
	}
	if err := f.begin(ctx); err != nil {
		return err
	}
	if t.cut, err = f.prepare(ctx, data); err != nil {
		return err
	}
	if err := f.enough(data); err != nil {
		return err
	}
	if t.cut.after == nil {
		t.features, t.in = t.cut.rows, t.cut.in
		return nil
	}
	rest, err := nn.Freeze(t.cut.after, t.cut.in, f.before.weights)
	if err != nil {
		return err
	}
	t.features = rows{dim: rest.Out.Size(), samples: t.cut.samples}
	t.in = rest.Out
	t.features.x, err = runnerOf(rest).features(ctx, f.c.Threads, len(t.cut.samples), t.cut.x)
	return err
}

// open makes the search or, where its journal is, goes on with it.
func (t *tuner) open() (err error) {
	if t.options.Journal == "" {
		t.search, err = hpo.New(t.options.Space.Space, t.options.Search)
	} else {
		t.search, err = hpo.Open(t.options.Journal, t.options.Space.Space, t.options.Search)
	}
	if err != nil {
		return err
	}
	return t.search.AddAll(t.options.Known)
}

// trials runs those that are left: first what a crash ended.
func (t *tuner) trials(ctx context.Context) error {
	var again []hpo.Trial
	for _, old := range t.search.Trials() {
		switch {
		case old.State == hpo.Running:
			again = append(again, old)
		case old.By != "given":
			one := TuneTrial{Point: old.Point, Value: old.Value, Err: old.Err, Earlier: true}
			one.Options, _ = t.options.Base.at(old.Point, len(t.fit.c.classes))
			t.report.Trials = append(t.report.Trials, one)
		}
	}
	for len(t.report.Trials) < t.options.Trials {
		var next hpo.Trial
		if len(again) > 0 {
			next, again = again[0], again[1:]
		} else {
			start := time.Now()
			var err error
			if next, err = t.search.Ask(ctx); err != nil {
				return err
			}
			t.report.Seconds.Propose += time.Since(start).Seconds()
		}
		one := t.trial(ctx, next.Point)
		if err := ctx.Err(); err != nil {
			return err // it is still running, for the next call
		}
		if err := t.tell(next.ID, one); err != nil {
			return err
		}
		t.report.Trials = append(t.report.Trials, one)
		t.progress(one)
	}
	return nil
}

func (t *tuner) tell(id int, one TuneTrial) error {
	if one.Err != "" {
		return t.search.Fail(id, one.Err)
	}
	return t.search.Tell(id, one.Value)
}

// trial trains with the options of a point, or of the base for none.
func (t *tuner) trial(ctx context.Context, p hpo.Point) (out TuneTrial) {
	start := time.Now()
	out.Point = p
	defer func() {
		if r := recover(); r != nil {
			out.Err = fmt.Sprintf("panic: %v", r)
		}
		out.Seconds = time.Since(start).Seconds()
		t.report.Seconds.Trials += out.Seconds
	}()
	options, err := t.options.Base.at(p, len(t.fit.c.classes))
	if err == nil {
		out.Options = options
		err = t.train(ctx, &out)
	}
	if err != nil {
		out.Err = err.Error()
	}
	return out
}

// train fits to out's options and judges the best epoch.
func (t *tuner) train(ctx context.Context, out *TuneTrial) (err error) {
	f := t.fit
	if f.options, err = out.Options.completed(f.c.backbone.Model, len(f.c.classes)); err != nil {
		return err
	}
	f.options.Preprocess = f.prep
	f.history = &History{Options: f.options}
	watch := t.prune.trial()
	f.hooks = append(slices.Clone(f.hooks[:0]), Hooks{Stop: func(e Epoch) bool { return watch.hopeless(e.ValLoss) }})
	head, err := headOf(f.before.model.Body, f.prep.shape(), f.options, len(f.c.classes))
	if err != nil {
		return err
	}
	best, err := f.trainHead(ctx, head, t.in, t.features)
	if err != nil {
		return err
	}
	val := len(t.features.part(ValSplit).samples)
	accuracy := wilson(best.Right, val)
	if f.options.FineTune.From != "" && !watch.pruned && accuracy.Value >= f.options.MinAccuracy {
		p := t.cut
		p.head = head
		if best, err = f.tune(ctx, best, p); err != nil {
			return err
		}
		accuracy = wilson(best.Right, val)
	}
	watch.end()
	out.Loss, out.Accuracy, out.Value = best.Loss, accuracy, best.Loss
	out.Epochs, out.Pruned = len(f.history.Epochs), watch.pruned
	if t.options.Objective == TuneError {
		out.Value = 1 - accuracy.Value
	}
	return nil
}

// progress tells hooks of a trial.
func (t *tuner) progress(one TuneTrial) {
	p := TuneProgress{Done: len(t.report.Trials), Total: t.options.Trials, Trial: one, Best: t.best()}
	var spent float64
	ran := 0
	for _, each := range t.report.Trials {
		if !each.Earlier {
			spent += each.Seconds
			ran++
		}
	}
	p.Left = time.Duration(spent / float64(ran) * float64(p.Total-p.Done) * float64(time.Second))
	for _, h := range t.hooks {
		if h.Trial != nil {
			h.Trial(p)
		}
	}
}

// best is the trial of the lowest value; the baseline is the first of equals.
func (t *tuner) best() TuneTrial {
	best := t.report.Default
	for _, one := range t.report.Trials {
		if one.Err == "" && one.Value < best.Value {
			best = one
		}
	}
	return best
}

func (t *tuner) conclude() (*TuneReport, error) {
	r := &t.report
	r.Options = t.options.Base
	found := false
	for _, one := range r.Trials {
		if one.Err == "" && (!found || one.Value < r.Best.Value) {
			r.Best, found = one, true
		}
	}
	if !found {
		return nil, fmt.Errorf("all %d trials failed; the first: %s", len(r.Trials), r.Trials[0].Err)
	}
	if r.Better = r.Best.Value < r.Default.Value; r.Better {
		r.Options = r.Best.Options
	}
	r.Seconds.Total = time.Since(t.fit.start).Seconds()
	return r, nil
}
