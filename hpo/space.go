package hpo

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Kind is what the values of a parameter are.
type Kind string

// The kinds of parameters, and the Go type of their values in a Point.
const (
	RealKind        Kind = "real"        // float64
	IntKind         Kind = "int"         // int
	CategoricalKind Kind = "categorical" // string; no value is nearer to another than a third
	OrdinalKind     Kind = "ordinal"     // string; near in the list is near in effect
	BoolKind        Kind = "bool"        // bool
)

// Param is a parameter of a Space.
type Param struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// Low and High bound numbers; both are allowed values.
	Low  float64 `json:"low,omitempty"`
	High float64 `json:"high,omitempty"`
	// Log spreads numbers evenly over orders of magnitude. Low is above 0 then.
	Log bool `json:"log,omitempty"`
	// Choices of a categorical or ordinal parameter.
	Choices []string `json:"choices,omitempty"`
	// When says where the parameter counts; nil: everywhere.
	When *When `json:"when,omitempty"`
}

// When is a condition on a parameter that stands earlier in the space. Where it
// does not hold, or that parameter does not count itself, the point has no value
// for the parameter that depends on it.
type When struct {
	Param string `json:"param"`
	// In lists values in the form of Sprint. Without it a number, or the
	// position in the choices from 0, has to be at least Min.
	In  []string `json:"in,omitempty"`
	Min float64  `json:"min,omitempty"`
}

// Constraint bounds a weighted sum of numbers: Σ Terms[name]·value ≤ Max. A
// parameter that does not count adds nothing.
type Constraint struct {
	Terms map[string]float64 `json:"terms"`
	Max   float64            `json:"max"`
}

// Real is a number from low to high.
func Real(name string, low, high float64) Param {
	return Param{Name: name, Kind: RealKind, Low: low, High: high}
}

// LogReal is a number from low to high, above 0, whose magnitude matters.
func LogReal(name string, low, high float64) Param {
	return Param{Name: name, Kind: RealKind, Low: low, High: high, Log: true}
}

// Int is a whole number from low to high.
func Int(name string, low, high int) Param {
	return Param{Name: name, Kind: IntKind, Low: float64(low), High: float64(high)}
}

// LogInt is a whole number from low to high, above 0, whose magnitude matters.
func LogInt(name string, low, high int) Param {
	return Param{Name: name, Kind: IntKind, Low: float64(low), High: float64(high), Log: true}
}

// Categorical is one of choices without order.
func Categorical(name string, choices ...string) Param {
	return Param{Name: name, Kind: CategoricalKind, Choices: choices}
}

// Ordinal is one of choices in order.
func Ordinal(name string, choices ...string) Param {
	return Param{Name: name, Kind: OrdinalKind, Choices: choices}
}

// Bool is true or false.
func Bool(name string) Param { return Param{Name: name, Kind: BoolKind} }

// If returns p for points where the named parameter has one of values.
func (p Param) If(name string, values ...any) Param {
	p.When = &When{Param: name}
	for _, v := range values {
		p.When.In = append(p.When.In, fmt.Sprint(v))
	}
	return p
}

// IfAtLeast returns p for points where the named parameter is at least low.
func (p Param) IfAtLeast(name string, low float64) Param {
	p.When = &When{Param: name, Min: low}
	return p
}

func (p Param) numeric() bool { return p.Kind == RealKind || p.Kind == IntKind }

// unordered says whether values are labels, not places on a line.
func (p Param) unordered() bool { return p.Kind == CategoricalKind || p.Kind == BoolKind }

// levels is the number of values; 0: more than can be counted.
func (p Param) levels() int {
	switch p.Kind {
	case IntKind:
		return int(p.High-p.Low) + 1
	case RealKind:
		if p.Low == p.High {
			return 1
		}
		return 0
	case BoolKind:
		return 2
	}
	return len(p.Choices)
}

// maxInt bounds integers to what float64 holds with room for differences.
const maxInt = 1 << 52

