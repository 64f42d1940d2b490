package jpegscale

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// zigzag is where each frequency of a file lies in a block (T.81, figure A.6),
// column by column. Places beyond the last are all one, of no block.
var zigzag = [128]uint8{
	0, 8, 1, 2, 9, 16, 24, 17, 10, 3, 4, 11, 18, 25, 32, 40, 33, 26, 19, 12, 5, 6, 13, 20, 27, 34, 41, 48, 56, 49, 42, 35,
	28, 21, 14, 7, 15, 22, 29, 36, 43, 50, 57, 58, 51, 44, 37, 30, 23, 31, 38, 45, 52, 59, 60, 53, 46, 39, 47, 54, 61, 62, 55, 63,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
}

const lookup = 10 // bits of a code that are looked up at once

// A huffman table gives code length and symbol for the next bits.
type huffman struct {
	codes [1 << lookup]uint16 // length<<8 | symbol; 0: a longer code
	// fast is for AC codes. Where a value that is not 0 lies in the bits, too, it is
	// value<<16 | run<<8 | length of both; otherwise it is codes with its bytes
	// exchanged.
	fast   [1 << lookup]int32
	top    [18]int32 // the first code too big for its length, left-aligned to 16 bits
	offset [17]int32 // of a length's first symbol, less its first code
	values [256]uint8
}

func (t *huffman) set(counts *[16]uint8, values []byte) error {
	clear(t.codes[:])
	clear(t.fast[:])
	copy(t.values[:], values)
	code, k := int32(0), int32(0)
	for length := int32(1); length <= 16; length++ {
		t.offset[length] = k - code
		for range counts[length-1] {
			if code >= 1<<length {
				return fmt.Errorf("jpegscale: too many Huffman codes of %d bits", length)
			}
			if length <= lookup {
				t.put(code<<(lookup-length), length, values[k])
			}
			code, k = code+1, k+1
		}
		t.top[length] = code << (16 - length)
		code <<= 1
	}
	t.top[17] = 1 << 30
	return nil
}

// put enters a code of few bits, left-aligned.
func (t *huffman) put(first, length int32, symbol uint8) {
	n := int32(1) << (lookup - length)
	codes, fast := t.codes[first:first+n], t.fast[first:first+n]
	for i := range codes {
		codes[i] = uint16(length)<<8 | uint16(symbol)
		fast[i] = int32(symbol)<<8 | length
	}
	run, size := int32(symbol>>4), int32(symbol&15)
	if size == 0 || length+size > lookup {
		return
	}
	each := n >> size // codes with the same value
	for v := range int32(1) << size {
		e := extend(v, int(size))<<16 | run<<8 | (length + size)
		for i := range each {
			fast[v*each+i] = e
		}
	}
}

// spareBytes are zeros after the bits of a scan, more than a block may take: whether it
// took them is asked after each.
const spareBytes = 512

// bits reads a scan's bits up to the next marker.
type bits struct {
	buf  []byte // without the stuffed zeros after 0xff, but with spareBytes of zeros
	pos  int    // of the next byte that is not in acc
	acc  uint64 // the highest bits come first
	have int    // bits of acc, at most 63
}

// open takes what lies before the next marker of data, and returns its length.
func (b *bits) open(data []byte) int {
	b.buf, b.pos, b.acc, b.have = b.buf[:0], 0, 0, 0
	n := 0
	for {
		i := bytes.IndexByte(data[n:], 0xff)
		if i < 0 {
			b.buf = append(b.buf, data[n:]...)
			n = len(data)
			break
		}
		b.buf = append(b.buf, data[n:n+i]...)
		if n += i; n+1 == len(data) || data[n+1] != 0 {
			break
		}
		b.buf = append(b.buf, 0xff)
		n += 2
	}
	b.buf = append(b.buf, zeros[:]...)
	return n
}

var zeros [spareBytes]byte

// fill makes 56 bits or more be there.
func (b *bits) fill() {
	b.acc |= binary.BigEndian.Uint64(b.buf[b.pos:]) >> (b.have & 63)
	b.pos += (63 - b.have) >> 3
	b.have |= 56
}

// left is how many bits were not used; less than none if more were than there are.
func (b *bits) left() int { return 8*(len(b.buf)-spareBytes-b.pos) + b.have }

// take gives the next n bits, at most 16, of which there are so many.
func (b *bits) take(n int) uint32 {
	v := uint32(b.acc >> ((64 - n) & 63))
	b.acc <<= n & 63
	b.have -= n
	return v
}

var errCode = errors.New("jpegscale: bad Huffman code")

// symbol gives the next one; 32 bits are there after it.
func (b *bits) symbol(t *huffman) (uint8, error) {
	if b.have < 48 {
		b.fill()
	}
	if e := t.codes[b.acc>>(64-lookup)]; e != 0 {
		b.acc <<= e >> 8 & 63
		b.have -= int(e >> 8)
		return uint8(e), nil
	}
	s, length := t.long(b.acc)
	if length > 16 {
		return 0, errCode
	}
	b.acc <<= length & 63
	b.have -= length
	return s, nil
}

// long looks a code up that is not in the tables; a length of 17 says that there is none.
func (t *huffman) long(acc uint64) (symbol uint8, length int) {
	next := int32(acc >> 48)
	length = lookup + 1
	for next >= t.top[length] {
		length++
	}
	if length > 16 {
		return 0, length
	}
	return t.values[uint8(next>>(16-length)+t.offset[length])], length
}

// value reads n bits as T.81's EXTEND does, at most 16.
func (b *bits) value(n int) int32 {
	if n == 0 {
		return 0
	}
	return extend(int32(b.take(n)), n)
}

func extend(v int32, n int) int32 {
	if v < 1<<(n-1) {
		v += -1<<n + 1
	}
	return v
}
