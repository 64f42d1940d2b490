package augment

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// kinds are the operations by the names that stand in JSON.
var kinds = byKind(
	FlipLeftRight{}, FlipTopBottom{}, Crop{}, Rotate{}, Shift{}, Shear{}, Zoom{}, Perspective{}, Resize{},
	GridDistortion{}, Elastic{}, Erase{}, Cutout{},
	Brightness{}, Contrast{}, Saturation{}, Hue{}, Gamma{}, Grey{}, Posterize{}, Solarize{}, AutoContrast{}, Equalize{},
	Blur{}, Sharpen{}, Noise{}, JPEG{}, RandAugment{}, TrivialAugment{}, function{},
)

func byKind(ops ...Op) map[string]reflect.Type {
	m := map[string]reflect.Type{}
	for _, op := range ops {
		m[op.kind()] = reflect.TypeOf(op)
	}
	return m
}

type stepHead struct {
	Op string  `json:"op"`
	P  float64 `json:"p,omitempty"`
}

// MarshalJSON writes {"op": name, "p": probability, …the operation's fields}.
func (s Step) MarshalJSON() ([]byte, error) {
	if s.Op == nil {
		return nil, fmt.Errorf("augment: step has no operation")
	}
	head, err := json.Marshal(stepHead{s.kind(), s.P})
	if err != nil {
		return nil, err
	}
	fields, err := json.Marshal(s.Op)
	if err != nil || len(fields) <= len("{}") {
		return head, err
	}
	return append(append(head[:len(head)-1], ','), fields[1:]...), nil
}

// UnmarshalJSON reads what MarshalJSON writes. An operation or a field that is
// not known is an error.
func (s *Step) UnmarshalJSON(data []byte) error {
	var head stepHead
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	kind, ok := kinds[head.Op]
	if !ok {
		return fmt.Errorf("augment: there is no operation %q", head.Op)
	}
	known := map[string]bool{"op": true, "p": true}
	for i := range kind.NumField() {
		name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
		known[name] = true
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	for name := range fields {
		if !known[name] {
			return fmt.Errorf("augment: operation %q has no field %q", head.Op, name)
		}
	}
	op := reflect.New(kind)
	if err := json.Unmarshal(data, op.Interface()); err != nil {
		return fmt.Errorf("augment: operation %q: %w", head.Op, err)
	}
	s.P, s.Op = head.P, op.Elem().Interface().(Op)
	return nil
}

// Filter is how a picture is read between its pixels.
type Filter uint8

// The filters. Where a picture shrinks to less than half, whole blocks of pixels
// are averaged first, except by Nearest.
const (
	Bilinear Filter = iota
	Nearest
	Bicubic // Keys, a = −0.5
	Area    // means of blocks where it shrinks, bilinear where not
)

// Fill is what is seen outside of a picture.
type Fill uint8

// The fills.
const (
	Edge     Fill = iota // the nearest pixel: "nearest" in JSON
	Reflect              // the picture mirrored: c b a | a b c
	Constant             // Augmentor.Color
)

var (
	filterNames = []string{"bilinear", "nearest", "bicubic", "area"}
	fillNames   = []string{"nearest", "reflect", "constant"}
)

// String returns the name that stands in JSON.
func (f Filter) String() string { return nameOf(filterNames, int(f)) }

// MarshalText returns the name; it is an error for a value that has none.
func (f Filter) MarshalText() ([]byte, error) { return marshalName("filter", filterNames, int(f)) }

// UnmarshalText reads a name; an unknown one is an error.
func (f *Filter) UnmarshalText(b []byte) error {
	return unmarshalName((*uint8)(f), "filter", filterNames, b)
}

// String returns the name that stands in JSON.
func (f Fill) String() string { return nameOf(fillNames, int(f)) }

// MarshalText returns the name; it is an error for a value that has none.
func (f Fill) MarshalText() ([]byte, error) { return marshalName("fill", fillNames, int(f)) }

// UnmarshalText reads a name; an unknown one is an error.
func (f *Fill) UnmarshalText(b []byte) error {
	return unmarshalName((*uint8)(f), "fill", fillNames, b)
}

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprint(i)
}

func marshalName(what string, names []string, i int) ([]byte, error) {
	if i >= len(names) {
		return nil, fmt.Errorf("augment: %s is %d, want 0 to %d", what, i, len(names)-1)
	}
	return []byte(names[i]), nil
}

func unmarshalName(to *uint8, what string, names []string, b []byte) error {
	for i, name := range names {
		if name == string(b) {
			*to = uint8(i)
			return nil
		}
	}
	return fmt.Errorf("augment: %s is %q, want one of %q", what, b, names)
}
