package nn

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/argus-go/argus/internal/parallel"
)

// Apply adds the plan to x's graph as one node: [N,In.H,In.W,In.C] to
// [N,Out.H,Out.W,Out.C]. It is frozen: nothing is differentiated through it.
func (p *Plan) Apply(x *gorgonia.Node) (*gorgonia.Node, error) {
	s := x.Shape()
	if len(s) != 4 || s[0] < 1 || x.Dtype() != tensor.Float32 || (Shape{s[1], s[2], s[3]}) != p.In {
		return nil, fmt.Errorf("nn: plan: input %s is %v of shape %v, must be float32 of shape [N,%d,%d,%d]", x.Name(), x.Dtype(), s, p.In.H, p.In.W, p.In.C)
	}
	n := s[0]
	m := &maker{env: newEnv()}
	f := &frame{}
	var y *gorgonia.Node
	y = m.node(op{
		name:  "plan",
		shape: []int{n, p.Out.H, p.Out.W, p.Out.C},
		run: func(crew *parallel.Crew, in [][]float32, out []float32) {
			f.crew = crew
			// Cancelling is the only way to fail here, and the op looks for it.
			_ = p.run(of(y).env.ctx, f, n, in[0], out)
		},
	}, x)
	return y, m.err
}
