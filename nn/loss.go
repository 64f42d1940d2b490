package nn

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/argus-go/argus/internal/kernel/loss"
	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// CrossEntropy is the softmax cross-entropy of logits, [N,…] with as many values
// a row as there are classes, against labels [N], class numbers as float32:
// the scalar Σ wᵢ·lᵢ / N. A row's target is (1-smoothing) on its class and
// smoothing/classes on all of them. The weights wᵢ [N] may be nil for 1.
func CrossEntropy(logits, labels, weights *gorgonia.Node, smoothing float32) (*gorgonia.Node, error) {
	in := present(logits, labels, weights)
	n := logits.Shape()[0]
	classes := logits.Shape().TotalSize() / n
	for _, v := range in {
		if v.Dtype() != tensor.Float32 {
			return nil, fmt.Errorf("nn: cross-entropy: %s is %v, must be float32", v.Name(), v.Dtype())
		}
	}
	for _, v := range in[1:] {
		if s := v.Shape(); len(s) != 1 || s[0] != n {
			return nil, fmt.Errorf("nn: cross-entropy: %s is of shape %v, must be [%d] for logits of shape %v", v.Name(), s, n, logits.Shape())
		}
	}
	if !(smoothing >= 0 && smoothing < 1) {
		return nil, fmt.Errorf("nn: cross-entropy: smoothing is %v, must be in [0, 1)", smoothing)
	}
	m := &maker{env: newEnv()}
	c := crossEntropy{n, classes, smoothing, weights != nil}
	return m.node(op{name: "crossentropy", run: c.forward, check: c.check, grad: c.gradient, wrt: func(i int) bool { return i == 0 }}, in...), m.err
}

// Total is the sum of costs, as when rows have two targets each.
func Total(costs ...*gorgonia.Node) (*gorgonia.Node, error) {
	for _, c := range costs {
		if !c.IsScalar() || c.Dtype() != tensor.Float32 {
			return nil, fmt.Errorf("nn: total: %s is %v of shape %v, must be a float32 scalar", c.Name(), c.Dtype(), c.Shape())
		}
	}
	if len(costs) == 1 {
		return costs[0], nil
	}
	m := &maker{env: newEnv()}
	return m.sum("total", 1, costs...), m.err
}

type crossEntropy struct {
	n, classes int
	smoothing  float32
	weighted   bool
}

// check says whether all labels are classes.
func (c crossEntropy) check(in [][]float32) error {
	for i, l := range in[1] {
		if !(l >= 0 && int(l) < c.classes && float32(int(l)) == l) {
			return fmt.Errorf("label %d is %v, must be a whole number in [0, %d)", i, l, c.classes)
		}
	}
	return nil
}

func (c crossEntropy) run(crew *parallel.Crew, in [][]float32, dlogits []float32) float32 {
	var weights []float32
	if c.weighted {
		weights = in[2]
	}
	return float32(loss.CrossEntropy(crew, c.n, c.classes, in[0], in[1], weights, c.smoothing, dlogits))
}

func (c crossEntropy) forward(crew *parallel.Crew, in [][]float32, out []float32) {
	out[0] = c.run(crew, in, nil)
}

func (c crossEntropy) gradient(m *maker, in gorgonia.Nodes, _, dy *gorgonia.Node, _ []bool) gorgonia.Nodes {
	grads := make(gorgonia.Nodes, len(in))
	grads[0] = m.node(op{
		name:  "crossentropy/dlogits",
		shape: in[0].Shape(),
		check: c.check,
		run: func(crew *parallel.Crew, in [][]float32, out []float32) {
			c.run(crew, in, out)
			vec.Scale(crew, in[len(in)-1][0], out, out)
		},
	}, append(append(gorgonia.Nodes{}, in...), dy)...)
	return grads
}
