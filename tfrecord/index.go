package tfrecord

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// Entry is where a record lies in a file, and what it is labelled.
type Entry struct {
	Offset int64 // of its header
	Length int   // of its data, bytes
	Label  int64 // of its picture; 0 in indexes that BuildIndex makes
}

// end is where the next record begins.
func (e Entry) end() int64 { return e.Offset + headerSize + int64(e.Length) + footerSize }

// Index is where the records of an uncompressed file lie, in order. As a file
// it is
//
//	0   8  "argusix1"
//	8   8  length of the file of records      all numbers little-endian
//	16  8  number of entries, n
//	24  24n entries: offset, length, label, 8 bytes each
//	    4  CRC-32C of all before
type Index struct {
	Size    int64 // of the file of records, bytes
	Entries []Entry
}

const (
	indexMagic  = "argusix1"
	indexHeader = 24
	indexEntry  = 24
)

// BuildIndex reads all of an uncompressed file, checking it.
func BuildIndex(r io.Reader, o ReaderOptions) (Index, error) {
	var x Index
	in := NewReader(r, o)
	for {
		data, err := in.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			return Index{}, err
		}
		if in.compression != None {
			return Index{}, fmt.Errorf("tfrecord: %s: is compressed: its records can only be read in order", o.Shard)
		}
		x.Entries = append(x.Entries, Entry{Offset: in.Offset(), Length: len(data)})
	}
	x.Size = in.offset
	return x, nil
}

// Append appends the index as a file to b.
func (x Index) Append(b []byte) []byte {
	start := len(b)
	b = append(b, indexMagic...)
	b = binary.LittleEndian.AppendUint64(b, uint64(x.Size))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(x.Entries)))
	for _, e := range x.Entries {
		b = binary.LittleEndian.AppendUint64(b, uint64(e.Offset))
		b = binary.LittleEndian.AppendUint64(b, uint64(e.Length))
		b = binary.LittleEndian.AppendUint64(b, uint64(e.Label))
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// ParseIndex reads an index file.
func ParseIndex(b []byte) (Index, error) {
	x, err := parseIndex(b)
	if err != nil {
		return Index{}, fmt.Errorf("tfrecord: index: %w", err)
	}
	return x, nil
}

func parseIndex(b []byte) (x Index, err error) {
	if len(b) < indexHeader+4 || string(b[:8]) != indexMagic {
		return x, fmt.Errorf("is none: %d bytes that start with %q", len(b), b[:min(8, len(b))])
	}
	body := b[:len(b)-4]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) {
		return x, ErrChecksum
	}
	x.Size = int64(binary.LittleEndian.Uint64(b[8:]))
	n := binary.LittleEndian.Uint64(b[16:])
	if entries := uint64(len(body)-indexHeader) / indexEntry; n != entries || len(body) != indexHeader+int(n)*indexEntry {
		return x, fmt.Errorf("states %d entries in %d bytes", n, len(b))
	}
	x.Entries = make([]Entry, n)
	at := int64(0)
	for i := range x.Entries {
		e := body[indexHeader+i*indexEntry:]
		length := binary.LittleEndian.Uint64(e[8:])
		if offset := int64(binary.LittleEndian.Uint64(e)); offset != at || x.Size < at || length > uint64(x.Size-at) {
			return x, fmt.Errorf("entry %d: offset %d and length %d, want offset %d inside of %d bytes", i, offset, length, at, x.Size)
		}
		x.Entries[i] = Entry{at, int(length), int64(binary.LittleEndian.Uint64(e[16:]))}
		at = x.Entries[i].end()
	}
	if at != x.Size {
		return x, fmt.Errorf("entries end at %d, the file at %d", at, x.Size)
	}
	return x, nil
}

// probed is the length from which on a record's end is looked for before room
// is made for it: an index may be false.
const probed = 1 << 20

// ReadAt reads the data of record i into buf, which grows where it must, and
// checks both sums. Errors are an *Error that names shard.
func (x Index) ReadAt(r io.ReaderAt, shard string, i int, buf []byte) ([]byte, error) {
	e := x.Entries[i]
	whole := int(e.end() - e.Offset)
	if whole > probed {
		if n, err := r.ReadAt(make([]byte, 1), e.end()-1); n == 0 {
			if err == io.EOF {
				err = fmt.Errorf("record of %d bytes is not there: %w", e.Length, io.ErrUnexpectedEOF)
			}
			return nil, &Error{shard, i, e.Offset, err}
		}
	}
	if cap(buf) < whole {
		buf = make([]byte, whole)
	}
	buf = buf[:whole]
	n, err := r.ReadAt(buf, e.Offset)
	switch {
	case n == whole:
		var data []byte
		if data, err = splitRecord(buf); err == nil {
			return data, nil
		}
	case err == io.EOF:
		err = cut("record", n, whole)
	}
	return nil, &Error{shard, i, e.Offset, err}
}
