package hdf5

import (
	"encoding/binary"
	"fmt"
	"math"
)

// cursor reads little-endian fields from a block and remembers the first
// error; after it every read gives zero.
type cursor struct {
	b                []byte // what is left
	at               uint64 // where b[0] lies in the file
	offsets, lengths int
	err              error
}

func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("offset %d: "+format, append([]any{c.at}, args...)...)
	}
	c.b = nil
}

// take returns the next n bytes, nil where they are not there.
func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.fail("a field of %d bytes, %d are left", n, len(c.b))
		return nil
	}
	b := c.b[:n:n]
	c.b, c.at = c.b[n:], c.at+uint64(n)
	return b
}

// uint reads a number of 1 to 8 bytes.
func (c *cursor) uint(width int) uint64 {
	var wide [8]byte
	copy(wide[:], c.take(width))
	return binary.LittleEndian.Uint64(wide[:])
}

func (c *cursor) byte() byte     { return byte(c.uint(1)) }
func (c *cursor) uint16() int    { return int(c.uint(2)) }
func (c *cursor) uint32() uint64 { return c.uint(4) }
func (c *cursor) length() uint64 { return c.uint(c.lengths) }

// offset reads an address; all ones is undefined at any width.
func (c *cursor) offset() uint64 {
	at := c.uint(c.offsets)
	if c.err == nil && at == math.MaxUint64>>(64-8*c.offsets) {
		return undefined
	}
	return at
}

// magic wants the next bytes to be a structure's signature.
func (c *cursor) magic(want string) {
	at := c.at
	if got := c.take(len(want)); c.err == nil && string(got) != want {
		c.at = at
		c.fail("found %q, want %q", got, want)
	}
}

// part splits off the next n bytes as a cursor of their own.
func (c *cursor) part(n int) *cursor {
	at := c.at
	return &cursor{b: c.take(n), at: at, offsets: c.offsets, lengths: c.lengths, err: c.err}
}

// pad8 skips what pads n bytes to a multiple of eight.
func (c *cursor) pad8(n int) { c.take((8 - n%8) % 8) }
