package nn

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"
	"math"
	"slices"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// An op is one of our kernels as a gorgonia.Op. It has its output's memory and
// hands it out anew every run.
type op struct {
	name  string
	shape []int // of the output; empty for a scalar
	run   kernel
	check func(in [][]float32) error // of values that only a run shows; nil: none
	grad  gradient                   // nil: a constant to whoever differentiates
	wrt   func(i int) bool           // inputs that grad covers; nil: all
	ins   []tensor.Shape             // of the inputs
	salt  int                        // tells nodes apart whose hashes would be equal
	env   *env

	out   []float32
	value gorgonia.Value // of out
	dying []*op          // whose outputs nobody reads after this op
}

// A kernel computes out from in.
type kernel func(crew *parallel.Crew, in [][]float32, out []float32)

// A gradient makes nodes for the gradients of the inputs that are needed.
type gradient func(m *maker, in gorgonia.Nodes, out, dy *gorgonia.Node, need []bool) gorgonia.Nodes

// An env is what the ops of a graph share while it runs.
type env struct {
	ctx    context.Context
	crew   *parallel.Crew // nil: every op has a crew of its own
	poison bool           // fills memory that is free with NaN

	hashes map[uint32]bool // of the graph's nodes up to seen
	seen   int
}

// taken says whether a node of g has hash h.
func (e *env) taken(g *gorgonia.ExprGraph, h uint32) bool {
	nodes := g.AllNodes()
	if e.hashes == nil || e.seen > len(nodes) {
		e.hashes, e.seen = map[uint32]bool{}, 0
	}
	for _, n := range nodes[e.seen:] {
		e.hashes[n.Hashcode()] = true
	}
	e.seen = len(nodes)
	return e.hashes[h]
}

func newEnv() *env { return &env{ctx: context.Background()} }

// size is the number of values of the output.
func (o *op) size() int { return tensor.Shape(o.shape).TotalSize() }

// use makes out the op's memory.
func (o *op) use(out []float32) {
	o.out = out
	o.value = nil
	if len(o.shape) > 0 {
		o.value = tensor.New(tensor.WithShape(o.shape...), tensor.WithBacking(out))
	}
}

// Do runs the kernel.
func (o *op) Do(values ...gorgonia.Value) (gorgonia.Value, error) {
	in := make([][]float32, len(values))
	for i, v := range values {
		var err error
		if in[i], err = floats(v, o.ins[i].TotalSize()); err != nil {
			return nil, fmt.Errorf("nn: %s: input %d: %w", o.name, i, err)
		}
	}
	if o.out == nil {
		o.use(vec.Aligned(o.size()))
	}
	if err := o.compute(in); err != nil {
		return nil, err
	}
	if len(o.shape) == 0 {
		return gorgonia.NewF32(o.out[0]), nil
	}
	return o.value, nil
}

// compute runs the kernel on the memory of values.
func (o *op) compute(in [][]float32) error {
	if err := o.env.ctx.Err(); err != nil {
		return err
	}
	if o.check != nil {
		if err := o.check(in); err != nil {
			return fmt.Errorf("nn: %s: %w", o.name, err)
		}
	}
	crew := o.env.crew
	if crew == nil {
		crew = parallel.Begin(0)
		defer crew.End()
	}
	o.run(crew, in, o.out)
	if o.env.poison {
		for _, d := range o.dying {
			fill(d.out, float32(math.NaN()))
		}
	}
	return o.env.ctx.Err()
}

// floats is the memory of v, of size values, rows one after the other.
func floats(v gorgonia.Value, size int) ([]float32, error) {
	switch v := v.(type) {
	case *gorgonia.F32:
		if size == 1 {
			return []float32{float32(*v)}, nil
		}
	case *tensor.Dense:
		if v.Dtype() != tensor.Float32 {
			break
		}
		if v.RequiresIterator() {
			v = v.Materialize().(*tensor.Dense)
		}
		data := v.Float32s()
		if len(data) != size {
			return nil, fmt.Errorf("%d values of shape %v, the graph was built for %d", len(data), v.Shape(), size)
		}
		return data, nil
	}
	return nil, fmt.Errorf("values are %v, must be float32", v.Dtype())
}

