package keras

import (
	"fmt"
	"slices"
	"strings"

	"github.com/argus-go/argus/nn"
)

// A node is one layer of a model, models inside it opened up.
type node struct {
	layerConfig
	name   string // unique in the whole model
	model  string // name of the model inside the model that it is in
	vars   string // where .weights.h5 has it: "functional/conv2d_3"
	inputs []*node
	uses   int // by other nodes

	layer nn.Layer // nil where the layer does nothing to a picture
	out   nn.Shape // of its output
	flat  bool     // out counts what a Flatten left; the network keeps the grid
	pads  *[4]int  // of a ZeroPadding2D
	at    int      // place in topological order
	dom   *node    // the nearest node that every path to this one goes through
}

// maxNodes bounds the layers of a model; EfficientNet-B7 has 815.
const maxNodes = 1 << 13

// builder opens a model's config up into a graph.
type builder struct {
	nodes []*node // in topological order
	names map[string]bool
	bad   []string
}

// scope is a model inside the model: where its weights are.
type scope struct{ model, vars string }

func (b *builder) fault(c layerConfig, format string, args ...any) {
	b.bad = append(b.bad, fmt.Sprintf("%s %q: ", c.Class, c.name())+fmt.Sprintf(format, args...))
}

// isModel says whether a class is of layers in turn.
func isModel(class string) bool {
	return slices.Contains([]string{"Model", "Functional", "Container", "Sequential"}, class)
}

// open adds the layers of a model whose input is in, and returns its output.
func (b *builder) open(c layerConfig, in *node, s scope, depth int) (*node, error) {
	if depth > maxModels {
		return nil, fmt.Errorf("models in each other, %d deep, the limit is %d", depth, maxModels)
	}
	layers, err := c.layers()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name(), err)
	}
	if len(layers)+len(b.nodes) > maxNodes {
		return nil, fmt.Errorf("more than %d layers", maxNodes)
	}
	m := opener{builder: b, depth: depth, in: in, scope: s, byName: map[string]int{}, layers: layers, done: make([]*node, len(layers)), opening: make([]bool, len(layers))}
	m.vars = make([]string, len(layers))
	counts := map[string]int{}
	for i, l := range layers {
		if _, ok := m.byName[l.name()]; ok {
			return nil, fmt.Errorf("two layers are called %q", l.name())
		}
		m.byName[l.name()] = i
		class := snake(l.Class)
		m.vars[i] = s.vars + class
		if n := counts[class]; n > 0 {
			m.vars[i] += fmt.Sprintf("_%d", n)
		}
		counts[class]++
	}
	if c.Class == "Sequential" {
		return m.sequence()
	}
	first, err := c.end("input_layers")
	if err != nil {
		return nil, err
	}
	last, err := c.end("output_layers")
	if err != nil {
		return nil, err
	}
	i, ok := m.byName[first]
	if !ok {
		return nil, fmt.Errorf("input_layers names %q, which is not there", first)
	}
	m.done[i] = in
	out, err := m.node(last)
	if err == nil {
		err = m.unused()
	}
	return out, err
}

// opener opens one model.
type opener struct {
	*builder
	scope
	depth   int
	in      *node
	layers  []layerConfig
	vars    []string
	byName  map[string]int
	done    []*node
	opening []bool
}

// unused wants every layer to lead to the output.
func (m *opener) unused() error {
	for i, n := range m.done {
		if n == nil {
			return fmt.Errorf("layer %q does not lead to the output", m.layers[i].name())
		}
	}
	return nil
}

func (m *opener) sequence() (*node, error) {
	at := m.in
	for i, l := range m.layers {
		if l.Class == "InputLayer" {
			continue
		}
		var err error
		if at, err = m.add(i, []*node{at}); err != nil {
			return nil, err
		}
	}
	return at, nil
}

// node returns the layer of a name, after all that it needs.
func (m *opener) node(name string) (*node, error) {
	i, ok := m.byName[name]
	switch {
	case !ok:
		return nil, fmt.Errorf("there is no layer %q", name)
	case m.done[i] != nil:
		return m.done[i], nil
	case m.opening[i]:
		return nil, fmt.Errorf("layer %q feeds on itself", name)
	case m.layers[i].Class == "InputLayer":
		return nil, fmt.Errorf("there is a second input, %q", name)
	}
	m.opening[i] = true
	refs, err := m.layers[i].inputs()
	if err != nil {
		return nil, fmt.Errorf("layer %q: %w", name, err)
	}
	if len(refs) == 0 {
		return nil, fmt.Errorf("layer %q has no input", name)
	}
	var inputs []*node
	for _, r := range refs {
		if r.output != 0 {
			return nil, fmt.Errorf("layer %q uses output %d of %q", name, r.output, r.layer)
		}
		in, err := m.node(r.layer)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, in)
	}
	m.done[i], err = m.add(i, inputs)
	return m.done[i], err
}

