// Package hdf5 reads the part of HDF5 that Keras weight files use, and takes
// every file for hostile.
//
// It reads superblocks 0 to 3; groups kept in symbol tables (B-tree version 1
// of any depth), as compact links and in fractal heaps; object headers 1 and 2
// with continuations; attributes in the object header and in fractal heaps;
// datasets stored compact, contiguous or in chunks (B-tree version 1, single,
// implicit and fixed-array indexes), with gzip and shuffle; floats of 16, 32 and
// 64 bits, integers, and strings of fixed or variable length. Indexes of
// datasets that can grow, shared messages and soft links are errors that say so;
// links into other files, external storage and virtual datasets are refused.
//
// The format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html.
package hdf5

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync/atomic"
)

// ErrNotFound is wrapped by the errors for a missing object or attribute.
var ErrNotFound = errors.New("not found")

// ErrUnsupported is wrapped by the errors for features of the format that
// this package does not read.
var ErrUnsupported = errors.New("not supported")

// ErrExternal is wrapped by the errors for what lies in another file: this
// package opens none but the one it was given.
var ErrExternal = errors.New("refused, its data lies in another file")

const (
	signature = "\x89HDF\r\n\x1a\n"
	undefined = math.MaxUint64 // an address that leads nowhere

	// maxBlock bounds one piece of metadata, in bytes; data may be larger.
	maxBlock = 64 << 20
)

// File is an open HDF5 file. It may be used by several goroutines at once.
type File struct {
	name    string // for errors; empty where there is no path
	r       io.ReaderAt
	closer  io.Closer
	size    uint64
	offsets int // width of an address, in bytes
	lengths int // width of a length, in bytes
	root    uint64

	metadata atomic.Int64 // bytes read of it so far
}

// Open opens the file at path. The caller closes it.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("hdf5: %w", err)
	}
	stat, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("hdf5: %w", err)
	}
	file := &File{name: path, closer: f}
	if err := file.readSuperblock(f, stat.Size()); err != nil {
		f.Close()
		return nil, file.wrap("superblock", err)
	}
	return file, nil
}

// New reads the size bytes behind r, which must stay readable while the File
// is in use.
func New(r io.ReaderAt, size int64) (*File, error) {
	f := new(File)
	if err := f.readSuperblock(r, size); err != nil {
		return nil, f.wrap("superblock", err)
	}
	return f, nil
}

// Is says whether the size bytes behind r are an HDF5 file.
func Is(r io.ReaderAt, size int64) bool {
	_, err := signatureAt(r, size)
	return err == nil
}

// Close closes what Open opened.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Size returns the file's length in bytes, without a user block before it.
func (f *File) Size() int64 { return int64(f.size) }

// Root opens the root group.
func (f *File) Root() (*Object, error) { return f.object("/", f.root) }

// signatureAt finds the signature, at 0 or at a power of two from 512 on.
func signatureAt(r io.ReaderAt, size int64) (int64, error) {
	head := make([]byte, len(signature))
	for at := int64(0); at <= size-int64(len(signature)); at = max(512, 2*at) {
		if _, err := r.ReadAt(head, at); err != nil {
			return 0, err
		}
		if string(head) == signature {
			return at, nil
		}
	}
	return 0, fmt.Errorf("no HDF5 signature in %d bytes", size)
}

// readSuperblock reads what follows the signature. Addresses in the file count
// from it.
func (f *File) readSuperblock(r io.ReaderAt, size int64) error {
	at, err := signatureAt(r, size)
	if err != nil {
		return err
	}
	f.r, f.size = io.NewSectionReader(r, at, size-at), uint64(size-at)
	return f.parseSuperblock(uint64(at))
}

func (f *File) parseSuperblock(at uint64) error {
	c := f.upTo(8, 128)
	version := c.byte()
	var skipped int
	switch version {
	case 0, 1:
		c.take(4) // versions of other structures, reserved
		f.offsets, f.lengths = int(c.byte()), int(c.byte())
		skipped = 9 + 4*int(version) // reserved, tree widths, flags, in version 1 one width more
	case 2, 3:
		f.offsets, f.lengths = int(c.byte()), int(c.byte())
		skipped = 1 // flags
	default:
		return fmt.Errorf("version %d: %w", version, ErrUnsupported)
	}
	for _, width := range []int{f.offsets, f.lengths} {
		if c.err == nil && width != 2 && width != 4 && width != 8 {
			return fmt.Errorf("addresses and lengths of %d and %d bytes, want 2, 4 or 8", f.offsets, f.lengths)
		}
	}
	c.offsets, c.lengths = f.offsets, f.lengths
	c.take(skipped)
	base := c.offset()
	c.offset() // free space, or extension of the superblock
	end := c.offset()
	if version < 2 {
		c.offset() // driver
		c.offset() // name of the root's link
	}
	f.root = c.offset()
	switch {
	case c.err != nil:
		return c.err
	case base != at:
		return fmt.Errorf("base address is %d, the signature stands at %d", base, at)
	case end > at+f.size:
		return fmt.Errorf("truncated: the file has %d bytes, its superblock says %d", at+f.size, end)
	}
	return nil
}

// block reads n bytes at an address.
func (f *File) block(at, n uint64) *cursor {
	c := &cursor{at: at, offsets: f.offsets, lengths: f.lengths}
	if n > maxBlock {
		c.fail("a block of %d bytes, the limit is %d", n, maxBlock)
		return c
	}
	if c.err = f.check(at, n); c.err == nil {
		c.err = f.spend(n)
	}
	if c.err == nil {
		c.b = make([]byte, n)
		c.err = f.read(c.b, at)
	}
	return c
}

// spend counts n bytes of metadata. A file whose parts point at the same large
// part again and again would otherwise cost far more than its size.
func (f *File) spend(n uint64) error {
	limit := 16<<20 + 4*int64(f.size)
	if f.metadata.Add(int64(n)) > limit {
		return fmt.Errorf("more than %d bytes of groups and headers in a file of %d: its parts are read again and again", limit, f.size)
	}
	return nil
}

// upTo is block for n bytes or as many as the file has.
func (f *File) upTo(at, n uint64) *cursor {
	if at < f.size {
		n = min(n, f.size-at)
	}
	return f.block(at, n)
}

// check wants n bytes at an address to lie in the file.
func (f *File) check(at, n uint64) error {
	if at > f.size || n > f.size-at {
		if at == undefined {
			return fmt.Errorf("undefined address")
		}
		return fmt.Errorf("offset %d: %d bytes reach past the file's end at %d", at, n, f.size)
	}
	return nil
}

// read fills b from an address that check has allowed.
func (f *File) read(b []byte, at uint64) error {
	if n, err := f.r.ReadAt(b, int64(at)); n < len(b) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("offset %d: %d bytes: %w", at, len(b), err)
	}
	return nil
}

// wrap puts package, file and place before an error.
func (f *File) wrap(place string, err error) error {
	if err == nil {
		return nil
	}
	if f.name != "" {
		place = f.name + ": " + place
	}
	return fmt.Errorf("hdf5: %s: %w", place, err)
}
