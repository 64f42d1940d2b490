package keras

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// layerConfig is a layer as the JSON of a model describes it.
type layerConfig struct {
	Class      string `json:"class_name"`
	Module     string `json:"module"`
	Registered string `json:"registered_name"`
	Name       string `json:"name"`
	Config     settings
	Inbound    json.RawMessage `json:"inbound_nodes"`
}

// settings are a layer's own fields.
type settings map[string]json.RawMessage

// parseConfig reads the JSON of a model.
func parseConfig(b []byte) (c layerConfig, err error) {
	if err := checkNesting(b); err != nil {
		return c, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("config: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return c, fmt.Errorf("config: something follows its end")
	}
	return c, nil
}

// checkNesting bounds how deep brackets nest.
func checkNesting(b []byte) error {
	const most = 200
	depth, text := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '[' || c == '{':
			if depth++; depth > most {
				return fmt.Errorf("config: brackets nest more than %d deep", most)
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return nil
}

// read decodes the first of the given fields that is there and not null, and
// says whether there was one. Keras 1 has other names for some.
func (s settings) read(to any, names ...string) (bool, error) {
	for _, name := range names {
		raw, ok := s[name]
		if !ok || string(raw) == "null" {
			continue
		}
		if err := json.Unmarshal(raw, to); err != nil {
			return false, fmt.Errorf("%s is %.60s: %w", name, raw, err)
		}
		return true, nil
	}
	return false, nil
}

// number reads an optional number.
func (s settings) number(standard float64, names ...string) (float64, error) {
	v := standard
	_, err := s.read(&v, names...)
	return v, err
}

func (s settings) integer(standard int, names ...string) (int, error) {
	v := standard
	_, err := s.read(&v, names...)
	return v, err
}

func (s settings) flag(standard bool, names ...string) (bool, error) {
	v := standard
	_, err := s.read(&v, names...)
	return v, err
}

func (s settings) text(standard string, names ...string) (string, error) {
	v := standard
	_, err := s.read(&v, names...)
	return v, err
}

// pair reads one number or two: height and width.
func (s settings) pair(standard int, names ...string) ([2]int, error) {
	var v ints
	ok, err := s.read(&v, names...)
	switch {
	case err != nil:
		return [2]int{}, err
	case !ok:
		return [2]int{standard, standard}, nil
	case len(v) == 1:
		return [2]int{v[0], v[0]}, nil
	case len(v) == 2:
		return [2]int{v[0], v[1]}, nil
	}
	return [2]int{}, fmt.Errorf("%s has %d numbers, want 1 or 2", names[0], len(v))
}

// ints is a number or a list of them.
type ints []int

func (v *ints) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]int)(v))
	}
	*v = []int{0}
	return json.Unmarshal(b, &(*v)[0])
}

// floats is a number or a list of them, or of lists of one list.
type floats []float32

func (v *floats) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '[' {
		*v = []float32{0}
		return json.Unmarshal(b, &(*v)[0])
	}
	var parts []floats
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	*v = nil
	for _, p := range parts {
		*v = append(*v, p...)
	}
	return nil
}

// layers are those of a model. Keras 1 writes a Sequential as a bare list.
func (c layerConfig) layers() (layers []layerConfig, err error) {
	_, err = c.Config.read(&layers, "layers")
	return layers, err
}

// UnmarshalJSON also takes the list of layers that is a Sequential's config in
// Keras 1 and early 2.
func (s *settings) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		*s = settings{"layers": json.RawMessage(bytes.Clone(b))}
		return nil
	}
	return json.Unmarshal(b, (*map[string]json.RawMessage)(s))
}

// name is what the layer is called; a Sequential's layers say it in their config
// only.
func (c layerConfig) name() string {
	if c.Name != "" {
		return c.Name
	}
	name, _ := c.Config.text("", "name")
	return name
}

// A tensorRef names a layer's output.
type tensorRef struct {
	layer        string
	node, output int
}