// add appends layer i, or the layers of the model that it is.
func (m *opener) add(i int, inputs []*node) (*node, error) {
	c := m.layers[i]
	if isModel(c.Class) && c.trusted() {
		if len(inputs) != 1 {
			return nil, fmt.Errorf("model %q has %d inputs, want 1", c.name(), len(inputs))
		}
		outermost := m.model
		if outermost == "" {
			outermost = c.name()
		}
		return m.open(c, inputs[0], scope{outermost, m.vars[i] + "/"}, m.depth+1)
	}
	n := &node{layerConfig: c, model: m.model, vars: m.vars[i], inputs: inputs, at: len(m.nodes)}
	n.name = m.unique(strings.NewReplacer("/", "_").Replace(c.name()))
	for _, in := range inputs {
		in.uses++
	}
	m.nodes = append(m.nodes, n)
	return n, nil
}

// unique is name, or a variant of it that no layer has.
func (b *builder) unique(name string) string {
	if name == "" {
		name = "layer"
	}
	for n, i := name, 2; ; n, i = fmt.Sprintf("%s_%d", name, i), i+1 {
		if !b.names[n] {
			b.names[n] = true
			return n
		}
	}
}

// dominators finds for every node the nearest that all its paths go through:
// where the branches that it joins part (Cooper, Harvey & Kennedy, "A Simple,
// Fast Dominance Algorithm", 2001; without cycles one pass does).
func dominators(nodes []*node) {
	for _, n := range nodes {
		for i, in := range n.inputs {
			if i == 0 {
				n.dom = in
			} else {
				n.dom = common(n.dom, in)
			}
		}
	}
}

func common(a, b *node) *node {
	for a != b {
		if a.at > b.at {
			a = a.dom
		} else {
			b = b.dom
		}
	}
	return a
}

// assembler turns a graph into layers that meet in sequences and branches.
type assembler struct {
	used map[*node]bool
}

// element is a step of a sequence: layers that have become one.
type element struct {
	layer nn.Layer
	names []string // of the Keras layers in it
	join  bool
}

// chain is the sequence from a node, which is left out, to another.
func (a *assembler) chain(from, to *node) ([]element, error) {
	var back [][]element // last first
	for n := to; n != from; n = n.dom {
		if n == nil || n.at < from.at {
			return nil, fmt.Errorf("layer %q lies outside the branches that it is joined to", to.name)
		}
		if a.used[n] {
			return nil, fmt.Errorf("layer %q belongs to two branches of which neither contains the other", n.name)
		}
		a.used[n] = true
		step, err := a.step(n)
		if err != nil {
			return nil, err
		}
		back = append(back, step)
	}
	var out []element
	for _, step := range slices.Backward(back) {
		for _, e := range step {
			out = push(out, e)
		}
	}
	return out, nil
}

// step is what a node does after its dominator.
func (a *assembler) step(n *node) ([]element, error) {
	if len(n.inputs) == 1 {
		if n.layer == nil {
			return nil, nil
		}
		return []element{{layer: n.layer, names: []string{n.name}}}, nil
	}
	e := element{names: []string{n.name}, join: true}
	branches := make([]nn.Layer, len(n.inputs))
	for i, in := range n.inputs {
		chain, err := a.chain(n.dom, in)
		if err != nil {
			return nil, err
		}
		s := nn.Seq{}
		for _, inner := range chain {
			s = append(s, inner.layer)
			e.names = append(e.names, inner.names...)
		}
		branches[i] = s
		if len(s) == 1 {
			branches[i] = s[0]
		}
	}
	switch l := n.layer.(type) {
	case nn.Add:
		l.Branches = branches
		e.layer = l
	case nn.Concat:
		e.layer = nn.Concat(branches)
	case nn.Gate:
		gate, err := gateOf(n, branches)
		if err != nil {
			return nil, err
		}
		e.layer = gate
	}
	return []element{e}, nil
}

// gateOf wants one of two factors to be the input itself, as in squeeze-excite.
func gateOf(n *node, branches []nn.Layer) (nn.Layer, error) {
	for i, in := range n.inputs {
		if len(n.inputs) == 2 && in == n.dom {
			return nn.Gate{Body: branches[1-i]}, nil
		}
	}
	return nil, fmt.Errorf("layer %q multiplies %d branches, want an input with one number a channel made of it", n.name, len(n.inputs))
}

// push appends e, or lets the layer before take it in: a norm after a
// convolution, an activation after a norm.
func push(s []element, e element) []element {
	if len(s) == 0 {
		return append(s, e)
	}
	last := &s[len(s)-1]
	act, isAct := e.layer.(nn.Act)
	switch l := last.layer.(type) {
	case nn.Conv:
		if norm, ok := e.layer.(nn.Norm); ok && l.Norm == (nn.BatchNorm{}) && l.Act == nn.Linear {
			l.Norm = norm.BatchNorm
			last.layer, last.names = l, append(last.names, e.names...)
			return s
		}
		if isAct && l.Act == nn.Linear {
			l.Act = act.Kind
			last.layer, last.names = l, append(last.names, e.names...)
			return s
		}
	case nn.Dense:
		if isAct && l.Act == nn.Linear {
			l.Act = act.Kind
			last.layer, last.names = l, append(last.names, e.names...)
			return s
		}
	case nn.Add:
		if isAct && l.Act == nn.Linear {
			l.Act = act.Kind
			last.layer, last.names = l, append(last.names, e.names...)
			return s
		}
	}
	return append(s, e)
}
