package nn

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
)

// Grad adds nodes for the gradients of the scalar cost with respect to the given
// nodes, as gorgonia.Grad does for variables. Gorgonia's own ops may stand
// between them. It differs in that gradients that meet at a fan-out are summed by
// one op of ours, in the memory of a [Machine], that no gradient is computed which
// wrt does not need, and that wrt may be any node that leads to cost.
func Grad(cost *gorgonia.Node, wrt ...*gorgonia.Node) (gorgonia.Nodes, error) {
	if !cost.IsScalar() || cost.Dtype() != gorgonia.Float32 {
		return nil, fmt.Errorf("nn: gradient: cost %s is %v of shape %v, must be a float32 scalar", cost.Name(), cost.Dtype(), cost.Shape())
	}
	g := cost.Graph()
	sorted, err := gorgonia.Sort(g) // from the results down to the inputs
	if err != nil {
		return nil, fmt.Errorf("nn: gradient: %w", err)
	}
	r := &reverse{maker: maker{env: newEnv()}, active: leading(g, sorted, wrt), terms: map[*gorgonia.Node]gorgonia.Nodes{}}
	for _, n := range wrt {
		if n.Graph() != g {
			return nil, fmt.Errorf("nn: gradient: %s is not in the graph of the cost %s", n.Name(), cost.Name())
		}
	}
	r.terms[cost] = gorgonia.Nodes{g.AddNode(gorgonia.NewConstant(float32(1)))}
	total := map[*gorgonia.Node]*gorgonia.Node{}
	for _, n := range sorted {
		if len(r.terms[n]) == 0 || !r.active[n] {
			continue
		}
		dy := r.total(n)
		if slices.Contains(wrt, n) {
			total[n] = dy
		}
		if r.back(n, children(g, n), dy); r.err != nil {
			return nil, r.err
		}
	}
	grads := make(gorgonia.Nodes, len(wrt))
	for i, n := range wrt {
		if grads[i] = total[n]; grads[i] == nil {
			return nil, fmt.Errorf("nn: gradient: cost %s does not depend on %s through ops that have a gradient", cost.Name(), n.Name())
		}
		gorgonia.SetDerivOf(grads[i], n)
	}
	return grads, nil
}

// reverse is reverse accumulation.
type reverse struct {
	maker
	active map[*gorgonia.Node]bool
	terms  map[*gorgonia.Node]gorgonia.Nodes // gradients that come in, one a use
}

// total is the gradient with respect to n.
func (r *reverse) total(n *gorgonia.Node) *gorgonia.Node {
	terms := r.terms[n]
	if len(terms) == 1 {
		return terms[0]
	}
	return r.sum("gradient", 1, terms...)
}

// back hands n's gradient on to what n is computed from.
func (r *reverse) back(n *gorgonia.Node, from gorgonia.Nodes, dy *gorgonia.Node) {
	if r.err != nil || len(from) == 0 {
		return
	}
	sd, ok := n.Op().(gorgonia.SDOp)
	if !ok {
		r.err = fmt.Errorf("nn: gradient: %v has none", n.Op())
		return
	}
	need := sd.DiffWRT(len(from))
	some := false
	for i, c := range from {
		need[i] = need[i] && r.active[c]
		some = some || need[i]
	}
	if !some { // n is what is asked for, and nothing below it
		return
	}
	grads, err := symDiff(sd, from, n, dy, need)
	if err != nil {
		r.err = fmt.Errorf("nn: gradient of %v: %w", n.Op(), err)
		return
	}
	for i, c := range from {
		if need[i] {
			r.terms[c] = append(r.terms[c], grads[i])
		}
	}
}

func symDiff(sd gorgonia.SDOp, from gorgonia.Nodes, n, dy *gorgonia.Node, need []bool) (gorgonia.Nodes, error) {
	if o, ok := sd.(*op); ok {
		return o.symDiff(from, n, dy, need)
	}
	return sd.SymDiff(from, n, dy)
}

// leading are the nodes that wrt leads to, wrt included.
func leading(g *gorgonia.ExprGraph, sorted, wrt gorgonia.Nodes) map[*gorgonia.Node]bool {
	active := map[*gorgonia.Node]bool{}
	for _, n := range wrt {
		active[n] = true
	}
	for _, n := range slices.Backward(sorted) {
		sd, ok := n.Op().(gorgonia.SDOp)
		if !ok {
			continue
		}
		from := children(g, n)
		for i, d := range sd.DiffWRT(len(from)) {
			if i < len(from) && d && active[from[i]] {
				active[n] = true
			}
		}
	}
	return active
}

// children are what n is computed from, in order.
func children(g *gorgonia.ExprGraph, n *gorgonia.Node) (out gorgonia.Nodes) {
	for it := g.From(n.ID()); it.Next(); {
		out = append(out, it.Node().(*gorgonia.Node))
	}
	return out
}
