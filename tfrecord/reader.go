package tfrecord

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
)

// ReaderOptions are a Reader's options.
type ReaderOptions struct {
	// Shard is the file's name in errors.
	Shard string
	// MaxRecord is the longest record that is read, in bytes; 0 means
	// DefaultMaxRecord. A Reader holds no more than twice the longest record
	// that came.
	MaxRecord int64
}

// Reader reads the records of a file one after another.
type Reader struct {
	window
	shard  string
	max    int64
	record int   // number of the next record
	at     int64 // offset of the last one
	err    error
}

// NewReader returns a Reader of r, which may be compressed.
func NewReader(r io.Reader, o ReaderOptions) *Reader {
	if o.MaxRecord <= 0 {
		o.MaxRecord = DefaultMaxRecord
	}
	return &Reader{window: window{src: r}, shard: o.Shard, max: o.MaxRecord}
}

// Next returns the data of the next record, which is valid until the next call,
// or io.EOF after the last. Other errors are an *Error, those of the underlying
// reader too, and are final.
func (r *Reader) Next() ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	data, err := r.next()
	if err != nil {
		if err != io.EOF {
			err = &Error{r.shard, r.record, r.offset, err}
		}
		r.err = err
		return nil, err
	}
	r.record++
	return data, nil
}

// Offset returns where the record last returned begins, in bytes of the uncompressed
// file.
func (r *Reader) Offset() int64 { return r.at }

func (r *Reader) next() ([]byte, error) {
	header, err := r.peek(headerSize)
	switch {
	case err == io.EOF && len(header) == 0:
		return nil, io.EOF
	case err == io.EOF:
		return nil, cut("header", len(header), headerSize)
	case err != nil:
		return nil, err
	}
	n, ok := headerLength(header)
	if !ok {
		return nil, fmt.Errorf("length: %w: file states %08x, length has %08x", ErrChecksum, binary.LittleEndian.Uint32(header[8:]), maskedSum(header[:8]))
	}
	if n > uint64(r.max) {
		return nil, fmt.Errorf("%w: %d bytes, limit is %d", ErrTooLong, n, r.max)
	}
	whole := headerSize + int(n) + footerSize
	record, err := r.peek(whole)
	if err == io.EOF {
		return nil, cut("record", len(record), whole)
	} else if err != nil {
		return nil, err
	}
	data, err := splitRecord(record)
	if err != nil {
		return nil, err
	}
	r.at = r.offset
	r.skip(whole)
	return data, nil
}

// Records yields the data of each record of r, which is valid until the next, or
// the error that ends it.
func Records(r io.Reader, o ReaderOptions) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for in := NewReader(r, o); ; {
			data, err := in.Next()
			if err == io.EOF || !yield(data, err) || err != nil {
				return
			}
		}
	}
}

// A window is a part of a stream, uncompressed: what is peeked at and not yet
// skipped. It grows with what has come, not with what was asked for, so that a
// false length costs nothing.
type window struct {
	src         io.Reader
	detected    bool
	compression Compression
	buf         []byte
	lo, hi      int   // what of buf is read and not skipped
	offset      int64 // of buf[lo] in the stream
	err         error // of src, when buf[lo:hi] is all that is left
}

const windowSize = 256 << 10

// peek returns the next n bytes, or fewer and the error that ended the stream.
func (w *window) peek(n int) ([]byte, error) {
	for w.hi-w.lo < n && w.err == nil {
		if !w.detected {
			w.err = w.detect()
			continue
		}
		w.fill(n)
	}
	if have := w.hi - w.lo; have < n {
		return w.buf[w.lo:w.hi], w.err
	}
	return w.buf[w.lo : w.lo+n], nil
}

func (w *window) skip(n int) {
	w.lo += n
	w.offset += int64(n)
}

// fill reads once, making room first where n bytes have none.
func (w *window) fill(n int) {
	if room := w.buf; w.lo+n > len(room) {
		if w.hi-w.lo == len(room) {
			room = make([]byte, max(windowSize, min(n, 2*len(room))))
		}
		w.hi = copy(room, w.buf[w.lo:w.hi])
		w.buf, w.lo = room, 0
	}
	got, err := w.src.Read(w.buf[w.hi:])
	w.hi += got
	w.err = err
}

// detect replaces src by its uncompressed content.
func (w *window) detect() error {
	w.detected = true
	head := make([]byte, headerSize)
	n, err := io.ReadFull(w.src, head)
	head = head[:n]
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	compression := detect(head)
	all := io.MultiReader(bytes.NewReader(head), w.src)
	if compression == None {
		w.src = all
		return nil
	}
	w.compression = compression
	if w.src, err = compression.uncompressed(all); err != nil {
		return fmt.Errorf("%s: %w", compression, noEOF(err))
	}
	w.src = decompressing{w.src, compression}
	return nil
}

// decompressing names the compression in errors, and knows no end but a whole
// one.
type decompressing struct {
	io.Reader
	compression Compression
}

func (d decompressing) Read(b []byte) (int, error) {
	n, err := d.Reader.Read(b)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%s: %w", d.compression, noEOF(err))
	}
	return n, err
}

// noEOF makes an end within something an error that is no io.EOF.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
