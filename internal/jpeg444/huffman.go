package jpeg444

import (
	"encoding/binary"
	"math/bits"
)

// table is a Huffman table as it stands in files: how many codes there are
// of 1 to 16 bits, and their values in order.
type table struct {
	counts [16]byte
	values string
}

// huffman are the tables of T.81, K.3: luma DC, AC, colour DC, AC.
var huffman = [4]table{
	{[16]byte{0, 1, 5, 1, 1, 1, 1, 1, 1}, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"},
	{[16]byte{0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d}, "" +
		"\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91\xa1\x08\x23\x42\xb1\xc1\x15\x52\xd1\xf0" +
		"\x24\x33\x62\x72\x82\x09\x0a\x16\x17\x18\x19\x1a\x25\x26\x27\x28\x29\x2a\x34\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48\x49" +
		"\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x83\x84\x85\x86\x87\x88\x89" +
		"\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5" +
		"\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8" +
		"\xf9\xfa"},
	{[16]byte{0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1}, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"},
	{[16]byte{0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77}, "" +
		"\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14\x42\x91\xa1\xb1\xc1\x09\x23\x33\x52\xf0" +
		"\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1\x17\x18\x19\x1a\x26\x27\x28\x29\x2a\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48" +
		"\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x82\x83\x84\x85\x86\x87" +
		"\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3" +
		"\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf2\xf3\xf4\xf5\xf6\xf7\xf8" +
		"\xf9\xfa"},
}

// code is the bits for a value, and how many they are.
type code struct {
	bits uint32
	n    uint8
}

// codes are those of each table, by value (T.81, annex C).
var codes = func() (all [4][256]code) {
	for id, t := range huffman {
		next, k := uint32(0), 0
		for n, count := range t.counts {
			for range count {
				all[id][t.values[k]] = code{next, uint8(n + 1)}
				next++
				k++
			}
			next <<= 1
		}
	}
	return all
}()

// zigzag is where the coefficients of a block stand, in the order of files.
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

type encoder struct {
	bitWriter
	dc [3]int32 // the last block's, of each component
}

const (
	endOfBlock = 0x00
	zeros16    = 0xf0
	maxAC      = 1023
)

// block writes the block of component c (T.81, F.1.2).
func (e *encoder) block(c int, b *block) {
	tables := 2 * min(c, 1)
	dc, ac := &codes[tables], &codes[tables+1]
	e.value(dc, 0, b[0]-e.dc[c])
	e.dc[c] = b[0]
	run := 0
	for _, at := range zigzag[1:] {
		v := min(max(b[at], -maxAC), maxAC)
		if v == 0 {
			run++
			continue
		}
		for ; run >= 16; run -= 16 {
			e.put(ac[zeros16])
		}
		e.value(ac, run, v)
		run = 0
	}
	if run > 0 {
		e.put(ac[endOfBlock])
	}
}

// value writes a run of zeros and v: the code of its number of bits, then these.
func (e *encoder) value(t *[256]code, run int, v int32) {
	magnitude := v
	if v < 0 {
		magnitude = -v
		v--
	}
	n := bits.Len32(uint32(magnitude))
	e.put(t[run<<4|n])
	e.put(code{uint32(v) & (1<<n - 1), uint8(n)})
}

// bitWriter appends bits to out, a zero byte after each of 0xff.
type bitWriter struct {
	out []byte
	acc uint64 // the last n bits
	n   uint8
}

func (w *bitWriter) put(c code) {
	w.acc = w.acc<<c.n | uint64(c.bits)
	w.n += c.n
	if w.n >= 32 {
		w.n -= 32
		w.word(uint32(w.acc >> w.n))
	}
}

func (w *bitWriter) word(v uint32) {
	if (^v-0x01010101)&v&0x80808080 == 0 { // no byte is 0xff
		w.out = binary.BigEndian.AppendUint32(w.out, v)
		return
	}
	for shift := 24; shift >= 0; shift -= 8 {
		w.byte(byte(v >> shift))
	}
}

func (w *bitWriter) byte(b byte) {
	w.out = append(w.out, b)
	if b == 0xff {
		w.out = append(w.out, 0)
	}
}

// flush fills the last byte with ones and returns all.
func (w *bitWriter) flush() []byte {
	w.put(code{1<<7 - 1, 7})
	for ; w.n >= 8; w.n -= 8 {
		w.byte(byte(w.acc >> (w.n - 8)))
	}
	return w.out
}
