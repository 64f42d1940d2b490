package nn

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/argus-go/argus/internal/kernel/conv"
	"github.com/argus-go/argus/internal/kernel/vec"
)

// Options of a graph. The zero value is inference.
type Options struct {
	Training   bool   // dropout acts and batch norm uses the batch's own statistics
	FrozenNorm bool   // with Training: batch norm keeps its moving statistics, for frozen blocks
	Seed       uint64 // of dropout
}

// A Graph is a network as nodes of a Gorgonia graph.
type Graph struct {
	Output *gorgonia.Node            // [N,H,W,C]
	Params gorgonia.Nodes            // trainable weights; a node's name is the weight's path
	Taps   map[string]*gorgonia.Node // outputs of blocks and of layers with weights, by path

	norms []*normState
	step  stepState
}

// Build adds l to g as Gorgonia nodes, one per layer, and one for a convolution's
// norm with its activation. The input x is [N,H,W,C] float32, a
// variable or any other node of g. Values of Params share memory with w: who
// updates weights in place trains the network. Only with Training, or where Grad is
// asked for a kernel's gradient, are kernels packed anew every run; otherwise the
// graph does not see changes to them.
//
// Gradients of all layers, with respect to x and Params, come from [Grad] or
// from gorgonia.Grad. An op owns the memory of its output, so a graph runs once
// at a time; many graphs may share weights.
func Build(g *gorgonia.ExprGraph, x *gorgonia.Node, l Layer, w Weights, o Options) (*Graph, error) {
	if x.Graph() != g {
		return nil, fmt.Errorf("nn: input %s is in another graph", x.Name())
	}
	s := x.Shape()
	if len(s) != 4 || s[0] < 1 || x.Dtype() != tensor.Float32 {
		return nil, fmt.Errorf("nn: input %s is %v of shape %v, must be float32 of shape [N,H,W,C]", x.Name(), x.Dtype(), s)
	}
	in := Shape{s[1], s[2], s[3]}
	if _, err := OutShape(l, in); err != nil {
		return nil, err
	}
	if err := w.Check(l, in, false); err != nil {
		return nil, err
	}
	l, err := resolve(l)
	if err != nil {
		return nil, err
	}
	b := &builder{maker: maker{env: newEnv()}, g: g, weights: w, options: o, input: x,
		graph: &Graph{Taps: map[string]*gorgonia.Node{}}}
	b.graph.Output = b.layer(l, x)
	return b.graph, b.err
}

// UpdateStatistics folds the last batch's mean and variance into the moving
// statistics in the weights, after a training step. Where no batch has run since
// the last call it does nothing.
func (b *Graph) UpdateStatistics() {
	for _, s := range b.norms {
		s.update()
	}
}

// SetStep makes the dropout masks of the next run those of step n. Otherwise
// every run is the step after the one before.
func (b *Graph) SetStep(n uint64) { b.step.next = n }

// builder turns layers into nodes.
type builder struct {
	maker
	g       *gorgonia.ExprGraph
	weights Weights
	options Options
	graph   *Graph

	input   *gorgonia.Node
	tick    *gorgonia.Node // nil until there is a dropout
	unnamed int            // layers without a path so far
	path    string         // of the block
}

func shapeOf(x *gorgonia.Node) Shape {
	s := x.Shape()
	return Shape{s[1], s[2], s[3]}
}

// name is a path for a layer that has none.
func (b *builder) name(kind string) string {
	b.unnamed++
	if b.path != "" {
		kind = b.path + "/" + kind
	}
	return fmt.Sprintf("%s.%d", kind, b.unnamed)
}

// param is the variable of a weight.
func (b *builder) param(name string) *gorgonia.Node {
	t := b.weights[name]
	if b.err != nil {
		return nil
	}
	n := gorgonia.NewTensor(b.g, tensor.Float32, len(t.Shape), gorgonia.WithShape(t.Shape...), gorgonia.WithName(name),
		gorgonia.WithValue(tensor.New(tensor.WithShape(t.Shape...), tensor.WithBacking(t.Data))))
	if have, err := floats(n.Value(), len(t.Data)); err != nil || &have[0] != &t.Data[0] {
		b.err = fmt.Errorf("nn: the graph already has a variable %s of shape %v, with other values", name, t.Shape)
		return nil
	}
	b.graph.Params = append(b.graph.Params, n)
	return n
}

// paramIf is the variable of a weight that the layer has, or nil.
func (b *builder) paramIf(has bool, name string) *gorgonia.Node {
	if !has {
		return nil
	}
	return b.param(name)
}

func (b *builder) layers(ls []Layer, x *gorgonia.Node) []*gorgonia.Node {
	out := make([]*gorgonia.Node, len(ls))
	for i, l := range ls {
		out[i] = b.layer(l, x)
	}
	return out
}

