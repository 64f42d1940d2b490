package nn

import (
	"slices"

	"github.com/argus-go/argus/internal/kernel/act"
	"github.com/argus-go/argus/internal/kernel/gemm"
	"github.com/argus-go/argus/internal/kernel/pool"
	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// A value is an activation: some channels of every pixel of a buffer.
type value struct {
	buf   int
	off   int // first channel
	ld    int // floats from pixel to pixel
	shape Shape
}

func (v value) dense() bool { return v.off == 0 && v.ld == v.shape.C }
func (v value) pixels() int { return v.shape.H * v.shape.W }

// A sink says where a layer's output goes, and what is done on the way there.
type sink struct {
	dst   *value  // nil: anywhere
	add   *value  // to be added before the activation
	over  bool    // add may be overwritten by the sum
	scale float32 // of the layer's own output before the sum; 0 stands for 1
	act   Activation
	owned bool // nobody else reads the layer's input: it may be overwritten
}

// planner turns layers into steps.
type planner struct {
	*tensors
	steps    []step
	spans    []span // by buffer, in steps
	blocks   []block
	averaged *averaged
	before   *gemm.Packed // the weights of the last product
}

// emit adds a step that computes out from ins.
func (c *planner) emit(name string, out value, ins []value, run func(f *frame)) value {
	at := len(c.steps)
	c.steps = append(c.steps, step{name, run})
	for _, v := range append(ins, out) {
		c.spans[v.buf].to = at
	}
	return out
}

// place returns where an output of the given shape goes.
func (c *planner) place(s sink, shape Shape) value {
	if s.dst != nil {
		return *s.dst
	}
	return c.fresh(shape)
}

func (c *planner) fresh(shape Shape) value {
	c.spans = append(c.spans, span{roundUp(shape.Size()), len(c.steps), len(c.steps)})
	return value{len(c.spans) - 1, 0, shape.C, shape}
}

// compact runs f with an output whose pixels lie together, and copies it where
// it belongs afterwards if that is a slice of a concat.
func (c *planner) compact(s sink, shape Shape, f func(out value) value) value {
	if s.dst == nil || s.dst.dense() {
		return f(c.place(s, shape))
	}
	return c.copy(f(c.fresh(shape)), *s.dst)
}

func (c *planner) copy(from, to value) value {
	return c.emit("copy", to, []value{from}, func(f *frame) {
		vec.CopyChannels(f.crew, f.n*from.pixels(), from.shape.C, f.of(from), from.ld, f.of(to), to.ld)
	})
}

// layer plans a simplified layer. Its input lies together; s.add is only for
// layers that takeSum.
func (c *planner) layer(l Layer, in value, s sink) value {
	switch l := l.(type) {
	case Seq:
		return c.seq(l, in, s, c.layer)
	case Concat:
		return c.concat(l, in, s)
	case Add:
		return c.sum(l, in, s)
	case Gate:
		return c.gate(l, in, s)
	case Conv:
		return c.conv(l, in, s)
	case Dense:
		return c.matmul(l, in, s)
	case Norm:
		scale, shift := c.fold(l.Name, l.BatchNorm, in.shape.C)
		return c.affine(l.Name, in, s, scale, shift)
	case Scale:
		return c.affine("scale", in, s, spread(l.Mul, 1, in.shape.C), spread(l.Add, 0, in.shape.C))
	case Act:
		return c.activate(l.Kind, in, s)
	case Pool:
		return c.pool(l, in, s)
	case GlobalPool:
		reduce := pool.GlobalMax
		if l.Kind == Avg {
			if mean, ok := c.meanOf(in, s); ok {
				return mean
			}
			reduce = pool.GlobalAvg
		}
		return c.compact(s, Shape{1, 1, in.shape.C}, func(out value) value {
			return c.emit("globalpool", out, []value{in}, func(f *frame) {
				reduce(f.crew, f.n, in.pixels(), in.shape.C, f.of(in), f.of(out))
			})
		})
	}
	panic("nn: layer " + label(l) + " was checked and is unknown to the planner")
}

// seq plans layers one after the other.
func (c *planner) seq(l Seq, in value, s sink, layer func(Layer, value, sink) value) value {
	if len(l) == 0 {
		if s.dst == nil {
			return in
		}
		return c.copy(in, *s.dst)
	}
	owned := s.owned
	for _, m := range l[:len(l)-1] {
		in, owned = layer(m, in, sink{owned: owned}), true
	}
	s.owned = owned
	return layer(l[len(l)-1], in, s)
}

func (c *planner) concat(l Concat, in value, s sink) value {
	shapes := make([]Shape, len(l))
	var whole Shape
	for i, m := range l {
		shapes[i], _ = visit(m, in.shape, func(Layer, Shape, Shape) {})
		whole = Shape{shapes[i].H, shapes[i].W, whole.C + shapes[i].C}
	}
	out := c.place(s, whole)
	off := out.off
	for i, m := range l {
		part := value{out.buf, off, out.ld, shapes[i]}
		c.layer(m, in, sink{dst: &part})
		off += shapes[i].C
	}
	return out
}

// takesSum says whether l can add something to its output for nothing.
func takesSum(l Layer) bool {
	switch l := l.(type) {
	case Seq:
		return len(l) > 0 && takesSum(l[len(l)-1])
	case Conv:
		return l.Kind != Depthwise && l.Act == Linear
	case Dense:
		return l.Act == Linear
	}
	return false
}

func (c *planner) sum(l Add, in value, s sink) value {
	scale := l.scale()
	first, rest := l.Branches[0], l.Branches[1:]
	if len(rest) == 1 && takesSum(rest[0]) {
		v := c.layer(first, in, sink{})
		return c.layer(rest[0], in, sink{dst: s.dst, add: &v, over: v.buf != in.buf || s.owned, scale: scale, act: l.Act})
	}
	vs := []value{c.layer(first, in, sink{})}
	for _, m := range rest {
		vs = append(vs, c.layer(m, in, sink{}))
	}
	return c.compact(s, vs[0].shape, func(out value) value {
		c.emit("add", out, vs, func(f *frame) {
			branches := make([][]float32, len(vs))
			for i, v := range vs {
				branches[i] = f.of(v)
			}
			residual(f.crew, scale, branches, f.of(out))
		})
		return c.activate(l.Act, out, sink{dst: &out})
	})
}

// residual is y = b₀ + scale·(b₁ + b₂ + …).
func residual(crew *parallel.Crew, scale float32, branches [][]float32, y []float32) {
	if len(branches) == 1 {
		copy(y, branches[0])
		return
	}
	vec.ScaleAdd(crew, 1, branches[0], scale, branches[1], y)
	for _, b := range branches[2:] {
		vec.Axpy(crew, scale, b, y)
	}
}

func (c *planner) gate(l Gate, in value, s sink) value {
	g := c.layer(l.Body, in, sink{})
	if s.dst == nil && s.owned {
		s.dst = &in
	}
	return c.compact(s, in.shape, func(out value) value {
		return c.emit("gate", out, []value{in, g}, func(f *frame) {
			vec.Gate(f.crew, f.n, in.pixels(), in.shape.C, f.of(in), f.of(g), f.of(out))
		})
	})
}

func (c *planner) affine(name string, in value, s sink, scale, shift []float32) value {
	if s.dst == nil && s.owned {
		s.dst = &in
	}
	return c.compact(s, in.shape, func(out value) value {
		return c.emit(name, out, []value{in}, func(f *frame) {
			vec.Affine(f.crew, f.n*in.pixels(), in.shape.C, f.of(in), scale, shift, f.of(out))
		})
	})
}

func spread(v []float32, otherwise float32, n int) []float32 {
	if len(v) == n {
		return slices.Clone(v)
	}
	out := make([]float32, n)
	for i := range out {
		out[i] = otherwise
		if len(v) == 1 {
			out[i] = v[0]
		}
	}
	return out
}

// activate plans an activation on its own; in place where it may.
func (c *planner) activate(kind Activation, in value, s sink) value {
	if s.dst == nil && s.owned {
		s.dst = &in
	}
	if kind == Linear {
		return in
	}
	return c.compact(s, in.shape, func(out value) value {
		return c.emit(kind.String(), out, []value{in}, func(f *frame) {
			forward(kind, f.crew, in.shape.C, f.of(in), f.of(out))
		})
	})
}

// forward is y = kind(x) over rows of c channels; y may be x.
func forward(kind Activation, crew *parallel.Crew, c int, x, y []float32) {
	switch kind {
	case ReLU:
		act.ReLU(crew, x, y)
	case ReLU6:
		act.ReLU6(crew, x, y)
	case Swish:
		act.Swish(crew, x, y)
	case Sigmoid:
		act.Sigmoid(crew, x, y)
	case Tanh:
		act.Tanh(crew, x, y)
	case Softmax:
		act.Softmax(crew, len(x)/c, c, x, y)
	default:
		copy(y, x)
	}
}

func (c *planner) pool(l Pool, in value, s sink) value {
	g := poolGeometry(l, in.shape)
	out := c.place(s, Shape{g.OutH, g.OutW, g.C})
	reduce := pool.Max
	if l.Kind == Avg {
		reduce = pool.Avg
	}
	return c.emit("pool", out, []value{in}, func(f *frame) {
		reduce(f.crew, g, f.n, f.of(in), f.of(out), out.ld)
	})
}
