package nn

import (
	"math"
	"slices"

	"github.com/argus-go/argus/internal/kernel/act"
	"github.com/argus-go/argus/internal/kernel/conv"
	"github.com/argus-go/argus/internal/kernel/depthwise"
	"github.com/argus-go/argus/internal/kernel/gemm"
	"github.com/argus-go/argus/internal/kernel/norm"
	"github.com/argus-go/argus/internal/kernel/pool"
)

func convGeometry(l Conv, in Shape, cout int) conv.Shape {
	h, w, _ := l.geometry(in) // checked before
	return conv.Shape{
		H: in.H, W: in.W, Cin: in.C, Cout: cout, KH: l.Kernel[0], KW: l.Kernel[1],
		StrideH: h.stride, StrideW: w.stride, Top: h.before, Left: w.before, OutH: h.out, OutW: w.out,
	}
}

func depthwiseGeometry(l Conv, in Shape) depthwise.Shape {
	h, w, _ := l.geometry(in)
	return depthwise.Shape{
		H: in.H, W: in.W, C: in.C, KH: l.Kernel[0], KW: l.Kernel[1],
		StrideH: h.stride, StrideW: w.stride, Top: h.before, Left: w.before, OutH: h.out, OutW: w.out,
	}
}

func poolGeometry(l Pool, in Shape) pool.Shape {
	h, w, _ := l.geometry(in)
	return pool.Shape{
		H: in.H, W: in.W, C: in.C, KH: l.Window, KW: l.Window,
		StrideH: h.stride, StrideW: w.stride, Top: h.before, Left: w.before, OutH: h.out, OutW: w.out,
		CountPad: l.CountPad,
	}
}

// fold gives a batch norm as scale and shift a channel.
func (c *planner) fold(name string, n BatchNorm, channels int) (scale, shift []float32) {
	scale, shift = make([]float32, channels), make([]float32, channels)
	var gamma, beta []float32
	if !n.NoScale {
		gamma = c.data(name + "/gamma")
	}
	if !n.NoCenter {
		beta = c.data(name + "/beta")
	}
	norm.Fold(c.data(name+"/moving_mean"), c.data(name+"/moving_variance"), gamma, beta, n.Eps, scale, shift)
	return scale, shift
}

// folded returns a kernel whose last axis is the output channel or unit, and a bias,
// with batch norm and the given factor taken in. The kernel is overwritten.
func (c *planner) folded(l Conv, kernel []float32, channels int, factor float32) (k, bias []float32) {
	k, bias = kernel, make([]float32, channels)
	if l.Bias {
		copy(bias, c.data(l.Name+"/bias"))
	}
	scale := spread(nil, 1, channels)
	if l.Norm != (BatchNorm{}) {
		var shift []float32
		scale, shift = c.fold(l.Name+"/norm", l.Norm, channels)
		for i := range bias {
			bias[i] = bias[i]*scale[i] + shift[i]
		}
	}
	if factor != 0 && factor != 1 {
		for i := range scale {
			scale[i] *= factor
			bias[i] *= factor
		}
	}
	for row := range slices.Chunk(k, channels) {
		for i, v := range scale {
			row[i] *= v
		}
	}
	return k, bias
}

// clamp gives an activation as bounds, where it is one.
func clamp(a Activation) (lo, hi float32, ok bool) {
	switch a {
	case Linear:
		return 0, 0, true
	case ReLU:
		return 0, float32(math.Inf(1)), true
	case ReLU6:
		return 0, 6, true
	}
	return 0, 0, false
}

func (c *planner) conv(l Conv, in value, s sink) value {
	if s.add != nil { // then l.Act is Linear
		l.Act = s.act
	}
	switch l.Kind {
	case Depthwise:
		return c.depthwise(l, in, s)
	case Separable:
		deep := Conv{Name: l.Name, Kind: Depthwise, Kernel: l.Kernel, Stride: l.Stride, Pad: l.Pad, Pads: l.Pads}
		mid := c.depthwiseWith(deep, in, sink{}, c.data(l.Name+"/depthwise/kernel"), nil)
		point := Conv{Name: l.Name, Filters: l.Filters, Kernel: [2]int{1, 1}, Bias: l.Bias, Norm: l.Norm, Act: l.Act}
		return c.full(point, mid, s, c.passing(l.Name+"/pointwise/kernel"))
	}
	return c.full(l, in, s, c.passing(l.Name+"/kernel"))
}

