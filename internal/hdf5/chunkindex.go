package hdf5

import "fmt"

// originOf is the first element of the chunk of a number, counted row-major.
func (d *dataset) originOf(number int, grid []int) []int {
	origin := make([]int, len(grid))
	for i := len(grid) - 1; i >= 0; i-- {
		origin[i] = number % grid[i] * d.chunk[i]
		number /= grid[i]
	}
	return origin
}

// implicit lists chunks that lie one after the other, without filters.
func (d *dataset) implicit(n int, grid []int, add func(chunk) error) error {
	_, size, err := bytesOf(d.chunk, d.dtype.size)
	for i := 0; i < n && err == nil; i++ {
		err = add(chunk{d.originOf(i, grid), d.address + uint64(i)*uint64(size), uint64(size), 0})
	}
	return err
}

// fixedArray lists the chunks of an array of addresses, in pages where it is long.
func (f *File) fixedArray(d *dataset, n int, grid []int, add func(chunk) error) error {
	c := f.block(d.address, uint64(12+f.lengths+f.offsets))
	c.magic("FAHD")
	c.take(1) // version
	filtered, entry, pageBits := c.byte() == 1, int(c.byte()), int(c.byte())
	entries, at := c.length(), c.offset()
	sizeWidth := entry - f.offsets - 4
	switch {
	case c.err != nil:
		return c.err
	case entries != uint64(n):
		return fmt.Errorf("offset %d: an array of %d chunks, shape %v in chunks %v has %d", d.address, entries, d.shape, d.chunk, n)
	case !filtered && entry != f.offsets || filtered && (sizeWidth < 1 || sizeWidth > 8) || pageBits > 30:
		return fmt.Errorf("offset %d: an array with entries of %d bytes and pages of 2^%d", d.address, entry, pageBits)
	}
	_, size, err := bytesOf(d.chunk, d.dtype.size)
	if err != nil {
		return err
	}
	const checksum = 4
	head, page := uint64(6+f.offsets), min(n, 1<<pageBits)
	paged := n > page
	if paged {
		head += uint64((n+page-1)/page+7)/8 + checksum
	}
	if c = f.block(at, head); paged {
		page = 1 << pageBits
	}
	if c.magic("FADB"); c.err != nil {
		return c.err
	}
	next := at + head
	for first := 0; first < n; first += page {
		count := min(page, n-first)
		c := f.block(next, uint64(count)*uint64(entry))
		for i := range count {
			k := chunk{origin: d.originOf(first+i, grid), address: c.offset(), size: uint64(size)}
			if filtered {
				k.size, k.skipped = c.uint(sizeWidth), uint32(c.uint32())
			}
			if c.err != nil {
				return c.err
			}
			if k.address == undefined {
				continue
			}
			if err := add(k); err != nil {
				return err
			}
		}
		next += uint64(count)*uint64(entry) + checksum
	}
	return nil
}