func fill(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

// Arity is the number of inputs.
func (o *op) Arity() int { return len(o.ins) }

// Type is that of a function from float32 tensors to one.
func (o *op) Type() hm.Type {
	t := make([]hm.Type, 0, len(o.ins)+1)
	for _, s := range o.ins {
		t = append(t, floatType(len(s)))
	}
	return hm.NewFnType(append(t, floatType(len(o.shape)))...)
}

func floatType(dims int) hm.Type {
	if dims == 0 {
		return tensor.Float32
	}
	return gorgonia.TensorType{Dims: dims, Of: tensor.Float32}
}

// InferShape is the output's shape, known beforehand.
func (o *op) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) {
	return tensor.Shape(slices.Clone(o.shape)), nil
}

// ReturnsPtr is true: the output is the op's own memory.
func (o *op) ReturnsPtr() bool { return true }

// CallsExtern is false, so that the machine allocates nothing for the op.
func (o *op) CallsExtern() bool { return false }

// OverwritesInput says that none is.
func (o *op) OverwritesInput() int { return -1 }

// WriteHash tells the op from all others: equal ones would become one.
func (o *op) WriteHash(h hash.Hash) { fmt.Fprintf(h, "argus/%s#%d", o.name, o.salt) }

// Hashcode is the sum of WriteHash.
func (o *op) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// String is the op's path.
func (o *op) String() string { return o.name }

// DiffWRT says which inputs have a gradient.
func (o *op) DiffWRT(n int) []bool {
	out := make([]bool, n)
	for i := range out {
		out[i] = o.grad != nil && (o.wrt == nil || o.wrt(i))
	}
	return out
}

// SymDiff adds nodes for the gradients of all inputs that have one.
func (o *op) SymDiff(in gorgonia.Nodes, out, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	return o.symDiff(in, out, dy, o.DiffWRT(len(in)))
}

func (o *op) symDiff(in gorgonia.Nodes, out, dy *gorgonia.Node, need []bool) (gorgonia.Nodes, error) {
	if o.grad == nil {
		return nil, fmt.Errorf("nn: %s has no gradient", o.name)
	}
	m := &maker{env: o.env}
	grads := o.grad(m, in, out, dy, need)
	return grads, m.err
}

// A maker adds nodes to a graph until the first error.
type maker struct {
	env *env
	err error
}

// node adds o applied to in. It salts o until the node's hash is new to the
// graph: a graph knows nodes by 32 bits.
func (m *maker) node(o op, in ...*gorgonia.Node) *gorgonia.Node {
	if m.err != nil {
		return nil
	}
	o.env = m.env
	for _, n := range in {
		o.ins = append(o.ins, n.Shape())
	}
	for m.env.taken(in[0].Graph(), hashOf(&o, in)) {
		o.salt++
	}
	n, err := gorgonia.ApplyOp(&o, in...)
	if err != nil {
		m.err = fmt.Errorf("nn: %s: %w", o.name, err)
	}
	return n
}

// hashOf is the hash of the node that o applied to in would be, as Gorgonia
// computes it: of type, shape, op and inputs.
func hashOf(o *op, in gorgonia.Nodes) uint32 {
	h := fnv.New32a()
	fmt.Fprintf(h, "%v%v", floatType(len(o.shape)), tensor.Shape(o.shape))
	o.WriteHash(h)
	h.Write([]byte{byte(len(in))})
	for _, n := range in {
		h.Write(binary.LittleEndian.AppendUint32(nil, n.Hashcode()))
	}
	return h.Sum32()
}

// of is n's op if it is one of ours, or nil.
func of(n *gorgonia.Node) *op {
	o, _ := n.Op().(*op)
	return o
}
