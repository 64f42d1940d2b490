package tfrecord

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Feature is a tf.train.Feature: a list of one of three kinds, the one that is
// not nil. All nil is a feature without a kind, which TensorFlow allows.
type Feature struct {
	Bytes  [][]byte
	Floats []float32
	Ints   []int64
}

// Example is a tf.train.Example: features by name.
type Example map[string]Feature

// SequenceExample is a tf.train.SequenceExample: features of the whole and
// lists of features by name.
type SequenceExample struct {
	Context Example
	Lists   map[string][]Feature
}

// ExampleLimits says how much of an Example is read before it is refused. Zero fields
// mean the defaults.
type ExampleLimits struct {
	// Features is the most features: 4,096 by default.
	Features int
	// Values is the most byte strings, and the most features in lists, of one
	// Example: 1,048,576 by default. Numbers take no more than eight times
	// their record.
	Values int
}

// ErrTooMany is an Example with more in it than ExampleLimits allows.
var ErrTooMany = errors.New("too many")

// Field numbers of example.proto and feature.proto.
const (
	exampleFeatures  = 1 // Example.features, SequenceExample.context
	sequenceLists    = 2 // SequenceExample.feature_lists
	mapEntry         = 1 // Features.feature, FeatureLists.feature_list
	entryKey         = 1
	entryValue       = 2
	featureListValue = 1 // FeatureList.feature

	kindBytes  = 1
	kindFloats = 2
	kindInts   = 3
	listValue  = 1
)

// Append appends the Example's encoding to b, features in the order of their names:
// the one that protobuf's deterministic option gives.
func (e Example) Append(b []byte) []byte {
	n := e.size()
	b = appendPrefix(b, exampleFeatures, n)
	return e.appendFeatures(b)
}

// Append appends the encoding to b, in the order of the names.
func (s SequenceExample) Append(b []byte) []byte {
	if s.Context != nil {
		b = s.Context.Append(b)
	}
	if s.Lists == nil {
		return b
	}
	var lists []byte
	for _, name := range slices.Sorted(maps.Keys(s.Lists)) {
		var list []byte
		for _, f := range s.Lists[name] {
			list = appendPrefix(list, featureListValue, f.size())
			list = f.append(list)
		}
		lists = appendPrefix(lists, mapEntry, entrySize(name, len(list)))
		lists = appendEntry(lists, name, len(list))
		lists = append(lists, list...)
	}
	b = appendPrefix(b, sequenceLists, len(lists))
	return append(b, lists...)
}

// size is the length of a Features message.
func (e Example) size() int {
	n := 0
	for name, f := range e {
		n += fieldSize(entrySize(name, f.size()))
	}
	return n
}

func (e Example) appendFeatures(b []byte) []byte {
	for _, name := range slices.Sorted(maps.Keys(e)) {
		f := e[name]
		n := f.size()
		b = appendPrefix(b, mapEntry, entrySize(name, n))
		b = appendEntry(b, name, n)
		b = f.append(b)
	}
	return b
}

// fieldSize is the length of a field, numbered below 16, of n bytes.
func fieldSize(n int) int { return 1 + protowire.SizeBytes(n) }

func appendPrefix(b []byte, num protowire.Number, n int) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	return protowire.AppendVarint(b, uint64(n))
}

func entrySize(name string, value int) int { return fieldSize(len(name)) + fieldSize(value) }

// appendEntry appends a map's entry up to its value of n bytes.
func appendEntry(b []byte, name string, n int) []byte {
	b = appendPrefix(b, entryKey, len(name))
	b = append(b, name...)
	return appendPrefix(b, entryValue, n)
}

// list returns the kind and the length of the list's message.
func (f Feature) list() (kind protowire.Number, n int) {
	switch {
	case f.Bytes != nil:
		for _, v := range f.Bytes {
			n += fieldSize(len(v))
		}
		return kindBytes, n
	case f.Floats != nil:
		return kindFloats, packed(4 * len(f.Floats))
	case f.Ints != nil:
		return kindInts, packed(sizeInts(f.Ints))
	}
	return 0, 0
}

