package nn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// kinds are the keys of the JSON form. They are in model files: never change one.
var kinds = []struct {
	key  string
	kind Layer
}{
	{"seq", Seq{}}, {"concat", Concat{}}, {"add", Add{}}, {"gate", Gate{}}, {"block", Block{}},
	{"conv", Conv{}}, {"norm", Norm{}}, {"act", Act{}}, {"pool", Pool{}}, {"globalpool", GlobalPool{}},
	{"dense", Dense{}}, {"dropout", Dropout{}}, {"scale", Scale{}},
}

// node is a layer on its way to or from JSON.
type node struct{ Layer }

// list and the structs below stand for the layers that hold layers.
type (
	addNode struct {
		Branches []node
		Scale    float32    `json:",omitzero"`
		Act      Activation `json:",omitzero"`
	}
	gateNode  struct{ Body node }
	blockNode struct {
		Name string
		Body node
	}
)

func wrap(ls []Layer) []node {
	out := make([]node, len(ls))
	for i, l := range ls {
		out[i] = node{l}
	}
	return out
}

func unwrap(ns []node) []Layer {
	out := make([]Layer, len(ns))
	for i, n := range ns {
		out[i] = n.Layer
	}
	return out
}

// MarshalJSON writes a one-key object: {"conv": {"Filters": 32, …}}.
func (n node) MarshalJSON() ([]byte, error) {
	var body any = n.Layer
	switch l := n.Layer.(type) {
	case nil:
		return []byte("null"), nil
	case Seq:
		body = wrap(l)
	case Concat:
		body = wrap(l)
	case Add:
		body = addNode{wrap(l.Branches), l.Scale, l.Act}
	case Gate:
		body = gateNode{node{l.Body}}
	case Block:
		body = blockNode{l.Name, node{l.Body}}
	}
	for _, k := range kinds {
		if reflect.TypeOf(k.kind) == reflect.TypeOf(n.Layer) {
			return json.Marshal(map[string]any{k.key: body})
		}
	}
	return nil, fmt.Errorf("nn: a %T is not a layer", n.Layer)
}

// UnmarshalJSON reads what MarshalJSON writes; unknown keys are errors.
func (n *node) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		n.Layer = nil
		return nil
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("nn: a layer is an object with one key: %w", err)
	}
	if len(m) != 1 {
		return fmt.Errorf("nn: a layer is an object with one key, this one has %d", len(m))
	}
	for key, body := range m {
		for _, k := range kinds {
			if k.key == key {
				l, err := read(k.kind, body)
				n.Layer = l
				return err
			}
		}
		return fmt.Errorf("nn: there is no layer %q", key)
	}
	return nil
}

func read(kind Layer, body []byte) (Layer, error) {
	switch kind.(type) {
	case Seq:
		ns, err := strict[[]node](body)
		return Seq(unwrap(ns)), err
	case Concat:
		ns, err := strict[[]node](body)
		return Concat(unwrap(ns)), err
	case Add:
		a, err := strict[addNode](body)
		return Add{unwrap(a.Branches), a.Scale, a.Act}, err
	case Gate:
		g, err := strict[gateNode](body)
		return Gate{g.Body.Layer}, err
	case Block:
		b, err := strict[blockNode](body)
		return Block{b.Name, b.Body.Layer}, err
	}
	l := reflect.New(reflect.TypeOf(kind))
	err := strictInto(body, l.Interface())
	return l.Elem().Interface().(Layer), err
}

func strict[T any](b []byte) (v T, err error) {
	err = strictInto(b, &v)
	return v, err
}

func strictInto(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

type modelJSON struct {
	Name  string
	Input Input
	Body  node
	Top   node
}

// MarshalJSON writes the network as a tree of one-key objects, enumerations as
// strings. The form is part of the model file and only ever grows.
func (m Model) MarshalJSON() ([]byte, error) {
	return json.Marshal(modelJSON{m.Name, m.Input, node{m.Body}, node{m.Top}})
}

// UnmarshalJSON reads what MarshalJSON writes. Unknown layers and fields are
// errors; whether the network makes sense is for [Model.Check] to say.
func (m *Model) UnmarshalJSON(b []byte) error {
	j, err := strict[modelJSON](b)
	if err != nil {
		return err
	}
	*m = Model{j.Name, j.Input, j.Body.Layer, j.Top.Layer}
	return nil
}

// MarshalLayer writes one layer in the JSON form of [Model].
func MarshalLayer(l Layer) ([]byte, error) { return json.Marshal(node{l}) }

// UnmarshalLayer reads what MarshalLayer writes.
func UnmarshalLayer(b []byte) (Layer, error) {
	n, err := strict[node](b)
	return n.Layer, err
}
