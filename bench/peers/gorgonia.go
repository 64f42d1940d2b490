package main

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/argus-go/argus/nn"
)

// stock is a network of Gorgonia's own ops, NCHW, one picture at a time: what a
// Go program has without this library. It knows what InceptionV3 needs.
type stock struct {
	g       *gorgonia.ExprGraph
	in, out *gorgonia.Node
	machine gorgonia.VM
	weights nn.Weights
	params  []nn.Param // still to be used, in the order of computation
	x, y    []float32  // of the file: NHWC
	shape   nn.Shape
	err     error
}

func newStock(m nn.Model, w nn.Weights, x, y []float32) (*stock, error) {
	params, err := nn.Params(m.Whole(), m.Input.Shape())
	if err != nil {
		return nil, err
	}
	s := &stock{g: gorgonia.NewGraph(), weights: w, params: params, x: x, y: y, shape: m.Input.Shape()}
	s.in = s.input("x", nil, 1, s.shape.C, s.shape.H, s.shape.W)
	s.out = s.layer(m.Whole(), s.in)
	if s.err != nil {
		return nil, s.err
	}
	s.machine = gorgonia.NewTapeMachine(s.g)
	return s, nil
}

func (s *stock) input(name string, data []float32, shape ...int) *gorgonia.Node {
	options := []gorgonia.NodeConsOpt{gorgonia.WithShape(shape...), gorgonia.WithName(name)}
	if data != nil {
		options = append(options, gorgonia.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))))
	}
	return gorgonia.NewTensor(s.g, tensor.Float32, len(shape), options...)
}

// must is n, unless there was an error, now or before.
func (s *stock) must(n *gorgonia.Node, err error) *gorgonia.Node {
	if s.err == nil {
		s.err = err
	}
	return n
}

func (s *stock) layer(l nn.Layer, x *gorgonia.Node) *gorgonia.Node {
	if s.err != nil {
		return nil
	}
	switch l := l.(type) {
	case nn.Seq:
		for _, m := range l {
			x = s.layer(m, x)
		}
		return x
	case nn.Block:
		return s.layer(l.Body, x)
	case nn.Concat:
		parts := make([]*gorgonia.Node, len(l))
		for i, m := range l {
			parts[i] = s.layer(m, x)
		}
		if s.err != nil {
			return nil
		}
		return s.must(gorgonia.Concat(1, parts...))
	case nn.Conv:
		return s.conv(l, x)
	case nn.Pool:
		if l.Kind == nn.Avg {
			return s.average(l, x)
		}
		return s.must(gorgonia.MaxPool2D(x, tensor.Shape{l.Window, l.Window}, []int{0, 0}, []int{l.Stride, l.Stride}))
	case nn.GlobalPool:
		return s.must(gorgonia.GlobalAveragePool2D(x))
	case nn.Dense:
		kernel, bias := s.next(), s.next()
		flat := s.must(gorgonia.Reshape(x, tensor.Shape{1, kernel.Shape[0]}))
		y := s.must(gorgonia.Mul(flat, s.input("kernel", s.weights[kernel.Name].Data, kernel.Shape...)))
		y = s.must(gorgonia.Add(y, s.input("bias", s.weights[bias.Name].Data, 1, bias.Shape[0])))
		return s.must(gorgonia.SoftMax(y))
	}
	s.err = fmt.Errorf("gorgonia: a %T is not needed for InceptionV3", l)
	return nil
}

func (s *stock) next() nn.Param {
	p := s.params[0]
	s.params = s.params[1:]
	return p
}