// packed is the length of a packed field; an empty one is left out.
func packed(n int) int {
	if n == 0 {
		return 0
	}
	return fieldSize(n)
}

func sizeInts(v []int64) (n int) {
	for _, i := range v {
		n += protowire.SizeVarint(uint64(i))
	}
	return n
}

func (f Feature) size() int {
	kind, n := f.list()
	if kind == 0 {
		return 0
	}
	return fieldSize(n)
}

func (f Feature) append(b []byte) []byte {
	kind, n := f.list()
	if kind == 0 {
		return b
	}
	b = appendPrefix(b, kind, n)
	switch {
	case kind == kindBytes:
		for _, v := range f.Bytes {
			b = appendPrefix(b, listValue, len(v))
			b = append(b, v...)
		}
	case n == 0:
	case kind == kindFloats:
		b = appendPrefix(b, listValue, 4*len(f.Floats))
		for _, v := range f.Floats {
			b = protowire.AppendFixed32(b, math.Float32bits(v))
		}
	default:
		b = appendPrefix(b, listValue, sizeInts(f.Ints))
		for _, v := range f.Ints {
			b = protowire.AppendVarint(b, uint64(v))
		}
	}
	return b
}

// ParseExample reads an Example. Byte strings are parts of b.
func ParseExample(b []byte, l ExampleLimits) (Example, error) {
	e, err := parseExample(b, l)
	return e, named("", err)
}

func parseExample(b []byte, l ExampleLimits) (Example, error) {
	p := newParser(l)
	e := Example{}
	err := fields(b, func(num protowire.Number, v []byte) error {
		if num != exampleFeatures {
			return nil
		}
		return p.features(e, v)
	})
	if err != nil {
		return nil, fmt.Errorf("Example: %w", err)
	}
	return e, nil
}

// ParseSequenceExample reads a SequenceExample. Byte strings are parts of b.
func ParseSequenceExample(b []byte, l ExampleLimits) (SequenceExample, error) {
	p := newParser(l)
	var s SequenceExample
	err := fields(b, func(num protowire.Number, v []byte) error {
		switch num {
		case exampleFeatures:
			if s.Context == nil {
				s.Context = Example{}
			}
			return p.features(s.Context, v)
		case sequenceLists:
			if s.Lists == nil {
				s.Lists = map[string][]Feature{}
			}
			return p.lists(s.Lists, v)
		}
		return nil
	})
	if err != nil {
		return SequenceExample{}, fmt.Errorf("tfrecord: SequenceExample: %w", err)
	}
	return s, nil
}

// parser counts what it has met.
type parser struct {
	limit, met struct{ features, values int }
}

func newParser(l ExampleLimits) *parser {
	p := &parser{}
	p.limit.features, p.limit.values = l.Features, l.Values
	if p.limit.features <= 0 {
		p.limit.features = 4096
	}
	if p.limit.values <= 0 {
		p.limit.values = 1 << 20
	}
	return p
}

func (p *parser) feature() error { return count(&p.met.features, p.limit.features, "features") }
func (p *parser) value() error   { return count(&p.met.values, p.limit.values, "values") }

func count(met *int, limit int, what string) error {
	if *met++; *met > limit {
		return fmt.Errorf("%w %s: limit is %d", ErrTooMany, what, limit)
	}
	return nil
}

// fields calls each with the number and content of every field that is a
// length and bytes; others are passed over, as no message of ours has them.
func fields(b []byte, each func(num protowire.Number, v []byte) error) error {
	for at := 0; at < len(b); {
		num, typ, n := protowire.ConsumeTag(b[at:])
		if n < 0 {
			return fmt.Errorf("field at byte %d: %w", at, protowire.ParseError(n))
		}
		at += n
		if n = protowire.ConsumeFieldValue(num, typ, b[at:]); n < 0 {
			return fmt.Errorf("field %d at byte %d: %w", num, at, protowire.ParseError(n))
		}
		if typ == protowire.BytesType {
			v, _ := protowire.ConsumeBytes(b[at : at+n])
			if err := each(num, v); err != nil {
				return err
			}
		}
		at += n
	}
	return nil
}

