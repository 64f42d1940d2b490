package tfrecord

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	headerSize = 8 + 4
	footerSize = 4

	// DefaultMaxRecord is the longest record that is read by default, in bytes.
	DefaultMaxRecord = 1 << 28
)

// What is wrong with a record. A file that ends within one is io.ErrUnexpectedEOF.
var (
	// ErrChecksum is a length or data that is not what was written.
	ErrChecksum = errors.New("checksum does not match")
	// ErrTooLong is a record longer than the reader's limit.
	ErrTooLong = errors.New("record is too long")
)

// Error is damage at a place in a file of records.
type Error struct {
	Shard  string // name of the file, "" where it is not known
	Record int    // number of the record, from 0
	Offset int64  // where that record begins, in bytes of the uncompressed file
	Err    error
}

func (e *Error) Error() string {
	shard := e.Shard
	if shard == "" {
		shard = "file"
	}
	return fmt.Sprintf("tfrecord: %s: record %d at offset %d: %v", shard, e.Record, e.Offset, e.Err)
}

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedSum is the CRC-32C of b as it stands in files.
func maskedSum(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// putHeader writes the first 12 bytes of a record of n bytes.
func putHeader(b *[headerSize]byte, n int) {
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	binary.LittleEndian.PutUint32(b[8:], maskedSum(b[:8]))
}

// headerLength returns the length that the header states, if its sum is right.
func headerLength(header []byte) (uint64, bool) {
	return binary.LittleEndian.Uint64(header), maskedSum(header[:8]) == binary.LittleEndian.Uint32(header[8:])
}

// splitRecord returns the data of a whole record.
func splitRecord(record []byte) ([]byte, error) {
	n, ok := headerLength(record)
	if !ok || n != uint64(len(record)-headerSize-footerSize) {
		return nil, fmt.Errorf("length: %w", ErrChecksum)
	}
	data := record[headerSize : len(record)-footerSize]
	if want, got := binary.LittleEndian.Uint32(record[len(record)-footerSize:]), maskedSum(data); want != got {
		return nil, fmt.Errorf("data of %d bytes: %w: file states %08x, data has %08x", n, ErrChecksum, want, got)
	}
	return data, nil
}

// cut is the error for a file that ends after have of want bytes.
func cut(what string, have, want int) error {
	return fmt.Errorf("%s ends after %d of %d bytes: %w", what, have, want, io.ErrUnexpectedEOF)
}

// named is err under the package's name, which an *Error has already.
func named(what string, err error) error {
	var at *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &at) && err == error(at):
		return err
	case what == "":
		return fmt.Errorf("tfrecord: %w", err)
	}
	return fmt.Errorf("tfrecord: %s: %w", what, err)
}
