package torchnet

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/argus-go/argus/nn"
)

// A Source is a file of named tensors, in torch's layout.
type Source interface {
	Names() []string
	Shape(name string) ([]int, error)
	Float32(name string) (values []float32, shape []int, err error)
}

// Place gives m the tensors of a file with torchvision's or timm's names, turned
// into nn's layout, or of one that has m's own names. A file without the top's
// tensors gives the body's. It reads no data before names and shapes fit, and the
// error, an [nn.ErrWeights], lists all mismatches at once.
func Place(src Source, m nn.Model) (nn.Weights, error) {
	plan, err := match(src, m)
	if err != nil {
		return nil, err
	}
	weights := nn.Weights{}
	for _, e := range plan.entries {
		values, shape, err := src.Float32(e.from)
		if err != nil {
			return nil, err
		}
		weights[e.param.Name] = nn.Tensor{Shape: slices.Clone(e.param.Shape), Data: e.turn(values, shape)}
	}
	if err := weights.Check(plan.network, m.Input.Shape(), true); err != nil {
		return nil, err
	}
	return weights, nil
}

// Fits says why the file's names and shapes are not those of m, or nothing.
func Fits(src Source, m nn.Model) error {
	_, err := match(src, m)
	return err
}

func match(src Source, m nn.Model) (*plan, error) {
	names := src.Names()
	p, err := newPlan(names, m)
	if err != nil {
		return nil, err
	}
	return p, p.check(src, names)
}

// An entry says which tensor of the file a parameter is.
type entry struct {
	param nn.Param
	from  string
	shape []int // the tensor's
	turn  func(values []float32, shape []int) []float32
}

// plan is all that the file must have; over says what it may have besides.
type plan struct {
	network nn.Layer
	entries []entry
	over    func(name string) bool
}

func newPlan(names []string, m nn.Model) (*plan, error) {
	has := map[string]bool{}
	for _, name := range names {
		has[name] = true
	}
	p := &plan{network: m.Whole(), over: func(string) bool { return false }}
	i := slices.IndexFunc(families, func(f family) bool { return has[f.probe] })
	if i < 0 {
		return p, p.ownNames(has, m)
	}
	f := families[i]
	if !slices.ContainsFunc(f.nets, func(n string) bool { return strings.HasPrefix(m.Name, n) }) {
		return nil, fmt.Errorf("torchnet: %w: the file has %s, which does not compute as %q does: make the network with %s", nn.ErrWeights, f.what, m.Name, f.use)
	}
	withTop := has[f.top+".weight"] || has[f.top+".bias"]
	if !withTop {
		p.network = m.Body
	}
	p.over = func(name string) bool {
		return strings.HasSuffix(name, ".num_batches_tracked") || m.Top == nil && strings.HasPrefix(name, f.top+".") ||
			slices.ContainsFunc(f.over, func(o string) bool { return strings.HasPrefix(name, o) })
	}
	return p, p.torchNames(f, m)
}

// ownNames is the plan for a file with nn's names and layout.
func (p *plan) ownNames(has map[string]bool, m nn.Model) error {
	params, err := nn.Params(p.network, m.Input.Shape())
	if err != nil {
		return err
	}
	if len(params) == 0 || !has[params[0].Name] {
		return fmt.Errorf("torchnet: %w: the file has neither the names of %q nor those of a network of torchvision or timm that is known here", nn.ErrWeights, m.Name)
	}
	for _, q := range params {
		p.entries = append(p.entries, entry{q, q.Name, q.Shape, same})
	}
	return nil
}

