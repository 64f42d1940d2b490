// Package jpeg444 writes RGB pictures as baseline JPEG at quality 100 with colour
// at full resolution, which image/jpeg cannot: it halves colour in both directions.
//
// The arithmetic is libjpeg's (colour in 16 fractional bits, the "islow" transform,
// the tables of ITU-T T.81 annex K), so that the file is the one that
// Pillow's save(quality=100, subsampling=0) makes, byte for byte.
package jpeg444

import (
	"encoding/binary"
	"fmt"
)

// MaxSide is the largest width and height of a JPEG.
const MaxSide = 1<<16 - 1

// Append appends the JPEG of w×h pixels of three bytes (red, green, blue) to b.
// It panics unless pix has 3·w·h bytes and both sides are from 1 to MaxSide.
func Append(b []byte, pix []uint8, w, h int) []byte {
	if w < 1 || h < 1 || w > MaxSide || h > MaxSide || len(pix) != 3*w*h {
		panic(fmt.Sprintf("jpeg444: %d bytes for %d×%d pixels", len(pix), w, h))
	}
	b = appendHeaders(b, w, h)
	e := encoder{bitWriter: bitWriter{out: b}}
	var mcu [3]block
	for y := 0; y < h; y += 8 {
		for x := 0; x < w; x += 8 {
			load(&mcu, pix, w, h, x, y)
			for c := range mcu {
				mcu[c].transform()
				e.block(c, &mcu[c])
			}
		}
	}
	return append(e.flush(), 0xff, 0xd9)
}

// Markers of T.81, table B.1.
const (
	app0 = 0xe0
	dqt  = 0xdb
	sof0 = 0xc0
	dht  = 0xc4
	sos  = 0xda
)

func segment(b []byte, marker byte, content ...[]byte) []byte {
	n := 2
	for _, c := range content {
		n += len(c)
	}
	b = append(b, 0xff, marker)
	b = binary.BigEndian.AppendUint16(b, uint16(n))
	for _, c := range content {
		b = append(b, c...)
	}
	return b
}

// appendHeaders appends what stands before the blocks. Luma has tables 0, both
// colours have tables 1; all quantizers are 1.
func appendHeaders(b []byte, w, h int) []byte {
	b = append(b, 0xff, 0xd8)
	b = segment(b, app0, []byte("JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"))
	ones := make([]byte, 64)
	for i := range ones {
		ones[i] = 1
	}
	b = segment(b, dqt, []byte{0}, ones)
	b = segment(b, dqt, []byte{1}, ones)
	b = segment(b, sof0, []byte{8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), 3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1})
	for id, t := range huffman {
		b = segment(b, dht, []byte{byte(id&1<<4 | id>>1)}, t.counts[:], []byte(t.values))
	}
	return segment(b, sos, []byte{3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0})
}

// load takes the 8×8 pixels from (x, y) into luma and colours less 128, the last column
// and row standing for what is outside.
func load(mcu *[3]block, pix []uint8, w, h, x, y int) {
	const half = 1 << 15
	for j := range 8 {
		row := pix[3*w*min(y+j, h-1):]
		for i := range 8 {
			p := row[3*min(x+i, w-1):]
			r, g, b := int32(p[0]), int32(p[1]), int32(p[2])
			k := 8*j + i
			mcu[0][k] = (19595*r+38470*g+7471*b+half)>>16 - 128
			mcu[1][k] = (-11059*r - 21709*g + half*b + half - 1) >> 16
			mcu[2][k] = (half*r - 27439*g - 5329*b + half - 1) >> 16
		}
	}
}
