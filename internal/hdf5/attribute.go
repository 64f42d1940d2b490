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
	c, ok := o.attributes[name]
	if !ok {
		return nil, o.file.wrap(o.path, fmt.Errorf("attribute %q: %w", name, ErrNotFound))
	}
	again := *c // so that it can be read once more
	a, err := o.parseAttribute(&again)
	if err != nil {
		return nil, o.file.wrap(o.path, fmt.Errorf("attribute %q: %w", name, err))
	}
	return a, nil
}

// listAttributes finds the names of the attributes, in the header and in the
// heap of an object that has many.
func (o *Object) listAttributes() error {
	o.attributes = map[string]*cursor{}
	for _, m := range o.messages {
		var err error
		switch m.kind {
		case msgAttribute:
			err = o.addAttribute(m.cursor())
		case msgAttributeInfo:
			err = o.readDenseAttributes(m.cursor())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *Object) readDenseAttributes(c *cursor) error {
	c.take(1) // version
	if c.byte()&1 != 0 {
		c.take(2) // largest creation order
	}
	heap, index := c.offset(), c.offset()
	if c.err != nil || heap == undefined {
		return c.err
	}
	return o.file.dense(heap, index, o.addAttribute)
}

func (o *Object) addAttribute(c *cursor) error {
	parts, err := splitAttribute(c)
	if err != nil {
		return fmt.Errorf("attribute: %w", err)
	}
	if _, ok := o.attributes[parts.name]; ok {
		return fmt.Errorf("attribute %q comes twice", parts.name)
	}
	o.attributes[parts.name] = c
	return nil
}

// attributeParts is an attribute message taken apart.
type attributeParts struct {
	name               string
	shared             bool // type or space stand elsewhere
	dtype, space, data *cursor
}

// splitAttribute leaves c as it is.
func splitAttribute(c *cursor) (p attributeParts, err error) {
	rest := *c
	c = &rest
	version, flags := c.byte(), c.byte()
	sizes := [3]int{c.uint16(), c.uint16(), c.uint16()} // name, type, space
	switch {
	case c.err != nil:
		return p, c.err
	case version < 1 || version > 3:
		return p, fmt.Errorf("offset %d: attribute message of version %d: %w", c.at, version, ErrUnsupported)
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
	name, _, _ := bytes.Cut(parts[0].b, []byte{0})
	return attributeParts{string(name), version > 1 && flags&3 != 0, parts[1], parts[2], c}, c.err
}

func (o *Object) parseAttribute(c *cursor) (*Attribute, error) {
	parts, err := splitAttribute(c)
	if err != nil {
		return nil, err
	}
	if parts.shared {
		return nil, fmt.Errorf("offset %d: shared type or space: %w", c.at, ErrUnsupported)
	}
	a := &Attribute{Name: parts.name, object: o}
	if a.dtype, err = parseDatatype(parts.dtype); err != nil {
		return nil, err
	}
	if a.Shape, err = parseDataspace(parts.space); err != nil {
		return nil, err
	}
	_, n, err := bytesOf(a.Shape, a.dtype.size)
	if err != nil {
		return nil, err
	}
	a.data = parts.data.take(n)
	return a, parts.data.err
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
