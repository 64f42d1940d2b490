package nn

import (
	"gorgonia.org/gorgonia"

	"github.com/argus-go/argus/internal/kernel/act"
	"github.com/argus-go/argus/internal/kernel/norm"
	"github.com/argus-go/argus/internal/parallel"
)

// A normState is what one batch norm of a graph keeps beside its nodes.
type normState struct {
	BatchNorm
	movingMean, movingVariance []float32 // the weights
	moments                    []float32 // of the last batch: mean, then variance; nil where moving statistics are used
	fresh                      bool      // moments are not yet in the moving ones
	dgamma, dbeta              []float32 // of the last backward pass
}

// update folds the last batch's moments into the moving ones; as in Keras the
// variance is the biased one.
func (s *normState) update() {
	if !s.fresh {
		return
	}
	s.fresh = false
	momentum := s.Momentum
	if momentum == 0 {
		momentum = 0.99
	}
	c := len(s.movingMean)
	blend(s.movingMean, s.moments[:c], momentum)
	blend(s.movingVariance, s.moments[c:], momentum)
}

func blend(moving, now []float32, momentum float32) {
	for i, v := range now {
		moving[i] = momentum*moving[i] + (1-momentum)*v
	}
}

// A normIn is where the inputs of a norm op are; -1: absent.
type normIn struct{ gamma, beta, moments int }

func pick(in [][]float32, i int) []float32 {
	if i < 0 {
		return nil
	}
	return in[i]
}

// behind is what a norm's kernels can do of an activation in passing: element by
// element.
func behind(kind Activation) norm.Activation {
	switch kind {
	case ReLU:
		return norm.Activation{Forward: act.ReLU, Backward: act.ReLUBackward}
	case ReLU6:
		return norm.Activation{Forward: act.ReLU6, Backward: act.ReLU6Backward}
	case Swish:
		return norm.Activation{Forward: act.Swish, Backward: act.SwishBackward}
	}
	return norm.Activation{}
}

// normalisation is batch norm of x over its last axis, by the moments of the
// batch where s has room for them, and then the activation. Gamma and beta may be
// nil.
func (m *maker) normalisation(name string, s *normState, kind Activation, x, gamma, beta *gorgonia.Node) *gorgonia.Node {
	if m.err != nil {
		return nil
	}
	in, at := gorgonia.Nodes{x}, normIn{-1, -1, -1}
	take := func(n *gorgonia.Node) int {
		if n == nil {
			return -1
		}
		in = append(in, n)
		return len(in) - 1
	}
	at.gamma, at.beta = take(gamma), take(beta)
	if s.moments != nil {
		at.moments = take(m.moments(name, s, x))
	}
	c, fused := len(s.movingMean), behind(kind)
	y := m.node(op{
		name:  name,
		shape: x.Shape(),
		run: func(crew *parallel.Crew, in [][]float32, out []float32) {
			mean, variance := s.statistics(pick(in, at.moments))
			norm.Apply(crew, len(out)/c, c, in[0], out, mean, variance, pick(in, at.gamma), pick(in, at.beta), s.Eps, fused)
		},
		grad: s.gradient(name, at, fused),
		wrt:  func(i int) bool { return i != at.moments },
	}, in...)
	if fused.Forward != nil {
		return y
	}
	return m.activation(name, kind, y)
}

// moments is a node [2,C] of mean and variance of x.
func (m *maker) moments(name string, s *normState, x *gorgonia.Node) *gorgonia.Node {
	c := len(s.movingMean)
	return m.node(op{
		name:  name + "/moments",
		shape: []int{2, c},
		run: func(crew *parallel.Crew, in [][]float32, out []float32) {
			norm.Moments(crew, len(in[0])/c, c, in[0], out[:c], out[c:])
			copy(s.moments, out)
			s.fresh = true
		},
	}, x)
}

// statistics are those of the batch where there are any, else the moving ones.
func (s *normState) statistics(moments []float32) (mean, variance []float32) {
	if moments == nil {
		return s.movingMean, s.movingVariance
	}
	c := len(moments) / 2
	return moments[:c], moments[c:]
}

// gradient makes dx, which leaves the other two in s, and nodes that copy them
// from there.
func (s *normState) gradient(name string, at normIn, fused norm.Activation) gradient {
	return func(m *maker, in gorgonia.Nodes, _, dy *gorgonia.Node, need []bool) gorgonia.Nodes {
		grads := make(gorgonia.Nodes, len(in))
		dx := m.node(s.backward(name, at, fused, in[0], need[0], len(in)), append(append(gorgonia.Nodes{}, in...), dy)...)
		if need[0] {
			grads[0] = dx
		}
		part := func(i int, suffix string, from []float32) {
			if i < 0 || !need[i] || m.err != nil {
				return
			}
			grads[i] = m.node(op{name: name + suffix, shape: []int{len(from)}, run: func(_ *parallel.Crew, _ [][]float32, out []float32) {
				copy(out, from)
			}}, dx)
		}
		part(at.gamma, "/dgamma", s.dgamma)
		part(at.beta, "/dbeta", s.dbeta)
		return grads
	}
}

// backward is the op behind all three gradients. Where dx is not needed its
// output is a single number, for the others to depend on.
func (s *normState) backward(name string, at normIn, fused norm.Activation, x *gorgonia.Node, needX bool, dy int) op {
	c := len(s.movingMean)
	back, shape := norm.BackwardFrozen, []int{1}
	if at.moments >= 0 {
		back = norm.Backward
	}
	if needX {
		shape = x.Shape()
	}
	return op{
		name:  name + "/dx",
		shape: shape,
		run: func(crew *parallel.Crew, in [][]float32, out []float32) {
			if !needX {
				clear(out)
				out = nil
			}
			mean, variance := s.statistics(pick(in, at.moments))
			back(crew, norm.Pass{
				Rows: len(in[0]) / c, C: c, X: in[0], DY: in[dy], Mean: mean, Variance: variance,
				Gamma: pick(in, at.gamma), Beta: pick(in, at.beta), Eps: s.Eps, Act: fused,
			}, out, s.dgamma, s.dbeta)
		},
	}
}
