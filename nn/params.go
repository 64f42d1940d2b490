package nn

import (
	"fmt"
	"slices"
)

// A Param is one tensor of weights.
type Param struct {
	Name      string // path: block/layer/kernel
	Shape     []int  // kernels: [height width in out], depthwise [height width channels 1], dense [in out]
	Trainable bool   // false for moving statistics
}

// Size is the number of values.
func (p Param) Size() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// Params lists the weights of l for an input of shape in, in the order of
// computation.
func Params(l Layer, in Shape) ([]Param, error) {
	l, err := resolve(l)
	if err != nil {
		return nil, err
	}
	var ps []Param
	_, err = visit(l, in, func(l Layer, in, _ Shape) { ps = append(ps, layerParams(l, in)...) })
	return ps, err
}

// layerParams lists the weights of one resolved layer, not of those inside it.
func layerParams(l Layer, in Shape) []Param {
	switch l := l.(type) {
	case Conv:
		return convParams(l, in.C)
	case Norm:
		return normParams(l.Name, l.BatchNorm, in.C)
	case Dense:
		ps := []Param{{l.Name + "/kernel", []int{in.Size(), l.Units}, true}}
		if !l.NoBias {
			ps = append(ps, Param{l.Name + "/bias", []int{l.Units}, true})
		}
		return ps
	}
	return nil
}

func convParams(l Conv, cin int) (ps []Param) {
	kh, kw, cout := l.Kernel[0], l.Kernel[1], l.Filters
	switch l.Kind {
	case Full:
		ps = []Param{{l.Name + "/kernel", []int{kh, kw, cin, cout}, true}}
	case Depthwise:
		cout = cin
		ps = []Param{{l.Name + "/kernel", []int{kh, kw, cin, 1}, true}}
	case Separable:
		ps = []Param{
			{l.Name + "/depthwise/kernel", []int{kh, kw, cin, 1}, true},
			{l.Name + "/pointwise/kernel", []int{1, 1, cin, cout}, true},
		}
	}
	if l.Bias {
		ps = append(ps, Param{l.Name + "/bias", []int{cout}, true})
	}
	if l.Norm != (BatchNorm{}) {
		ps = append(ps, normParams(l.Name+"/norm", l.Norm, cout)...)
	}
	return ps
}

func normParams(name string, n BatchNorm, c int) (ps []Param) {
	if !n.NoScale {
		ps = append(ps, Param{name + "/gamma", []int{c}, true})
	}
	if !n.NoCenter {
		ps = append(ps, Param{name + "/beta", []int{c}, true})
	}
	return append(ps,
		Param{name + "/moving_mean", []int{c}, false},
		Param{name + "/moving_variance", []int{c}, false})
}

// MACs counts the multiply-adds of l's convolutions and dense layers for one
// picture of shape in.
func MACs(l Layer, in Shape) (int, error) {
	l, err := resolve(l)
	if err != nil {
		return 0, err
	}
	n := 0
	_, err = visit(l, in, func(l Layer, in, out Shape) { n += layerMACs(l, in, out) })
	return n, err
}

func layerMACs(l Layer, in, out Shape) int {
	switch l := l.(type) {
	case Conv:
		window, pixels := l.Kernel[0]*l.Kernel[1], out.H*out.W
		switch l.Kind {
		case Depthwise:
			return pixels * window * in.C
		case Separable:
			return pixels * (window*in.C + in.C*out.C)
		}
		return pixels * window * in.C * out.C
	case Dense:
		return in.Size() * l.Units
	}
	return 0
}

// Blocks lists the names of l's blocks in the order of computation, the ones
// inside others included.
func Blocks(l Layer, in Shape) ([]string, error) {
	l, err := resolve(l)
	if err != nil {
		return nil, err
	}
	var names []string
	_, err = visit(l, in, func(l Layer, _, _ Shape) {
		if b, ok := l.(Block); ok {
			names = append(names, b.Name)
		}
	})
	return names, err
}

// Cut splits body before the named block: what stays frozen, and what is
// trained anew. The block must be an element of body's outermost Seq, and layers
// outside blocks that the cut would number anew need a name.
func Cut(body Layer, block string) (before, after Layer, err error) {
	var names []string
	steps := flat(body)
	for i, l := range steps {
		b, ok := l.(Block)
		if !ok {
			continue
		}
		if b.Name == block {
			before, after = Seq(slices.Clip(steps[:i])), Seq(steps[i:])
			return before, after, sameNames(before, after)
		}
		names = append(names, b.Name)
	}
	return nil, nil, fmt.Errorf("nn: there is no block %q to cut at; there are %v", block, names)
}

// flat is l as one sequence, sequences inside it opened up.
func flat(l Layer) []Layer {
	s, ok := l.(Seq)
	if !ok {
		return []Layer{l}
	}
	var out []Layer
	for _, m := range s {
		out = append(out, flat(m)...)
	}
	return out
}

// Check says whether the network makes sense: names are unique, shapes fit,
// the body ends in 1×1×F.
func (m Model) Check() error {
	if m.Body == nil {
		return fmt.Errorf("nn: model %q has no body", m.Name)
	}
	if m.Input.Size < max(1, m.Input.MinSize) {
		return fmt.Errorf("nn: model %q: input size is %d, must be at least %d", m.Name, m.Input.Size, max(1, m.Input.MinSize))
	}
	out, err := OutShape(m.Body, m.Input.Shape())
	if err != nil {
		return fmt.Errorf("model %q: %w", m.Name, err)
	}
	if out.H != 1 || out.W != 1 {
		return fmt.Errorf("nn: model %q: the body ends in %v, must end in 1×1×features", m.Name, out)
	}
	if m.Top == nil {
		return nil
	}
	if _, err := OutShape(m.Whole(), m.Input.Shape()); err != nil {
		return fmt.Errorf("model %q: %w", m.Name, err)
	}
	if err := sameNames(m.Body, m.Top); err != nil {
		return fmt.Errorf("model %q: %w", m.Name, err)
	}
	return nil
}
