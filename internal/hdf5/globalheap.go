package hdf5

import (
	"fmt"
	"slices"
)

// variableStrings resolves strings of variable length: each element is a
// length and a reference into a global heap.
func (f *File) variableStrings(data []byte, size int) ([]string, error) {
	if size != 8+f.offsets {
		return nil, fmt.Errorf("a string of variable length takes %d bytes, want %d", size, 8+f.offsets)
	}
	heaps := map[uint64]map[int]string{}
	var read uint64
	var all []string
	for b := range slices.Chunk(data, size) {
		c := &cursor{b: b, offsets: f.offsets, lengths: f.lengths}
		n, at, index := c.uint32(), c.offset(), int(c.uint32())
		if n == 0 {
			all = append(all, "")
			continue
		}
		heap, ok := heaps[at]
		if !ok {
			bytes, parsed, err := f.globalHeap(at)
			if err != nil {
				return nil, err
			}
			if read += bytes; read > f.size {
				return nil, fmt.Errorf("offset %d: the global heaps overlap: %d bytes in a file of %d", at, read, f.size)
			}
			heap, heaps[at] = parsed, parsed
		}
		s, ok := heap[index]
		if !ok || n > uint64(len(s)) {
			return nil, fmt.Errorf("offset %d: object %d of the global heap has %d bytes, want %d", at, index, len(s), n)
		}
		all = append(all, s[:n])
	}
	return all, nil
}

// globalHeap reads a collection: its size and its objects by index.
func (f *File) globalHeap(at uint64) (size uint64, objects map[int]string, err error) {
	head := f.block(at, uint64(8+f.lengths))
	head.magic("GCOL")
	head.take(4) // version, reserved
	size = head.length()
	prefix := uint64(8 + f.lengths)
	if head.err == nil && size < prefix {
		head.fail("a global heap of %d bytes", size)
	}
	if head.err != nil {
		return 0, nil, head.err
	}
	c := f.block(at+prefix, size-prefix)
	all := string(c.b) // objects share it
	objects = map[int]string{}
	for len(c.b) >= 8+f.lengths {
		index := c.uint16()
		c.take(6) // references, reserved
		n := c.length()
		if index == 0 { // free space to the end
			break
		}
		if n > uint64(len(c.b)) {
			c.fail("object %d of the global heap has %d bytes, %d are left", index, n, len(c.b))
			break
		}
		start := len(all) - len(c.b)
		objects[index] = all[start : start+int(n)]
		c.take(int(min(n+(8-n%8)%8, uint64(len(c.b)))))
	}
	return size, objects, c.err
}
