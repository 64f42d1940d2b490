package argus

import (
	"context"
	"fmt"
	"time"

	"github.com/argus-go/argus/nn"
)

// tuneAfter trains the head, and then the head and the body from a block on.
// The pictures' activations at the cut are computed once and kept.
func (f *fit) tuneAfter(ctx context.Context, data Dataset, head nn.Layer) (fitted, error) {
	before, after, err := nn.Cut(f.before.model.Body, f.options.FineTune.From)
	if err != nil {
		return fitted{}, err
	}
	frozen, err := nn.Freeze(before, f.prep.shape(), f.before.weights)
	if err != nil {
		return fitted{}, err
	}
	if err := f.affordable(frozen, data.Len()); err != nil {
		return fitted{}, err
	}
	cut, err := f.extract(ctx, runnerOf(frozen), before, data)
	if err != nil {
		return fitted{}, err
	}
	out := fitted{head: head, val: len(cut.part(ValSplit).samples)}
	if out.best, err = f.headOn(ctx, head, after, cut, frozen.Out); err != nil {
		return fitted{}, err
	}
	out.best, err = f.tune(ctx, out.best, nn.Seq{after, head}, cut, frozen.Out)
	return out, err
}

// affordable says whether the activations of n pictures may be kept.
func (f *fit) affordable(frozen *nn.Plan, n int) error {
	const each = 4 // bytes of a float32
	need, limit := int64(n)*int64(frozen.Out.Size())*each, f.options.FineTune.MaxBytes
	if need > limit {
		return fmt.Errorf("fine-tuning from %q keeps %v of each of %d pictures in memory, %.1f GB: more than the %.1f GB of MaxBytes; begin at a later block",
			f.options.FineTune.From, frozen.Out, n, float64(need)/1e9, float64(limit)/1e9)
	}
	return nil
}

// headOn trains the head on the features that the rest of the body, not yet
// tuned, makes of the rows.
func (f *fit) headOn(ctx context.Context, head, after nn.Layer, cut rows, in nn.Shape) (best, error) {
	start := time.Now()
	rest, err := nn.Freeze(after, in, f.before.weights)
	if err != nil {
		return best{}, err
	}
	features := rows{dim: rest.Out.Size(), samples: cut.samples}
	if features.x, err = runnerOf(rest).features(ctx, f.c.Threads, len(cut.samples), cut.x); err != nil {
		return best{}, err
	}
	f.history.Seconds.Features += time.Since(start).Seconds()
	return f.trainHead(ctx, head, rest.Out, features)
}

// tune trains layers, which end in the head that b holds the weights of. What
// it returns is b where no epoch does better.
func (f *fit) tune(ctx context.Context, b best, layers nn.Layer, cut rows, in nn.Shape) (best, error) {
	start := time.Now()
	weights, err := nn.Merge(f.before.weights, b.weights).Of(layers, in)
	if err != nil {
		return best{}, err
	}
	o := f.options.FineTune
	t := f.trainer(FineTuneStage, layers, in, cut)
	t.weights, t.batch, t.epochs, t.rate = weights.Clone(), o.Batch, o.Epochs, o.LearningRate
	b, err = t.run(ctx, b, len(f.history.Epochs))
	f.history.Seconds.FineTune = time.Since(start).Seconds()
	return b, err
}
