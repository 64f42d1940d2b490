package hdf5

import (
	"bytes"
	"fmt"
)

// Kinds of storage.
const (
	layoutCompact    = 0
	layoutContiguous = 1
	layoutChunked    = 2
	layoutVirtual    = 3
)

// dataset is what an object's header says of its data.
type dataset struct {
	shape    []int
	dtype    datatype
	elements int
	bytes    int
	layout   byte
	compact  []byte
	address  uint64 // of the data, of the chunks' B-tree, or of the single chunk
	size     uint64 // of contiguous data
	chunk    []int  // the chunks' shape
	filters  []filter
	index    byte   // kind of the chunks' index; 0 is a B-tree
	single   *chunk // where layout 4 has just one
}

// Shape returns a dataset's dimensions, empty for a scalar.
func (o *Object) Shape() ([]int, error) {
	d, err := o.dataset()
	if err != nil {
		return nil, o.file.wrap(o.path, err)
	}
	return d.shape, nil
}

// DType names a dataset's element type: "float32", "int64", "string".
func (o *Object) DType() (string, error) {
	d, err := o.dataset()
	if err != nil {
		return "", o.file.wrap(o.path, err)
	}
	return d.dtype.String(), nil
}

// Float32 reads a dataset of numbers: its elements, row-major, and its shape.
// Those of 64 bits are rounded. What the file leaves out, to be filled with a
// default, is an error.
func (o *Object) Float32() ([]float32, []int, error) {
	d, err := o.dataset()
	if err == nil {
		err = o.file.stored(d)
	}
	if err != nil {
		return nil, nil, o.file.wrap(o.path, err)
	}
	if d.elements == 0 {
		_, err := d.dtype.decoder()
		return nil, d.shape, o.file.wrap(o.path, err)
	}
	values := make([]float32, d.elements)
	if err := o.file.float32s(values, d); err != nil {
		return nil, nil, o.file.wrap(o.path, err)
	}
	return values, d.shape, nil
}

// stored says whether the file can hold the data, before memory is taken for it.
func (f *File) stored(d *dataset) error {
	switch {
	case d.elements == 0 || d.layout == layoutCompact:
		return nil
	case d.layout == layoutContiguous && d.address == undefined:
		return fmt.Errorf("shape %v has no data stored", d.shape)
	case d.layout == layoutContiguous:
		return f.check(d.address, d.size)
	case uint64(d.bytes)/maxRatio > f.size:
		return fmt.Errorf("shape %v of %v takes %d bytes, the file has %d", d.shape, d.dtype, d.bytes, f.size)
	}
	return nil
}

func (f *File) float32s(values []float32, d *dataset) error {
	decode, err := d.dtype.decoder()
	if err != nil {
		return err
	}
	switch d.layout {
	case layoutCompact:
		decode(values, bytes.Clone(d.compact))
		return nil
	case layoutContiguous:
		if d.dtype.isNative() {
			return f.read(bytesUnder(values), d.address)
		}
		return f.readContiguous(values, d, decode)
	}
	return f.readChunked(values, d, decode)
}

// dataset parses the messages that describe the data.
func (o *Object) dataset() (*dataset, error) {
	space, ok1 := o.find(msgDataspace)
	dtype, ok2 := o.find(msgDatatype)
	layout, ok3 := o.find(msgLayout)
	if !ok1 || !ok2 || !ok3 {
		return nil, fmt.Errorf("not a dataset: %w", ErrNotFound)
	}
	if _, ok := o.find(msgExternal); ok {
		return nil, fmt.Errorf("external storage: %w", ErrExternal)
	}
	d := new(dataset)
	var err error
	if d.shape, err = parseDataspace(space.cursor()); err != nil {
		return nil, err
	}
	if d.dtype, err = parseDatatype(dtype.cursor()); err != nil {
		return nil, err
	}
	if d.elements, d.bytes, err = bytesOf(d.shape, d.dtype.size); err != nil {
		return nil, err
	}
	if filters, ok := o.find(msgFilters); ok {
		if d.filters, err = parseFilters(filters.cursor()); err != nil {
			return nil, err
		}
	}
	return d, d.parseLayout(layout.cursor())
}

func (d *dataset) parseLayout(c *cursor) error {
	version := c.byte()
	if c.err == nil && version != 3 && version != 4 {
		return fmt.Errorf("offset %d: data layout of version %d: %w", c.at, version, ErrUnsupported)
	}
	d.layout = c.byte()
	var have uint64
	switch d.layout {
	case layoutCompact:
		d.compact = c.take(c.uint16())
		have = uint64(len(d.compact))
	case layoutContiguous:
		d.address, d.size = c.offset(), c.length()
		have = d.size
	case layoutChunked:
		if version == 4 {
			return d.parseChunked4(c)
		}
		return d.parseChunked3(c)
	case layoutVirtual:
		return fmt.Errorf("offset %d: virtual dataset: %w", c.at, ErrExternal)
	default:
		return fmt.Errorf("offset %d: data layout of kind %d: %w", c.at, d.layout, ErrUnsupported)
	}
	if c.err == nil && have != uint64(d.bytes) {
		return fmt.Errorf("offset %d: shape %v of %v takes %d bytes, %d are stored", c.at, d.shape, d.dtype, d.bytes, have)
	}
	return c.err
}

// pieceSize bounds the memory that reading contiguous data takes beside the result.
const pieceSize = 1 << 15

func (f *File) readContiguous(values []float32, d *dataset, decode func([]float32, []byte)) error {
	piece := max(1, pieceSize/d.dtype.size)
	buffer := make([]byte, min(piece, d.elements)*d.dtype.size)
	for done := 0; done < len(values); {
		n := min(piece, len(values)-done)
		b := buffer[:n*d.dtype.size]
		if err := f.read(b, d.address+uint64(done*d.dtype.size)); err != nil {
			return err
		}
		decode(values[done:done+n], b)
		done += n
	}
	return nil
}
