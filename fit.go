package argus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/argus-go/argus/nn"
)

// Fit trains a new head for c's classes on the features of the network as it
// is, and then, if o says so, part of the network itself. The training and
// validation pictures of data are used. Where data has no validation split, 15 %
// of the training pictures, chosen by content, are held out.
//
// From then on c answers with the weights of the epoch with the lowest
// validation loss. Until then, and after an error or a cancelled ctx, it answers
// as before; the History then ends where training did, and is nil where it had
// not begun. Only where training diverges after some good epochs does c answer with
// the best of them, beside the error, which says so. The same pictures, network and options give the same bits on the
// same machine, whatever the number of cores. With a [Checkpoint] a training that
// was stopped goes on where it stood, and ends with the same bits, too.
func (c *Classifier) Fit(ctx context.Context, data Dataset, o FitOptions, hooks ...Hooks) (*History, error) {
	if err := c.fitting.take(ctx); err != nil {
		return nil, fmt.Errorf("argus: fit: %w", err)
	}
	defer c.fitting.give()
	f := fit{c: c, hooks: hooks, start: time.Now()}
	after, err := f.run(ctx, data, o)
	if after != nil {
		c.now.Store(after)
	}
	if err != nil {
		return f.history, inside("fit", err)
	}
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
	// anew, if any, gives the training rows of an epoch.
	anew func(ctx context.Context, epoch int) (rows, error)

	checkpoint *checkpointer // nil without
	logs       *logs         // nil without
}

func (f *fit) run(ctx context.Context, data Dataset, o FitOptions) (after *snapshot, err error) {
	if f.options, err = o.completed(f.c.backbone.Model, len(f.c.classes)); err != nil {
		return nil, err
	}
	if data, err = f.c.trainable(ctx, data, f.options.Limits); err != nil {
		return nil, err
	}
	if err := f.begin(ctx); err != nil {
		return nil, err
	}
	if f.logs, err = f.options.Logs.open(f.history, f.c.classes); err != nil {
		return nil, err
	}
	defer f.logs.close()
	w, err := f.work(ctx, data)
	f.history.Seconds.Total = time.Since(f.start).Seconds()
	if errors.Is(err, ErrDiverged) && w.best != nil {
		after, errAfter := f.after(w)
		if errAfter != nil {
			return nil, errors.Join(err, errAfter)
		}
		return after, fmt.Errorf("%w; the classifier keeps the weights of epoch %d of %d", err, w.number, len(f.history.Epochs))
	}
	if err != nil {
		return nil, err
	}
	return f.after(w)
}

// after is the classifier with what was learned. There is then nothing to continue.
func (f *fit) after(w fitted) (*snapshot, error) {
	model := f.before.model
	model.Top = topOf(w.head)
	weights, err := f.before.weights.Of(model.Body, f.prep.shape())
	if err != nil {
		return nil, err
	}
	f.history.Best = w.number
	f.history.ValAccuracy = wilson(w.best.Right, w.val)
	info := Info{Origin: f.before.info.Origin, Fit: &f.options, History: f.history}
	after, err := newSnapshot(model, nn.Merge(weights, w.best.Weights), f.prep, info, w.body)
	if err != nil {
		return nil, err
	}
	return after, f.checkpoint.remove()
}

// begin loads the network.
func (f *fit) begin(ctx context.Context) (err error) {
	if f.before, err = f.c.load(ctx, func(done, total int64) { f.hooks.progress(WeightsStage, done, total) }); err != nil {
		return err
	}
	if f.before, err = f.before.whole(); err != nil {
		return err
	}
	network := preprocessOf(f.before.model.Input)
	if f.options.Preprocess == (Preprocess{}) { // as it was trained before
		f.options.Preprocess = f.before.prep
	}
	if f.prep, err = f.options.Preprocess.completed(network); err != nil {
		return err
	}
	f.options.Preprocess = f.prep
	f.history = &History{Options: f.options}
	return nil
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

// extract takes the pictures through r's body, which is of the given layers.
func (f *fit) extract(ctx context.Context, r *runner, layers nn.Layer, data Dataset) (all rows, err error) {
	x := f.c.newExtractor(r, f.prep, f.options.Limits)
	x.strict = f.options.Strict
	f.augment(x)
	x.progress = func(done, total int) { f.hooks.progress(FeaturesStage, int64(done), int64(total)) }
	if err := x.openCache(f.options.CacheDir, f.options.CacheBytes, layers, f.before); err != nil {
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
	return all, nil
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
