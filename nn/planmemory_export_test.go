package nn

import (
	"context"
	"math"

	"github.com/argus-go/argus/internal/parallel"
)

// FreezeIn is Freeze with so many pictures at a time in each block.
func FreezeIn(l Layer, in Shape, w Weights, chunk func() int) (*Plan, error) {
	c, out, err := planned(l, in, w.read)
	if err != nil {
		return nil, err
	}
	chunks := make([]int, len(c.blocks))
	for i := range chunks {
		chunks[i] = chunk()
	}
	return c.plan(in, out, chunks), nil
}

// Apart is p with every buffer in memory of its own, and all pictures at a time.
func (p *Plan) Apart() *Plan {
	q := &Plan{In: p.In, Out: p.Out, steps: p.steps, stretches: []stretch{{first: 0, end: len(p.steps)}}}
	for i, b := range p.buffers {
		if i >= firstBuffer {
			b.offset, b.within, q.across = q.across, anywhere, q.across+b.size
		}
		q.buffers = append(q.buffers, b)
	}
	return q
}

// RunPoisoned runs p over n pictures in memory that holds NaN.
func (p *Plan) RunPoisoned(threads, n int, x, y []float32) error {
	f := &frame{across: make([]float32, n*p.across), within: make([]float32, p.within(n, max(1, threads)))}
	if threads > 1 {
		f.crew = parallel.Begin(threads)
		defer f.crew.End()
	}
	for _, v := range [][]float32{f.across, f.within, y} {
		for i := range v {
			v[i] = float32(math.NaN())
		}
	}
	return p.run(context.Background(), f, n, x, y)
}
