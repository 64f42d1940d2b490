package hdf5

import (
	"fmt"
	"math"
	"slices"
)

// chunk is a piece of a chunked dataset.
type chunk struct {
	origin  []int // first element, in the dataset
	address uint64
	size    uint64 // bytes stored
	skipped uint32 // filters that were not applied, bit by bit
}

// parseChunked3 reads a chunked layout of version 3: the chunks lie in a B-tree.
func (d *dataset) parseChunked3(c *cursor) error {
	rank := int(c.byte())
	d.address = c.offset()
	return d.chunkShape(c, rank, 4)
}

// Kinds of chunk indexes of layout 4.
const (
	indexSingle     = 1
	indexImplicit   = 2
	indexFixedArray = 3
)

// parseChunked4 reads a chunked layout of version 4.
func (d *dataset) parseChunked4(c *cursor) error {
	const edgesUnfiltered, singleFiltered = 1, 2
	flags, rank, width := c.byte(), int(c.byte()), int(c.byte())
	if c.err == nil && (width < 1 || width > 8) {
		return fmt.Errorf("offset %d: chunk dimensions of %d bytes, want 1 to 8", c.at, width)
	}
	if err := d.chunkShape(c, rank, width); err != nil {
		return err
	}
	if flags&edgesUnfiltered != 0 && len(d.filters) > 0 {
		return fmt.Errorf("offset %d: chunks at the edge without filters: %w", c.at, ErrUnsupported)
	}
	_, size, err := bytesOf(d.chunk, d.dtype.size)
	if err != nil {
		return err
	}
	switch d.index = c.byte(); d.index {
	case indexSingle:
		d.single = &chunk{origin: make([]int, len(d.shape)), size: uint64(size)}
		if flags&singleFiltered != 0 {
			d.single.size, d.single.skipped = c.length(), uint32(c.uint32())
		}
		d.single.address = c.offset()
		return c.err
	case indexImplicit:
	case indexFixedArray:
		c.take(1) // bits of a page's number of chunks, again in the array
	default:
		if c.err == nil {
			c.fail("chunk index of kind %d: %w", d.index, ErrUnsupported)
		}
	}
	d.address = c.offset()
	return c.err
}

// chunkShape reads the chunks' dimensions, the last of which is the element's size.
func (d *dataset) chunkShape(c *cursor, rank, width int) error {
	if c.err == nil && rank != len(d.shape)+1 {
		return fmt.Errorf("offset %d: chunks of %d dimensions, the dataset has %d", c.at, rank-1, len(d.shape))
	}
	for range len(d.shape) {
		n := c.uint(width)
		if c.err == nil && (n == 0 || n > math.MaxInt32) {
			c.fail("a chunk's dimension of %d", n)
		}
		d.chunk = append(d.chunk, int(n))
	}
	if size := c.uint(width); c.err == nil && size != uint64(d.dtype.size) {
		return fmt.Errorf("offset %d: chunks of %d-byte elements, the dataset's are %d", c.at, size, d.dtype.size)
	}
	if elements, _, err := bytesOf(d.chunk, 1); err == nil && elements > d.elements+1<<20 {
		c.fail("chunks %v for a shape of %v", d.chunk, d.shape)
	}
	return c.err
}

// readChunked reads all chunks, each of which must be there once.
func (f *File) readChunked(values []float32, d *dataset, decode func([]float32, []byte)) error {
	elements, bytes, err := bytesOf(d.chunk, d.dtype.size)
	if err != nil {
		return err
	}
	chunks, err := f.chunks(d)
	if err != nil {
		return err
	}
	for _, k := range chunks {
		if err := d.checkStored(k, uint64(bytes)); err != nil {
			return err
		}
	}
	p := pipeline{filters: d.filters, width: d.dtype.size, out: make([]byte, bytes)}
	part := make([]float32, elements)
	var stored []byte
	for _, k := range chunks {
		stored = slices.Grow(stored[:0], int(k.size))[:k.size]
		if err := f.read(stored, k.address); err != nil {
			return err
		}
		raw, err := p.undo(stored, k.skipped)
		if err != nil {
			return fmt.Errorf("offset %d: chunk %v: %w", k.address, k.origin, err)
		}
		decode(part, raw)
		d.scatter(values, part, k.origin)
	}
	return nil
}

