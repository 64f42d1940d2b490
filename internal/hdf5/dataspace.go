package hdf5

import (
	"fmt"
	"math"
	"math/bits"
)

const maxRank = 32 // the format's own limit

// parseDataspace reads a shape: empty for a scalar, [0] for a null space.
func parseDataspace(c *cursor) ([]int, error) {
	version, rank, _ := c.byte(), int(c.byte()), c.byte()
	null := false
	switch version {
	case 1:
		c.take(5)
	case 2:
		null = c.byte() == 2
	default:
		if c.err == nil {
			c.fail("dataspace of version %d: %w", version, ErrUnsupported)
		}
	}
	if c.err == nil && rank > maxRank {
		c.fail("dataspace of %d dimensions, the limit is %d", rank, maxRank)
	}
	shape := make([]int, 0, min(rank, maxRank))
	for range rank {
		n := c.length()
		if n > math.MaxInt {
			c.fail("a dimension of %d", n)
		}
		shape = append(shape, int(n))
		if c.err != nil {
			return nil, c.err
		}
	}
	if null {
		shape = []int{0}
	}
	return shape, c.err
}

// bytesOf returns the number of elements of a shape, and their bytes.
func bytesOf(shape []int, size int) (elements, bytes int, err error) {
	n := uint64(1)
	for _, d := range shape {
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 {
			return 0, 0, fmt.Errorf("shape %v has too many elements", shape)
		}
		n = lo
	}
	hi, total := bits.Mul64(n, uint64(size))
	if hi != 0 || total > math.MaxInt {
		return 0, 0, fmt.Errorf("shape %v of %d bytes each is too large", shape, size)
	}
	return int(n), int(total), nil
}
