package nn

import (
	"errors"
	"fmt"
)

// Shape is height, width, channels.
type Shape struct{ H, W, C int }

func (s Shape) String() string { return fmt.Sprintf("%d×%d×%d", s.H, s.W, s.C) }

// Size is the number of values.
func (s Shape) Size() int { return s.H * s.W * s.C }

// maxSize bounds every layer's output and every tensor of weights, so that a
// hostile model file fails here and not in an allocation: 2²⁸ values are 1 GiB.
const maxSize = 1 << 28

// fits says whether dims make between 1 and maxSize values.
func fits(dims ...int) bool {
	n := 1
	for _, d := range dims {
		if d < 1 || d > maxSize/n {
			return false
		}
		n *= d
	}
	return true
}

func checkShape(l Layer, s Shape) error {
	if !fits(s.H, s.W, s.C) {
		return fmt.Errorf("nn: %s: %v is not a shape that a layer can have", label(l), s)
	}
	return nil
}

// OutShape is the shape of l's output for an input of shape in.
func OutShape(l Layer, in Shape) (Shape, error) {
	l, err := resolve(l)
	if err != nil {
		return Shape{}, err
	}
	return visit(l, in, func(Layer, Shape, Shape) {})
}

// visit walks a resolved network in the order of computation and calls f with
// every layer, the layers inside before the layer that holds them.
func visit(l Layer, in Shape, f func(l Layer, in, out Shape)) (out Shape, err error) {
	if err = checkShape(l, in); err != nil {
		return in, err
	}
	switch l := l.(type) {
	case Seq:
		out = in
		for _, m := range l {
			if out, err = visit(m, out, f); err != nil {
				return out, err
			}
		}
	case Concat:
		out, err = visitBranches(l, in, f)
	case Add:
		out, err = visitSum(l, in, f)
	case Gate:
		var g Shape
		if g, err = visit(l.Body, in, f); err == nil && g != (Shape{1, 1, in.C}) {
			err = fmt.Errorf("nn: gate: its body gives %v for an input of %v, want %v", g, in, Shape{1, 1, in.C})
		}
		out = in
	case Block:
		if out, err = visit(l.Body, in, f); err != nil {
			return out, err
		}
	default:
		out, err = visitLeaf(l, in)
	}
	if err == nil {
		err = checkShape(l, out)
	}
	if err != nil {
		return out, err
	}
	f(l, in, out)
	return out, nil
}

func visitBranches(ls []Layer, in Shape, f func(Layer, Shape, Shape)) (out Shape, err error) {
	if len(ls) == 0 {
		return in, fmt.Errorf("nn: concat has no branches")
	}
	for i, m := range ls {
		o, err := visit(m, in, f)
		if err != nil {
			return o, err
		}
		if i > 0 && (o.H != out.H || o.W != out.W) {
			return o, fmt.Errorf("nn: concat: branch %d gives %v, branch 0 gives %v", i, o, out)
		}
		out = Shape{o.H, o.W, out.C + o.C}
	}
	return out, nil
}

func visitSum(l Add, in Shape, f func(Layer, Shape, Shape)) (out Shape, err error) {
	if len(l.Branches) == 0 {
		return in, fmt.Errorf("nn: add has no branches")
	}
	if err := activations.check(int(l.Act)); err != nil {
		return in, err
	}
	for i, m := range l.Branches {
		o, err := visit(m, in, f)
		if err != nil {
			return o, err
		}
		if i > 0 && o != out {
			return o, fmt.Errorf("nn: add: branch %d gives %v, branch 0 gives %v", i, o, out)
		}
		out = o
	}
	return out, nil
}

func visitLeaf(l Layer, in Shape) (Shape, error) {
	out, err := leafShape(l, in)
	if err != nil {
		return out, err
	}
	for _, p := range layerParams(l, in) {
		if !fits(p.Shape...) {
			return out, fmt.Errorf("nn: %s: %v is not a shape that weights can have", p.Name, p.Shape)
		}
	}
	return out, nil
}

func leafShape(l Layer, in Shape) (Shape, error) {
	switch l := l.(type) {
	case Conv:
		return convShape(l, in)
	case Pool:
		return poolShape(l, in)
	case GlobalPool:
		return Shape{1, 1, in.C}, poolKinds.check(int(l.Kind))
	case Dense:
		if l.Units < 1 {
			return in, fmt.Errorf("nn: %s: %d units", l.Name, l.Units)
		}
		return Shape{1, 1, l.Units}, activations.check(int(l.Act))
	case Act:
		return in, activations.check(int(l.Kind))
	case Norm:
		return in, checkNorm(l.Name, l.BatchNorm)
	case Dropout:
		if !(l.Rate >= 0 && l.Rate < 1) {
			return in, fmt.Errorf("nn: dropout rate is %v, must be in [0, 1)", l.Rate)
		}
		return in, nil
	case Scale:
		for _, v := range [][]float32{l.Mul, l.Add} {
			if len(v) > 1 && len(v) != in.C {
				return in, fmt.Errorf("nn: scale has %d numbers for %d channels", len(v), in.C)
			}
		}
		return in, nil
	}
	return in, fmt.Errorf("nn: a %T is not a layer", l)
}

