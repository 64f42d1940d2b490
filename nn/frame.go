package nn

import (
	"context"
	"sync/atomic"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// A frame is a run of a plan over a batch, and at a time over n pictures of it.
type frame struct {
	crew *parallel.Crew
	n    int

	plan   *Plan
	first  int       // of the n pictures in the batch
	total  int       // pictures of the batch
	x, y   []float32 // of the batch
	across []float32 // memory of buffers that live anywhere: each holds the batch
	within []float32 // memory of buffers of a stretch: each holds n pictures
	lanes  []frame   // where each core has pictures of its own
}

// run computes y from x, n pictures.
func (p *Plan) run(ctx context.Context, f *frame, n int, x, y []float32) error {
	f.plan, f.total, f.x, f.y = p, n, x, y
	defer func() { f.x, f.y = nil, nil }()
	f.across = vec.Grow(f.across, n*p.across)
	f.within = vec.Grow(f.within, p.within(n, f.crew.Threads()))
	for i := range p.stretches {
		if err := f.through(ctx, &p.stretches[i]); err != nil {
			return err
		}
	}
	return nil
}

// through takes the batch through a stretch. Where there are pictures for all
// cores, each takes its own; else they share the pictures at hand.
func (f *frame) through(ctx context.Context, s *stretch) error {
	threads := f.crew.Threads()
	chunk := s.pictures(f.total)
	if chunks := (f.total + chunk - 1) / chunk; threads > 1 && chunks > 1 && (chunks%threads == 0 || chunks >= 4*threads) {
		return f.apart(ctx, s, chunk, threads)
	}
	chunk = min(f.total, threads*chunk)
	for first := 0; first < f.total; first += chunk {
		if err := f.pictures(ctx, s, first, chunk); err != nil {
			return err
		}
	}
	return nil
}

// pictures takes up to n pictures through a stretch.
func (f *frame) pictures(ctx context.Context, s *stretch, first, n int) error {
	f.first, f.n = first, min(n, f.total-first)
	for i := s.first; i < s.end; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		f.plan.steps[i].run(f)
	}
	return nil
}

// apart takes the batch through a stretch, each core with pictures of its own.
func (f *frame) apart(ctx context.Context, s *stretch, chunk, threads int) error {
	for len(f.lanes) < threads {
		f.lanes = append(f.lanes, frame{})
	}
	var next atomic.Int64
	f.crew.Do(threads, func(i int) {
		l := &f.lanes[i]
		l.plan, l.total, l.x, l.y, l.across = f.plan, f.total, f.x, f.y, f.across
		l.within = f.within[i*chunk*s.scratch:][:chunk*s.scratch]
		for ctx.Err() == nil {
			first := int(next.Add(1)-1) * chunk
			if first >= f.total {
				break
			}
			if l.pictures(ctx, s, first, chunk) != nil {
				break
			}
		}
		l.x, l.y, l.across, l.within = nil, nil, nil, nil
	})
	return ctx.Err()
}

// of is the memory of v: for each picture and pixel, v.ld floats apart, v's
// channels.
func (f *frame) of(v value) []float32 {
	b := &f.plan.buffers[v.buf]
	size := v.pixels() * v.ld // of a picture
	m, at := f.within, f.n*b.offset
	switch {
	case v.buf == inBuffer:
		m, at = f.x, f.first*size
	case v.buf == outBuffer:
		m, at = f.y, f.first*size
	case b.within == anywhere:
		m, at = f.across, f.total*b.offset+f.first*size
	}
	return m[at+v.off : at+f.n*size]
}
