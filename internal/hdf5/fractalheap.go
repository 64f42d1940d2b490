package hdf5

import (
	"fmt"
	"math/bits"
)

// fractalHeap is where a group keeps links, or an object attributes, that are
// many: a row of blocks whose sizes double, addressed as one stretch of bytes.
type fractalHeap struct {
	file           *File
	idSize         int
	filtered       bool
	checked        bool // direct blocks carry a checksum
	offsetSize     int  // of an offset and of a length, in an object's ID
	lengthSize     int
	width          int    // blocks in a row
	start, largest uint64 // sizes of direct blocks
	root           uint64
	rows           int // of the root, an indirect block; 0 where it is a direct one
	blocks         map[uint64][]byte
}

func (f *File) fractalHeap(at uint64) (*fractalHeap, error) {
	c := f.upTo(at, 256)
	c.magic("FRHP")
	c.take(1) // version
	h := &fractalHeap{file: f, idSize: c.uint16(), blocks: map[uint64][]byte{}}
	h.filtered = c.uint16() > 0
	h.checked = c.byte()&2 != 0
	largestObject := c.uint32()
	c.length() // huge objects
	c.offset()
	c.length() // free space
	c.offset()
	for range 8 { // how much of what there is
		c.length()
	}
	h.width = c.uint16()
	h.start, h.largest = c.length(), c.length()
	addressBits := c.uint16()
	c.take(2) // rows at the start
	h.root, h.rows = c.offset(), c.uint16()
	power := func(n uint64) bool { return n > 0 && n&(n-1) == 0 }
	switch {
	case c.err != nil:
		return nil, c.err
	case h.filtered:
		return nil, fmt.Errorf("offset %d: fractal heap with filters: %w", at, ErrUnsupported)
	case !power(h.start) || !power(h.largest) || h.largest < h.start || h.largest > maxBlock || h.width < 1 || !power(uint64(h.width)) ||
		addressBits < 1 || addressBits > 64 || h.rows > addressBits:
		return nil, fmt.Errorf("offset %d: fractal heap of %d bits with %d rows of %d blocks of %d to %d bytes", at, addressBits, h.rows, h.width, h.start, h.largest)
	}
	h.offsetSize = (addressBits + 7) / 8
	h.lengthSize = min(bytesFor(h.largest), bytesFor(largestObject))
	return h, nil
}

// bytesFor is how many bytes hold n.
func bytesFor(n uint64) int { return max(1, (bits.Len64(n)+7)/8) }

// object returns the object with the given ID.
func (h *fractalHeap) object(id []byte) (*cursor, error) {
	c := &cursor{b: id}
	if kind := c.byte(); kind != 0 {
		return nil, fmt.Errorf("object of kind %#x in a fractal heap: %w", kind, ErrUnsupported)
	}
	offset, n := c.uint(h.offsetSize), c.uint(h.lengthSize)
	if c.err != nil {
		return nil, c.err
	}
	return h.find(h.root, h.rows, offset, n, offset)
}

// find looks for n bytes at an offset into the block at an address, which is a
// direct one where it has no rows.
func (h *fractalHeap) find(at uint64, rows int, offset, n, whole uint64) (*cursor, error) {
	if rows == 0 {
		return h.direct(at, h.start, offset, n)
	}
	f := h.file
	head := uint64(5 + f.offsets + h.offsetSize)
	c := f.block(at, head)
	if c.magic("FHIB"); c.err != nil {
		return nil, c.err
	}
	entry := uint64(0) // number of the first block of the row
	for row := range rows {
		size := h.start << max(0, row-1)
		if offset >= size*uint64(h.width) {
			offset -= size * uint64(h.width)
			entry += uint64(h.width)
			continue
		}
		entry += offset / size
		child := f.block(at+head+entry*uint64(f.offsets), uint64(f.offsets))
		to := child.offset()
		if child.err != nil {
			return nil, child.err
		}
		if size <= h.largest {
			return h.direct(to, size, offset%size, n)
		}
		inner := bits.Len64(size) - bits.Len64(h.start*uint64(h.width)) + 1
		if inner < 1 || inner >= rows+1 {
			break
		}
		return h.find(to, inner, offset%size, n, whole)
	}
	return nil, fmt.Errorf("offset %d: the fractal heap has no block for its byte %d", at, whole)
}

// direct takes n bytes from a direct block. Offsets count its header.
func (h *fractalHeap) direct(at, size, offset, n uint64) (*cursor, error) {
	f := h.file
	block, ok := h.blocks[at]
	if !ok {
		c := f.block(at, size)
		block = c.b
		if c.magic("FHDB"); c.err != nil {
			return nil, c.err
		}
		h.blocks[at] = block
	}
	head := uint64(5 + f.offsets + h.offsetSize)
	if h.checked {
		head += 4
	}
	if offset < head || offset > uint64(len(block)) || n > uint64(len(block))-offset {
		return nil, fmt.Errorf("offset %d: %d bytes at %d of a heap block of %d", at, n, offset, len(block))
	}
	return &cursor{b: block[offset : offset+n : offset+n], at: at + offset, offsets: f.offsets, lengths: f.lengths}, nil
}
