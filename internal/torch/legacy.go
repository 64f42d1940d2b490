package torch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"unicode"
)

// magic is the first pickle of the old form: LONG1 of ten bytes, 0x1950a86a20f9469cfc6c.
var magic = []byte("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")

// isLegacy looks for magic after the protocol and the length.
func isLegacy(head []byte) bool {
	i := bytes.Index(head, magic)
	return i > 0 && head[0] == 0x80 && head[i-1] == byte(len(magic))
}

// isPickle looks for the protocol or, before there was that, for a name.
func isPickle(head []byte) bool {
	if len(head) > 1 && head[0] == 0x80 {
		return head[1] <= 5
	}
	name, ok := bytes.CutPrefix(head, []byte("c"))
	module, _, found := bytes.Cut(name, []byte("\n"))
	return ok && found && !bytes.ContainsFunc(module, func(c rune) bool { return c != '.' && c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) })
}

const protocol = 1001

// readLegacy reads magic, protocol, a description of the machine, the
// state_dict and the list of storages, a pickle each; then the storages, each
// led by its count.
func (f *File) readLegacy(r io.ReaderAt, size int64) error {
	m := newMachine(io.NewSectionReader(r, 0, size), size)
	var values [5]any
	for i, what := range []string{"magic", "protocol", "machine", "state_dict", "storages"} {
		var err error
		if values[i], err = m.run(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if values[1] != int64(protocol) {
		return fmt.Errorf("has protocol %s, want %d", kind(values[1]), protocol)
	}
	if d, ok := values[2].(*dict); ok {
		for i, k := range d.keys {
			if k == "little_endian" && d.values[i] != true {
				return fmt.Errorf("little_endian is %s: big-endian files are not read", kind(d.values[i]))
			}
		}
	}
	keys, ok := values[4].(*list)
	if !ok {
		return fmt.Errorf("storages: found %s, want a list", kind(values[4]))
	}
	if err := f.placeLegacy(r, m.at, size, keys.items, m.storages); err != nil {
		return err
	}
	return f.take(values[3], func(*storage) error { return nil })
}

// placeLegacy finds where each storage lies from at on.
func (f *File) placeLegacy(r io.ReaderAt, at, size int64, keys []any, named map[string]*storage) error {
	for _, k := range keys {
		key := text1(k)
		s := named[key]
		if _, twice := f.data[key]; s == nil || twice {
			return fmt.Errorf("storage %s comes twice or is not in the pickle", kind(k))
		}
		var b [8]byte
		if _, err := r.ReadAt(b[:], at); err != nil {
			return fmt.Errorf("storage %s, byte %d: %w", key, at, io.ErrUnexpectedEOF)
		}
		if n := binary.LittleEndian.Uint64(b[:]); n != uint64(s.count) {
			return fmt.Errorf("storage %s has %d numbers, the pickle says %d", key, n, s.count)
		}
		at += int64(len(b))
		length := s.count * s.dtype.width
		if length > size-at {
			return fmt.Errorf("storage %s of %d bytes at %d reaches beyond the file of %d: %w", key, length, at, size, io.ErrUnexpectedEOF)
		}
		f.data[key] = place{at: at}
		at += length
	}
	for key := range named {
		if _, ok := f.data[key]; !ok {
			return fmt.Errorf("storage %s is not in the file", key)
		}
	}
	if at != size {
		return fmt.Errorf("has %d bytes after its last storage", size-at)
	}
	return nil
}
