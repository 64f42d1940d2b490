package nn

import (
	"gorgonia.org/gorgonia"

	"github.com/argus-go/argus/internal/kernel/pool"
	"github.com/argus-go/argus/internal/parallel"
)

// pool is the maximum or the mean of x over windows.
func (m *maker) pool(name string, kind PoolKind, s pool.Shape, x *gorgonia.Node) *gorgonia.Node {
	if m.err != nil {
		return nil
	}
	n := x.Shape()[0]
	reduce := pool.Max
	if kind == Avg {
		reduce = pool.Avg
	}
	return m.node(op{
		name:  name,
		shape: []int{n, s.OutH, s.OutW, s.C},
		run: func(crew *parallel.Crew, in [][]float32, out []float32) {
			reduce(crew, s, n, in[0], out, s.C)
		},
		grad: poolGradient(name, kind,
			func(crew *parallel.Crew, in [][]float32, out []float32) {
				pool.MaxBackward(crew, s, n, in[1], in[2], in[0], out)
			},
			func(crew *parallel.Crew, in [][]float32, out []float32) {
				pool.AvgBackward(crew, s, n, in[0], out)
			}),
	}, x)
}

// globalPool is the maximum or the mean of x over all pixels.
func (m *maker) globalPool(name string, kind PoolKind, x *gorgonia.Node) *gorgonia.Node {
	if m.err != nil {
		return nil
	}
	shape := x.Shape()
	n, hw, c := shape[0], shape[1]*shape[2], shape[3]
	reduce := pool.GlobalMax
	if kind == Avg {
		reduce = pool.GlobalAvg
	}
	return m.node(op{
		name:  name,
		shape: []int{n, 1, 1, c},
		run: func(crew *parallel.Crew, in [][]float32, out []float32) {
			reduce(crew, n, hw, c, in[0], out)
		},
		grad: poolGradient(name, kind,
			func(crew *parallel.Crew, in [][]float32, out []float32) {
				pool.GlobalMaxBackward(crew, n, hw, c, in[1], in[2], in[0], out)
			},
			func(crew *parallel.Crew, in [][]float32, out []float32) {
				pool.GlobalAvgBackward(crew, n, hw, c, in[0], out)
			}),
	}, x)
}

// poolGradient gives a maximum's gradient dy, x and y, a mean's dy alone.
func poolGradient(name string, kind PoolKind, maximum, mean kernel) gradient {
	return func(m *maker, in gorgonia.Nodes, y, dy *gorgonia.Node, _ []bool) gorgonia.Nodes {
		o := op{name: name + "/dx", shape: in[0].Shape(), run: mean}
		if kind == Avg {
			return gorgonia.Nodes{m.node(o, dy)}
		}
		o.run = maximum
		return gorgonia.Nodes{m.node(o, dy, in[0], y)}
	}
}
