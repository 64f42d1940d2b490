package argus

import (
	"cmp"
	"context"
	"math"
	"strings"
	"time"

	"github.com/argus-go/argus/internal/memory"
	"github.com/argus-go/argus/internal/train"
	"github.com/argus-go/argus/nn"
)

// ErrDiverged says that the training loss became infinite or NaN: the learning
// rate is too high, or the weights or pictures are unusable.
var ErrDiverged = train.ErrDiverged

// A fitted is what training leads to; beside an error what it had led to by then.
type fitted struct {
	head   nn.Layer    // up to the logits
	body   *nn.Plan    // nil: to be made of the weights
	best   *train.Best // nil: beside an error, no epoch yet
	number int         // of the best epoch in the History
	val    int         // validation pictures
}

// prepared is what training begins with.
type prepared struct {
	rows
	in   nn.Shape // of a row
	head nn.Layer // up to the logits
	run  *runner  // what made the rows

	after  nn.Layer // the part of the body to be tuned; nil: none, rows are features
	cut    nn.Shape // what it takes
	stream *runner  // the part before it, where its rows are not kept; then rows are features
}

// work extracts features, trains the head and tunes the body.
func (f *fit) work(ctx context.Context, data Dataset) (fitted, error) {
	p, err := f.prepare(ctx, data)
	if err != nil {
		return fitted{}, err
	}
	if err := f.enough(data); err != nil {
		return fitted{}, err
	}
	if err := f.openCheckpoint(p.rows); err != nil {
		return fitted{}, err
	}
	return f.learn(ctx, p)
}

// prepare takes the pictures through the part of the body that stays as it is.
func (f *fit) prepare(ctx context.Context, data Dataset) (p prepared, err error) {
	if p.head, err = headOf(f.before.model.Body, f.prep.shape(), f.options, len(f.c.classes)); err != nil {
		return p, err
	}
	layers := f.before.model.Body
	if from := f.options.FineTune.From; from != "" {
		before, after, err := nn.Cut(layers, from)
		if err != nil {
			return p, err
		}
		plan, err := nn.Freeze(before, f.prep.shape(), f.before.weights)
		if err != nil {
			return p, err
		}
		p.after, p.cut = after, plan.Out
		views := f.options.Views
		if views < 0 { // those of an epoch
			views = 1
		}
		if f.keeps(plan.Out, data.Len()+views*data.Train().Len()) {
			p.run, layers = runnerOf(plan), before
		} else {
			p.stream = runnerOf(plan)
		}
	}
	if p.run == nil {
		if p.run, err = f.whole(); err != nil {
			return p, err
		}
	}
	p.in = p.run.body.Out
	p.rows, err = f.extract(ctx, p.run, layers, data)
	return p, err
}

// whole runs the whole body.
func (f *fit) whole() (*runner, error) {
	if r := f.before.runner; r.body.In == f.prep.shape() {
		return r, nil
	}
	plan, err := nn.Freeze(f.before.model.Body, f.prep.shape(), f.before.weights)
	if err != nil {
		return nil, err
	}
	return runnerOf(plan), nil
}

// learn trains on what is prepared.
func (f *fit) learn(ctx context.Context, p prepared) (out fitted, err error) {
	if f.options.Views < 0 {
		f.anew = func(ctx context.Context, epoch int) (rows, error) { return f.draw(ctx, p.run, p.rows, epoch) }
	}
	out = fitted{head: p.head, val: len(p.part(ValSplit).samples)}
	if p.after != nil {
		return f.tuneAfter(ctx, p, out)
	}
	out.body = p.run.body
	out.best, err = f.trainHead(ctx, p.head, p.in, p.rows)
	if out.best != nil {
		out.number = out.best.Number
	}
	return out, err
}

// trainHead trains a fresh head on features.
func (f *fit) trainHead(ctx context.Context, head nn.Layer, in nn.Shape, features rows) (*train.Best, error) {
	start := time.Now()
	j, err := f.headJob(head, in, features)
	if err != nil {
		return nil, err
	}
	b, err := f.train(ctx, j, nil)
	f.history.Seconds.Train = time.Since(start).Seconds()
	return b, err
}

func (f *fit) headJob(head nn.Layer, in nn.Shape, features rows) (*train.Job, error) {
	weights, err := nn.Init(head, in, f.options.Seed)
	if err != nil {
		return nil, err
	}
	// The last layer starts from zero: with no hidden layer the problem is
	// convex, and a random start only makes seeds differ (decision 0080).
	for name, w := range weights {
		if strings.HasSuffix(name, "/logits/kernel") {
			clear(w.Data)
		}
	}
	j := f.job(TrainStage, features)
	j.Head, j.In, j.Weights = head, in, weights
	return j, nil
}

