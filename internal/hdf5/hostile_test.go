package hdf5

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// le appends little-endian numbers of a width.
func le(b []byte, width int, numbers ...uint64) []byte {
	for _, n := range numbers {
		b = append(b, binary.LittleEndian.AppendUint64(nil, n)[:width]...)
	}
	return b
}

// image builds hostile files: structures at fixed places of 256 bytes each.
type image []byte

const slot = 256

func newImage(slots int) image {
	b := make(image, slots*slot)
	copy(b, signature)
	copy(b[8:], []byte{0, 0, 0, 0, 0, 8, 8})
	copy(b[24:], le(nil, 8, 0, undefined, uint64(len(b)), undefined, 0, 1*slot)) // root in slot 1
	return b
}

func (m image) put(at int, parts ...[]byte) { copy(m[at*slot:], bytes.Join(parts, nil)) }

// header is a version-1 object header of one message.
func (m image) header(at, kind int, body []byte) {
	head := le(le([]byte{1, 0}, 2, 1), 4, 1, uint64(8+len(body)))
	m.put(at, head, make([]byte, 4), le(nil, 2, uint64(kind), uint64(len(body))), make([]byte, 4), body)
}

// tree is a B-tree node whose keys are all zero.
func (m image) tree(at int, kind, level byte, keySize int, children ...uint64) {
	b := le([]byte{'T', 'R', 'E', 'E', kind, level}, 2, uint64(len(children)))
	b = le(b, 8, undefined, undefined)
	for _, c := range children {
		b = le(append(b, make([]byte, keySize)...), 8, c*slot)
	}
	m.put(at, b)
}

// group is the root as a symbol table: its tree in slot 2, its heap in slot 3.
func (m image) group() {
	m.header(1, msgSymbolTable, le(nil, 8, 2*slot, 3*slot))
	m.put(3, []byte("HEAP\x00\x00\x00\x00"), le(nil, 8, 16, undefined, 3*slot+32), []byte("\x00one\x00two\x00"))
}

// symbols is a node of links to slot 1, by the places of their names in the heap.
func (m image) symbols(at int, names ...uint64) {
	b := le([]byte("SNOD\x01\x00"), 2, uint64(len(names)))
	for _, n := range names {
		b = append(le(b, 8, n, 1*slot), make([]byte, 24)...)
	}
	m.put(at, b)
}

func TestHostileStructuresAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, want string
		make       func() image
	}{
		{"a tree that leads to itself", "offset 512: the B-tree leads to offset 512 twice", func() image {
			m := newImage(5)
			m.group()
			m.tree(2, 0, 1, 8, 2)
			return m
		}},
		{"a tree that shares a node", "the B-tree leads to offset 1024 twice", func() image {
			m := newImage(5)
			m.group()
			m.tree(2, 0, 0, 8, 4, 4)
			m.symbols(4)
			return m
		}},
		{"a tree whose levels do not fall", "B-tree node of level 7, want 2", func() image {
			m := newImage(5)
			m.group()
			m.tree(2, 0, 3, 8, 4)
			m.tree(4, 0, 7, 8, 2)
			return m
		}},
		{"a tree of another kind", "B-tree node of kind 1, want 0", func() image {
			m := newImage(5)
			m.group()
			m.tree(2, 1, 0, 8, 4)
			return m
		}},
		{"a name twice", `the name "one" comes twice in the group`, func() image {
			m := newImage(5)
			m.group()
			m.tree(2, 0, 0, 8, 4)
			m.symbols(4, 1, 1)
			return m
		}},
		{"a name past the heap", "a name at 16 in a heap of 16 bytes", func() image {
			m := newImage(5)
			m.group()
			m.tree(2, 0, 0, 8, 4)
			m.symbols(4, 16)
			return m
		}},
		{"no name", "link 0 has a name of 0 bytes", func() image {
			m := newImage(5)
			m.group()
			m.tree(2, 0, 0, 8, 4)
			m.symbols(4, 0)
			return m
		}},
		{"a group in itself", "this group is also /", func() image {
			m := newImage(5)
			m.group()
			m.tree(2, 0, 0, 8, 4)
			m.symbols(4, 1)
			return m
		}},
		{"an undefined tree", "/: undefined address", func() image {
			m := newImage(5)
			m.group()
			copy(m[slot+24:], le(nil, 8, undefined))
			return m
		}},
		{"a header that goes on in itself", "the header's continuations run in a loop", func() image {
			m := newImage(5)
			m.header(1, msgContinuation, le(nil, 8, slot+16, 24))
			return m
		}},
		{"headers that go on for ever", "the header takes 1791 bytes or more, the limit is 1280", func() image {
			m := newImage(5)
			m.header(1, msgContinuation, le(nil, 8, 2*slot, 2*slot))
			m.put(2, le(nil, 2, msgContinuation, 16), make([]byte, 4), le(nil, 8, 2*slot+1, 2*slot-1),
				le(nil, 2, msgContinuation, 16), make([]byte, 4), le(nil, 8, 2*slot+24, 3*slot-24), le(nil, 2, msgContinuation, 16), make([]byte, 4), le(nil, 8, 0, 5*slot))
			return m
		}},
		{"a header longer than the file", "the header takes 65536 bytes or more", func() image {
			m := newImage(5)
			m.header(1, msgSymbolTable, nil)
			copy(m[slot+8:], le(nil, 4, 1<<16))
			return m
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := readAll(c.make())
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "hdf5: /")
		})
	}
}