// conv folds the norm, which has no gamma, into the kernel.
func (s *stock) conv(l nn.Conv, x *gorgonia.Node) *gorgonia.Node {
	if l.Kind != nn.Full || l.Bias || !l.Norm.NoScale || l.Act != nn.ReLU {
		s.err = fmt.Errorf("gorgonia: InceptionV3 has no convolution like %+v", l)
		return nil
	}
	kernel, beta, mean, variance := s.next(), s.next(), s.next(), s.next()
	kh, kw, in, out := kernel.Shape[0], kernel.Shape[1], kernel.Shape[2], kernel.Shape[3]
	k, bias := make([]float32, kernel.Size()), make([]float32, out)
	for o := range out {
		scale := 1 / math.Sqrt(float64(s.weights[variance.Name].Data[o])+float64(l.Norm.Eps))
		bias[o] = float32(float64(s.weights[beta.Name].Data[o]) - float64(s.weights[mean.Name].Data[o])*scale)
		for i := range in {
			for p := range kh * kw {
				k[(o*in+i)*kh*kw+p] = float32(float64(s.weights[kernel.Name].Data[(p*in+i)*out+o]) * scale)
			}
		}
	}
	pad := []int{0, 0}
	if l.Pad == nn.Same {
		pad = []int{kh / 2, kw / 2}
	}
	stride := max(1, l.Stride)
	y := s.must(gorgonia.Conv2d(x, s.input(kernel.Name, k, out, in, kh, kw), tensor.Shape{kh, kw}, pad, []int{stride, stride}, []int{1, 1}))
	if s.err != nil {
		return nil
	}
	y = s.must(gorgonia.BroadcastAdd(y, s.input(beta.Name, bias, 1, out, 1, 1), nil, []byte{0, 2, 3}))
	if s.err != nil {
		return nil
	}
	return s.must(gorgonia.Rectify(y))
}

// average is a mean over 3×3 that leaves padding out, from a convolution of
// every channel with ones.
func (s *stock) average(l nn.Pool, x *gorgonia.Node) *gorgonia.Node {
	c, h, w := x.Shape()[1], x.Shape()[2], x.Shape()[3]
	inverse := make([]float32, c*h*w)
	for i := range inverse {
		row, col := i/w%h, i%w
		count := (min(row+1, h-1) - max(row-1, 0) + 1) * (min(col+1, w-1) - max(col-1, 0) + 1)
		inverse[i] = 1 / float32(count)
	}
	k := l.Window
	ones := make([]float32, k*k)
	for i := range ones {
		ones[i] = 1
	}
	name := fmt.Sprintf("average%d", len(s.params))
	y := s.must(gorgonia.Reshape(x, tensor.Shape{c, 1, h, w}))
	y = s.must(gorgonia.Conv2d(y, s.input(name+"/ones", ones, 1, 1, k, k), tensor.Shape{k, k}, []int{1, 1}, []int{1, 1}, []int{1, 1}))
	y = s.must(gorgonia.HadamardProd(y, s.input(name+"/counts", inverse, c, 1, h, w)))
	return s.must(gorgonia.Reshape(y, tensor.Shape{1, c, h, w}))
}

func (s *stock) run() ([]float32, error) {
	chw := make([]float32, s.shape.Size())
	plane := s.shape.H * s.shape.W
	for i := range chw {
		chw[i] = s.x[i%plane*s.shape.C+i/plane]
	}
	x := tensor.New(tensor.WithShape(1, s.shape.C, s.shape.H, s.shape.W), tensor.WithBacking(chw))
	if err := gorgonia.Let(s.in, x); err != nil {
		return nil, err
	}
	defer s.machine.Reset()
	if err := s.machine.RunAll(); err != nil {
		return nil, err
	}
	return s.out.Value().Data().([]float32), nil
}

func (s *stock) check(int) ([]float64, error) {
	out, err := s.run()
	if err != nil {
		return nil, err
	}
	return []float64{distance(out, s.y)}, nil
}

func (s *stock) times(batch, count int) ([]float64, error) {
	if batch != 1 {
		return nil, fmt.Errorf("gorgonia: batch is %d, want 1", batch)
	}
	seconds := make([]float64, count)
	for i := range seconds {
		start := now()
		if _, err := s.run(); err != nil {
			return nil, err
		}
		seconds[i] = now().Sub(start).Seconds()
	}
	return seconds, nil
}
