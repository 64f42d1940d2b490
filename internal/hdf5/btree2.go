package hdf5

import "fmt"

// tree2 is a B-tree of version 2, an index of links or attributes.
type tree2 struct {
	file     *File
	kind     byte
	nodeSize uint64
	record   int   // bytes
	counts   []int // bytes that hold a node's number of records, with those below it, by depth
	seen     map[uint64]bool
}

// btree2 calls visit with every record of the tree at an address.
func (f *File) btree2(at uint64, visit func(kind byte, record *cursor) error) error {
	c := f.block(at, uint64(22+f.offsets+f.lengths))
	c.magic("BTHD")
	c.take(1) // version
	t := tree2{file: f, kind: c.byte(), nodeSize: c.uint32(), record: c.uint16(), seen: map[uint64]bool{}}
	depth := c.uint16()
	c.take(2) // when nodes split and merge
	root, n := c.offset(), c.uint16()
	switch {
	case c.err != nil:
		return c.err
	case t.record == 0 || t.nodeSize <= nodeFrame || t.nodeSize > maxBlock || depth > 16:
		return fmt.Errorf("offset %d: B-tree of depth %d with nodes of %d bytes and records of %d", at, depth, t.nodeSize, t.record)
	case n == 0:
		return nil
	}
	t.measure(depth)
	return t.node(root, depth, n, visit)
}

const nodeFrame = 10 // bytes of a node's signature, version, kind and checksum

// measure finds how wide the counts in child pointers are.
func (t *tree2) measure(depth int) {
	most := (t.nodeSize - nodeFrame) / uint64(t.record)
	below := most
	t.counts = []int{bytesFor(most)}
	for range depth {
		pointer := uint64(t.file.offsets + t.counts[0])
		if len(t.counts) > 1 {
			pointer += uint64(t.counts[len(t.counts)-1])
		}
		n := uint64(0)
		if t.nodeSize > nodeFrame+pointer {
			n = (t.nodeSize - nodeFrame - pointer) / (uint64(t.record) + pointer)
		}
		below = (n+1)*below + n
		t.counts = append(t.counts, bytesFor(below))
	}
}

// node visits the n records of a node and all below it.
func (t *tree2) node(at uint64, depth, n int, visit func(byte, *cursor) error) error {
	if t.seen[at] {
		return fmt.Errorf("offset %d: the B-tree leads here twice", at)
	}
	t.seen[at] = true
	c := t.file.block(at, t.nodeSize)
	if depth == 0 {
		c.magic("BTLF")
	} else {
		c.magic("BTIN")
	}
	c.take(1) // version
	if kind := c.byte(); c.err == nil && kind != t.kind {
		return fmt.Errorf("offset %d: B-tree node of kind %d, want %d", at, kind, t.kind)
	}
	for range n {
		record := c.part(t.record)
		if c.err != nil {
			return c.err
		}
		if err := visit(t.kind, record); err != nil {
			return err
		}
	}
	if depth == 0 {
		return c.err
	}
	for range n + 1 {
		child, records := c.offset(), int(c.uint(t.counts[0]))
		if depth > 1 {
			c.take(t.counts[depth-1])
		}
		if c.err != nil {
			return c.err
		}
		if err := t.node(child, depth-1, records, visit); err != nil {
			return err
		}
	}
	return nil
}

// heapIDAt is where the records of an index keep the ID of an object in the
// heap: links by name and by order of creation, attributes likewise.
var heapIDAt = map[byte]int{5: 4, 6: 8, 8: 0, 9: 0}

// dense calls visit with every message that a heap holds, by its index.
func (f *File) dense(heapAt, index uint64, visit func(*cursor) error) error {
	heap, err := f.fractalHeap(heapAt)
	if err != nil {
		return err
	}
	return f.btree2(index, func(kind byte, record *cursor) error {
		skip, ok := heapIDAt[kind]
		if !ok {
			return fmt.Errorf("offset %d: B-tree of kind %d, want 5, 6, 8 or 9", index, kind)
		}
		record.take(skip)
		id := record.take(heap.idSize)
		if record.err != nil {
			return record.err
		}
		message, err := heap.object(id)
		if err != nil {
			return err
		}
		return visit(message)
	})
}