// deflate compresses as HDF5's gzip filter does.
func deflate(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

func TestAGzipChunkGivesExactlyItsBytes(t *testing.T) {
	want := bytes.Repeat([]byte{1, 2, 3, 4}, 250)
	p := pipeline{filters: []filter{filterDeflate}, width: 4, out: make([]byte, len(want))}
	for range 2 { // the second reuses the decompressor
		got, err := p.undo(deflate(want), 0)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := p.undo(deflate(append(want, 5)), 0)
	require.ErrorContains(t, err, "gzip: expands past the chunk's 1000 bytes")
	_, err = p.undo(deflate(make([]byte, 10<<20)), 0)
	require.ErrorContains(t, err, "gzip: expands past the chunk's 1000 bytes")
	_, err = p.undo(deflate(want[1:]), 0)
	require.ErrorContains(t, err, "gzip: ends after 999 of 1000 bytes")
	damaged := deflate(want)
	damaged[len(damaged)-1] ^= 1
	_, err = p.undo(damaged, 0)
	require.ErrorIs(t, err, zlib.ErrChecksum)
	_, err = p.undo([]byte("not gzip"), 0)
	require.ErrorIs(t, err, zlib.ErrHeader)
}

// TestChunksThatTheShapeDoesNotAllowAreRefused changes the chunks of a real
// dataset: their tree, and the dataset's description.
func TestChunksThatTheShapeDoesNotAllowAreRefused(t *testing.T) {
	good := func(name string) *dataset {
		o := open(t, openRoot(t, "old.h5"), "chunks/"+name)
		d, err := o.dataset()
		require.NoError(t, err)
		return d
	}
	file := openRoot(t, "old.h5").file
	for _, c := range []struct {
		name   string
		change func(*dataset)
		want   string
	}{
		{"gzip", func(d *dataset) { d.shape[0] = 3 }, "chunk at [4 0 0], shape is [3 7 3] in chunks [2 3 2]"},
		{"gzip", func(d *dataset) { d.shape[0] = 9 }, "shape [9 7 3] in chunks [2 3 2] has 30 chunks, 18 are stored"},
		{"gzip", func(d *dataset) { d.shape[0] = 1 << 40 }, "chunks, the file 67344 bytes"},
		{"both", func(d *dataset) { d.chunk[1] = 1 << 30 }, "bytes cannot inflate to 8589934592"},
		{"gzip", func(d *dataset) { d.chunk[0] = 3 }, "chunk at [2 0 0], shape is [5 7 3] in chunks [3 3 2]"},
		{"gzip", func(d *dataset) { d.filters = nil }, "bytes, want 48"},
		{"gzip", func(d *dataset) { d.address = 0 }, "offset 0: found \"\\x89HDF\", want \"TREE\""},
	} {
		d := good(c.name)
		c.change(d)
		err := file.readChunked(make([]float32, 1), d, decodeFloat32)
		require.ErrorContains(t, err, c.want)
	}
	require.EqualValues(t, 67344, file.size)
}

func TestShapesThatOverflowAreRefused(t *testing.T) {
	for _, shape := range [][]int{{1 << 40, 1 << 40}, {1 << 62, 2}, {1 << 61, 2}} {
		_, _, err := bytesOf(shape, 8)
		require.Error(t, err, "%v", shape)
	}
}

func TestGlobalHeapsThatOverlapAreRefused(t *testing.T) {
	m := newImage(4)
	object := func(at int, size uint64) {
		copy(m[at:], bytes.Join([][]byte{[]byte("GCOL\x01\x00\x00\x00"), le(nil, 8, size), le(nil, 2, 1, 1), make([]byte, 4), le(nil, 8, 4), []byte("text\x00\x00\x00\x00")}, nil))
	}
	object(slot, 600)
	object(slot+48, 600)
	f, err := New(bytes.NewReader(m), int64(len(m)))
	require.NoError(t, err)
	one := le(le(le(nil, 4, 4), 8, slot), 4, 1)
	s, err := f.variableStrings(append(one, one...), 16)
	require.NoError(t, err)
	require.Equal(t, []string{"text", "text"}, s)
	_, err = f.variableStrings(append(one, le(le(le(nil, 4, 4), 8, slot+48), 4, 1)...), 16)
	require.ErrorContains(t, err, "the global heaps overlap: 1200 bytes in a file of 1024")
	_, err = f.variableStrings(le(le(le(nil, 4, 5), 8, slot), 4, 1), 16)
	require.ErrorContains(t, err, "object 1 of the global heap has 4 bytes, want 5")
	_, err = f.variableStrings(le(le(le(nil, 4, 1), 8, slot), 4, 2), 16)
	require.ErrorContains(t, err, "object 2 of the global heap has 0 bytes, want 1")
}

// A group of many links to one large group, whose own links lead to nothing, is
// small and would have the large one read for every link.
func TestManyNamesOfOneLargeGroupCostNoMoreThanTheFile(t *testing.T) {
	const links, names = 4000, 60000
	heap := bytes.Repeat([]byte("n\x00"), 8)
	var names2 []byte
	var entries []byte
	for i := range names {
		entries = append(le(entries, 8, uint64(len(heap)+len(names2)), 1*slot), make([]byte, 24)...)
		names2 = append(names2, fmt.Sprintf("%d\x00", i)...)
	}
	heap = append(heap, names2...)
	m := newImage(8)
	at := uint64(len(m))
	m.header(1, msgSymbolTable, le(nil, 8, 2*slot, 3*slot))
	m.put(3, []byte("HEAP\x00\x00\x00\x00"), le(nil, 8, uint64(len(heap)), undefined, at))
	m.tree(2, 0, 0, 8, 4)
	m.put(4, le([]byte("SNOD\x01\x00"), 2, 0))
	big := append(m, heap...)
	node := uint64(len(big)+slot) / slot * slot
	big = append(big, make([]byte, int(node)-len(big))...)
	big = append(append(big, le([]byte("SNOD\x01\x00"), 2, names)...), entries...)
	big.tree(2, 0, 0, 8, node/slot)
	copy(big[40:], le(nil, 8, uint64(len(big))))
	f, err := New(bytes.NewReader(big), int64(len(big)))
	require.NoError(t, err)
	for range links {
		if _, err = f.Root(); err != nil {
			break
		}
	}
	require.ErrorContains(t, err, "its parts are read again and again")
	require.Less(t, f.metadata.Load(), 40*int64(f.size))
}

// FuzzRead wants no panic and no endless work on any bytes.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"new.h5", "deep.h5", "loop.h5", "dense.h5", "dense_attributes.h5", "userblock.h5", "ordered.h5", "latest.h5"} {
		b, err := os.ReadFile("testdata/" + name)
		require.NoError(f, err)
		f.Add(b)
	}
	m := newImage(5)
	m.group()
	m.tree(2, 0, 0, 8, 4)
	m.symbols(4, 1, 5)
	f.Add([]byte(m))
	f.Fuzz(func(_ *testing.T, b []byte) { _ = readAll(b) })
}