// chunks lists the chunks and checks that they are those of the shape, and
// that the file is large enough for them.
func (f *File) chunks(d *dataset) ([]chunk, error) {
	grid := make([]int, len(d.shape))
	for i, n := range d.shape {
		grid[i] = (n-1)/d.chunk[i] + 1
	}
	expected, _, err := bytesOf(grid, 1)
	if err != nil {
		return nil, err
	}
	if uint64(expected) > f.size {
		return nil, fmt.Errorf("shape %v in chunks %v has %d chunks, the file %d bytes", d.shape, d.chunk, expected, f.size)
	}
	var all []chunk
	var stored uint64
	seen := map[int]bool{}
	add := func(k chunk) error {
		at := 0
		for i, first := range k.origin {
			if first < 0 || first >= d.shape[i] || first%d.chunk[i] != 0 {
				return fmt.Errorf("offset %d: chunk at %v, shape is %v in chunks %v", k.address, k.origin, d.shape, d.chunk)
			}
			at = at*grid[i] + first/d.chunk[i]
		}
		if seen[at] {
			return fmt.Errorf("offset %d: chunk %v comes twice", k.address, k.origin)
		}
		seen[at] = true
		if err := f.check(k.address, k.size); err != nil {
			return err
		}
		if stored += k.size; stored > f.size {
			return fmt.Errorf("offset %d: the chunks overlap: %d bytes in a file of %d", k.address, stored, f.size)
		}
		all = append(all, k)
		return nil
	}
	switch {
	case d.single != nil:
		err = add(*d.single)
	case d.address == undefined:
	case d.index == indexImplicit:
		err = d.implicit(expected, grid, add)
	case d.index == indexFixedArray:
		err = f.fixedArray(d, expected, grid, add)
	default:
		err = f.btree(d.address, treeOfChunks, 8+8*(len(d.shape)+1), func(key *cursor, address uint64) error {
			k := chunk{address: address, size: key.uint32(), skipped: uint32(key.uint32())}
			for range d.shape {
				k.origin = append(k.origin, int(key.uint(8)))
			}
			return add(k)
		})
	}
	if err == nil && len(all) != expected {
		err = fmt.Errorf("shape %v in chunks %v has %d chunks, %d are stored", d.shape, d.chunk, expected, len(all))
	}
	return all, err
}

// checkStored wants the stored bytes to be able to give the chunk's, before
// memory is taken for it.
func (d *dataset) checkStored(k chunk, want uint64) error {
	if d.deflated(k.skipped) {
		if want/maxRatio > k.size {
			return fmt.Errorf("offset %d: chunk %v: %d bytes cannot inflate to %d", k.address, k.origin, k.size, want)
		}
	} else if k.size != want {
		return fmt.Errorf("offset %d: chunk %v has %d bytes, want %d", k.address, k.origin, k.size, want)
	}
	return nil
}

// scatter copies a chunk's values to their place; what lies past the shape's
// edge is left out.
func (d *dataset) scatter(dst, part []float32, origin []int) {
	if len(origin) == 0 {
		copy(dst, part)
		return
	}
	d.scatterDim(dst, part, origin, 0, 0, 0)
}

// scatterDim copies the dimensions from dim on; to and from index the rows before.
func (d *dataset) scatterDim(dst, part []float32, origin []int, dim, to, from int) {
	n := min(d.chunk[dim], d.shape[dim]-origin[dim])
	to, from = to*d.shape[dim]+origin[dim], from*d.chunk[dim]
	if dim == len(origin)-1 {
		copy(dst[to:to+n], part[from:])
		return
	}
	for i := range n {
		d.scatterDim(dst, part, origin, dim+1, to+i, from+i)
	}
}