// inputs lists the outputs that the layer is called on. Keras 1 and 2 write
// [[["layer", 0, 0, {}], …]], Keras 3 [{"args": […], "kwargs": {…}}] with a
// __keras_tensor__ for each.
func (c layerConfig) inputs() ([]tensorRef, error) {
	var calls []json.RawMessage
	if len(c.Inbound) > 0 {
		if err := json.Unmarshal(c.Inbound, &calls); err != nil {
			return nil, fmt.Errorf("inbound_nodes: %w", err)
		}
	}
	if len(calls) != 1 {
		return nil, fmt.Errorf("is called %d times, want once: shared layers are not read", len(calls))
	}
	var call struct{ Args, Kwargs json.RawMessage }
	if err := json.Unmarshal(calls[0], &call); err == nil {
		if err := checkArguments(call.Kwargs); err != nil {
			return nil, err
		}
		return kerasTensors(call.Args)
	}
	var refs []json.RawMessage
	if err := json.Unmarshal(calls[0], &refs); err != nil {
		return nil, fmt.Errorf("inbound_nodes: %w", err)
	}
	if len(refs) > 0 && refs[0][0] == '"' { // a single one, not in a list of its own
		refs = []json.RawMessage{calls[0]}
	}
	var all []tensorRef
	for _, raw := range refs {
		ref, err := parseRef(raw)
		if err != nil {
			return nil, err
		}
		all = append(all, ref)
	}
	return all, nil
}

// parseRef reads ["layer", 0, 0] or ["layer", 0, 0, {…}].
func parseRef(raw json.RawMessage) (r tensorRef, err error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return r, fmt.Errorf("inbound_nodes: %w", err)
	}
	if len(parts) < 3 {
		return r, fmt.Errorf("inbound_nodes: %.60s is no layer's output", raw)
	}
	for i, to := range []any{&r.layer, &r.node, &r.output} {
		if err := json.Unmarshal(parts[i], to); err != nil {
			return r, fmt.Errorf("inbound_nodes: %w", err)
		}
	}
	if len(parts) > 3 {
		err = checkArguments(parts[3])
	}
	return r, err
}

// checkArguments wants a call to have no arguments beside tensors that change
// what the layer computes.
func checkArguments(raw json.RawMessage) error {
	var arguments map[string]json.RawMessage
	if len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, &arguments); err != nil {
		return fmt.Errorf("inbound_nodes: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(arguments)) {
		value := string(arguments[name])
		if value != "null" && !(name == "training" && value == "false") {
			return fmt.Errorf("is called with %s = %.60s", name, value)
		}
	}
	return nil
}

// kerasTensors finds the tensors in a call's arguments.
func kerasTensors(raw json.RawMessage) (all []tensorRef, err error) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		for _, part := range list {
			refs, err := kerasTensors(part)
			if err != nil {
				return nil, err
			}
			all = append(all, refs...)
		}
		return all, nil
	}
	var tensor struct {
		Class  string `json:"class_name"`
		Config struct {
			History json.RawMessage `json:"keras_history"`
		}
	}
	if err := json.Unmarshal(raw, &tensor); err != nil || tensor.Class != "__keras_tensor__" {
		return nil, fmt.Errorf("is called on %.60s, want tensors", raw)
	}
	ref, err := parseRef(tensor.Config.History)
	return []tensorRef{ref}, err
}

// ends reads input_layers or output_layers, of which there must be one.
func (c layerConfig) end(key string) (string, error) {
	raw := c.Config[key]
	var one []json.RawMessage
	if err := json.Unmarshal(raw, &one); err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	if len(one) == 1 {
		raw = one[0]
	} else if len(one) != 3 {
		return "", fmt.Errorf("%s has %d tensors, want 1", key, len(one))
	}
	ref, err := parseRef(raw)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	return ref.layer, nil
}

// trusted says whether a layer is of Keras itself, as far as the file says.
func (c layerConfig) trusted() bool {
	if c.Module == "" {
		return true
	}
	root, _, _ := strings.Cut(c.Module, ".")
	return slices.Contains([]string{"keras", "tf_keras", "tensorflow", "efficientnet", "keras_applications"}, root)
}
