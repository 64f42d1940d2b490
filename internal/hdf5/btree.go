package hdf5

import "fmt"

const (
	treeOfGroup  = 0
	treeOfChunks = 1
)

// btree walks a version-1 B-tree of any depth and calls leaf with the key and
// the address of everything that its lowest nodes point to.
func (f *File) btree(root uint64, kind byte, keySize int, leaf func(key *cursor, child uint64) error) error {
	return f.btreeNode(root, -1, kind, keySize, map[uint64]bool{root: true}, leaf)
}

// btreeNode walks one node; level is what it must have, -1 for any. Nothing
// may be reached twice, so that overlapping nodes cannot multiply the work.
func (f *File) btreeNode(at uint64, level int, kind byte, keySize int, seen map[uint64]bool, leaf func(*cursor, uint64) error) error {
	head := f.block(at, uint64(8+2*f.offsets))
	head.magic("TREE")
	gotKind, gotLevel, n := head.byte(), int(head.byte()), head.uint16()
	switch {
	case head.err != nil:
		return head.err
	case gotKind != kind:
		return fmt.Errorf("offset %d: B-tree node of kind %d, want %d", at, gotKind, kind)
	case level >= 0 && gotLevel != level:
		return fmt.Errorf("offset %d: B-tree node of level %d, want %d", at, gotLevel, level)
	}
	c := f.block(at+uint64(8+2*f.offsets), uint64(n*(keySize+f.offsets)))
	for range n {
		key, child := c.part(keySize), c.offset()
		if c.err != nil {
			break
		}
		visit := leaf
		if gotLevel > 0 {
			visit = func(_ *cursor, child uint64) error {
				return f.btreeNode(child, gotLevel-1, kind, keySize, seen, leaf)
			}
		}
		if seen[child] {
			return fmt.Errorf("offset %d: the B-tree leads to offset %d twice", at, child)
		}
		seen[child] = true
		if err := visit(key, child); err != nil {
			return err
		}
	}
	return c.err
}
