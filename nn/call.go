package nn

import (
	"fmt"

	"gorgonia.org/gorgonia"
)

// A call is an op of ours with the memory of its inputs.
type call struct {
	*op
	node   *gorgonia.Node
	from   gorgonia.Nodes // what it is computed from
	in     [][]float32
	leaves []int         // inputs that are no op's output, and may change from run to run
	scalar *gorgonia.F32 // the node's value where that is a number; else nil
}

// calls are the ops of g in their order, nil where some are not ours.
func calls(g *gorgonia.ExprGraph, order gorgonia.Nodes) (out []call) {
	for _, n := range order {
		o, from := of(n), children(g, n)
		switch {
		case o != nil:
			out = append(out, newCall(o, n, from))
		case n.Op() != nil && !isConstant(n):
			return nil
		}
	}
	return out
}

func newCall(o *op, n *gorgonia.Node, from gorgonia.Nodes) call {
	c := call{op: o, node: n, from: from, in: make([][]float32, len(from))}
	for i, f := range from {
		if of(f) == nil {
			c.leaves = append(c.leaves, i)
		}
	}
	if len(o.shape) == 0 {
		c.scalar = new(gorgonia.F32)
	}
	return c
}

func isConstant(n *gorgonia.Node) bool {
	_, is := n.Op().(interface{ Value() gorgonia.Value })
	return is
}

// bind finds the inputs, and makes the output the value of the node, once all ops
// have their memory.
func (c *call) bind() {
	for i, f := range c.from {
		if o := of(f); o != nil {
			c.in[i] = o.out
		}
	}
	value := c.value
	if c.scalar != nil {
		value = c.scalar
	}
	if err := gorgonia.UnsafeLet(c.node, value); err != nil {
		panic(fmt.Sprintf("nn: %s: %v", c.name, err)) // of the shape that the node was made with
	}
}

// run computes the output.
func (c *call) run() (err error) {
	for _, i := range c.leaves {
		v := c.from[i].Value()
		if v == nil {
			return fmt.Errorf("nn: %s: input %d: node %s has no value", c.name, i, c.from[i].Name())
		}
		if c.in[i], err = floats(v, c.ins[i].TotalSize()); err != nil {
			return fmt.Errorf("nn: %s: input %d: %w", c.name, i, err)
		}
	}
	if err := c.compute(c.in); err != nil {
		return err
	}
	if c.scalar != nil {
		*c.scalar = gorgonia.F32(c.out[0])
	}
	return nil
}