// layer adds a resolved layer.
func (b *builder) layer(l Layer, x *gorgonia.Node) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	switch l := l.(type) {
	case Seq:
		for _, m := range l {
			x = b.layer(m, x)
		}
		return x
	case Concat:
		return b.concat(b.name("concat"), b.layers(l, x)...)
	case Add:
		name := b.name("add")
		return b.activation(name, l.Act, b.sum(name, l.scale(), b.layers(l.Branches, x)...))
	case Gate:
		return b.gate(b.name("gate"), x, b.layer(l.Body, x))
	case Block:
		outer := b.path
		b.path = l.Name
		y := b.layer(l.Body, x)
		b.path = outer
		return b.tap(l.Name, y)
	case Conv:
		return b.tap(l.Name, b.conv(l, x))
	case Norm:
		return b.tap(l.Name, b.norm(l.Name, l.BatchNorm, Linear, x))
	case Act:
		return b.activation(b.name("act"), l.Kind, x)
	case Pool:
		return b.pool(b.name("pool"), l.Kind, poolGeometry(l, shapeOf(x)), x)
	case GlobalPool:
		return b.globalPool(b.name("globalpool"), l.Kind, x)
	case Dense:
		kernel, bias := b.param(l.Name+"/kernel"), b.paramIf(!l.NoBias, l.Name+"/bias")
		return b.tap(l.Name, b.activation(l.Name, l.Act, b.dense(l.Name, shapeOf(x).Size(), l.Units, x, kernel, bias)))
	case Dropout:
		return b.drop(l, x)
	case Scale:
		c := shapeOf(x).C
		return b.affine(b.name("scale"), spread(l.Mul, 1, c), spread(l.Add, 0, c), x)
	}
	b.err = fmt.Errorf("nn: a %T is not a layer", l)
	return nil
}

func (b *builder) tap(name string, y *gorgonia.Node) *gorgonia.Node {
	b.graph.Taps[name] = y
	return y
}

func (b *builder) conv(l Conv, x *gorgonia.Node) *gorgonia.Node {
	switch l.Kind {
	case Full:
		x = b.full(l, l.Name, x)
	case Depthwise:
		x = b.maker.depthwise(l.Name, depthwiseGeometry(l, shapeOf(x)), x, b.param(l.Name+"/kernel"), b.paramIf(l.Bias, l.Name+"/bias"))
	case Separable:
		x = b.maker.depthwise(l.Name+"/depthwise", depthwiseGeometry(l, shapeOf(x)), x, b.param(l.Name+"/depthwise/kernel"), nil)
		point := Conv{Name: l.Name, Filters: l.Filters, Kernel: [2]int{1, 1}, Bias: l.Bias}
		x = b.full(point, l.Name+"/pointwise", x)
	}
	if l.Norm != (BatchNorm{}) {
		return b.norm(l.Name+"/norm", l.Norm, l.Act, x)
	}
	return b.activation(l.Name, l.Act, x)
}

// full adds a full convolution whose kernel is under the given path.
func (b *builder) full(l Conv, path string, x *gorgonia.Node) *gorgonia.Node {
	kernel, bias := b.param(path+"/kernel"), b.paramIf(l.Bias, l.Name+"/bias")
	if b.err != nil {
		return nil
	}
	s := convGeometry(l, shapeOf(x), l.Filters)
	return b.convolution(path, s, conv.New(s, b.weights[path+"/kernel"].Data), b.options.Training, x, kernel, bias)
}

func (b *builder) norm(name string, n BatchNorm, kind Activation, x *gorgonia.Node) *gorgonia.Node {
	gamma, beta := b.paramIf(!n.NoScale, name+"/gamma"), b.paramIf(!n.NoCenter, name+"/beta")
	if b.err != nil {
		return nil
	}
	c := shapeOf(x).C
	s := &normState{
		BatchNorm:      n,
		movingMean:     b.weights[name+"/moving_mean"].Data,
		movingVariance: b.weights[name+"/moving_variance"].Data,
		dgamma:         make([]float32, c),
		dbeta:          make([]float32, c),
	}
	if b.options.Training && !b.options.FrozenNorm {
		s.moments = make([]float32, 2*c)
		b.graph.norms = append(b.graph.norms, s)
	}
	return b.normalisation(name, s, kind, x, gamma, beta)
}

func (b *builder) drop(l Dropout, x *gorgonia.Node) *gorgonia.Node {
	if !b.options.Training || l.Rate == 0 {
		return x
	}
	if b.tick == nil {
		b.tick = b.maker.tick(&b.graph.step, b.input)
	}
	name := b.name("dropout")
	seed := vec.Bits(b.options.Seed, hashName("dropout"), uint64(b.unnamed))
	return b.dropout(name, l, seed, &b.graph.step, x, b.tick)
}
