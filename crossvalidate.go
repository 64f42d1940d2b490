package argus

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/argus-go/argus/nn"
)

// CrossReport is what cross-validation finds. The Report is over all pictures,
// each judged by the training that did not see it.
type CrossReport struct {
	Report
	Folds []Fold `json:"folds"`
}

// Fold is one training of a cross-validation.
type Fold struct {
	Train    int      `json:"train"` // pictures
	Val      int      `json:"val"`
	Accuracy Interval `json:"accuracy"`
	Loss     float64  `json:"loss"` // of the best epoch, with class weights
	Best     int      `json:"best"` // number of that epoch, from 1
}

// CrossValidate tells how well Fit with these options does, without holding
// pictures back: the training and validation pictures of data are divided into
// the given number of folds, each with its share of every class, and each fold in
// turn is validated on, and chosen the epoch by, after training on the others. The
// accuracy is the more optimistic for that choice, the fewer pictures a fold has.
// Features, or activations before the first block that is tuned, are computed once
// for all. The classifier itself does not change; Checkpoint and Logs of o are not used.
func (c *Classifier) CrossValidate(ctx context.Context, data Dataset, folds int, o FitOptions, hooks ...Hooks) (*CrossReport, error) {
	if err := c.fitting.take(ctx); err != nil {
		return nil, fmt.Errorf("argus: cross-validate: %w", err)
	}
	defer c.fitting.give()
	f := fit{c: c, hooks: hooks, start: time.Now()}
	r, err := f.crossValidate(ctx, data, folds, o)
	if err != nil {
		return nil, inside("cross-validate", err)
	}
	return r, nil
}

func (f *fit) crossValidate(ctx context.Context, data Dataset, folds int, o FitOptions) (_ *CrossReport, err error) {
	if folds < 2 {
		return nil, fmt.Errorf("%d folds, want 2 or more", folds)
	}
	o.Checkpoint, o.Logs = Checkpoint{}, Logs{}
	if f.options, err = o.completed(f.c.backbone.Model, len(f.c.classes)); err != nil {
		return nil, err
	}
	if err := f.c.fits(data); err != nil {
		return nil, err
	}
	pooled := Dataset{name: data.name, classes: data.classes}
	for _, s := range data.samples {
		if s.Split != TestSplit {
			s.Split = TrainSplit
			pooled.samples = append(pooled.samples, s)
		}
	}
	if err := f.begin(ctx); err != nil {
		return nil, err
	}
	p, err := f.prepare(ctx, pooled)
	if err != nil {
		return nil, err
	}
	if p.stream != nil {
		return nil, fmt.Errorf("fine-tuning from %q keeps %v of each of %d pictures in memory: more than the %d bytes of MaxBytes; begin at a later block",
			f.options.FineTune.From, p.cut, pooled.Len(), f.options.FineTune.MaxBytes)
	}
	of, err := f.foldsOf(p.rows, folds)
	if err != nil {
		return nil, err
	}
	out := &CrossReport{}
	var samples []Sample
	var probabilities []float32
	for k := range folds {
		q := p
		q.rows = p.fold(of, k)
		one := *f
		one.history = &History{}
		fitted, err := one.learn(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("fold %d of %d: %w", k+1, folds, err)
		}
		val := q.part(ValSplit)
		got, err := one.tell(ctx, q, fitted, val)
		if err != nil {
			return nil, err
		}
		out.Folds = append(out.Folds, Fold{
			Train: q.part(TrainSplit).pictures(), Val: len(val.samples),
			Accuracy: wilson(fitted.best.Right, len(val.samples)), Loss: fitted.best.Loss, Best: fitted.number,
		})
		samples, probabilities = append(samples, val.samples...), append(probabilities, got...)
	}
	out.Report = *newReport(f.c.Classes(), samples, probabilities)
	out.Bad = p.bad
	out.Seconds = EvalSeconds{f.history.Seconds.Decode, f.history.Seconds.Features, time.Since(f.start).Seconds()}
	return out, nil
}

// tell gives the probabilities of rows after training.
func (f *fit) tell(ctx context.Context, p prepared, by fitted, rows rows) ([]float32, error) {
	layers := nn.Seq{p.head, nn.Act{Kind: nn.Softmax}}
	if p.after != nil {
		layers = append(nn.Seq{p.after}, layers...)
	}
	in := p.in
	if p.after != nil {
		in = p.cut
	}
	plan, err := nn.Freeze(layers, in, nn.Merge(f.before.weights, by.best.Weights))
	if err != nil {
		return nil, err
	}
	return runnerOf(plan).features(ctx, f.c.Threads, len(rows.samples), rows.x)
}

// foldsOf gives each picture of r, by path, its fold: every class in turn, in an
// order that the seed draws.
func (f *fit) foldsOf(r rows, folds int) (map[string]int, error) {
	of := map[string]int{}
	byClass := make([][]string, len(f.c.classes))
	for _, s := range r.samples {
		if s.view == 0 {
			byClass[s.Label] = append(byClass[s.Label], s.Path)
		}
	}
	next := 0
	for label, paths := range byClass {
		if len(paths) < folds {
			return nil, fmt.Errorf("class %q has %d usable pictures, want at least one in each of %d folds", f.c.classes[label], len(paths), folds)
		}
		r := rand.New(rand.NewPCG(f.options.Seed^0x666f6c64, uint64(label)))
		for _, i := range r.Perm(len(paths)) {
			of[paths[i]] = next % folds
			next++
		}
	}
	return of, nil
}

// fold is r with fold k to validate on, and the others to train on.
func (r rows) fold(of map[string]int, k int) rows {
	out := rows{dim: r.dim}
	take := func(split Split, want bool) {
		for i, s := range r.samples {
			if (of[s.Path] == k) == want && (s.view == 0 || split == TrainSplit) {
				s.Split = split
				out.samples = append(out.samples, s)
				out.x = append(out.x, r.row(i)...)
			}
		}
	}
	take(TrainSplit, false)
	take(ValSplit, true)
	return out
}

// pictures is how many there are, views not counted.
func (r rows) pictures() (n int) {
	for _, s := range r.samples {
		if s.view == 0 {
			n++
		}
	}
	return n
}
