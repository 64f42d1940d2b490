package argus

import (
	"context"
	"fmt"
	"time"

	"github.com/argus-go/argus/internal/train"
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
	if err := f.affordable(frozen, data.Len()+max(0, f.options.Views)*data.Train().Len()); err != nil {
		return fitted{}, err
	}
	r := runnerOf(frozen)
	cut, err := f.extract(ctx, r, before, data)
	if err != nil {
		return fitted{}, err
	}
	if err := f.openCheckpoint(cut); err != nil {
		return fitted{}, err
	}
	if f.options.Views < 0 {
		f.anew = func(ctx context.Context, epoch int) (rows, error) { return f.draw(ctx, r, cut, epoch) }
	}
	out := fitted{head: head, val: len(cut.part(ValSplit).samples)}
	if f.checkpoint.stage() == FineTuneStage {
		out.number = f.checkpoint.head.Best
	} else {
		if out.best, err = f.headOn(ctx, head, after, cut, frozen.Out); err != nil {
			return fitted{}, err
		}
		out.number = out.best.Number
		if accuracy := float64(out.best.Right) / float64(out.val); accuracy < f.options.MinAccuracy {
			f.history.Stopped = fmt.Sprintf("no fine-tuning: the head's validation accuracy is %.3f, below the minimum of %.3f", accuracy, f.options.MinAccuracy)
			return out, nil
		}
		f.checkpoint.headIs(out.number, len(f.history.Epochs))
	}
	if out.best, err = f.tune(ctx, out.best, after, head, cut, frozen.Out); err != nil {
		return fitted{}, err
	}
	if out.best.Number > 0 {
		out.number = f.headEpochs() + out.best.Number
	}
	return out, nil
}

// headEpochs is how many epochs the head took.
func (f *fit) headEpochs() (n int) {
	for _, e := range f.history.Epochs {
		if e.Stage == TrainStage {
			n++
		}
	}
	return n
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
func (f *fit) headOn(ctx context.Context, head, after nn.Layer, cut rows, in nn.Shape) (*train.Best, error) {
	start := time.Now()
	rest, err := nn.Freeze(after, in, f.before.weights)
	if err != nil {
		return nil, err
	}
	r := runnerOf(rest)
	through := func(ctx context.Context, cut rows) (rows, error) {
		x, err := r.features(ctx, f.c.Threads, len(cut.samples), cut.x)
		return rows{dim: rest.Out.Size(), x: x, samples: cut.samples}, err
	}
	features, err := through(ctx, cut)
	if err != nil {
		return nil, err
	}
	if atCut := f.anew; atCut != nil {
		defer func() { f.anew = atCut }()
		f.anew = func(ctx context.Context, epoch int) (rows, error) {
			drawn, err := atCut(ctx, epoch)
			if err != nil {
				return rows{}, err
			}
			return through(ctx, drawn)
		}
	}
	f.history.Seconds.Features += time.Since(start).Seconds()
	return f.trainHead(ctx, head, rest.Out, features)
}

// tune trains the part of the body after the cut with the head, that b holds the
// weights of. What it returns is b, then number 0, where no epoch does better.
func (f *fit) tune(ctx context.Context, b *train.Best, after, head nn.Layer, cut rows, in nn.Shape) (*train.Best, error) {
	start := time.Now()
	o := f.options.FineTune
	j := f.job(FineTuneStage, cut)
	j.Body, j.Head, j.In, j.TrainNorm = after, head, in, o.TrainNorm
	j.Epochs, j.Batch, j.Rate, j.Schedule, j.CutMix = o.Epochs, o.Batch, o.LearningRate, o.Schedule, f.options.CutMix
	j.Groups = groups(after, o)
	own := f.before.weights
	state := &train.State{Scale: 1}
	if b != nil {
		own = nn.Merge(own, b.Weights)
		state.Best = &train.Best{Loss: b.Loss, Right: b.Right, Weights: b.Weights}
	} else { // goes on from a checkpoint, which holds the head
		fresh, err := f.freshHead(after, head, in)
		if err != nil {
			return nil, err
		}
		own = nn.Merge(own, fresh)
	}
	weights, err := own.Of(j.Layer(), in)
	if err != nil {
		return nil, err
	}
	j.Weights = weights.Clone()
	b, err = f.train(ctx, j, state)
	f.history.Seconds.FineTune = time.Since(start).Seconds()
	return b, err
}

// freshHead is weights of the head's shapes.
func (f *fit) freshHead(after, head nn.Layer, in nn.Shape) (nn.Weights, error) {
	out, err := nn.OutShape(after, in)
	if err != nil {
		return nil, err
	}
	return nn.Init(head, out, f.options.Seed)
}

// groups are the blocks that are trained, each with its rate and beginning.
func groups(after nn.Layer, o FineTune) (out []train.Group) {
	var blocks []string
	for _, l := range after.(nn.Seq) {
		if b, ok := l.(nn.Block); ok {
			blocks = append(blocks, b.Name)
		}
	}
	rate := float32(1)
	for i := len(blocks) - 1; i >= 0; i-- {
		from := 1
		if o.Gradual {
			from = len(blocks) - i
		}
		out = append(out, train.Group{Path: blocks[i], Rate: rate, From: from})
		rate *= o.BlockDecay
	}
	return out
}