// job is what the training of head and body have in common.
func (f *fit) job(stage Stage, all rows) *train.Job {
	o := f.options
	training, val := all.part(TrainSplit), all.part(ValSplit)
	j := &train.Job{
		Options: train.Options{
			Epochs: o.Epochs, Batch: o.Batch, Accumulate: o.Accumulate, Patience: max(0, o.Patience), TopK: o.TopK,
			Rate: o.LearningRate, Optimizer: o.Optimizer, Schedule: o.Schedule,
			WeightDecay: o.WeightDecay, L2: o.L2, ClipNorm: o.ClipNorm, EMA: o.Average,
			Smoothing: o.LabelSmoothing, Mixup: o.Mixup, Balanced: o.Balanced, Seed: o.Seed,
		},
		Classes: len(f.c.classes),
		Train:   f.trainRows(training), Val: &val,
		ClassWeights: o.ClassWeights,
		Threads:      f.c.Threads,
		Progress:     func(done, total int) { f.hooks.progress(stage, int64(done), int64(total)) },
	}
	switch {
	case j.ClassWeights != nil:
	case o.Balanced:
		j.ClassWeights = make([]float32, j.Classes)
		for c := range j.ClassWeights {
			j.ClassWeights[c] = 1
		}
	default:
		j.ClassWeights = balanced(training.counts(j.Classes))
	}
	j.Epoch = func(e train.Epoch) bool { return f.epoch(stage, e) }
	f.checkpoint.saves(stage, j)
	return j
}

// epoch records an epoch, and says whether a hook wants to stop.
func (f *fit) epoch(stage Stage, e train.Epoch) (stop bool) {
	epoch := Epoch{
		Stage: stage, Epoch: e.Number, TrainLoss: e.TrainLoss, ValLoss: e.ValLoss,
		ValAccuracy: e.ValAccuracy, ValTopK: e.ValTopK, ValRecall: e.ValRecall, LearningRate: e.Rate,
	}
	f.history.Epochs = append(f.history.Epochs, epoch)
	f.logs.epoch(len(f.history.Epochs), epoch)
	return f.hooks.epoch(epoch)
}

// defaultBatch is that of fine-tuning, where memory allows.
const defaultBatch = 16

// train runs a job, from the checkpoint where there is one of its stage, else
// from start.
func (f *fit) train(ctx context.Context, j *train.Job, start *train.State) (*train.Best, error) {
	if s := f.checkpoint.take(); s != nil {
		start, j.Batch = s, cmp.Or(s.Batch, j.Batch) // whatever memory there is now
	}
	if err := f.fitBatch(j); err != nil {
		return nil, err
	}
	return j.Run(ctx, start)
}

// fitBatch sees that a batch fits the machine's memory.
func (f *fit) fitBatch(j *train.Job) error {
	available, known := memory.Available()
	if !known {
		available = math.MaxInt64
	}
	return j.FitBatch(defaultBatch, available)
}

// Len, Label and Read make rows what is trained on.
func (r *rows) Len() int        { return len(r.samples) }
func (r *rows) Label(i int) int { return r.samples[i].Label }

func (r *rows) Read(_ context.Context, _ int, rows []int, dst []float32) error {
	for k, i := range rows {
		copy(dst[k*r.dim:][:r.dim], r.row(i))
	}
	return nil
}

// trainRows is the training rows, drawn anew in every epoch where that is wanted.
func (f *fit) trainRows(r rows) train.Rows {
	if f.anew == nil {
		return &r
	}
	return &drawnRows{rows: r, draw: f.anew}
}

// drawnRows are rows that differ from epoch to epoch.
type drawnRows struct {
	rows
	draw  func(ctx context.Context, epoch int) (rows, error)
	epoch int // that of rows; 0: of none
}

func (d *drawnRows) Read(ctx context.Context, epoch int, rows []int, dst []float32) error {
	if d.epoch != epoch {
		d.rows.x = nil // two epochs' would be too many
		drawn, err := d.draw(ctx, epoch)
		if err != nil {
			return err
		}
		d.rows, d.epoch = drawn, epoch
	}
	return d.rows.Read(ctx, epoch, rows, dst)
}

func argmax(x []float32) int {
	at := 0
	for i, v := range x {
		if v > x[at] {
			at = i
		}
	}
	return at
}
