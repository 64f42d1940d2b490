package argus

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/argus-go/argus/nn"
)

// FitOptions says how Fit trains. The zero value is the good default; a pointer
// is there where zero is a choice of its own.
type FitOptions struct {
	// Seed of the hidden layers' first weights, of shuffling and of dropout.
	Seed uint64 `json:"seed,omitempty"`

	// Hidden is the units of up to three layers between the features and the
	// classes, none by default, and Act their activation, ReLU by default.
	Hidden []int         `json:"hidden,omitempty"`
	Act    nn.Activation `json:"act,omitempty"`
	// Dropout before each layer of the head, from 0 to below 1. Default .5.
	Dropout *float32 `json:"dropout,omitempty"`

	Epochs int `json:"epochs,omitempty"` // at most; default 60
	Batch  int `json:"batch,omitempty"`  // pictures a step; default 32
	// LearningRate of Adam (arXiv:1412.6980); default 3e-3, with hidden layers
	// 1e-3.
	LearningRate float32 `json:"learning_rate,omitempty"`
	// WeightDecay, decoupled (arXiv:1711.05101), of kernels; default 0.
	WeightDecay float32 `json:"weight_decay,omitempty"`
	// LabelSmoothing from 0 to below 1 (arXiv:1512.00567); default 0.
	LabelSmoothing float32 `json:"label_smoothing,omitempty"`
	// ClassWeights, one per class in label order, weigh the training loss. By
	// default n/(k·nᶜ), where class c has nᶜ of the n pictures and there are k
	// classes, so that rare classes count as much as frequent ones.
	ClassWeights []float32 `json:"class_weights,omitempty"`
	// Patience is the number of epochs without a lower validation loss after
	// which training stops; default 10, negative: never.
	Patience int `json:"patience,omitempty"`

	// FineTune trains part of the body, too, after the head.
	FineTune FineTune `json:"fine_tune"`

	// Preprocess, stored in the model, holds in Evaluate and Predict as well.
	Preprocess Preprocess `json:"preprocess"`
	Limits     Limits     `json:"limits"`
	// Strict makes a broken picture fatal, instead of listed in History.Bad.
	Strict bool `json:"strict,omitempty"`

	// CacheDir, if set, is a folder where features are kept from one Fit or
	// Evaluate of this classifier to the next, CacheBytes at most (default
	// 1 GiB). It is no part of the model.
	CacheDir   string `json:"-"`
	CacheBytes int64  `json:"-"`
}

// FineTune says which part of the body is trained after the head, its batch
// norms frozen.
type FineTune struct {
	From         string  `json:"from,omitempty"`          // block to begin with; "" trains the head only
	Epochs       int     `json:"epochs,omitempty"`        // at most; default 10
	Batch        int     `json:"batch,omitempty"`         // pictures a step; default 16
	LearningRate float32 `json:"learning_rate,omitempty"` // default a tenth of the head's
	// MaxBytes bounds the activations at From that are kept in memory; default
	// 2 GB.
	MaxBytes int64 `json:"max_bytes,omitempty"`
}

// completed fills in the defaults and checks the rest. Options that stay zero
// are of no concern.
func (o FitOptions) completed(classes int) (FitOptions, error) {
	o.Hidden = slices.Clone(o.Hidden)
	o.ClassWeights = slices.Clone(o.ClassWeights)
	rate := float32(3e-3)
	if len(o.Hidden) > 0 {
		rate = 1e-3
		o.Act = cmp.Or(o.Act, nn.ReLU)
	}
	dropout := float32(.5)
	if o.Dropout != nil {
		dropout = *o.Dropout
	}
	o.Dropout = &dropout
	o.Epochs = cmp.Or(o.Epochs, 60)
	o.Batch = cmp.Or(o.Batch, 32)
	o.LearningRate = cmp.Or(o.LearningRate, rate)
	o.Patience = cmp.Or(o.Patience, 10)
	if o.FineTune.From != "" {
		f := &o.FineTune
		f.Epochs = cmp.Or(f.Epochs, 10)
		f.Batch = cmp.Or(f.Batch, 16)
		f.LearningRate = cmp.Or(f.LearningRate, o.LearningRate/10)
		f.MaxBytes = cmp.Or(f.MaxBytes, 2e9)
	}
	return o, o.check(classes)
}

