package nn

import (
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// sum is b₀ + scale·(b₁ + b₂ + …).
func (m *maker) sum(name string, scale float32, branches ...*gorgonia.Node) *gorgonia.Node {
	if m.err != nil {
		return nil
	}
	return m.node(op{
		name:  name,
		shape: branches[0].Shape(),
		run: func(crew *parallel.Crew, in [][]float32, out []float32) {
			residual(crew, scale, in, out)
		},
		grad: func(m *maker, in gorgonia.Nodes, _, dy *gorgonia.Node, need []bool) gorgonia.Nodes {
			grads := make(gorgonia.Nodes, len(in))
			scaled := dy
			for i := range in {
				switch {
				case !need[i]:
				case i == 0:
					grads[i] = dy
				default:
					if scaled == dy && scale != 1 {
						scaled = m.times(name+"/dx", scale, dy)
					}
					grads[i] = scaled
				}
			}
			return grads
		},
	}, branches...)
}

// times is alpha·x.
func (m *maker) times(name string, alpha float32, x *gorgonia.Node) *gorgonia.Node {
	return m.node(op{name: name, shape: x.Shape(), run: func(crew *parallel.Crew, in [][]float32, out []float32) {
		vec.Scale(crew, alpha, in[0], out)
	}}, x)
}

// affine is x·scale + shift a channel, both constant.
func (m *maker) affine(name string, scale, shift []float32, x *gorgonia.Node) *gorgonia.Node {
	if m.err != nil {
		return nil
	}
	c := len(scale)
	return m.node(op{
		name:  name,
		shape: x.Shape(),
		run: func(crew *parallel.Crew, in [][]float32, out []float32) {
			vec.Affine(crew, len(out)/c, c, in[0], scale, shift, out)
		},
		grad: func(m *maker, in gorgonia.Nodes, _, dy *gorgonia.Node, _ []bool) gorgonia.Nodes {
			return gorgonia.Nodes{m.node(op{name: name + "/dx", shape: dy.Shape(), run: func(crew *parallel.Crew, in [][]float32, out []float32) {
				vec.ScaleChannels(crew, len(out)/c, c, in[0], scale, out)
			}}, dy)}
		},
	}, x)
}

// concat joins branches along the channels.
func (m *maker) concat(name string, branches ...*gorgonia.Node) *gorgonia.Node {
	if m.err != nil {
		return nil
	}
	shape := branches[0].Shape()
	pixels := shape[0] * shape[1] * shape[2]
	widths, total := make([]int, len(branches)), 0
	for i, b := range branches {
		widths[i] = b.Shape()[3]
		total += widths[i]
	}
	return m.node(op{
		name:  name,
		shape: []int{shape[0], shape[1], shape[2], total},
		run: func(crew *parallel.Crew, in [][]float32, out []float32) {
			off := 0
			for i, c := range widths {
				vec.CopyChannels(crew, pixels, c, in[i], c, out[off:], total)
				off += c
			}
		},
		grad: func(m *maker, in gorgonia.Nodes, _, dy *gorgonia.Node, need []bool) gorgonia.Nodes {
			grads := make(gorgonia.Nodes, len(in))
			off := 0
			for i, c := range widths {
				if need[i] {
					grads[i] = m.channels(name+"/dx", pixels, off, total, in[i].Shape(), dy)
				}
				off += c
			}
			return grads
		},
	}, branches...)
}

// channels is the channels of x from off on.
func (m *maker) channels(name string, pixels, off, total int, shape []int, x *gorgonia.Node) *gorgonia.Node {
	c := shape[len(shape)-1]
	return m.node(op{name: name, shape: shape, run: func(crew *parallel.Crew, in [][]float32, out []float32) {
		vec.CopyChannels(crew, pixels, c, in[0][off:], total, out, c)
	}}, x)
}

// gate is x·g, one g a picture and channel.
func (m *maker) gate(name string, x, g *gorgonia.Node) *gorgonia.Node {
	if m.err != nil {
		return nil
	}
	shape := x.Shape()
	n, hw, c := shape[0], shape[1]*shape[2], shape[3]
	times := func(crew *parallel.Crew, in [][]float32, out []float32) {
		vec.Gate(crew, n, hw, c, in[0], in[1], out)
	}
	return m.node(op{
		name:  name,
		shape: shape,
		run:   times,
		grad: func(m *maker, in gorgonia.Nodes, _, dy *gorgonia.Node, need []bool) gorgonia.Nodes {
			grads := make(gorgonia.Nodes, 2)
			x, g := in[0], in[1]
			if need[0] {
				grads[0] = m.node(op{name: name + "/dx", shape: shape, run: times}, dy, g)
			}
			if need[1] {
				grads[1] = m.node(op{name: name + "/dgate", shape: slices.Clone(g.Shape()), run: func(crew *parallel.Crew, in [][]float32, out []float32) {
					vec.GateGradient(crew, n, hw, c, in[0], in[1], out)
				}}, x, dy)
			}
			return grads
		},
	}, x, g)
}
