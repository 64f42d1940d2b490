package argus

import (
	"context"
	"fmt"
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

// A fitted is what training leads to.
type fitted struct {
	head   nn.Layer // up to the logits
	body   *nn.Plan // nil: to be made of the weights
	best   *train.Best
	number int // of the best epoch in the History
	val    int // validation pictures
}

// work extracts features, trains the head and tunes the body.
func (f *fit) work(ctx context.Context, data Dataset) (fitted, error) {
	head, err := headOf(f.before.model.Body, f.prep.shape(), f.options, len(f.c.classes))
	if err != nil {
		return fitted{}, err
	}
	if f.options.FineTune.From != "" {
		return f.tuneAfter(ctx, data, head)
	}
	r := f.before.runner
	if r.body.In != f.prep.shape() {
		body, err := nn.Freeze(f.before.model.Body, f.prep.shape(), f.before.weights)
		if err != nil {
			return fitted{}, err
		}
		r = runnerOf(body)
	}
	all, err := f.extract(ctx, r, f.before.model.Body, data)
	if err != nil {
		return fitted{}, err
	}
	if err := f.openCheckpoint(all); err != nil {
		return fitted{}, err
	}
	if f.options.Views < 0 {
		f.anew = func(ctx context.Context, epoch int) (rows, error) { return f.draw(ctx, r, all, epoch) }
	}
	b, err := f.trainHead(ctx, head, r.body.Out, all)
	if err != nil {
		return fitted{}, err
	}
	return fitted{head, r.body, b, b.Number, len(all.part(ValSplit).samples)}, nil
}

// trainHead trains a fresh head on features.
func (f *fit) trainHead(ctx context.Context, head nn.Layer, in nn.Shape, features rows) (*train.Best, error) {
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
	start := time.Now()
	j := f.job(TrainStage, features)
	j.Head, j.In, j.Weights = head, in, weights
	b, err := f.train(ctx, j, nil)
	f.history.Seconds.Train = time.Since(start).Seconds()
	return b, err
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
	available, known := memory.Available()
	if !known {
		available = math.MaxInt64
	}
	if err := j.FitBatch(defaultBatch, available); err != nil {
		return nil, err
	}
	if s := f.checkpoint.take(); s != nil {
		start = s
	}
	return j.Run(ctx, start)
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
		drawn, err := d.draw(ctx, epoch)
		if err != nil {
			return err
		}
		d.rows, d.epoch = drawn, epoch
	}
	return d.rows.Read(ctx, epoch, rows, dst)
}

// hasClass says whether each class has rows.
func (r rows) hasClass(classes []string, what string) error {
	for label, n := range r.counts(len(classes)) {
		if n == 0 {
			return fmt.Errorf("class %q has no picture in %s", classes[label], what)
		}
	}
	return nil
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
