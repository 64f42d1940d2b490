package jpegscale

import (
	"encoding/binary"
	"fmt"
)

// zigzag is where each frequency of a file lies in a block (T.81, figure A.6).
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

const lookup = 10 // bits of a code that are looked up at once

// A huffman table gives code length and symbol for the next bits.
type huffman struct {
	fast [1 << lookup]uint16 // length<<8 | symbol; 0: a longer code
	// whole is for AC codes whose value lies in the looked-up bits, too: value<<16 |
	// run<<8 | length of both; 0: others.
	whole  [1 << lookup]int32
	top    [18]int32 // the first code too big for its length, left-aligned to 16 bits
	offset [17]int32 // of a length's first symbol, less its first code
	values [256]uint8
}

func newHuffman(counts [16]uint8, values []byte) (*huffman, error) {
	t := new(huffman)
	copy(t.values[:], values)
	code, k := int32(0), int32(0)
	for length := int32(1); length <= 16; length++ {
		t.offset[length] = k - code
		for range counts[length-1] {
			if code >= 1<<length {
				return nil, fmt.Errorf("jpegscale: too many Huffman codes of %d bits", length)
			}
			if length <= lookup {
				first := code << (lookup - length)
				for i := range int32(1) << (lookup - length) {
					t.fast[first+i] = uint16(length)<<8 | uint16(values[k])
				}
			}
			code, k = code+1, k+1
		}
		t.top[length] = code << (16 - length)
		code <<= 1
	}
	t.top[17] = 1 << 30
	for i, e := range t.fast {
		length, run, size := int(e>>8), int32(e>>4&15), int(e&15)
		if e == 0 || size == 0 || length+size > lookup {
			continue
		}
		v := int32(i) >> (lookup - length - size) & (1<<size - 1)
		t.whole[i] = extend(v, size)<<16 | run<<8 | int32(length+size)
	}
	return t, nil
}

// bits reads a scan's bits, the stuffed zeros after 0xff left out. After the last
// byte before a marker it gives zeros, and counts them.
type bits struct {
	src   []byte
	acc   uint64 // the highest bits come first
	have  int
	extra int // bits that were not there
}

func (b *bits) fill() {
	for b.have <= 56 {
		if len(b.src) >= 8 && b.have <= 32 {
			if v := binary.BigEndian.Uint32(b.src); v&0x80808080&^(v+0x01010101) == 0 { // no 0xff
				b.acc |= uint64(v) << (32 - b.have)
				b.have += 32
				b.src = b.src[4:]
				continue
			}
		}
		switch {
		case len(b.src) == 0:
			b.have += 8
			b.extra += 8
			continue
		case b.src[0] != 0xff:
			b.acc |= uint64(b.src[0]) << (56 - b.have)
			b.src = b.src[1:]
		case len(b.src) >= 2 && b.src[1] == 0:
			b.acc |= 0xff << (56 - b.have)
			b.src = b.src[2:]
		default:
			b.have += 8
			b.extra += 8
			continue
		}
		b.have += 8
	}
}

// short says whether more bits were used than there are.
func (b *bits) short() bool { return b.extra > b.have }

// take gives the next n bits, at most 16, of which there are so many.
func (b *bits) take(n int) uint32 {
	v := uint32(b.acc >> (64 - n))
	b.acc <<= n
	b.have -= n
	return v
}

// symbol gives the next one; 32 bits are there after it, or 0xffff where there is no such code.
func (b *bits) symbol(t *huffman) uint16 {
	if b.have < 32 {
		b.fill()
	}
	if e := t.fast[b.acc>>(64-lookup)]; e != 0 {
		n := int(e >> 8)
		b.acc <<= n
		b.have -= n
		return e & 0xff
	}
	next := int32(b.acc >> 48)
	length := lookup + 1
	for next >= t.top[length] {
		length++
	}
	if length > 16 {
		return bad
	}
	b.take(length)
	return uint16(t.values[(next>>(16-length)+t.offset[length])&0xff])
}

const bad = 0xffff

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
