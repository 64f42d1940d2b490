package nn

import (
	"fmt"
	"path"
	"slices"
)

// Until returns the part of l that ends with a block or a layer with weights,
// given by its path: what [Graph].Taps has the output of. Where that lies in a
// branch of an Add, Concat or Gate, it is this branch alone. Weights keep their
// paths.
func Until(l Layer, tap string) (Layer, error) {
	r, names, err := resolveNames(l)
	if err != nil {
		return nil, err
	}
	if !names[tap] {
		return nil, fmt.Errorf("nn: there is no block or layer %q to end at", tap)
	}
	part, _ := until(r, tap)
	return unresolve(part), nil
}

// until also says whether the tap is in l, which is resolved.
func until(l Layer, tap string) (Layer, bool) {
	if nameOf(l) == tap {
		return l, true
	}
	switch l := l.(type) {
	case Seq:
		for i, m := range l {
			if part, ok := until(m, tap); ok {
				return append(slices.Clone(l[:i]), part), true
			}
		}
	case Block:
		part, ok := until(l.Body, tap)
		return Block{l.Name, part}, ok
	case Gate:
		return until(l.Body, tap)
	case Concat:
		return untilAny(l, tap)
	case Add:
		return untilAny(l.Branches, tap)
	}
	return nil, false
}

func untilAny(branches []Layer, tap string) (Layer, bool) {
	for _, b := range branches {
		if part, ok := until(b, tap); ok {
			return part, true
		}
	}
	return nil, false
}

// unresolve makes the paths of a resolved layer names again.
func unresolve(l Layer) Layer {
	switch l := l.(type) {
	case Seq:
		return Seq(unresolveAll(l))
	case Concat:
		return Concat(unresolveAll(l))
	case Add:
		l.Branches = unresolveAll(l.Branches)
		return l
	case Gate:
		return Gate{unresolve(l.Body)}
	case Block:
		return Block{path.Base(l.Name), unresolve(l.Body)}
	case Conv:
		l.Name = path.Base(l.Name)
		return l
	case Norm:
		l.Name = path.Base(l.Name)
		return l
	case Dense:
		l.Name = path.Base(l.Name)
		return l
	}
	return l
}

func unresolveAll(ls []Layer) []Layer {
	out := make([]Layer, len(ls))
	for i, l := range ls {
		out[i] = unresolve(l)
	}
	return out
}

// Until returns the model whose features are the averages, channel by channel, of
// what the named block or layer puts out; it has no top. The name is a path or
// one of m.Aliases.
func (m Model) Until(tap string) (Model, error) {
	if alias, ok := m.Aliases[tap]; ok {
		tap = alias
	}
	part, err := Until(m.Body, tap)
	if err != nil {
		return Model{}, fmt.Errorf("model %q: %w", m.Name, err)
	}
	short := Model{Name: m.Name + " until " + tap, Input: m.Input, Body: Seq{part, GlobalPool{Kind: Avg}}, Aliases: m.Aliases}
	for _, cut := range m.Cuts {
		if _, _, err := Cut(part, cut); err == nil {
			short.Cuts = append(short.Cuts, cut)
		}
	}
	return short, nil
}

// Until is the backbone of the model that [Model.Until] returns, with the same
// weights, those of b.Body where there is one.
func (b Backbone) Until(tap string) (Backbone, error) {
	if b.Body != nil {
		b = *b.Body
	}
	m, err := b.Model.Until(tap)
	return Backbone{Model: m, Weights: b.Weights, Origin: b.Origin}, err
}
