package torch

import (
	"errors"
	"fmt"
	"math/bits"
)

// A storage is a row of numbers that tensors look into.
type storage struct {
	key   string
	dtype dtype
	count int64 // numbers
}

// A view is a tensor: some numbers of a storage.
type view struct {
	*storage
	offset         int64 // of its first number
	shape, strides []int64
}

// allowed says which names a pickle may have.
func allowed(g global) bool {
	switch g.module {
	case "collections":
		return g.name == "OrderedDict"
	case "torch._utils":
		return g.name == "_rebuild_tensor_v2" || g.name == "_rebuild_tensor" || g.name == "_rebuild_parameter"
	case "torch":
		_, ok := storages[g.name]
		return ok
	}
	return false
}

// globalOf pushes the name on the next two lines.
func globalOf(m *machine) error {
	module, err := m.line()
	if err != nil {
		return err
	}
	name, err := m.line()
	if err != nil {
		return err
	}
	return m.global(global{module, name})
}

// stackGlobal pushes the name that lies on the stack.
func stackGlobal(m *machine) error {
	name, err := m.pop()
	if err != nil {
		return err
	}
	module, err := m.pop()
	if err != nil {
		return err
	}
	a, ok := module.(string)
	b, ok2 := name.(string)
	if !ok || !ok2 {
		return fmt.Errorf("found %s and %s, want a module and a name", kind(module), kind(name))
	}
	return m.global(global{a, b})
}

func (m *machine) global(g global) error {
	if !allowed(g) {
		return fmt.Errorf("%.80q is not allowed: a file of weights needs OrderedDict, tensors and their storages alone (save model.state_dict())", g.String())
	}
	m.push(g)
	return nil
}

// reduce "calls" one of the allowed names.
func reduce(m *machine) error {
	v, err := m.pop()
	if err != nil {
		return err
	}
	callee, err := m.pop()
	if err != nil {
		return err
	}
	g, ok := callee.(global)
	if !ok {
		return fmt.Errorf("%s cannot be called", kind(callee))
	}
	args, ok := v.(tuple)
	if !ok {
		return fmt.Errorf("%s: its arguments are %s, want a tuple", g, kind(v))
	}
	var made any
	switch g.name {
	case "OrderedDict":
		made, err = orderedDict(args)
	case "_rebuild_tensor_v2", "_rebuild_tensor":
		made, err = rebuildTensor(args)
	case "_rebuild_parameter":
		made, err = parameter(args)
	default:
		err = errors.New("cannot be called")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", g, err)
	}
	m.push(made)
	return nil
}

// orderedDict is empty, or of a list of pairs, as Python 2 wrote it.
func orderedDict(args tuple) (*dict, error) {
	d := new(dict)
	if len(args) == 0 {
		return d, nil
	}
	pairs, ok := args[0].(*list)
	if !ok || len(args) > 1 {
		return nil, fmt.Errorf("found %s, want a list of pairs", kind(args[0]))
	}
	for _, p := range pairs.items {
		var pair []any
		switch p := p.(type) {
		case *list:
			pair = p.items
		case tuple:
			pair = p
		}
		if len(pair) != 2 {
			return nil, fmt.Errorf("found %s, want a pair", kind(p))
		}
		d.keys, d.values = append(d.keys, pair[0]), append(d.values, pair[1])
	}
	return d, nil
}

// parameter is the tensor that it is made of.
func parameter(args tuple) (*view, error) {
	if len(args) > 0 {
		if v, ok := args[0].(*view); ok {
			return v, nil
		}
	}
	return nil, errors.New("its first argument is no tensor")
}

// rebuildTensor takes storage, offset, shape and strides, and does not look at
// what else there is.
func rebuildTensor(args tuple) (*view, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("has %d arguments, want 4 or more", len(args))
	}
	v := new(view)
	var ok bool
	if v.storage, ok = args[0].(*storage); !ok {
		return nil, fmt.Errorf("found %s, want a storage", kind(args[0]))
	}
	if v.offset, ok = args[1].(int64); !ok {
		return nil, fmt.Errorf("offset is %s", kind(args[1]))
	}
	var err error
	if v.shape, err = numbers("shape", args[2]); err != nil {
		return nil, err
	}
	if v.strides, err = numbers("strides", args[3]); err != nil {
		return nil, err
	}
	return v, v.check()
}

func numbers(what string, v any) ([]int64, error) {
	t, ok := v.(tuple)
	const axes = 16
	if !ok || len(t) > axes {
		return nil, fmt.Errorf("%s is %s, want a tuple of at most %d numbers", what, kind(v), axes)
	}
	out := make([]int64, len(t))
	for i := range t {
		if out[i], ok = t[i].(int64); !ok || out[i] < 0 {
			return nil, fmt.Errorf("%s has %s, want a number from 0", what, kind(t[i]))
		}
	}
	return out, nil
}

// check wants every number of v to be one of its storage, and no more numbers
// than that has.
func (v *view) check() error {
	if len(v.shape) != len(v.strides) {
		return fmt.Errorf("shape %v has strides %v", v.shape, v.strides)
	}
	if v.offset < 0 {
		return fmt.Errorf("offset is %d", v.offset)
	}
	count, last := uint64(1), uint64(v.offset)
	for i, d := range v.shape {
		if d == 0 {
			return nil
		}
		hi, lo := bits.Mul64(count, uint64(d))
		count = lo
		hi2, far := bits.Mul64(uint64(d-1), uint64(v.strides[i]))
		last += far
		if hi|hi2 != 0 || count > uint64(v.count) || far >= uint64(v.count) || last >= uint64(v.count) {
			return fmt.Errorf("offset %d, shape %v, strides %v: reach beyond storage %s of %d numbers", v.offset, v.shape, v.strides, v.key, v.count)
		}
	}
	if last >= uint64(v.count) {
		return fmt.Errorf("offset %d: reaches beyond storage %s of %d numbers", v.offset, v.key, v.count)
	}
	return nil
}

// build gives an object its attributes, of which a state_dict has _metadata.
func build(m *machine) error {
	if _, err := m.pop(); err != nil {
		return err
	}
	v, err := m.top()
	if err != nil {
		return err
	}
	if _, ok := v.(*dict); !ok {
		return fmt.Errorf("found %s, want a dictionary", kind(v))
	}
	return nil
}

// persistent pushes the storage that a tuple describes: "storage", kind, key,
// device, count and, in old files, of which other storage it is a part.
func persistent(m *machine) error {
	v, err := m.pop()
	if err != nil {
		return err
	}
	t, ok := v.(tuple)
	if !ok || len(t) < 5 || t[0] != "storage" {
		return fmt.Errorf("found %s, want a storage", kind(v))
	}
	g, ok := t[1].(global)
	d, known := storages[g.name]
	key, ok2 := t[2].(string)
	count, ok3 := t[4].(int64)
	if !ok || !known || !ok2 || !ok3 || count < 0 || count > 1<<40 {
		return fmt.Errorf("a storage is described by %s, %s and %s", kind(t[1]), kind(t[2]), kind(t[4]))
	}
	if len(t) > 5 && t[5] != nil {
		return fmt.Errorf("storage %.40q is part of another one: save the state_dict anew", key)
	}
	s := &storage{key, d, count}
	if other := m.storages[key]; other == nil {
		m.storages[key] = s
	} else if other.dtype.name != d.name || other.count != count {
		return fmt.Errorf("storage %.40q is %d of %s, and elsewhere %d of %s", key, count, d.name, other.count, other.dtype.name)
	}
	m.push(s)
	return nil
}
