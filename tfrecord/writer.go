package tfrecord

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// WriterOptions are a Writer's options.
type WriterOptions struct {
	Compression Compression `json:"compression,omitempty"`
}

// Writer writes records. The same records give the same bytes.
type Writer struct {
	buf    *bufio.Writer
	pack   io.WriteCloser
	header [headerSize]byte
	offset int64
	err    error
}

var errClosed = errors.New("tfrecord: writer is closed")

// NewWriter returns a Writer into w. It must be closed, which does not close w.
func NewWriter(w io.Writer, o WriterOptions) (*Writer, error) {
	pack, err := o.Compression.compressed(w)
	if err != nil {
		return nil, err
	}
	return &Writer{buf: bufio.NewWriterSize(pack, windowSize), pack: pack}, nil
}

// Write writes one record. An error is final.
func (w *Writer) Write(data []byte) error {
	if w.err != nil {
		return w.err
	}
	putHeader(&w.header, len(data))
	sum := maskedSum(data)
	_, _ = w.buf.Write(w.header[:]) // its errors stay
	_, _ = w.buf.Write(data)
	binary.LittleEndian.PutUint32(w.header[:], sum)
	if _, err := w.buf.Write(w.header[:footerSize]); err != nil {
		w.err = fmt.Errorf("tfrecord: record at offset %d: %w", w.offset, err)
		return w.err
	}
	w.offset += int64(headerSize + len(data) + footerSize)
	return nil
}

// Offset returns where the next record will begin, in bytes of the
// uncompressed file.
func (w *Writer) Offset() int64 { return w.offset }

// Close writes what is still held.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	w.err = errClosed
	if err := errors.Join(w.buf.Flush(), w.pack.Close()); err != nil {
		return fmt.Errorf("tfrecord: %w", err)
	}
	return nil
}