func (o FitOptions) check(classes int) error {
	if len(o.Hidden) > 3 {
		return fmt.Errorf("there are %d hidden layers, want at most 3", len(o.Hidden))
	}
	for i, units := range o.Hidden {
		if units < 1 {
			return fmt.Errorf("hidden layer %d has %d units, want 1 or more", i+1, units)
		}
	}
	if o.Act < nn.Linear || o.Act >= nn.Softmax {
		return fmt.Errorf("act is %v, want relu, relu6, swish, sigmoid or tanh", o.Act)
	}
	if o.ClassWeights != nil && len(o.ClassWeights) != classes {
		return fmt.Errorf("there are %d class weights for %d classes", len(o.ClassWeights), classes)
	}
	type bound struct {
		name   string
		value  float64
		lo, hi float64 // lo itself is allowed
	}
	inf, above := math.Inf(1), math.SmallestNonzeroFloat64
	bounds := []bound{
		{"dropout", float64(*o.Dropout), 0, 1},
		{"epochs", float64(o.Epochs), 1, inf},
		{"batch", float64(o.Batch), 1, inf},
		{"learning rate", float64(o.LearningRate), above, inf},
		{"weight decay", float64(o.WeightDecay), 0, inf},
		{"label smoothing", float64(o.LabelSmoothing), 0, 1},
		{"fine-tuning epochs", float64(o.FineTune.Epochs), 0, inf},
		{"fine-tuning batch", float64(o.FineTune.Batch), 0, inf},
		{"fine-tuning learning rate", float64(o.FineTune.LearningRate), 0, inf},
	}
	for i, w := range o.ClassWeights {
		bounds = append(bounds, bound{fmt.Sprintf("weight of class %d", i), float64(w), above, inf})
	}
	for _, b := range bounds {
		if !(b.value >= b.lo && b.value < b.hi) {
			from := fmt.Sprintf("%v or more", b.lo)
			if b.lo == above {
				from = "above 0"
			}
			return fmt.Errorf("%s is %v, want %s and below %v", b.name, b.value, from, b.hi)
		}
	}
	return nil
}

// Fit trains a new head for c's classes on the features of the network as it
// is, and then, if o says so, part of the network itself. The training and
// validation pictures of data are used. Where data has no validation split, 15 %
// of the training pictures, chosen by content, are held out.
//
// From then on c answers with the weights of the epoch with the lowest
// validation loss. Until then, and after an error or a cancelled ctx, it answers
// as before. The same pictures, network and options give the same bits on the
// same machine, whatever the number of cores.
func (c *Classifier) Fit(ctx context.Context, data Dataset, o FitOptions, hooks ...Hooks) (*History, error) {
	if err := c.fitting.take(ctx); err != nil {
		return nil, fmt.Errorf("argus: fit: %w", err)
	}
	defer c.fitting.give()
	f := fit{c: c, hooks: hooks, start: time.Now()}
	after, err := f.run(ctx, data, o)
	if err != nil {
		return nil, inside("fit", err)
	}
	c.now.Store(after)
	return after.info.History, nil
}

// inside says where an error comes from, unless it says so itself.
func inside(what string, err error) error {
	if strings.HasPrefix(err.Error(), "argus: ") {
		return err
	}
	return fmt.Errorf("argus: %s: %w", what, err)
}

// A fit is one call of Fit.
type fit struct {
	c       *Classifier
	hooks   hooks
	start   time.Time
	options FitOptions // complete
	before  *snapshot
	prep    Preprocess
	history *History
}

func (f *fit) run(ctx context.Context, data Dataset, o FitOptions) (after *snapshot, err error) {
	if f.options, err = o.completed(len(f.c.classes)); err != nil {
		return nil, err
	}
	if data, err = f.c.trainable(ctx, data, f.options.Limits); err != nil {
		return nil, err
	}
	if f.before, err = f.c.load(ctx, func(done, total int64) { f.hooks.progress(WeightsStage, done, total) }); err != nil {
		return nil, err
	}
	if f.prep, err = f.options.Preprocess.completed(preprocessOf(f.before.model.Input)); err != nil {
		return nil, err
	}
	f.options.Preprocess = f.prep
	f.history = &History{Options: f.options}
	w, err := f.work(ctx, data)
	if err != nil {
		return nil, err
	}
	model := f.before.model
	model.Top = topOf(w.head)
	weights, err := f.before.weights.Of(model.Body, f.prep.shape())
	if err != nil {
		return nil, err
	}
	f.history.Best = w.best.number
	f.history.ValAccuracy = wilson(w.best.right, w.val)
	f.history.Seconds.Total = time.Since(f.start).Seconds()
	info := Info{Origin: f.before.info.Origin, Fit: &f.options, History: f.history}
	return newSnapshot(model, nn.Merge(weights, w.best.weights), f.prep, info, w.body)
}

