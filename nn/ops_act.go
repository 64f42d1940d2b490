package nn

import (
	"gorgonia.org/gorgonia"

	"github.com/argus-go/argus/internal/kernel/act"
	"github.com/argus-go/argus/internal/parallel"
)

// activation is y = kind(x); x itself where kind is Linear.
func (m *maker) activation(name string, kind Activation, x *gorgonia.Node) *gorgonia.Node {
	if m.err != nil || kind == Linear {
		return x
	}
	shape := x.Shape()
	c := shape[len(shape)-1]
	name += "/" + kind.String()
	return m.node(op{
		name:  name,
		shape: shape,
		run: func(crew *parallel.Crew, in [][]float32, out []float32) {
			forward(kind, crew, c, in[0], out)
		},
		grad: func(m *maker, in gorgonia.Nodes, y, dy *gorgonia.Node, _ []bool) gorgonia.Nodes {
			from := y
			if kind == Swish {
				from = in[0]
			}
			return gorgonia.Nodes{m.node(op{
				name:  name + "/dx",
				shape: shape,
				run: func(crew *parallel.Crew, in [][]float32, out []float32) {
					backward(kind, crew, c, in[0], in[1], out)
				},
			}, from, dy)}
		},
	}, x)
}

// backward is the gradient of forward, from y = kind(x), for Swish from x.
func backward(kind Activation, crew *parallel.Crew, c int, y, dy, dx []float32) {
	switch kind {
	case ReLU:
		act.ReLUBackward(crew, y, dy, dx)
	case ReLU6:
		act.ReLU6Backward(crew, y, dy, dx)
	case Swish:
		act.SwishBackward(crew, y, dy, dx)
	case Sigmoid:
		act.SigmoidBackward(crew, y, dy, dx)
	case Tanh:
		act.TanhBackward(crew, y, dy, dx)
	case Softmax:
		act.SoftmaxBackward(crew, len(y)/c, c, y, dy, dx)
	default:
		copy(dx, dy)
	}
}
