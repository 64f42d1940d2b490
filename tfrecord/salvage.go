package tfrecord

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Damage is a stretch of an uncompressed file that holds no whole record.
type Damage struct {
	Shard          string
	Record         int // number of whole records before it
	Offset, Length int64
	Err            error // what was wrong at Offset
}

func (d Damage) String() string {
	return fmt.Sprintf("%s: %d bytes at offset %d, after %d records: %v", d.Shard, d.Length, d.Offset, d.Record, d.Err)
}

// errFalseHeaders ends the search in a file made to be slow.
var errFalseHeaders = errors.New("tfrecord: salvage: too many headers of records that are not there")

// maxDamage is how many stretches of damage are listed.
const maxDamage = 1 << 16

// maxFalse is how many bytes of records that are none are read before that.
const maxFalse = 1 << 36

// Salvage calls each with every whole record of r, damaged as it may be, and where it begins
// in the uncompressed file; data is valid until each returns. It returns the damage between them, in order. The
// error is each's, or says that the search was given up.
//
// From a damaged record on, the search goes byte by byte to the next whole one, as lengths are not to be
// trusted where a piece is missing. (So a damaged record that has a file of records in it gives those.) What cannot be uncompressed any more, or read, is
// damage up to the end; its Length is that of the few bytes before it. Of more than 65,536 stretches of
// damage, the last listed stands for all that follow it.
func Salvage(r io.Reader, o ReaderOptions, each func(offset int64, data []byte) error) ([]Damage, error) {
	s := salvage{Reader: NewReader(r, o), each: each}
	for {
		more, err := s.step()
		if err != nil {
			return s.damage, err
		}
		if !more {
			return s.damage, nil
		}
	}
}

type salvage struct {
	*Reader
	each   func(offset int64, data []byte) error
	damage []Damage
	open   bool // the last of damage ends here
	wasted int64
}

// step takes a record, or a stretch of damage. It returns false at the end.
func (s *salvage) step() (more bool, err error) {
	header, err := s.peek(headerSize)
	if len(header) < headerSize {
		switch {
		case err != io.EOF:
			s.open = false
			s.lose(len(header), err)
		case len(header) > 0:
			s.lose(len(header), cut("header", len(header), headerSize))
		}
		return false, nil
	}
	n := binary.LittleEndian.Uint64(header)
	if n > uint64(s.max) {
		s.lose(1, fmt.Errorf("length: %w, or is %d bytes, limit is %d", ErrChecksum, n, s.max))
		return true, nil
	}
	if _, ok := headerLength(header); !ok {
		s.lose(1, fmt.Errorf("length: %w", ErrChecksum))
		return true, nil
	}
	whole := headerSize + int(n) + footerSize
	record, err := s.peek(whole)
	if len(record) < whole {
		if err == io.EOF {
			err = cut("record", len(record), whole)
		}
		return s.reject(whole, err)
	}
	data, err := splitRecord(record)
	if err != nil {
		return s.reject(whole, err)
	}
	s.open = false
	if err := s.each(s.offset, data); err != nil {
		return false, err
	}
	s.record++
	s.skip(whole)
	return true, nil
}

// reject loses a byte after whole were looked at.
func (s *salvage) reject(whole int, why error) (bool, error) {
	if s.wasted += int64(whole); s.wasted > maxFalse {
		return false, errFalseHeaders
	}
	s.lose(1, why)
	return true, nil
}

// lose skips n bytes as damage.
func (s *salvage) lose(n int, why error) {
	if !s.open && len(s.damage) < maxDamage {
		s.damage = append(s.damage, Damage{s.shard, s.record, s.offset, 0, why})
	}
	s.open = true
	s.damage[len(s.damage)-1].Length += int64(n)
	s.skip(n)
}
