package keras

import (
	"cmp"
	"slices"

	"github.com/argus-go/argus/nn"
)

// An Op is a layer of a Keras model, as a network of nn has it.
type Op struct {
	Class  string     // Keras' name for its kind: Conv2D, BatchNormalization, …
	Params []nn.Param // in Keras' order; none for most classes
	Index  int        // place in the order of computation
	Depth  int        // the most layers on a path from its output to the network's
}

// Order lists the Keras layers of l for an input of shape in, in the order in
// which Keras numbers, saves and loads them (model.layers). That is by falling
// depth, and at one depth as the branches of a Concat, Add or Gate follow each
// other: map_graph_network in keras/src/ops/function.py. Layers that neither hold
// weights nor lie in parallel to any (padding, reshaping) are not listed.
func Order(l nn.Layer, in nn.Shape) ([]Op, error) {
	ps, err := nn.Params(l, in)
	if err != nil {
		return nil, err
	}
	w := walker{params: ps}
	w.layer(l, 0)
	slices.SortStableFunc(w.ops, func(a, b Op) int { return cmp.Compare(b.Depth, a.Depth) })
	return w.ops, nil
}

// walker lists ops in the order of computation.
type walker struct {
	params []nn.Param // of the layers to come
	ops    []Op
}

// op adds an op with the next n parameters.
func (w *walker) op(class string, depth, n int) {
	w.ops = append(w.ops, Op{class, w.params[:n:n], len(w.ops), depth})
	w.params = w.params[n:]
}

// opIf adds an op that the layer may lack.
func (w *walker) opIf(has bool, class string, depth, n int) {
	if has {
		w.op(class, depth, n)
	}
}

// layer adds l, whose output has the given depth.
func (w *walker) layer(l nn.Layer, depth int) {
	switch l := l.(type) {
	case nn.Seq:
		depth += length(l)
		for _, m := range l {
			depth -= length(m)
			w.layer(m, depth)
		}
	case nn.Block:
		w.layer(l.Body, depth)
	case nn.Concat:
		w.join("Concatenate", l, depth)
	case nn.Gate:
		w.join("Multiply", []nn.Layer{l.Body}, depth)
	case nn.Add:
		act := one(l.Act != nn.Linear)
		w.join("Add", l.Branches, depth+act)
		w.opIf(act > 0, "Activation", depth, 0)
	case nn.Conv:
		w.conv(l, depth)
	case nn.Norm:
		w.op("BatchNormalization", depth, norms(l.BatchNorm))
	case nn.Dense:
		w.op("Dense", depth, 1+one(!l.NoBias))
	case nn.Act:
		w.op("Activation", depth, 0)
	case nn.Pool:
		w.op(pools[l.Kind], depth, 0)
	case nn.GlobalPool:
		w.op("Global"+pools[l.Kind], depth, 0)
	case nn.Dropout:
		w.op("Dropout", depth, 0)
	case nn.Scale:
		w.op("Rescaling", depth, 0)
	}
}

var pools = map[nn.PoolKind]string{nn.Max: "MaxPooling2D", nn.Avg: "AveragePooling2D"}

func (w *walker) join(class string, branches []nn.Layer, depth int) {
	for _, b := range branches {
		w.layer(b, depth+1)
	}
	w.op(class, depth, 0)
}

// conv adds a convolution. Its activation is a layer of its own after a norm only.
func (w *walker) conv(l nn.Conv, depth int) {
	norm := l.Norm != (nn.BatchNorm{})
	act := norm && l.Act != nn.Linear
	class, n := "Conv2D", 1+one(l.Bias)
	switch l.Kind {
	case nn.Depthwise:
		class = "DepthwiseConv2D"
	case nn.Separable:
		class = "SeparableConv2D"
		n++
	}
	w.op(class, depth+one(norm)+one(act), n)
	w.opIf(norm, "BatchNormalization", depth+one(act), norms(l.Norm))
	w.opIf(act, "Activation", depth, 0)
}

// norms is the number of parameters of n.
func norms(n nn.BatchNorm) int { return 2 + one(!n.NoScale) + one(!n.NoCenter) }

// length is the most Keras layers on a path through l.
func length(l nn.Layer) int {
	switch l := l.(type) {
	case nn.Seq:
		n := 0
		for _, m := range l {
			n += length(m)
		}
		return n
	case nn.Block:
		return length(l.Body)
	case nn.Concat:
		return 1 + longest(l)
	case nn.Gate:
		return 1 + length(l.Body)
	case nn.Add:
		return 1 + longest(l.Branches) + one(l.Act != nn.Linear)
	case nn.Conv:
		norm := l.Norm != (nn.BatchNorm{})
		return 1 + one(norm) + one(norm && l.Act != nn.Linear)
	}
	return 1
}

func longest(ls []nn.Layer) (n int) {
	for _, l := range ls {
		n = max(n, length(l))
	}
	return n
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