func (p Param) check() error {
	switch p.Kind {
	case RealKind, IntKind:
		if math.IsNaN(p.Low) || math.IsInf(p.Low, 0) || math.IsNaN(p.High) || math.IsInf(p.High, 0) || math.IsInf(p.High-p.Low, 0) {
			return fmt.Errorf("low %v and high %v are not finite", p.Low, p.High)
		}
		if p.Low > p.High {
			return fmt.Errorf("low %v is above high %v", p.Low, p.High)
		}
		if p.Log && p.Low <= 0 {
			return fmt.Errorf("low is %v, want above 0 on a log scale", p.Low)
		}
		if p.Kind == IntKind && (p.Low != math.Trunc(p.Low) || p.High != math.Trunc(p.High) || max(-p.Low, p.High) > maxInt) {
			return fmt.Errorf("low %v and high %v are not whole numbers within ±2⁵²", p.Low, p.High)
		}
	case CategoricalKind, OrdinalKind:
		if len(p.Choices) == 0 {
			return errors.New("there are no choices")
		}
		seen := map[string]bool{}
		for _, c := range p.Choices {
			if seen[c] {
				return fmt.Errorf("choice %q stands twice", c)
			}
			seen[c] = true
		}
	case BoolKind:
	default:
		return fmt.Errorf("kind is %q, want real, int, categorical, ordinal or bool", p.Kind)
	}
	return nil
}

// Space is the set of points to search. It does not change once made, but for
// Where.
type Space struct {
	params      []Param
	parents     []int // position of When.Param, or -1
	constraints []Constraint
	index       map[string]int
	accept      func(Point) bool
}

// NewSpace returns the space of the given parameters.
func NewSpace(params ...Param) (*Space, error) {
	s := &Space{index: map[string]int{}}
	for i, p := range params {
		p.Choices = slices.Clone(p.Choices)
		if p.Name == "" {
			return nil, fmt.Errorf("hpo: parameter %d has no name", i)
		}
		if _, ok := s.index[p.Name]; ok {
			return nil, fmt.Errorf("hpo: there are two parameters %q", p.Name)
		}
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("hpo: parameter %q: %w", p.Name, err)
		}
		parent := -1
		if p.When != nil {
			at, ok := s.index[p.When.Param]
			if !ok {
				return nil, fmt.Errorf("hpo: parameter %q depends on %q, which is not before it", p.Name, p.When.Param)
			}
			when := *p.When
			when.In = slices.Clone(when.In)
			p.When, parent = &when, at
		}
		s.index[p.Name] = i
		s.params = append(s.params, p)
		s.parents = append(s.parents, parent)
	}
	if len(params) == 0 {
		return nil, errors.New("hpo: a space has no parameters")
	}
	return s, nil
}

// Constrain adds constraints and returns s.
func (s *Space) Constrain(constraints ...Constraint) (*Space, error) {
	for _, c := range constraints {
		for name := range c.Terms {
			i, ok := s.index[name]
			if !ok || !s.params[i].numeric() {
				return nil, fmt.Errorf("hpo: a constraint is on %q, which is no number of the space", name)
			}
		}
		s.constraints = append(s.constraints, c)
	}
	return s, nil
}

// Where adds a condition on whole points and returns s. It is called often and
// from several goroutines, and is no part of the JSON form.
func (s *Space) Where(accept func(Point) bool) *Space {
	s.accept = accept
	return s
}

// Params returns a copy of the parameters.
func (s *Space) Params() []Param { return slices.Clone(s.params) }

type spaceJSON struct {
	Params      []Param      `json:"params"`
	Constraints []Constraint `json:"constraints,omitempty"`
}

// MarshalJSON gives parameters and constraints.
func (s *Space) MarshalJSON() ([]byte, error) {
	return json.Marshal(spaceJSON{s.params, s.constraints})
}

// UnmarshalJSON reads and checks what MarshalJSON gave.
func (s *Space) UnmarshalJSON(b []byte) error {
	var form spaceJSON
	if err := json.Unmarshal(b, &form); err != nil {
		return fmt.Errorf("hpo: space: %w", err)
	}
	read, err := NewSpace(form.Params...)
	if err != nil {
		return err
	}
	if read, err = read.Constrain(form.Constraints...); err != nil {
		return err
	}
	*s = *read
	return nil
}
