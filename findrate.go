package argus

import (
	"context"
	"fmt"
	"time"

	"github.com/argus-go/argus/internal/train"
)

// RateSearch is how the training loss goes while the learning rate grows.
type RateSearch struct {
	Points []RatePoint `json:"points"`
	// Suggested is the rate at which the loss falls fastest, 0 where it never falls.
	Suggested float32 `json:"suggested"`
}

// RatePoint is one step of a RateSearch.
type RatePoint = train.RatePoint

// FindLR looks for a learning rate: it trains for some steps while the rate grows
// from 1e-7 to 10, until the loss gets out of hand (Smith, arXiv:1506.01186,
// section 3.3). With FineTune it does so for that, after the head is trained with
// o. The classifier itself does not change; Checkpoint and Logs of o are not used.
func (c *Classifier) FindLR(ctx context.Context, data Dataset, o FitOptions, hooks ...Hooks) (*RateSearch, error) {
	if err := c.fitting.take(ctx); err != nil {
		return nil, fmt.Errorf("argus: find learning rate: %w", err)
	}
	defer c.fitting.give()
	f := fit{c: c, hooks: hooks, start: time.Now()}
	r, err := f.findRate(ctx, data, o)
	if err != nil {
		return nil, inside("find learning rate", err)
	}
	return r, nil
}

func (f *fit) findRate(ctx context.Context, data Dataset, o FitOptions) (_ *RateSearch, err error) {
	o.Checkpoint, o.Logs = Checkpoint{}, Logs{}
	if f.options, err = o.completed(f.c.backbone.Model, len(f.c.classes)); err != nil {
		return nil, err
	}
	if data, err = f.c.trainable(ctx, data, f.options.Limits); err != nil {
		return nil, err
	}
	if err := f.begin(ctx); err != nil {
		return nil, err
	}
	p, err := f.prepare(ctx, data)
	if err != nil {
		return nil, err
	}
	if err := f.enough(data); err != nil {
		return nil, err
	}
	if f.options.Views < 0 {
		f.anew = func(ctx context.Context, epoch int) (rows, error) { return f.draw(ctx, p.run, p.rows, epoch) }
	}
	j, err := f.rateJob(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := f.fitBatch(j); err != nil {
		return nil, err
	}
	points, suggested, err := j.FindRate(ctx, 1e-7, 10, 120)
	return &RateSearch{points, suggested}, err
}

// rateJob is the training that the rate is for.
func (f *fit) rateJob(ctx context.Context, p prepared) (*train.Job, error) {
	if p.after == nil {
		return f.headJob(p.head, p.in, p.rows)
	}
	b, err := f.headOn(ctx, p)
	if err != nil {
		return nil, err
	}
	return f.tuneJob(b, p)
}