// trainable returns the training and validation samples of a dataset that c can
// learn from.
func (c *Classifier) trainable(ctx context.Context, data Dataset, limits Limits) (Dataset, error) {
	if err := c.fits(data); err != nil {
		return data, err
	}
	if data.Train().Len() == 0 {
		return data, fmt.Errorf("dataset %s has no training pictures among its %d: divide it with Split first", data.name, data.Len())
	}
	data = data.Filter(func(s Sample) bool { return s.Split == TrainSplit || s.Split == ValSplit })
	if data.Val().Len() > 0 {
		return data, nil
	}
	return data.Split(ctx, SplitOptions{Test: -1, Limits: limits})
}

// fits says whether c's classes are the dataset's.
func (c *Classifier) fits(data Dataset) error {
	if !slices.Equal(c.classes, data.classes) {
		return fmt.Errorf("the classifier's classes are %q, those of dataset %s are %q", c.classes, data.name, data.classes)
	}
	return nil
}

// A fitted is what training leads to.
type fitted struct {
	head nn.Layer // up to the logits
	body *nn.Plan // nil: to be made of the weights
	best best
	val  int // validation pictures
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
	b, err := f.trainHead(ctx, head, r.body.Out, all)
	return fitted{head, r.body, b, len(all.part(ValSplit).samples)}, err
}

// extract takes the pictures through r's body, which is of the given layers.
func (f *fit) extract(ctx context.Context, r *runner, layers nn.Layer, data Dataset) (all rows, err error) {
	x := f.c.newExtractor(r, f.prep, f.options.Limits)
	x.strict = f.options.Strict
	x.progress = func(done, total int) { f.hooks.progress(FeaturesStage, int64(done), int64(total)) }
	if err := x.openCache(f.options.CacheDir, f.options.CacheBytes, layers, f.before.weights); err != nil {
		return all, err
	}
	if all, err = x.run(ctx, data.samples); err != nil {
		return all, err
	}
	if x.cacheErr != nil {
		f.history.CacheError = x.cacheErr.Error()
	}
	f.history.Seconds.Decode = x.decode.Seconds()
	f.history.Seconds.Features = x.compute.Seconds()
	f.history.Bad = all.bad
	f.history.Counts = map[Split][]int{}
	for _, split := range []Split{TrainSplit, ValSplit} {
		f.history.Counts[split] = all.part(split).counts(len(f.c.classes))
	}
	return all, f.enough(data)
}

// enough says whether each class has pictures to train with, and whether there
// are some to validate with.
func (f *fit) enough(data Dataset) error {
	reason := ""
	if bad := f.history.Bad; len(bad) > 0 {
		reason = fmt.Sprintf("; %d are broken, the first is %s: %s", len(bad), bad[0].Path, bad[0].Reason)
	}
	for label, n := range f.history.Counts[TrainSplit] {
		if n == 0 {
			return fmt.Errorf("class %q of dataset %s has no usable training picture%s", f.c.classes[label], data.name, reason)
		}
	}
	if slices.Max(f.history.Counts[ValSplit]) == 0 {
		return fmt.Errorf("dataset %s has no usable validation picture%s", data.name, reason)
	}
	return nil
}

// trainHead trains a fresh head on features.
func (f *fit) trainHead(ctx context.Context, head nn.Layer, in nn.Shape, features rows) (best, error) {
	weights, err := nn.Init(head, in, f.options.Seed)
	if err != nil {
		return best{}, err
	}
	// The last layer starts from zero: with no hidden layer the problem is
	// convex, and a random start only makes seeds differ (decision 0080).
	for name, w := range weights {
		if strings.HasSuffix(name, "/logits/kernel") {
			clear(w.Data)
		}
	}
	start := time.Now()
	t := f.trainer(TrainStage, head, in, features)
	t.weights, t.batch, t.epochs, t.rate = weights, f.options.Batch, f.options.Epochs, f.options.LearningRate
	b, err := t.run(ctx, best{loss: math.Inf(1)}, 0)
	f.history.Seconds.Train = time.Since(start).Seconds()
	return b, err
}

// trainer is what the training of head and body have in common.
func (f *fit) trainer(stage Stage, layer nn.Layer, in nn.Shape, all rows) *trainer {
	o := f.options
	t := &trainer{
		stage: stage, layer: layer, in: in, classes: len(f.c.classes),
		train: all.part(TrainSplit), val: all.part(ValSplit),
		perClass: o.ClassWeights,
		patience: o.Patience, decay: o.WeightDecay, smoothing: o.LabelSmoothing,
		seed: o.Seed, threads: f.c.Threads,
		progress: func(done, total int) { f.hooks.progress(stage, int64(done), int64(total)) },
	}
	if t.perClass == nil {
		t.perClass = balanced(t.train.counts(t.classes))
	}
	t.epoch = func(e Epoch) {
		f.history.Epochs = append(f.history.Epochs, e)
		f.hooks.epoch(e)
	}
	return t
}