func (p *plan) torchNames(f family, m nn.Model) error {
	params, err := nn.Params(p.network, m.Input.Shape())
	if err != nil {
		return err
	}
	layers := map[string]bool{}
	for _, q := range params {
		at, _ := layerOf(q.Name)
		layers[at] = true
	}
	has := func(at string) bool { return layers[at] }
	for _, q := range params {
		at, norm := layerOf(q.Name)
		module := f.top
		if at != "predictions" {
			module = f.module(at, norm, has)
		}
		if module == "" {
			return fmt.Errorf("torchnet: %w: %s: %s has no such layer", nn.ErrWeights, q.Name, f.what)
		}
		e := entry{param: q, from: module + "." + leaves[path.Base(q.Name)]}
		e.shape, e.turn = layout(q)
		p.entries = append(p.entries, e)
	}
	return nil
}

// layerOf is the layer that a parameter belongs to, and whether to its norm.
func layerOf(param string) (at string, norm bool) {
	at = path.Dir(param)
	if bare, ok := strings.CutSuffix(at, "/norm"); ok {
		return bare, true
	}
	return at, false
}

// leaves are torch's names for nn's.
var leaves = map[string]string{
	"kernel": "weight", "bias": "bias",
	"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var",
}

// layout is the shape that torch has for a parameter, and how to turn it.
func layout(p nn.Param) (shape []int, turn func([]float32, []int) []float32) {
	s := p.Shape
	switch {
	case len(s) == 4 && s[3] == 1: // depthwise
		return []int{s[2], 1, s[0], s[1]}, func(v []float32, s []int) []float32 { return transpose(v, s[0], s[2]*s[3]) }
	case len(s) == 4:
		return []int{s[3], s[2], s[0], s[1]}, hwio
	case len(s) == 2:
		return []int{s[1], s[0]}, func(v []float32, s []int) []float32 { return transpose(v, s[0], s[1]) }
	}
	return s, same
}

func same(v []float32, _ []int) []float32 { return v }

// check holds names and shapes against the file.
func (p *plan) check(src Source, names []string) error {
	var bad []string
	there, wanted := map[string]bool{}, map[string]bool{}
	for _, name := range names {
		there[name] = true
	}
	for _, e := range p.entries {
		wanted[e.from] = true
		if !there[e.from] {
			bad = append(bad, fmt.Sprintf("%s: missing, %s wants %v", e.from, e.param.Name, e.shape))
			continue
		}
		shape, err := src.Shape(e.from)
		if err != nil {
			return err
		}
		if !slices.Equal(shape, e.shape) {
			bad = append(bad, fmt.Sprintf("%s: shape %v, %s wants %v", e.from, shape, e.param.Name, e.shape))
		}
	}
	for _, name := range names {
		if !wanted[name] && !p.over(name) {
			bad = append(bad, fmt.Sprintf("%.80s: the network has no such tensor", name))
		}
	}
	if bad == nil {
		return nil
	}
	slices.Sort(bad)
	const shown = 20
	if n := len(bad); n > shown {
		bad = append(bad[:shown], fmt.Sprintf("and %d more", n-shown))
	}
	return fmt.Errorf("torchnet: %w:\n\t%s", nn.ErrWeights, strings.Join(bad, "\n\t"))
}

// hwio turns [out in height width] into [height width in out].
func hwio(v []float32, s []int) []float32 {
	outs, ins, window := s[0], s[1], s[2]*s[3]
	dst := make([]float32, len(v))
	tiles(outs, ins*window, func(o, j int) int { return (j%window*ins+j/window)*outs + o }, v, dst)
	return dst
}

// transpose turns rows×cols into cols×rows.
func transpose(v []float32, rows, cols int) []float32 {
	dst := make([]float32, len(v))
	tiles(rows, cols, func(r, c int) int { return c*rows + r }, v, dst)
	return dst
}

// tiles moves the values of a rows×cols matrix to where to says, sixteen rows at
// a time: they go to neighbouring places.
func tiles(rows, cols int, to func(row, col int) int, src, dst []float32) {
	const tile = 16
	for top := 0; top < rows; top += tile {
		n := min(tile, rows-top)
		for c := range cols {
			at := to(top, c)
			for r := range n {
				dst[at+r] = src[(top+r)*cols+c]
			}
		}
	}
}