// features reads a Features message into e.
func (p *parser) features(e Example, b []byte) error {
	return fields(b, func(num protowire.Number, entry []byte) error {
		if num != mapEntry {
			return nil
		}
		if err := p.feature(); err != nil {
			return err
		}
		var name string
		var f Feature
		err := fields(entry, func(num protowire.Number, v []byte) error {
			switch num {
			case entryKey:
				name = string(v)
			case entryValue:
				return p.into(&f, v)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("feature %.100q: %w", name, err)
		}
		e[name] = f
		return nil
	})
}

// lists reads a FeatureLists message into m.
func (p *parser) lists(m map[string][]Feature, b []byte) error {
	return fields(b, func(num protowire.Number, entry []byte) error {
		if num != mapEntry {
			return nil
		}
		if err := p.feature(); err != nil {
			return err
		}
		var name string
		list := []Feature{}
		err := fields(entry, func(num protowire.Number, v []byte) (err error) {
			switch num {
			case entryKey:
				name = string(v)
			case entryValue:
				list, err = p.list(list, v)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("feature list %.100q: %w", name, err)
		}
		m[name] = list
		return nil
	})
}

func (p *parser) list(list []Feature, b []byte) ([]Feature, error) {
	err := fields(b, func(num protowire.Number, v []byte) error {
		if num != featureListValue {
			return nil
		}
		if err := p.value(); err != nil {
			return err
		}
		var f Feature
		err := p.into(&f, v)
		list = append(list, f)
		return err
	})
	return list, err
}

// into merges a Feature message into f: lists of one kind are joined, another
// kind replaces them.
func (p *parser) into(f *Feature, b []byte) error {
	return fields(b, func(num protowire.Number, v []byte) (err error) {
		switch num {
		case kindBytes:
			if f.Bytes == nil {
				*f = Feature{Bytes: [][]byte{}}
			}
			return fields(v, func(num protowire.Number, v []byte) error {
				if num == listValue {
					f.Bytes = append(f.Bytes, v)
					return p.value()
				}
				return nil
			})
		case kindFloats:
			if f.Floats == nil {
				*f = Feature{Floats: []float32{}}
			}
			f.Floats, err = appendValues(f.Floats, v, protowire.Fixed32Type, consumeFloat)
		case kindInts:
			if f.Ints == nil {
				*f = Feature{Ints: []int64{}}
			}
			f.Ints, err = appendValues(f.Ints, v, protowire.VarintType, consumeInt)
		}
		return err
	})
}

func consumeFloat(b []byte) (float32, int) {
	v, n := protowire.ConsumeFixed32(b)
	return math.Float32frombits(v), n
}

func consumeInt(b []byte) (int64, int) {
	v, n := protowire.ConsumeVarint(b)
	return int64(v), n
}

// appendValues appends the numbers of a list's message, packed or one by one.
func appendValues[T any](to []T, b []byte, one protowire.Type, consume func([]byte) (T, int)) ([]T, error) {
	for at := 0; at < len(b); {
		num, typ, n := protowire.ConsumeTag(b[at:])
		if n < 0 {
			return to, fmt.Errorf("list at byte %d: %w", at, protowire.ParseError(n))
		}
		at += n
		if n = protowire.ConsumeFieldValue(num, typ, b[at:]); n < 0 {
			return to, fmt.Errorf("list at byte %d: %w", at, protowire.ParseError(n))
		}
		value := b[at : at+n]
		at += n
		switch {
		case num != listValue:
			continue
		case typ == protowire.BytesType:
			value, _ = protowire.ConsumeBytes(value)
		case typ != one:
			continue
		}
		for len(value) > 0 {
			v, n := consume(value)
			if n < 0 {
				return to, fmt.Errorf("number at byte %d of list: %w", at, protowire.ParseError(n))
			}
			to = append(to, v)
			value = value[n:]
		}
	}
	return to, nil
}
