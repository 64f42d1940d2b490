package nn

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/argus-go/argus/internal/parallel"
)

// A Plan is a network made ready for inference: weights packed, batch norm
// folded into them, activations and sums fused, memory laid out. It never
// changes; any number of goroutines may run it.
type Plan struct {
	In, Out Shape

	steps     []step
	stretches []stretch
	buffers   []buffer
	across    int // floats a picture of what lives from one stretch to another
	pool      sync.Pool
}

// A step computes one buffer from others.
type step struct {
	name string
	run  func(f *frame)
}

// A buffer is memory for one activation of one picture.
type buffer struct {
	size   int // floats, whole cache lines
	offset int // in the memory of one picture
	within int // the stretch that it lives in, or anywhere
}

// anywhere is where a buffer lives that more than one stretch uses.
const anywhere = -1

// The first two buffers are not in the plan's memory: they are the caller's.
const (
	inBuffer = iota
	outBuffer
	firstBuffer
)

// Freeze plans l for pictures of shape in with weights w. It copies what it
// needs of the weights.
func Freeze(l Layer, in Shape, w Weights) (*Plan, error) {
	if err := CheckShapes(l, in, false, w.Shapes()); err != nil {
		return nil, err
	}
	return FreezeFrom(l, in, w.read)
}

// FreezeFrom is Freeze for weights that are not in memory: read fills dst with the
// values of one tensor, at a time. See [CheckShapes] to know before that they fit.
func FreezeFrom(l Layer, in Shape, read func(p Param, dst []float32) error) (*Plan, error) {
	c, out, err := planned(l, in, read)
	if err != nil {
		return nil, err
	}
	return c.plan(in, out, c.chunks()), nil
}

// planned has the steps of l.
func planned(l Layer, in Shape, read func(Param, []float32) error) (c *planner, out Shape, err error) {
	if out, err = OutShape(l, in); err != nil {
		return nil, out, err
	}
	params, err := Params(l, in)
	if err != nil {
		return nil, out, err
	}
	if l, err = resolve(l); err != nil {
		return nil, out, err
	}
	c = &planner{tensors: newTensors(params, read), spans: make([]span, firstBuffer)}
	c.network(simplify(l), value{inBuffer, 0, in.C, in}, value{outBuffer, 0, out.C, out})
	return c, out, c.tensors.err()
}

// plan lays out memory for steps whose blocks take so many pictures at a time.
func (c *planner) plan(in, out Shape, chunks []int) *Plan {
	p := &Plan{In: in, Out: out, steps: c.steps, stretches: c.stretches(chunks)}
	for _, s := range c.spans {
		p.buffers = append(p.buffers, buffer{size: s.size, within: stretchOf(p.stretches, s)})
	}
	p.across = p.layOut(c.spans, anywhere)
	for i := range p.stretches {
		p.stretches[i].scratch = p.layOut(c.spans, i)
	}
	p.buffers[inBuffer].size, p.buffers[outBuffer].size = in.Size(), out.Size()
	return p
}

// layOut places the buffers that live within a stretch, or anywhere.
func (p *Plan) layOut(spans []span, within int) (total int) {
	var which []int
	var own []span
	for i, s := range spans {
		if i >= firstBuffer && p.buffers[i].within == within {
			if within == anywhere {
				s = widened(p.stretches, s)
			}
			which, own = append(which, i), append(own, s)
		}
	}
	offsets, total := layout(own)
	for k, i := range which {
		p.buffers[i].offset = offsets[k]
	}
	return total
}

// Memory is the most bytes that a run over n pictures needs beside its input and
// output.
func (p *Plan) Memory(n int) int {
	return 4 * (n*p.across + p.within(n, runtime.GOMAXPROCS(0)))
}

// within is how many floats all stretches make do with.
func (p *Plan) within(n, threads int) (most int) {
	for i := range p.stretches {
		s := &p.stretches[i]
		chunk := s.pictures(n)
		most = max(most, chunk*min(threads, (n+chunk-1)/chunk)*s.scratch)
	}
	return most
}

// Run computes y [n][Out.H][Out.W][Out.C] from x [n][In.H][In.W][In.C] on at
// most the given number of threads (0: all of GOMAXPROCS).
func (p *Plan) Run(ctx context.Context, threads, n int, x, y []float32) error {
	if len(x) != n*p.In.Size() || len(y) != n*p.Out.Size() {
		return fmt.Errorf("nn: plan over %d pictures: input has %d values and output %d, want %d and %d",
			n, len(x), len(y), n*p.In.Size(), n*p.Out.Size())
	}
	if n == 0 {
		return ctx.Err()
	}
	f, _ := p.pool.Get().(*frame)
	if f == nil {
		f = &frame{}
	}
	defer p.pool.Put(f)
	f.crew = parallel.Begin(threads)
	defer f.crew.End()
	return p.run(ctx, f, n, x, y)
}
