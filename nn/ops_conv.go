package nn

import (
	"gorgonia.org/gorgonia"

	"github.com/argus-go/argus/internal/kernel/conv"
	"github.com/argus-go/argus/internal/kernel/depthwise"
	"github.com/argus-go/argus/internal/kernel/gemm"
	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// convolution is x convolved with kernel, plus bias unless nil. The kernel is
// packed once, or anew every run where it may have changed: with repack, or where
// somebody wants its gradient.
func (m *maker) convolution(name string, s conv.Shape, packed *conv.Conv, repack bool, x, kernel, bias *gorgonia.Node) *gorgonia.Node {
	if m.err != nil {
		return nil
	}
	n := x.Shape()[0]
	return m.node(op{
		name:  name,
		shape: []int{n, s.OutH, s.OutW, s.Cout},
		run: func(crew *parallel.Crew, in [][]float32, out []float32) {
			if repack {
				packed.Repack(crew, in[1])
			}
			var ep gemm.Epilogue
			if len(in) > 2 {
				ep.Bias = in[2]
			}
			packed.Run(crew, n, in[0], out, s.Cout, ep)
		},
		grad: func(m *maker, in gorgonia.Nodes, y, dy *gorgonia.Node, need []bool) gorgonia.Nodes {
			repack = repack || need[1]
			return productGradient(name,
				func(crew *parallel.Crew, in [][]float32, out []float32) {
					conv.BackwardInput(crew, s, n, in[0], in[1], out)
				},
				func(crew *parallel.Crew, in [][]float32, out []float32) {
					conv.BackwardKernel(crew, s, n, in[0], in[1], out)
				})(m, in, y, dy, need)
		},
	}, present(x, kernel, bias)...)
}

// depthwise is x convolved channel by channel, plus bias unless nil.
func (m *maker) depthwise(name string, s depthwise.Shape, x, kernel, bias *gorgonia.Node) *gorgonia.Node {
	if m.err != nil {
		return nil
	}
	n := x.Shape()[0]
	return m.node(op{
		name:  name,
		shape: []int{n, s.OutH, s.OutW, s.C},
		run: func(crew *parallel.Crew, in [][]float32, out []float32) {
			var bias []float32
			if len(in) > 2 {
				bias = in[2]
			}
			depthwise.Run(crew, s, n, in[0], in[1], out, depthwise.Epilogue{Bias: bias})
		},
		grad: productGradient(name,
			func(crew *parallel.Crew, in [][]float32, out []float32) {
				depthwise.BackwardInput(crew, s, n, in[0], in[1], out)
			},
			func(crew *parallel.Crew, in [][]float32, out []float32) {
				depthwise.BackwardKernel(crew, s, n, in[0], in[1], out)
			}),
	}, present(x, kernel, bias)...)
}

// dense is the rows of x times kernel, plus bias unless nil.
func (m *maker) dense(name string, rows, units int, x, kernel, bias *gorgonia.Node) *gorgonia.Node {
	if m.err != nil {
		return nil
	}
	n := x.Shape()[0]
	return m.node(op{
		name:  name,
		shape: []int{n, 1, 1, units},
		run: func(crew *parallel.Crew, in [][]float32, out []float32) {
			gemm.Mul(crew, false, false, n, units, rows, in[0], rows, in[1], units, out, units, false)
			if len(in) > 2 {
				vec.AddBias(crew, n, units, out, in[2], out)
			}
		},
		grad: productGradient(name,
			func(crew *parallel.Crew, in [][]float32, out []float32) {
				gemm.Mul(crew, false, true, n, rows, units, in[1], units, in[0], units, out, rows, false)
			},
			func(crew *parallel.Crew, in [][]float32, out []float32) {
				gemm.Mul(crew, true, false, rows, units, n, in[0], rows, in[1], units, out, units, false)
			}),
	}, present(x, kernel, bias)...)
}

// productGradient is the gradient of a product of x and a kernel: dx is made
// from kernel and dy, dk from x and dy, and the bias's are the sums of dy.
func productGradient(name string, dx, dk kernel) gradient {
	return func(m *maker, in gorgonia.Nodes, _, dy *gorgonia.Node, need []bool) gorgonia.Nodes {
		grads := make(gorgonia.Nodes, len(in))
		x, k := in[0], in[1]
		if need[0] {
			grads[0] = m.node(op{name: name + "/dx", shape: x.Shape(), run: dx}, k, dy)
		}
		if need[1] {
			grads[1] = m.node(op{name: name + "/dkernel", shape: k.Shape(), run: dk}, x, dy)
		}
		if len(in) > 2 && need[2] {
			c := in[2].Shape()[0]
			grads[2] = m.node(op{name: name + "/dbias", shape: []int{c}, run: func(crew *parallel.Crew, in [][]float32, out []float32) {
				vec.ColumnSums(crew, len(in[0])/c, c, in[0], out)
			}}, dy)
		}
		return grads
	}
}

// present leaves out nodes that are nil.
func present(nodes ...*gorgonia.Node) (out gorgonia.Nodes) {
	for _, n := range nodes {
		if n != nil {
			out = append(out, n)
		}
	}
	return out
}