func (c *planner) full(l Conv, in value, s sink, kernel []float32) value {
	g := convGeometry(l, in.shape, l.Filters)
	k, bias := c.folded(l, kernel, l.Filters, s.scale)
	packed := conv.New(g, k)
	c.follow(packed.Ends())
	return c.product(l.Name, l.Act, in, s, Shape{g.OutH, g.OutW, l.Filters}, bias, func(f *frame, out value, ep gemm.Epilogue) {
		packed.Run(f.crew, f.n, f.of(in), f.of(out), out.ld, ep)
	})
}

func (c *planner) matmul(l Dense, in value, s sink) value {
	if s.add != nil {
		l.Act = s.act
	}
	k, bias := c.folded(Conv{Name: l.Name, Bias: !l.NoBias}, c.passing(l.Name+"/kernel"), l.Units, s.scale)
	rows := in.shape.Size()
	packed := gemm.Pack(k, rows, l.Units, l.Units, false)
	c.follow(packed, packed)
	return c.product(l.Name, l.Act, in, s, Shape{1, 1, l.Units}, bias, func(f *frame, out value, ep gemm.Epilogue) {
		packed.Mul(f.crew, f.n, f.of(in), rows, f.of(out), out.ld, ep)
	})
}

// follow tells the product before which weights come next: first to last.
func (c *planner) follow(first, last *gemm.Packed) {
	if c.before != nil {
		c.before.Before(first)
	}
	c.before = last
}

// rowwise is an activation that is no clamp as the end of a product's epilogue;
// nil where there is none, or where a pass of its own over a picture is in cache
// and as fast.
func rowwise(a Activation, shape Shape) func(rows, width int, y []float32, ld int) {
	if a == Swish && shape.Size() > cacheFloats {
		return act.SwishRows
	}
	return nil
}

// product plans a matrix product with its epilogue: bias, sum, and activation
// where that can be taken in.
func (c *planner) product(name string, a Activation, in value, s sink, shape Shape, bias []float32, run func(*frame, value, gemm.Epilogue)) value {
	if s.dst == nil && s.over && s.add.buf != in.buf && s.add.buf >= firstBuffer && s.add.dense() {
		s.dst = s.add // half the lines that a sum of its own would touch
	}
	lo, hi, fused := clamp(a)
	then := rowwise(a, shape)
	plan := func(out value) value {
		ins := []value{in}
		if s.add != nil {
			ins = append(ins, *s.add)
		}
		return c.emit(name, out, ins, func(f *frame) {
			ep := gemm.Epilogue{Bias: bias, Lo: lo, Hi: hi, Then: then}
			if s.add != nil {
				ep.Add, ep.AddLd = f.of(*s.add), s.add.ld
			}
			run(f, out, ep)
		})
	}
	if fused || then != nil {
		return plan(c.place(s, shape))
	}
	return c.compact(s, shape, func(out value) value {
		plan(out)
		return c.activate(a, out, sink{dst: &out})
	})
}

func (c *planner) depthwise(l Conv, in value, s sink) value {
	k, bias := c.folded(l, c.data(l.Name+"/kernel"), in.shape.C, s.scale)
	return c.depthwiseWith(l, in, s, k, bias)
}

func (c *planner) depthwiseWith(l Conv, in value, s sink, kernel, bias []float32) value {
	g := depthwiseGeometry(l, in.shape)
	ep := depthwise.Epilogue{Bias: bias, Swish: l.Act == Swish}
	var fused bool
	ep.Lo, ep.Hi, fused = clamp(l.Act)
	fused = fused || ep.Swish
	return c.compact(s, Shape{g.OutH, g.OutW, g.C}, func(out value) value {
		d := &averaged{step: len(c.steps), out: out}
		c.emit(l.Name, out, []value{in}, func(f *frame) {
			ep := ep
			if d.wanted {
				ep.Mean = f.of(d.mean)
			}
			depthwise.Run(f.crew, g, f.n, f.of(in), kernel, f.of(out), ep)
		})
		if fused {
			c.averaged = d
			return out
		}
		return c.activate(l.Act, out, sink{dst: &out})
	})
}
