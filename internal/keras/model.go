package keras

import (
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/argus-go/argus/nn"
)

// ImportModel reads a whole model, .h5 or .keras, of size bytes: a network of
// layers that nn has, with one input, a picture of three channels, and one
// output. It says nothing of Input but the size; side, where not 0, is used in
// its place. The body ends at the last global pool or at the first dense layer,
// and its blocks are called as in argus's own networks where the layers' names
// tell, else as the Keras layer that ends them.
//
// Layers that are not known are an error that lists all of them, weights that do
// not fit an [nn.ErrWeights] that lists all of these. Code in the file, of
// Lambda layers and the like, is refused and never run.
func ImportModel(r io.ReaderAt, size int64, side int) (nn.Model, nn.Weights, error) {
	m, w, err := importModel(r, size, side)
	if err != nil {
		return nn.Model{}, nil, fmt.Errorf("keras: %w", err)
	}
	return m, w, nil
}

func importModel(r io.ReaderAt, size int64, side int) (m nn.Model, w nn.Weights, err error) {
	f, err := open(r, size)
	if err != nil {
		return m, nil, err
	}
	if f.config == nil {
		return m, nil, ErrNoModel
	}
	config, err := parseConfig(f.config)
	if err != nil {
		return m, nil, err
	}
	if err := checkCode(f.config); err != nil {
		return m, nil, err
	}
	if !isModel(config.Class) || !config.trusted() {
		return m, nil, fmt.Errorf("config: class %q of module %q is no model of Keras", config.Class, config.Module)
	}
	if side, err = sideOf(config, side); err != nil {
		return m, nil, err
	}
	g := &graph{file: f, lookup: lookup(f.layers), taken: map[*Layer]bool{}}
	if err := g.read(config, side); err != nil {
		return m, nil, err
	}
	if m, err = g.model(config.name(), side); err != nil {
		return m, nil, err
	}
	w, err = g.weights(m)
	return m, w, err
}

// sideOf is the side of the input's square.
func sideOf(c layerConfig, side int) (int, error) {
	shape, err := inputShape(c, 0)
	if err != nil {
		return 0, err
	}
	n := func(i int) int {
		if v := shape[i]; v != nil {
			return *v
		}
		return side
	}
	switch {
	case len(shape) != 4 || shape[3] == nil || *shape[3] != 3:
		return 0, fmt.Errorf("config: the input has shape %s, want pictures of 3 channels", shapeText(shape))
	case side == 0 && (n(1) == 0 || n(1) != n(2)):
		return 0, fmt.Errorf("config: the input has shape %s, want a square; give the size in the preprocessing", shapeText(shape))
	case side == 0:
		return n(1), nil
	}
	return side, nil
}

