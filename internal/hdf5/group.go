package hdf5

import (
	"fmt"
	"slices"
	"strings"
)

const (
	maxLinks = 1 << 16 // in a group
	maxName  = 4096    // bytes of a link's name
)

// link is a name in a group.
type link struct {
	name    string
	address uint64
	kind    byte // of a link message
}

// Kinds of links.
const (
	hardLink     = 0
	softLink     = 1
	externalLink = 64
)

// Names returns what the group holds, in the file's order (by name, where it
// is kept in a symbol table).
func (o *Object) Names() []string {
	names := make([]string, len(o.links))
	for i, l := range o.links {
		names[i] = l.name
	}
	return names
}

func (o *Object) link(name string) (link, error) {
	if !o.isGroup {
		return link{}, fmt.Errorf("not a group: no %q in it: %w", name, ErrNotFound)
	}
	i, ok := o.index[name]
	switch {
	case !ok:
		return link{}, fmt.Errorf("%q is not among the %d in the group: %w", name, len(o.links), ErrNotFound)
	case o.links[i].kind == externalLink:
		return link{}, fmt.Errorf("%q is a link into another file: %w", name, ErrExternal)
	case o.links[i].kind != hardLink:
		return link{}, fmt.Errorf("%q is a soft link: %w", name, ErrUnsupported)
	}
	return o.links[i], nil
}

// readLinks reads a group's links and leaves other objects alone.
func (o *Object) readLinks() error {
	for _, m := range o.messages {
		var err error
		switch m.kind {
		case msgSymbolTable:
			o.isGroup = true
			err = o.readSymbolTable(m.cursor())
		case msgLinkInfo:
			o.isGroup = true
			err = o.readDenseLinks(m.cursor())
		case msgLink:
			o.isGroup = true
			err = o.readLink(m.cursor())
		}
		if err != nil {
			return err
		}
	}
	o.index = make(map[string]int, len(o.links))
	for i, l := range o.links {
		if _, ok := o.index[l.name]; ok {
			return fmt.Errorf("the name %q comes twice in the group", l.name)
		}
		o.index[l.name] = i
	}
	return nil
}

func (o *Object) addLink(l link) error {
	if l.name == "" || len(l.name) > maxName || len(o.links) == maxLinks {
		return fmt.Errorf("link %d has a name of %d bytes; the limits are %d links and names of 1 to %d bytes",
			len(o.links), len(l.name), maxLinks, maxName)
	}
	o.links = append(o.links, l)
	return nil
}

// readSymbolTable reads the links of an old-style group: a B-tree over nodes
// of entries, and a heap of names.
func (o *Object) readSymbolTable(c *cursor) error {
	tree, heapAt := c.offset(), c.offset()
	if c.err != nil {
		return c.err
	}
	names, err := o.file.localHeap(heapAt)
	if err != nil {
		return err
	}
	return o.file.btree(tree, treeOfGroup, o.file.lengths, func(_ *cursor, node uint64) error {
		return o.readSymbols(node, names)
	})
}

func (o *Object) readSymbols(at uint64, names string) error {
	const scratch = 4 + 4 + 16 // kind of the cached data, reserved, cached data
	f := o.file
	head := f.block(at, 8)
	head.magic("SNOD")
	head.take(2) // version, reserved
	n := head.uint16()
	if head.err != nil {
		return head.err
	}
	c := f.block(at+8, uint64(n*(2*f.offsets+scratch)))
	for range n {
		nameAt, address, kind := c.offset(), c.offset(), c.uint32()
		c.take(scratch - 4)
		if c.err != nil {
			break
		}
		if nameAt >= uint64(len(names)) {
			return fmt.Errorf("offset %d: a name at %d in a heap of %d bytes", c.at, nameAt, len(names))
		}
		name, _, ended := strings.Cut(names[nameAt:min(uint64(len(names)), nameAt+maxName+1)], "\x00")
		if !ended {
			return fmt.Errorf("offset %d: the name at %d of the heap does not end", c.at, nameAt)
		}
		l := link{name: name, address: address}
		if kind == 2 { // of the cached data
			l.kind = softLink
		}
		if err := o.addLink(l); err != nil {
			return err
		}
	}
	return c.err
}

// localHeap returns the data of a heap of names.
func (f *File) localHeap(at uint64) (string, error) {
	c := f.block(at, uint64(8+2*f.lengths+f.offsets))
	c.magic("HEAP")
	c.take(4) // version, reserved
	size := c.length()
	c.length() // free list
	data := c.offset()
	if c.err != nil {
		return "", c.err
	}
	d := f.block(data, size)
	return string(d.b), d.err
}

// readDenseLinks reads the links of a new-style group that has many.
func (o *Object) readDenseLinks(c *cursor) error {
	c.take(1) // version
	if flags := c.byte(); flags&1 != 0 {
		c.take(8) // largest creation order
	}
	heap, index := c.offset(), c.offset()
	if c.err != nil || heap == undefined {
		return c.err
	}
	if err := o.file.dense(heap, index, o.readLink); err != nil {
		return err
	}
	slices.SortFunc(o.links, func(a, b link) int { return strings.Compare(a.name, b.name) })
	return nil
}

// readLink reads a link message, of a new-style group.
func (o *Object) readLink(c *cursor) error {
	c.take(1) // version
	flags := c.byte()
	kind := byte(hardLink)
	if flags&8 != 0 {
		kind = c.byte()
	}
	if flags&4 != 0 {
		c.take(8) // creation order
	}
	if flags&16 != 0 {
		c.take(1) // character set
	}
	n := c.uint(1 << (flags & 3))
	l := link{name: string(c.take(int(min(n, 1<<30)))), kind: kind}
	if kind == hardLink {
		l.address = c.offset()
	}
	if c.err != nil {
		return c.err
	}
	return o.addLink(l)
}