func checkNorm(name string, n BatchNorm) error {
	if !(n.Eps > 0) {
		return fmt.Errorf("nn: %s: eps is %v, must be above 0", name, n.Eps)
	}
	if !(n.Momentum >= 0 && n.Momentum < 1) {
		return fmt.Errorf("nn: %s: momentum is %v, must be in [0, 1)", name, n.Momentum)
	}
	return nil
}

func poolShape(l Pool, in Shape) (Shape, error) {
	if l.Window < 1 || l.Stride < 0 {
		return in, fmt.Errorf("nn: pool: window %d, stride %d", l.Window, l.Stride)
	}
	if err := poolKinds.check(int(l.Kind)); err != nil {
		return in, err
	}
	h, w, err := l.geometry(in)
	if err != nil {
		return in, fmt.Errorf("nn: %s pool %d/%d of %v: %w", l.Kind, l.Window, max(1, l.Stride), in, err)
	}
	return Shape{h.out, w.out, in.C}, nil
}

func convShape(l Conv, in Shape) (Shape, error) {
	switch {
	case l.Kernel[0] < 1 || l.Kernel[1] < 1 || l.Stride < 0:
		return in, fmt.Errorf("nn: %s: kernel %v, stride %d", l.Name, l.Kernel, l.Stride)
	case l.Kind == Depthwise && l.Filters != 0:
		return in, fmt.Errorf("nn: %s: a depthwise convolution keeps its channels, Filters is %d, must be 0", l.Name, l.Filters)
	case l.Kind != Depthwise && l.Filters < 1:
		return in, fmt.Errorf("nn: %s: Filters is %d", l.Name, l.Filters)
	}
	err := errors.Join(convKinds.check(int(l.Kind)), activations.check(int(l.Act)))
	if err == nil && l.Norm != (BatchNorm{}) {
		err = checkNorm(l.Name, l.Norm)
	}
	if err != nil {
		return in, err
	}
	h, w, err := l.geometry(in)
	if err != nil {
		return in, fmt.Errorf("nn: %s: kernel %d×%d/%d on %v: %w", l.Name, l.Kernel[0], l.Kernel[1], max(1, l.Stride), in, err)
	}
	if !fits(l.Kernel[0], l.Kernel[1], h.out, w.out) { // plans keep a table of where each tap looks
		return in, fmt.Errorf("nn: %s: a kernel of %d×%d over %d×%d pixels, the most is %d together", l.Name, l.Kernel[0], l.Kernel[1], h.out, w.out, maxSize)
	}
	c := l.Filters
	if l.Kind == Depthwise {
		c = in.C
	}
	return Shape{h.out, w.out, c}, nil
}

// axis is how windows lie along one axis.
type axis struct{ out, stride, before int }

func (l Conv) geometry(in Shape) (h, w axis, err error) {
	return geometry(in, l.Kernel[0], l.Kernel[1], l.Stride, l.Pad, l.Pads)
}

func (l Pool) geometry(in Shape) (h, w axis, err error) {
	return geometry(in, l.Window, l.Window, l.Stride, l.Pad, l.Pads)
}

func geometry(in Shape, kh, kw, stride int, pad Padding, pads [4]int) (h, w axis, err error) {
	if pad != Explicit && pads != [4]int{} {
		return h, w, fmt.Errorf("pads %v go with explicit padding, this is %s", pads, pad)
	}
	if h, err = along(in.H, kh, stride, pad, pads[0], pads[1]); err == nil {
		w, err = along(in.W, kw, stride, pad, pads[2], pads[3])
	}
	return h, w, err
}

func along(n, k, stride int, pad Padding, before, after int) (axis, error) {
	if k > maxSize || stride > maxSize {
		return axis{}, fmt.Errorf("window %d, stride %d, must be at most %d", k, stride, maxSize)
	}
	stride = max(1, stride)
	switch pad {
	case Same:
		out := (n + stride - 1) / stride
		return axis{out, stride, max(0, (out-1)*stride+k-n) / 2}, nil
	case Valid:
		before, after = 0, 0
	case Explicit:
		if before < 0 || after < 0 || before >= k || after >= k {
			return axis{}, fmt.Errorf("padding %d and %d for a window of %d", before, after, k)
		}
	default:
		return axis{}, fmt.Errorf("there is no padding %d", pad)
	}
	if n+before+after < k {
		return axis{}, fmt.Errorf("the window of %d is larger than the %d it slides over", k, n+before+after)
	}
	return axis{(n+before+after-k)/stride + 1, stride, before}, nil
}