func shapeText(shape []*int) string {
	parts := make([]string, len(shape))
	for i, v := range shape {
		parts[i] = "?"
		if v != nil {
			parts[i] = fmt.Sprint(*v)
		}
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// inputShape is that of the first layer.
func inputShape(c layerConfig, depth int) (shape []*int, err error) {
	if ok, err := c.Config.read(&shape, "batch_input_shape", "batch_shape", "build_input_shape"); ok || err != nil {
		return shape, err
	}
	layers, err := c.layers()
	if err != nil || len(layers) == 0 || depth > maxModels {
		return nil, fmt.Errorf("config: there is no shape of the input")
	}
	first := layers[0]
	if c.Class != "Sequential" {
		name, err := c.end("input_layers")
		if err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
		if i := slices.IndexFunc(layers, func(l layerConfig) bool { return l.name() == name }); i >= 0 {
			first = layers[i]
		}
	}
	return inputShape(first, depth+1)
}

// graph is a model on its way to a network.
type graph struct {
	file   *file
	lookup map[string]*Layer
	taken  map[*Layer]bool
	nodes  []*node
	out    *node
	owners map[string]*node // by name
	norms  map[string]*node // by the name of the layer before
	blocks map[string]bool
}

// lookup finds layers of a file by where the config has them: the name, after
// that of the model inside the model; or the path, in a .weights.h5.
func lookup(layers []Layer) map[string]*Layer {
	m := map[string]*Layer{}
	for i := range layers {
		l := &layers[i]
		if l.class != "" {
			m[l.Name] = l
		} else {
			m[l.model+"/"+l.Name] = l
		}
	}
	return m
}

// layerOf is what the file has for a node; nil for nothing.
func (g *graph) layerOf(n *node) *Layer {
	for _, key := range g.keys(n) {
		if l := g.lookup[key]; l != nil {
			g.taken[l] = true
			return l
		}
	}
	return nil
}

// keys are where n's weights may be: variables of TensorFlow 1 that were loaded
// and saved again have a number after their layer's name, and where a model
// inside the model has weights in one layer only they stand under its own name.
func (g *graph) keys(n *node) []string {
	if len(g.file.layers) > 0 && g.file.layers[0].class != "" {
		return []string{n.vars}
	}
	name := n.layerConfig.name()
	keys := []string{n.model + "/" + name}
	if n.model != "" {
		keys = append(keys, n.model+"/"+name+"_1", n.model+"/"+name+"_2", "/"+n.model)
	}
	return keys
}

// read opens the config up and finds a layer of nn for each of its own.
func (g *graph) read(config layerConfig, side int) error {
	in := &node{layerConfig: layerConfig{Class: "InputLayer"}, name: "input", out: nn.Shape{H: side, W: side, C: 3}}
	b := &builder{nodes: []*node{in}, names: map[string]bool{}}
	var err error
	if g.out, err = b.open(config, in, scope{}, 0); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	g.nodes = b.nodes
	dominators(g.nodes)
	failed := map[*node]bool{}
	for _, n := range g.nodes[1:] {
		if slices.ContainsFunc(n.inputs, func(in *node) bool { return failed[in] }) {
			failed[n] = true // what follows from an error is none of its own, but unknown layers are
			if _, known := converters[n.Class]; known && n.trusted() {
				continue
			}
		}
		convertThis := convert
		if n.Class == "Normalization" {
			convertThis = g.normalization
		}
		if err := convertThis(n); err != nil {
			failed[n] = true
			b.fault(n.layerConfig, "%v", err)
		}
	}
	if len(b.bad) > 0 {
		const shown = 20
		if n := len(b.bad); n > shown {
			b.bad = append(b.bad[:shown], fmt.Sprintf("and %d more", n-shown))
		}
		return fmt.Errorf("the model has layers that argus has not:\n\t%s", strings.Join(b.bad, "\n\t"))
	}
	return nil
}

// normalization is (x-mean)/√variance, whose numbers are weights, or stand in
// the config.
func (g *graph) normalization(n *node) error {
	var mean, variance floats
	hasMean, err := n.Config.read(&mean, "mean")
	if err != nil {
		return err
	}
	if _, err := n.Config.read(&variance, "variance"); err != nil {
		return err
	}
	if invert, err := n.Config.flag(false, "invert"); err != nil || invert {
		return fmt.Errorf("is inverted")
	}
	if l := g.layerOf(n); l != nil && !hasMean {
		if len(l.Weights) != 3 {
			return fmt.Errorf("has %d weights, want mean, variance and count", len(l.Weights))
		}
		if err := g.file.fill([]*Weight{&l.Weights[0], &l.Weights[1]}); err != nil {
			return err
		}
		mean, variance = l.Weights[0].Data, l.Weights[1].Data
	}
	c := n.inputs[0].out.C
	if len(mean) != len(variance) || len(mean) != c && len(mean) != 1 {
		return fmt.Errorf("has %d means and %d variances for %d channels", len(mean), len(variance), c)
	}
	s := nn.Scale{}
	for i := range mean {
		mul := 1 / max(math.Sqrt(float64(variance[i])), 1e-7)
		s.Mul, s.Add = append(s.Mul, float32(mul)), append(s.Add, float32(-float64(mean[i])*mul))
	}
	for _, v := range append(slices.Clone(s.Mul), s.Add...) {
		if v-v != 0 {
			return fmt.Errorf("has mean %v and variance %v", mean, variance)
		}
	}
	n.layer = s
	return n.measure()
}

// model assembles the network.
func (g *graph) model(name string, side int) (m nn.Model, err error) {
	a := assembler{used: map[*node]bool{}}
	steps, err := a.chain(g.nodes[0], g.out)
	if err != nil {
		return m, err
	}
	g.findOwners()
	g.blocks = map[string]bool{}
	end := bodyEnd(steps)
	if end == 0 {
		return m, fmt.Errorf("the model has no global pool and no dense layer: nothing tells its body from its head")
	}
	m = nn.Model{Name: name, Input: nn.Input{Size: side}, Body: g.grouped(steps[:end])}
	if end < len(steps) {
		head := g.unique("head")
		m.Top = nn.Block{Name: head, Body: sequence(steps[end:])}
	}
	return m, m.Check()
}

// bodyEnd is how many steps the body has.
func bodyEnd(steps []element) int {
	dense := 0
	for i := len(steps) - 1; i >= 0; i-- {
		switch steps[i].layer.(type) {
		case nn.GlobalPool:
			return i + 1
		case nn.Dense:
			dense = i + 1
		}
	}
	return dense
}

func sequence(steps []element) nn.Seq {
	s := nn.Seq{}
	for _, e := range steps {
		s = append(s, e.layer)
	}
	return s
}

// blockName finds the block in the name of a Keras layer: "block2a_expand_conv".
var blockName = regexp.MustCompile(`^(stem|top|block\d+[a-z]?(?:_\d+)?|conv[2-5]_block\d+|conv_7b|mixed_?\d+[a-z]?)(?:_|$)`)

// grouped puts the body's steps into blocks, to tap and to cut at. Steps whose
// names tell no block go with those before; a join that has none is one.
func (g *graph) grouped(steps []element) nn.Seq {
	body, name := nn.Seq{}, "stem"
	var block []element
	flush := func() {
		if len(block) > 0 {
			body = append(body, nn.Block{Name: g.unique(name), Body: sequence(block)})
		}
		block = nil
	}
	for _, e := range steps {
		if _, ok := e.layer.(nn.GlobalPool); ok {
			flush()
			body = append(body, e.layer)
			name = "after_pool"
			continue
		}
		if to := blockOf(e, name); to != name {
			flush()
			name = to
		}
		block = append(block, e)
	}
	flush()
	return body
}

func blockOf(e element, current string) string {
	for _, name := range e.names {
		if m := blockName.FindStringSubmatch(name); m != nil {
			return m[1]
		}
	}
	if e.join {
		return e.names[0]
	}
	return current
}

// unique is a name that no block has.
func (g *graph) unique(name string) string {
	for n, i := name, 2; ; n, i = fmt.Sprintf("%s_%d", name, i), i+1 {
		if !g.blocks[n] {
			g.blocks[n] = true
			return n
		}
	}
}

// weights reads what m needs.
func (g *graph) weights(m nn.Model) (nn.Weights, error) {
	params, err := nn.Params(m.Whole(), m.Input.Shape())
	if err != nil {
		return nil, err
	}
	byNode := map[*node][]nn.Param{}
	for _, p := range params {
		n := g.ownerOf(p.Name)
		if n == nil {
			return nil, fmt.Errorf("%s is of no layer of the model", p.Name)
		}
		byNode[n] = append(byNode[n], p)
	}
	p := placed{}
	var bad []string
	for _, n := range g.nodes {
		params := byNode[n]
		if params == nil {
			continue
		}
		if l := g.layerOf(n); l == nil || len(l.Weights) == 0 {
			bad = append(bad, fmt.Sprintf("%s: missing, the model wants %v", n.layerConfig.name(), params[0].Shape))
		} else {
			bad = append(bad, p.add(*l, params)...)
		}
	}
	for i := range g.file.layers {
		if l := &g.file.layers[i]; len(l.Weights) > 0 && !g.taken[l] {
			bad = append(bad, fmt.Sprintf("%s: the model has no such layer", strings.TrimPrefix(l.model+"/"+l.Name, "/")))
		}
	}
	if err := misfit(bad); err != nil {
		return nil, err
	}
	all := make([]*Weight, 0, len(p))
	for _, w := range p {
		all = append(all, w)
	}
	if err := g.file.fill(all); err != nil {
		return nil, err
	}
	w := p.tensors()
	return w, w.Check(m.Whole(), m.Input.Shape(), true)
}

// ownerOf finds the Keras layer of a parameter: "mixed0/conv2d_5/kernel" is
// conv2d_5's, and "mixed0/conv2d_5/norm/gamma" is of the norm taken in by it.
func (g *graph) ownerOf(path string) *node {
	parts := strings.Split(path, "/")[1:] // all stand in a block
	if len(parts) == 3 && parts[1] == "norm" {
		return g.norms[parts[0]]
	}
	return g.owners[parts[0]]
}

// findOwners lists the layers by the names that they have in nn, and the norms
// by those of the convolutions before them.
func (g *graph) findOwners() {
	g.owners, g.norms = map[string]*node{}, map[string]*node{}
	for _, n := range g.nodes {
		g.owners[n.name] = n
		if _, ok := n.layer.(nn.Norm); ok {
			before := n.inputs[0]
			for before.layer == nil && len(before.inputs) == 1 {
				before = before.inputs[0]
			}
			g.norms[before.name] = n
		}
	}
}
