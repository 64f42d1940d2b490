package nn

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// resolve returns l with every name made a unique path: blocks and layers with
// parameters carry "mixed4/branch7x7/conv2", so that no interpreter needs to
// keep track of where it is.
func resolve(l Layer) (Layer, error) {
	out, _, err := resolveNames(l)
	return out, err
}

// resolveNames also returns the paths.
func resolveNames(l Layer) (Layer, map[string]bool, error) {
	r := resolver{seen: map[string]bool{}}
	out := r.layer(l, scope{counts: map[string]int{}})
	return out, r.seen, r.err
}

// sameNames says whether the layers of a followed by b have the same paths as
// when each stands alone: unnamed layers outside blocks may not.
func sameNames(a, b Layer) error {
	_, whole, err := resolveNames(Seq{a, b})
	if err != nil {
		return err
	}
	for _, part := range []Layer{a, b} {
		_, names, err := resolveNames(part)
		if err != nil {
			return err
		}
		for name := range names {
			delete(whole, name)
		}
	}
	if len(whole) > 0 {
		return fmt.Errorf("nn: give names to the layers outside blocks: alone they would not be called %v", slices.Sorted(maps.Keys(whole)))
	}
	return nil
}

type resolver struct {
	seen map[string]bool
	err  error
}

// scope is an enclosing block: its path, and how many unnamed layers of each
// kind it has had.
type scope struct {
	path   string
	counts map[string]int
}

// name makes the path of a layer of the given kind.
func (r *resolver) name(s scope, name, kind string) string {
	if name == "" {
		s.counts[kind]++
		name = fmt.Sprintf("%s%d", kind, s.counts[kind])
	}
	if strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == '/' || c == utf8.RuneError }) {
		r.fail("nn: %q cannot be a layer's name", name)
	}
	if s.path != "" {
		name = s.path + "/" + name
	}
	if r.seen[name] {
		r.fail("nn: two layers are called %s", name)
	}
	r.seen[name] = true
	return name
}

func (r *resolver) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func (r *resolver) layer(l Layer, s scope) Layer {
	switch l := l.(type) {
	case Seq:
		return Seq(r.layers(l, s))
	case Concat:
		return Concat(r.layers(l, s))
	case Add:
		l.Branches = r.layers(l.Branches, s)
		return l
	case Gate:
		return Gate{r.layer(l.Body, s)}
	case Block:
		if l.Name == "" {
			r.fail("nn: a block in %q has no name", s.path)
		}
		path := r.name(s, l.Name, "block")
		return Block{path, r.layer(l.Body, scope{path, map[string]int{}})}
	case Conv:
		l.Name = r.name(s, l.Name, "conv")
		return l
	case Norm:
		l.Name = r.name(s, l.Name, "norm")
		return l
	case Dense:
		l.Name = r.name(s, l.Name, "dense")
		return l
	case nil:
		r.fail("nn: a layer in %q is nil", s.path)
	}
	return l
}

func (r *resolver) layers(ls []Layer, s scope) []Layer {
	out := make([]Layer, len(ls))
	for i, l := range ls {
		out[i] = r.layer(l, s)
	}
	return out
}

// label names a layer in messages.
func label(l Layer) string {
	if name := nameOf(l); name != "" {
		return name
	}
	return strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", l), "nn."))
}

// nameOf is the name of a block or a layer with weights, "" of another.
func nameOf(l Layer) string {
	switch l := l.(type) {
	case Conv:
		return l.Name
	case Norm:
		return l.Name
	case Dense:
		return l.Name
	case Block:
		return l.Name
	}
	return ""
}
