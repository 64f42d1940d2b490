package nn

import (
	"gorgonia.org/gorgonia"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// stepState counts the forward runs of a graph: masks are made of it.
type stepState struct{ now, next uint64 }

// tick is a node that begins the next step. Whatever reads the step has it as an
// input, so that it runs afterwards.
func (m *maker) tick(s *stepState, x *gorgonia.Node) *gorgonia.Node {
	return m.node(op{name: "dropout/step", shape: []int{1}, run: func(_ *parallel.Crew, _ [][]float32, out []float32) {
		s.now = s.next
		s.next++
		clear(out)
	}}, x)
}

// dropout zeroes values of x, or whole pictures with path, and scales the others.
// The gradient is the same op on dy.
func (m *maker) dropout(name string, l Dropout, seed uint64, s *stepState, x, tick *gorgonia.Node) *gorgonia.Node {
	if m.err != nil {
		return nil
	}
	n := x.Shape()[0]
	return m.node(op{
		name:  name,
		shape: x.Shape(),
		run: func(crew *parallel.Crew, in [][]float32, out []float32) {
			if l.Path {
				vec.StochasticDepth(crew, l.Rate, seed, s.now, n, in[0], out)
				return
			}
			vec.Dropout(crew, l.Rate, seed, s.now, in[0], out)
		},
		grad: func(m *maker, in gorgonia.Nodes, _, dy *gorgonia.Node, _ []bool) gorgonia.Nodes {
			return gorgonia.Nodes{m.dropout(name+"/dx", l, seed, s, dy, in[1]), nil}
		},
		wrt: func(i int) bool { return i == 0 },
	}, x, tick)
}
