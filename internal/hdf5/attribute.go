package hdf5

import (
	"bytes"
	"fmt"
	"slices"
)

// Attribute is a small named array on an object.
type Attribute struct {
	Name  string
	Shape []int // empty for a scalar

	object *Object
	dtype  datatype
	data   []byte
}

// Attribute returns the attribute called name; where there is none the error
// wraps [ErrNotFound].
func (o *Object) Attribute(name string) (*Attribute, error) {
	for _, m := range o.messages {
		if m.kind != msgAttribute {
			continue
		}
		a, err := o.parseAttribute(m.cursor(), name)
		if err != nil {
			return nil, o.file.wrap(o.path, fmt.Errorf("attribute %q: %w", name, err))
		}
		if a != nil {
			return a, nil
		}
	}
	err := ErrNotFound
	if o.denseAttributes() {
		err = fmt.Errorf("attributes in dense storage: %w", ErrUnsupported)
	}
	return nil, o.file.wrap(o.path, fmt.Errorf("attribute %q: %w", name, err))
}

// denseAttributes says whether some attributes lie in a fractal heap.
func (o *Object) denseAttributes() bool {
	m, ok := o.find(msgAttributeInfo)
	if !ok {
		return false
	}
	c := m.cursor()
	c.take(1) // version
	if c.byte()&1 != 0 {
		c.take(2) // largest creation order
	}
	heap := c.offset()
	return c.err != nil || heap != undefined
}

// parseAttribute reads an attribute if it has the wanted name, else gives nil.
func (o *Object) parseAttribute(c *cursor, want string) (*Attribute, error) {
	version, flags := c.byte(), c.byte()
	sizes := [3]int{c.uint16(), c.uint16(), c.uint16()} // name, type, space
	switch {
	case c.err != nil:
		return nil, c.err
	case version < 1 || version > 3:
		return nil, fmt.Errorf("offset %d: attribute message of version %d: %w", c.at, version, ErrUnsupported)
	case version == 3:
		c.take(1) // character set
	}
	var parts [3]*cursor
	for i, n := range sizes {
		parts[i] = c.part(n)
		if version == 1 {
			c.pad8(n)
		}
	}
	if name, _, _ := bytes.Cut(parts[0].b, []byte{0}); c.err != nil || string(name) != want {
		return nil, c.err
	}
	if version > 1 && flags&3 != 0 {
		return nil, fmt.Errorf("offset %d: shared type or space: %w", c.at, ErrUnsupported)
	}
	a := &Attribute{Name: want, object: o}
	var err error
	if a.dtype, err = parseDatatype(parts[1]); err != nil {
		return nil, err
	}
	if a.Shape, err = parseDataspace(parts[2]); err != nil {
		return nil, err
	}
	_, n, err := bytesOf(a.Shape, a.dtype.size)
	if err != nil {
		return nil, err
	}
	a.data = c.take(n)
	return a, c.err
}

// Strings returns the elements, row-major, of an attribute of strings. One
// without elements gives none, whatever its type.
func (a *Attribute) Strings() ([]string, error) {
	s, err := a.strings()
	if err != nil {
		return nil, a.wrap(err)
	}
	return s, nil
}

func (a *Attribute) strings() ([]string, error) {
	elements := len(a.data) / a.dtype.size
	switch {
	case elements == 0:
		return nil, nil
	case a.dtype.class == classString:
		var s []string
		for b := range slices.Chunk(a.data, a.dtype.size) {
			s = append(s, a.dtype.fixedString(b))
		}
		return s, nil
	case a.dtype.isString:
		return a.object.file.variableStrings(a.data, a.dtype.size)
	}
	return nil, fmt.Errorf("elements are %v, want strings", a.dtype)
}

// Float32 returns the elements, row-major, of an attribute of numbers.
func (a *Attribute) Float32() ([]float32, error) {
	decode, err := a.dtype.decoder()
	if err != nil {
		return nil, a.wrap(err)
	}
	v := make([]float32, len(a.data)/a.dtype.size)
	decode(v, bytes.Clone(a.data))
	return v, nil
}

func (a *Attribute) wrap(err error) error {
	return a.object.file.wrap(a.object.path, fmt.Errorf("attribute %q: %w", a.Name, err))
}
