package hdf5

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
)

// Filters by their registered numbers.
const (
	filterDeflate = 1
	filterShuffle = 2
)

// maxRatio is more than deflate can expand: 258 bytes for two bits.
const maxRatio = 1033

type filter int

// parseFilters reads a filter pipeline and refuses unknown filters.
func parseFilters(c *cursor) ([]filter, error) {
	version, n := c.byte(), int(c.byte())
	if c.err == nil && version != 1 && version != 2 {
		return nil, fmt.Errorf("offset %d: filter pipeline of version %d: %w", c.at, version, ErrUnsupported)
	}
	if version == 1 {
		c.take(6) // reserved
	}
	var filters []filter
	seen := map[int]bool{}
	for range n {
		id, nameSize := c.uint16(), 0
		if version == 1 || id >= 256 {
			nameSize = c.uint16()
		}
		c.take(2) // flags
		parameters := c.uint16()
		c.take(nameSize)
		if version == 1 {
			c.pad8(nameSize)
			parameters += parameters % 2
		}
		c.take(4 * parameters)
		if c.err != nil {
			return nil, c.err
		}
		if id != filterDeflate && id != filterShuffle || seen[id] {
			return nil, fmt.Errorf("offset %d: filter %d: %w", c.at, id, ErrUnsupported)
		}
		seen[id] = true
		filters = append(filters, filter(id))
	}
	return filters, c.err
}

// deflated says whether a chunk that skipped some filters is compressed.
func (d *dataset) deflated(skipped uint32) bool {
	for i, f := range d.filters {
		if f == filterDeflate && skipped>>i&1 == 0 {
			return true
		}
	}
	return false
}

// pipeline undoes the filters, last first.
type pipeline struct {
	filters []filter
	width   int    // of an element
	out     []byte // as long as a chunk
	inflate io.ReadCloser
}

// undo returns a chunk's bytes, which are as many as out has.
func (p *pipeline) undo(b []byte, skipped uint32) ([]byte, error) {
	for i := len(p.filters) - 1; i >= 0; i-- {
		if skipped>>i&1 != 0 {
			continue
		}
		switch p.filters[i] {
		case filterDeflate:
			if err := p.inflateTo(p.out, b); err != nil {
				return nil, err
			}
			b = p.out
		case filterShuffle:
			b = unshuffle(b, p.width)
		}
	}
	return b, nil
}

// inflateTo decompresses b, which must fill out and no more.
func (p *pipeline) inflateTo(out, b []byte) (err error) {
	source := bytes.NewReader(b)
	if p.inflate == nil {
		p.inflate, err = zlib.NewReader(source)
	} else {
		err = p.inflate.(zlib.Resetter).Reset(source, nil)
	}
	if err != nil {
		return fmt.Errorf("gzip: %w", err)
	}
	if n, err := io.ReadFull(p.inflate, out); err != nil {
		return fmt.Errorf("gzip: ends after %d of %d bytes: %w", n, len(out), err)
	}
	n, err := p.inflate.Read(make([]byte, 1))
	for n == 0 && err == nil {
		n, err = p.inflate.Read(make([]byte, 1))
	}
	switch {
	case n > 0:
		return fmt.Errorf("gzip: expands past the chunk's %d bytes", len(out))
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("gzip: %w", err)
	}
	return nil
}

// unshuffle brings the bytes of each element together, which lie by place in
// the element: all first bytes, all second bytes, and so on.
func unshuffle(b []byte, width int) []byte {
	n := len(b) / width
	out := make([]byte, len(b))
	for i := range width {
		plane := b[i*n : (i+1)*n]
		for j, v := range plane {
			out[j*width+i] = v
		}
	}
	copy(out[n*width:], b[n*width:])
	return out
}
