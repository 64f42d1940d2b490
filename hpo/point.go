package hpo

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// Point is a value for each parameter of a space that counts: float64, int,
// string or bool by the parameter's kind.
type Point map[string]any

// Has says whether the point has the parameter.
func (p Point) Has(name string) bool { _, ok := p[name]; return ok }

// Float is the value of a number, 0 where there is none.
func (p Point) Float(name string) float64 {
	switch v := p[name].(type) {
	case float64:
		return v
	case int:
		return float64(v)
	}
	return 0
}

// Int is the value of an int, 0 where there is none.
func (p Point) Int(name string) int { v, _ := p[name].(int); return v }

// Choice is the value of a categorical or ordinal parameter, "" where there is
// none.
func (p Point) Choice(name string) string { v, _ := p[name].(string); return v }

// Bool is the value of a bool, false where there is none.
func (p Point) Bool(name string) bool { v, _ := p[name].(bool); return v }

// Canonical returns p with values of the Go types that a Point has, as after
// reading JSON, where an int is a float64. It is an error if a value is missing,
// out of range or for a parameter that does not count, or a constraint does not
// hold.
func (s *Space) Canonical(p Point) (Point, error) {
	x, err := s.encode(p)
	if err != nil {
		return nil, fmt.Errorf("hpo: %w", err)
	}
	q := s.decode(x)
	for name, v := range q { // what rounding on the way there and back took
		if f, ok := number(p[name]); ok {
			if _, real := v.(float64); real {
				q[name] = f
			}
		}
	}
	return q, nil
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

// A code is a point as numbers, one for each parameter: for those with an order
// the place between low and high, from 0 to 1; for the others the position
// among the choices, false before true. NaN stands where the parameter does
// not count.
type code []float64

// encode returns the code of p, or why p is not in s.
func (s *Space) encode(p Point) (code, error) {
	x := make(code, len(s.params))
	known := 0
	for i, param := range s.params {
		v, has := p[param.Name]
		switch active := s.active(x, i); {
		case !active && !has:
			x[i] = math.NaN()
			continue
		case !active:
			return nil, fmt.Errorf("parameter %q does not count here and has value %v", param.Name, v)
		case !has:
			return nil, fmt.Errorf("parameter %q has no value", param.Name)
		}
		u, err := param.encode(v)
		if err != nil {
			return nil, fmt.Errorf("parameter %q: %w", param.Name, err)
		}
		x[i] = u
		known++
	}
	if known != len(p) {
		for name := range p {
			if _, ok := s.index[name]; !ok {
				return nil, fmt.Errorf("there is no parameter %q", name)
			}
		}
	}
	if !s.allowed(x) {
		return nil, fmt.Errorf("point %v breaks a constraint", p)
	}
	return x, nil
}

func (p Param) encode(v any) (float64, error) {
	switch p.Kind {
	case RealKind, IntKind:
		f, ok := number(v)
		if !ok || !(f >= p.Low && f <= p.High) || p.Kind == IntKind && f != math.Trunc(f) {
			return 0, fmt.Errorf("value is %v, want %s from %v to %v", v, p.Kind, p.Low, p.High)
		}
		return p.unit(f), nil
	case BoolKind:
		b, ok := v.(bool)
		if !ok {
			return 0, fmt.Errorf("value is %v, want true or false", v)
		}
		if b {
			return 1, nil
		}
		return 0, nil
	}
	c, ok := v.(string)
	at := slices.Index(p.Choices, c)
	if !ok || at < 0 {
		return 0, fmt.Errorf("value is %v, want one of %q", v, p.Choices)
	}
	return p.place(at), nil
}

// unit is where a number lies between low and high.
func (p Param) unit(f float64) float64 {
	if p.Low == p.High {
		return .5
	}
	if p.Log {
		return (math.Log(f) - math.Log(p.Low)) / (math.Log(p.High) - math.Log(p.Low))
	}
	return (f - p.Low) / (p.High - p.Low)
}

// fromUnit is the number at u, rounded if p is an int.
func (p Param) fromUnit(u float64) float64 {
	f := p.Low + u*(p.High-p.Low)
	if p.Log {
		f = math.Exp(math.Log(p.Low) + u*(math.Log(p.High)-math.Log(p.Low)))
	}
	if p.Kind == IntKind {
		f = math.Round(f)
	}
	return min(max(f, p.Low), p.High)
}

// place is the code of the value with the given position among p's levels,
// which can be counted.
func (p Param) place(at int) float64 {
	switch {
	case p.numeric():
		return p.unit(p.Low + float64(at))
	case p.unordered():
		return float64(at)
	case len(p.Choices) == 1:
		return .5
	}
	return float64(at) / float64(len(p.Choices)-1)
}

// position is the level nearest to a code; place turns it back.
func (p Param) position(u float64) int {
	switch {
	case p.numeric():
		return int(p.fromUnit(u) - p.Low)
	case p.unordered():
		return int(u)
	}
	return int(math.Round(u * float64(len(p.Choices)-1)))
}

// snap is the code of an allowed value nearest to u.
func (p Param) snap(u float64) float64 {
	if p.unordered() {
		return u
	}
	u = min(max(u, 0), 1)
	if p.levels() == 0 {
		return u
	}
	return p.place(p.position(u))
}

// fromLot is the code for a number from [0, 1): each value has its share of it.
func (p Param) fromLot(r float64) float64 {
	n := p.levels()
	if n == 0 || p.Log {
		return p.snap(r)
	}
	return p.place(min(int(r*float64(n)), n-1))
}

// active says whether parameter i counts, given the codes before it.
func (s *Space) active(x code, i int) bool {
	when, parent := s.params[i].When, s.parents[i]
	if when == nil {
		return true
	}
	if math.IsNaN(x[parent]) {
		return false
	}
	p := s.params[parent]
	if len(when.In) > 0 {
		return slices.Contains(when.In, fmt.Sprint(p.value(x[parent])))
	}
	if p.numeric() {
		return p.fromUnit(x[parent]) >= when.Min
	}
	return float64(p.position(x[parent])) >= when.Min
}

// value is what a code stands for.
func (p Param) value(u float64) any {
	switch p.Kind {
	case RealKind:
		return p.fromUnit(u)
	case IntKind:
		return int(p.fromUnit(u))
	case BoolKind:
		return u == 1
	}
	return p.Choices[p.position(u)]
}

func (s *Space) decode(x code) Point {
	p := Point{}
	for i, param := range s.params {
		if !math.IsNaN(x[i]) {
			p[param.Name] = param.value(x[i])
		}
	}
	return p
}

// settle moves x to the allowed values nearest to it, in place: parameters that
// do not count have none, and those that newly count take their middle.
func (s *Space) settle(x code) code {
	for i, p := range s.params {
		switch {
		case !s.active(x, i):
			x[i] = math.NaN()
		case math.IsNaN(x[i]) && p.unordered():
			x[i] = 0
		case math.IsNaN(x[i]):
			x[i] = p.snap(.5)
		default:
			x[i] = p.snap(x[i])
		}
	}
	return x
}

// allowed says whether the constraints hold.
func (s *Space) allowed(x code) bool {
	for _, c := range s.constraints {
		sum, size := 0.0, math.Abs(c.Max)
		for i, p := range s.params { // in order: the same bits every time
			if w := c.Terms[p.Name]; w != 0 && !math.IsNaN(x[i]) {
				term := w * p.fromUnit(x[i])
				sum += term
				size += math.Abs(term)
			}
		}
		if !(sum <= c.Max+1e-12*size) { // rounding breaks none
			return false
		}
	}
	return s.accept == nil || s.accept(s.decode(x))
}

// free says whether every code that was settled is allowed.
func (s *Space) free() bool { return len(s.constraints) == 0 && s.accept == nil }

// size is the number of points if there is a bound, with parameters that do
// not count taken as if they did; 0: more than can be counted.
func (s *Space) size() int {
	n := 1
	for _, p := range s.params {
		l := p.levels()
		if l == 0 || n > 1<<30/l {
			return 0
		}
		n *= l
	}
	return n
}
