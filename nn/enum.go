package nn

import (
	"fmt"
	"slices"
	"strings"
)

// Padding says how far a window may reach over the edge.
type Padding int

// With Same the output has ⌈in/stride⌉ rows, and an odd row of padding goes to
// the end, as in TensorFlow. With Valid windows stay inside.
const (
	Same Padding = iota
	Valid
	Explicit
)

// ConvKind says which input channels a filter sees.
type ConvKind int

// Full filters see all channels, Depthwise ones a single channel, Separable is
// a depthwise convolution followed by a full one of 1×1.
const (
	Full ConvKind = iota
	Depthwise
	Separable
)

// PoolKind is what is taken over a window.
type PoolKind int

// Maximum or mean.
const (
	Max PoolKind = iota
	Avg
)

// Activation is the function after a layer.
type Activation int

// ReLU6 is min(max(x, 0), 6); Swish is x·sigmoid(x); Softmax is over channels.
const (
	Linear Activation = iota
	ReLU
	ReLU6
	Swish
	Sigmoid
	Tanh
	Softmax
)

// enum names the values of an enumeration, in order.
type enum struct {
	kind  string
	names []string
}

var (
	paddings    = enum{"padding", []string{"same", "valid", "explicit"}}
	convKinds   = enum{"convolution", []string{"full", "depthwise", "separable"}}
	poolKinds   = enum{"pool", []string{"max", "avg"}}
	activations = enum{"activation", []string{"linear", "relu", "relu6", "swish", "sigmoid", "tanh", "softmax"}}
)

// check says whether i is one of the values.
func (e enum) check(i int) error {
	if i < 0 || i >= len(e.names) {
		return fmt.Errorf("nn: there is no %s %d", e.kind, i)
	}
	return nil
}

func (e enum) name(i int) string {
	if e.check(i) != nil {
		return fmt.Sprintf("%s %d", e.kind, i)
	}
	return e.names[i]
}

func (e enum) marshal(i int) ([]byte, error) {
	if err := e.check(i); err != nil {
		return nil, err
	}
	return []byte(e.names[i]), nil
}

func unmarshal[T ~int](e enum, dst *T, text []byte) error {
	i := slices.Index(e.names, string(text))
	if i < 0 {
		return fmt.Errorf("nn: %s %q is none of %s", e.kind, text, strings.Join(e.names, ", "))
	}
	*dst = T(i)
	return nil
}

func (p Padding) String() string    { return paddings.name(int(p)) }
func (k ConvKind) String() string   { return convKinds.name(int(k)) }
func (k PoolKind) String() string   { return poolKinds.name(int(k)) }
func (a Activation) String() string { return activations.name(int(a)) }

// MarshalText gives the name used in JSON, "same" for example.
func (p Padding) MarshalText() ([]byte, error) { return paddings.marshal(int(p)) }

// UnmarshalText reads what MarshalText gives.
func (p *Padding) UnmarshalText(b []byte) error { return unmarshal(paddings, p, b) }

// MarshalText gives the name used in JSON, "depthwise" for example.
func (k ConvKind) MarshalText() ([]byte, error) { return convKinds.marshal(int(k)) }

// UnmarshalText reads what MarshalText gives.
func (k *ConvKind) UnmarshalText(b []byte) error { return unmarshal(convKinds, k, b) }

// MarshalText gives the name used in JSON, "avg" for example.
func (k PoolKind) MarshalText() ([]byte, error) { return poolKinds.marshal(int(k)) }

// UnmarshalText reads what MarshalText gives.
func (k *PoolKind) UnmarshalText(b []byte) error { return unmarshal(poolKinds, k, b) }

// MarshalText gives the name used in JSON, "relu6" for example.
func (a Activation) MarshalText() ([]byte, error) { return activations.marshal(int(a)) }

// UnmarshalText reads what MarshalText gives.
func (a *Activation) UnmarshalText(b []byte) error { return unmarshal(activations, a, b) }
