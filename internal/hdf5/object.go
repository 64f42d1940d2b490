package hdf5

import (
	"fmt"
	"strings"
)

// Kinds of header messages.
const (
	msgDataspace     = 0x01
	msgLinkInfo      = 0x02
	msgDatatype      = 0x03
	msgLink          = 0x06
	msgExternal      = 0x07
	msgLayout        = 0x08
	msgFilters       = 0x0b
	msgAttribute     = 0x0c
	msgContinuation  = 0x10
	msgSymbolTable   = 0x11
	msgAttributeInfo = 0x15
)

const (
	maxHeader = 16 << 20 // bytes of an object's header
	maxDepth  = 256      // of groups in groups
)

// message is one message of an object header.
type message struct {
	kind   int
	shared bool // the body is a reference to a message elsewhere
	body   *cursor
}

// cursor returns the body afresh, so that it can be read again.
func (m message) cursor() *cursor {
	c := *m.body
	if m.shared {
		c.err = fmt.Errorf("offset %d: shared message: %w", c.at, ErrUnsupported)
		c.b = nil
	}
	return &c
}

// Object is a group or a dataset.
type Object struct {
	file     *File
	path     string
	address  uint64
	messages []message
	links    []link         // of a group
	index    map[string]int // of links, by name
	isGroup  bool

	attributes map[string]*cursor
}

// Path is where the object was found, from the root: "/layer/kernel:0".
func (o *Object) Path() string { return o.path }

// IsGroup tells groups from datasets.
func (o *Object) IsGroup() bool { return o.isGroup }

// Open opens the object that the slash-separated path leads to from the group.
func (o *Object) Open(path string) (*Object, error) {
	if depth := strings.Count(o.path+path, "/"); depth > maxDepth {
		return nil, o.file.wrap(o.path, fmt.Errorf("a path of %d groups, the limit is %d", depth, maxDepth))
	}
	for name := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		l, err := o.link(name)
		if err != nil {
			return nil, o.file.wrap(o.path, err)
		}
		if o, err = o.file.object(strings.TrimSuffix(o.path, "/")+"/"+name, l.address); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// Walk calls visit for the object and all below it, groups before what they
// hold. A group reached by two ways, as in a loop, is an error.
func (o *Object) Walk(visit func(*Object) error) error {
	return o.walk(visit, map[uint64]string{})
}

func (o *Object) walk(visit func(*Object) error, groups map[uint64]string) error {
	if err := visit(o); err != nil || !o.isGroup {
		return err
	}
	if first, ok := groups[o.address]; ok {
		return o.file.wrap(o.path, fmt.Errorf("offset %d: this group is also %s", o.address, first))
	}
	groups[o.address] = o.path
	if depth := strings.Count(o.path, "/"); depth > maxDepth {
		return o.file.wrap(o.path, fmt.Errorf("%d groups deep, the limit is %d", depth, maxDepth))
	}
	for _, l := range o.links {
		child, err := o.Open(l.name)
		if err == nil {
			err = child.walk(visit, groups)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// object reads the object header at an address, and a group's links.
func (f *File) object(path string, address uint64) (*Object, error) {
	o := &Object{file: f, path: path, address: address}
	err := o.readHeader()
	if err == nil {
		err = o.readLinks()
	}
	if err == nil {
		err = o.listAttributes()
	}
	if err != nil {
		return nil, f.wrap(path, err)
	}
	return o, nil
}

// find returns the first message of a kind.
func (o *Object) find(kind int) (message, bool) {
	for _, m := range o.messages {
		if m.kind == kind {
			return m, true
		}
	}
	return message{}, false
}

// headerBlock is a stretch of messages.
type headerBlock struct{ at, size uint64 }

// readHeader collects the messages of the header and its continuations.
func (o *Object) readHeader() error {
	f := o.file
	c := f.upTo(o.address, 32)
	var err error
	next := []headerBlock{{}}
	version2 := len(c.b) >= 4 && string(c.b[:4]) == "OHDR"
	var ordered bool // version 2: messages carry their creation order
	if version2 {
		next[0], ordered, err = prefix2(c)
	} else {
		next[0], err = prefix1(c)
	}
	if err != nil {
		return err
	}
	total := uint64(0)
	seen := map[uint64]bool{}
	for first := true; len(next) > 0; first = false {
		block := next[0]
		next = next[1:]
		if seen[block.at] {
			return fmt.Errorf("offset %d: the header's continuations run in a loop", block.at)
		}
		seen[block.at] = true
		if total += block.size; total > min(f.size, maxHeader) {
			return fmt.Errorf("offset %d: the header takes %d bytes or more, the limit is %d", block.at, total, min(f.size, maxHeader))
		}
		c := f.block(block.at, block.size)
		if version2 && !first {
			c.magic("OCHK")
			if len(c.b) >= 4 {
				c.b = c.b[:len(c.b)-4] // checksum
			}
		}
		if version2 {
			o.readMessages2(c, ordered)
		} else {
			o.readMessages1(c)
		}
		if c.err != nil {
			return c.err
		}
		more, err := o.takeContinuations()
		if err != nil {
			return err
		}
		next = append(next, more...)
	}
	return nil
}

// takeContinuations removes the continuation messages and returns their blocks.
func (o *Object) takeContinuations() (blocks []headerBlock, err error) {
	kept := o.messages[:0]
	for _, m := range o.messages {
		if m.kind != msgContinuation {
			kept = append(kept, m)
			continue
		}
		c := m.cursor()
		blocks = append(blocks, headerBlock{c.offset(), c.length()})
		if c.err != nil {
			return nil, c.err
		}
	}
	o.messages = kept
	return blocks, nil
}

// prefix1 reads a header's prefix, version 1, and gives its first block.
func prefix1(c *cursor) (headerBlock, error) {
	start := c.at
	if version := c.byte(); c.err == nil && version != 1 {
		return headerBlock{}, fmt.Errorf("offset %d: object header has version %d, want 1 or \"OHDR\"", start, version)
	}
	c.take(7) // reserved, number of messages, references
	size := c.uint32()
	return headerBlock{start + 16, size}, c.err
}

func (o *Object) readMessages1(c *cursor) {
	for len(c.b) >= 8 {
		kind, size, flags := c.uint16(), c.uint16(), c.byte()
		c.take(3)
		o.add(kind, flags, c.part(size))
	}
}

// prefix2 is prefix1 for version 2.
func prefix2(c *cursor) (block headerBlock, ordered bool, err error) {
	c.magic("OHDR")
	if version := c.byte(); c.err == nil && version != 2 {
		return block, false, fmt.Errorf("offset %d: object header has version %d, want 2", c.at-1, version)
	}
	flags := c.byte()
	if flags&0x20 != 0 {
		c.take(16) // times
	}
	if flags&0x10 != 0 {
		c.take(4) // where attributes turn dense
	}
	size := c.uint(1 << (flags & 3))
	return headerBlock{c.at, size}, flags&4 != 0, c.err
}

func (o *Object) readMessages2(c *cursor, ordered bool) {
	head := 4
	if ordered {
		head = 6
	}
	for len(c.b) >= head {
		kind, size, flags := int(c.byte()), c.uint16(), c.byte()
		c.take(head - 4)
		o.add(kind, flags, c.part(size))
	}
}

func (o *Object) add(kind int, flags byte, body *cursor) {
	if kind != 0 { // a nil message is free space
		o.messages = append(o.messages, message{kind, flags&2 != 0, body})
	}
}
