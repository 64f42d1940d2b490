package nn

import (
	"context"
	"fmt"
	"sync"

	"github.com/argus-go/argus/internal/parallel"
)

// A Plan is a network made ready for inference: weights packed, batch norm
// folded into them, activations and sums fused, memory laid out. It never
// changes; any number of goroutines may run it.
type Plan struct {
	In, Out Shape

	steps   []step
	buffers []buffer
	scratch int // floats a picture
	pool    sync.Pool
}

// A step computes one buffer from others.
type step struct {
	name string
	run  func(f *frame)
}

// A buffer is memory for one activation of one picture.
type buffer struct {
	size   int // floats, whole cache lines
	offset int // in the scratch of one picture
}

// The first two buffers are not in the scratch: they are the caller's.
const (
	inBuffer = iota
	outBuffer
	firstBuffer
)

// A frame is one run of a plan over n pictures.
type frame struct {
	crew  *parallel.Crew
	n     int
	mem   [][]float32 // by buffer
	slack []float32
}

// Freeze plans l for pictures of shape in with weights w. It copies what it
// needs of the weights.
func Freeze(l Layer, in Shape, w Weights) (*Plan, error) {
	if err := w.Check(l, in, false); err != nil {
		return nil, err
	}
	out, err := OutShape(l, in)
	if err != nil {
		return nil, err
	}
	if l, err = resolve(l); err != nil {
		return nil, err
	}
	c := &planner{weights: w, spans: make([]span, firstBuffer)}
	x := value{inBuffer, 0, in.C, in}
	y := value{outBuffer, 0, out.C, out}
	c.layer(simplify(l), x, sink{dst: &y})

	p := &Plan{In: in, Out: out, steps: c.steps}
	offsets, total := layout(c.spans)
	p.scratch = total
	for i, s := range c.spans {
		p.buffers = append(p.buffers, buffer{s.size, offsets[i]})
	}
	p.buffers[inBuffer].size, p.buffers[outBuffer].size = in.Size(), out.Size()
	return p, nil
}

// Memory is how many bytes a run over n pictures needs beside its input and
// output.
func (p *Plan) Memory(n int) int { return 4 * n * p.scratch }

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

func (p *Plan) run(ctx context.Context, f *frame, n int, x, y []float32) error {
	f.n = n
	if need := n * p.scratch; cap(f.slack) < need {
		f.slack = aligned(need)
	}
	f.mem = f.mem[:0]
	for i, b := range p.buffers {
		switch i {
		case inBuffer:
			f.mem = append(f.mem, x)
		case outBuffer:
			f.mem = append(f.mem, y)
		default:
			f.mem = append(f.mem, f.slack[:cap(f.slack)][n*b.offset:][:n*b.size])
		}
	}
	defer func() { f.mem[inBuffer], f.mem[outBuffer] = nil, nil }()
	for i := range p.steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.steps[i].run(f)
	}
	return nil
}

// of is the memory of v: for each picture and pixel, v.ld floats apart, v's
// channels.
func (f *frame) of(v value) []float32 {
	m := f.mem[v.buf]
	if v.off == 0 && v.ld == v.shape.C {
		return m[:f.n*v.shape.Size()]
	}
	return m[v.off : f.n*v.shape.H*v.shape.W*v.ld]
}
