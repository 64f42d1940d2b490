package argus

import (
	"context"
	"fmt"
	"time"

	"github.com/argus-go/argus/internal/train"
	"github.com/argus-go/argus/nn"
)

// tuneAfter trains the head, and then the head and the body from a block on. The
// rows are the pictures' activations at the cut.
func (f *fit) tuneAfter(ctx context.Context, p prepared, out fitted) (_ fitted, err error) {
	if f.checkpoint.stage() == FineTuneStage {
		out.number = f.checkpoint.head.Best
	} else {
		out.best, err = f.headOn(ctx, p)
		if out.best != nil {
			out.number = out.best.Number
		}
		if err != nil {
			return out, err
		}
		if accuracy := float64(out.best.Right) / float64(out.val); accuracy < f.options.MinAccuracy {
			f.history.Stopped = fmt.Sprintf("no fine-tuning: the head's validation accuracy is %.3f, below the minimum of %.3f", accuracy, f.options.MinAccuracy)
			return out, nil
		}
		f.checkpoint.headIs(out.number, len(f.history.Epochs))
	}
	tuned, err := f.tune(ctx, out.best, p)
	if tuned != nil {
		out.best = tuned
		if tuned.Number > 0 {
			out.number = f.headEpochs() + tuned.Number
		}
	}
	return out, err
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

// keeps says whether the activations of n pictures may be kept.
func (f *fit) keeps(cut nn.Shape, n int) bool {
	const each = 4 // bytes of a float32
	return int64(n)*int64(cut.Size())*each <= f.options.FineTune.MaxBytes
}

// headOn trains the head on the features that the rest of the body, not yet
// tuned, makes of the rows.
func (f *fit) headOn(ctx context.Context, p prepared) (*train.Best, error) {
	if p.stream != nil {
		return f.trainHead(ctx, p.head, p.in, p.rows)
	}
	start := time.Now()
	rest, err := nn.Freeze(p.after, p.in, f.before.weights)
	if err != nil {
		return nil, err
	}
	r := runnerOf(rest)
	through := func(ctx context.Context, cut rows) (rows, error) {
		x, err := r.features(ctx, f.c.Threads, len(cut.samples), cut.x)
		return rows{dim: rest.Out.Size(), x: x, samples: cut.samples}, err
	}
	features, err := through(ctx, p.rows)
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
	return f.trainHead(ctx, p.head, rest.Out, features)
}

// tune trains the part of the body after the cut with the head, that b holds the
// weights of. What it returns is b, then number 0, where no epoch does better.
func (f *fit) tune(ctx context.Context, b *train.Best, p prepared) (*train.Best, error) {
	start := time.Now()
	j, err := f.tuneJob(b, p)
	if err != nil {
		return nil, err
	}
	state := &train.State{Scale: 1}
	if b != nil {
		state.Best = &train.Best{Loss: b.Loss, Right: b.Right, Weights: b.Weights}
	}
	best, err := f.train(ctx, j, state)
	f.options.FineTune.Batch, f.history.Options.FineTune.Batch = j.Batch, j.Batch
	f.history.Seconds.FineTune = time.Since(start).Seconds()
	return best, err
}

// tuneJob trains the part of the body after the cut with the head. Without b the
// head's weights are to come from a checkpoint.
func (f *fit) tuneJob(b *train.Best, p prepared) (*train.Job, error) {
	o := f.options.FineTune
	j := f.job(FineTuneStage, p.rows)
	j.Body, j.Head, j.In, j.TrainNorm = p.after, p.head, p.cut, o.TrainNorm
	j.Epochs, j.Batch, j.Rate, j.Schedule, j.CutMix = o.Epochs, o.Batch, o.LearningRate, o.Schedule, f.options.CutMix
	j.Groups = groups(p.after, o)
	if p.stream != nil {
		f.streams(j, p)
	}
	var head nn.Weights
	if b != nil {
		head = b.Weights
	} else {
		var err error
		if head, err = f.freshHead(p.after, p.head, p.cut); err != nil {
			return nil, err
		}
	}
	weights, err := nn.Merge(f.before.weights, head).Of(j.Layer(), p.cut)
	if err != nil {
		return nil, err
	}
	j.Weights = weights.Clone()
	return j, nil
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
