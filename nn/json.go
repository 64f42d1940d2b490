package nn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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

// The structs below stand for the layers that hold layers.
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
	key, body, err := onlyKey(b)
	if err != nil {
		return err
	}
	for _, k := range kinds {
		if k.key == key {
			n.Layer, err = read(k.kind, body)
			return err
		}
	}
	return fmt.Errorf("nn: there is no layer %q", key)
}

// onlyKey splits an object with one key.
func onlyKey(b []byte) (key string, value json.RawMessage, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	open, _ := d.Token()
	name, _ := d.Token()
	key, ok := name.(string)
	if open != json.Delim('{') || !ok {
		return "", nil, fmt.Errorf("nn: a layer is an object with one key, this one is %.40s", b)
	}
	if err := d.Decode(&value); err != nil {
		return "", nil, fmt.Errorf("nn: layer %q: %w", key, err)
	}
	if d.More() {
		return "", nil, fmt.Errorf("nn: a layer is an object with one key, this one has more than %q", key)
	}
	return key, value, nil
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
	if err := d.Decode(v); err != nil {
		return err
	}
	if rest, err := d.Token(); err != io.EOF {
		return fmt.Errorf("nn: %v follows the end", rest)
	}
	return nil
}

// maxDepth bounds how deep brackets nest. The deepest declared network has 19;
// reading takes time and memory in proportion to depth times length.
const maxDepth = 200

func checkDepth(b []byte) error {
	depth, text := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return fmt.Errorf("nn: layers nest more than %d brackets deep", maxDepth)
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return nil
}

type modelJSON struct {
	Name  string
	Input Input
	Body  node
	Top   node
	Cuts  []string `json:",omitempty"`
}

// MarshalJSON writes the network as a tree of one-key objects, enumerations as
// strings. The form is part of the model file and only ever grows.
func (m Model) MarshalJSON() ([]byte, error) {
	return json.Marshal(modelJSON{m.Name, m.Input, node{m.Body}, node{m.Top}, m.Cuts})
}

// UnmarshalJSON reads what MarshalJSON writes. Unknown layers and fields are
// errors; whether the network makes sense is for [Model.Check] to say.
func (m *Model) UnmarshalJSON(b []byte) error {
	if err := checkDepth(b); err != nil {
		return err
	}
	j, err := strict[modelJSON](b)
	if err != nil {
		return err
	}
	*m = Model{Name: j.Name, Input: j.Input, Body: j.Body.Layer, Top: j.Top.Layer, Cuts: j.Cuts}
	return nil
}

// MarshalLayer writes one layer in the JSON form of [Model].
func MarshalLayer(l Layer) ([]byte, error) { return json.Marshal(node{l}) }

// UnmarshalLayer reads what MarshalLayer writes.
func UnmarshalLayer(b []byte) (Layer, error) {
	if err := checkDepth(b); err != nil {
		return nil, err
	}
	n, err := strict[node](b)
	return n.Layer, err
}
