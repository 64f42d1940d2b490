// Package jpegscale decodes JPEG files whole, with the pixels that image/jpeg's have,
// or at a half, a quarter or an eighth of their size, without computing the pixels between:
// of each 8×8 block of frequencies only the lowest are transformed.
//
// It knows 8-bit sequential and progressive files in grey or in YCbCr as JFIF has
// them. What it does not know, or doubts, is ErrUnsupported, for image/jpeg to do:
// where this package gives a picture, it has exactly one meaning.
package jpegscale

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/argus-go/argus/internal/kernel/pixel"
)

// ErrUnsupported says that a file is none of those that this package reads.
var ErrUnsupported = errors.New("jpegscale: unsupported")

// ErrLate says that there was no more time.
var ErrLate = errors.New("jpegscale: out of time")

var errShort = errors.New("jpegscale: unexpected end")

// Decode decodes at 1/d of the size, d being 1, 2, 4 or 8: pix is h rows of w pixels of
// three bytes (red, green, blue), w and h the sides divided by d, rounded up. Late, if
// not nil, is asked before each scan whether to give up, which is ErrLate. Room, if not
// nil, gives the memory for pix, which may hold anything.
func Decode(data []byte, d int, late func() bool, room func(n int) []uint8) (pix []uint8, w, h int, err error) {
	if d != 1 && d != 2 && d != 4 && d != 8 {
		panic(fmt.Sprintf("jpegscale: scale is 1/%d", d))
	}
	f := decoders.Get().(*decoder)
	defer f.putBack()
	f.header = header{data: data, n: 8 / d, d: d, late: late, memory: room}
	if err := f.run(); err != nil {
		return nil, 0, 0, err
	}
	return f.pix, f.outW, f.outH, nil
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// mostKept is how many bytes of scratch a decoder keeps for the next file.
const mostKept = 4 << 20

func (d *decoder) putBack() {
	d.header = header{}
	n := cap(d.buf)
	for i := range d.scratch {
		n += cap(d.scratch[i].plane) + 2*cap(d.scratch[i].coefs)
	}
	if n <= mostKept {
		decoders.Put(d)
	}
}

// A component is luma or one of two chromas.
type component struct {
	id     uint8
	h, v   int   // samples for each of the least sampled component's, 1 or 2
	table  uint8 // of q
	q      *[64]int32
	n      int // samples of a block that are computed, across and down
	dc, ac *huffman
	last   int32 // DC
	place  int
	flat   [2][2]bool // the blocks of now have no frequency but 0
	seen   bool       // in a scan

	across, down int     // blocks, of whole MCUs
	plane        []uint8 // of one row of MCUs
	stride       int
	coefs        []int16 // of all blocks, 64 each, in a progressive file
}

// header is what a file says, and what becomes of it.
type header struct {
	data        []byte
	late        func() bool
	memory      func(n int) []uint8
	at          int
	n, d        int // samples of a block of luma a side; the scale is 1/d
	w, h        int
	baseline    bool
	progressive bool
	adobe       bool
	quant       [4]*[64]int32
	dc, ac      [4]*huffman
	comps       []component
	hMax, vMax  int
	restart     int
	scans       int
	eobRun      int32
	wide        bool // a frequency that 16 bits do not hold

	pix        []uint8
	outW, outH int
}

// A decoder has room that is used again for the next file.
type decoder struct {
	header
	bits
	// now holds two rows of two blocks of each component of a sequential file: blocks
	// are transformed in pairs. What block may change lies behind them.
	now     [3][5 * 64]int16
	tables  [2][4]huffman
	quants  [4][64]int32
	room    [3]component
	scratch [3]struct {
		plane []uint8
		coefs []int16
	}
}

// Markers (ITU-T T.81, table B.1).
const (
	sof0 = 0xc0
	sof1 = 0xc1
	sof2 = 0xc2
	dht  = 0xc4
	rst0 = 0xd0
	rst7 = 0xd7
	soi  = 0xd8
	eoi  = 0xd9
	sos  = 0xda
	dqt  = 0xdb
	dri  = 0xdd
	app0 = 0xe0
	ad14 = 0xee
	com  = 0xfe
)

func (d *decoder) run() error {
	if len(d.data) < 2 || d.data[0] != 0xff || d.data[1] != soi {
		return fmt.Errorf("jpegscale: no start of image")
	}
	d.at = 2
	for {
		marker, err := d.marker()
		if err != nil {
			return err
		}
		switch {
		case marker == eoi:
			return d.finish()
		case rst0 <= marker && marker <= rst7 || marker == soi || marker == 0:
			return ErrUnsupported
		}
		body, err := d.segment()
		if err != nil {
			return err
		}
		switch {
		case marker == dqt:
			err = d.quantization(body)
		case marker == dht:
			err = d.huffmanTables(body)
		case sof0 <= marker && marker <= sof2:
			d.baseline, d.progressive = marker == sof0, marker == sof2
			err = d.frame(body)
		case marker == sos:
			err = d.scan(body)
		case marker == dri:
			if len(body) != 2 {
				return fmt.Errorf("jpegscale: restart interval of %d bytes", len(body))
			}
			d.restart = int(binary.BigEndian.Uint16(body))
		case marker == ad14:
			if d.adobe = d.adobe || len(body) >= 12 && string(body[:5]) == "Adobe"; d.adobe && (len(body) < 12 || body[11] != 1) {
				return ErrUnsupported
			}
		case app0 <= marker && marker < app0+16 || marker == com:
		default:
			return ErrUnsupported
		}
		if err != nil {
			return err
		}
	}
}

// marker finds the next one.
func (d *decoder) marker() (uint8, error) {
	if d.at >= len(d.data) {
		return 0, errShort
	}
	if d.data[d.at] != 0xff {
		return 0, ErrUnsupported // the standard library passes over it in part
	}
	for d.at < len(d.data) && d.data[d.at] == 0xff {
		d.at++
	}
	if d.at >= len(d.data) {
		return 0, errShort
	}
	d.at++
	return d.data[d.at-1], nil
}

func (d *decoder) segment() ([]byte, error) {
	if d.at+2 > len(d.data) {
		return nil, errShort
	}
	n := int(binary.BigEndian.Uint16(d.data[d.at:]))
	if n < 2 || d.at+n > len(d.data) {
		return nil, errShort
	}
	body := d.data[d.at+2 : d.at+n]
	d.at += n
	return body, nil
}

func (d *decoder) quantization(b []byte) error {
	for len(b) > 0 {
		wide, id := b[0]>>4, b[0]&15
		size := 64 * (int(wide) + 1)
		if wide > 1 || id > 3 || len(b) < 1+size {
			return fmt.Errorf("jpegscale: bad quantization table")
		}
		q := &d.quants[id]
		for i := range q {
			if wide == 0 {
				q[zigzag[i]] = int32(b[1+i])
			} else {
				q[zigzag[i]] = int32(binary.BigEndian.Uint16(b[1+2*i:]))
			}
		}
		d.quant[id] = q
		b = b[1+size:]
	}
	return nil
}

func (d *decoder) huffmanTables(b []byte) error {
	for len(b) > 0 {
		if len(b) < 17 {
			return errShort
		}
		class, id := b[0]>>4, b[0]&15
		if class > 1 || id > 3 || d.baseline && id > 1 {
			return fmt.Errorf("jpegscale: bad Huffman table")
		}
		n := 0
		for _, v := range b[1:17] {
			n += int(v)
		}
		if n == 0 || n > 256 || len(b) < 17+n {
			return fmt.Errorf("jpegscale: Huffman table of %d codes", n)
		}
		t := &d.tables[class][id]
		if err := t.set((*[16]uint8)(b[1:]), b[17:17+n]); err != nil {
			return err
		}
		if class == 0 {
			d.dc[id] = t
		} else {
			d.ac[id] = t
		}
		b = b[17+n:]
	}
	return nil
}

// frame reads sizes and sampling. Known are grey, and YCbCr with chroma as dense
// as luma or half as dense in one direction or both.
func (d *decoder) frame(b []byte) error {
	if d.comps != nil || len(b) < 6 || b[0] != 8 || len(b) != 6+3*int(b[5]) || b[5] != 1 && b[5] != 3 {
		return ErrUnsupported
	}
	d.h, d.w = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	if d.w == 0 || d.h == 0 {
		return ErrUnsupported
	}
	d.comps = d.room[:b[5]]
	for i := range d.comps {
		s := b[6+3*i:]
		c := component{id: s[0], h: int(s[1] >> 4), v: int(s[1] & 15), table: s[2], place: i}
		if s[2] > 3 || c.h < 1 || c.h > 2 || c.v < 1 || c.v > 2 {
			return ErrUnsupported
		}
		d.comps[i] = c
	}
	y := &d.comps[0]
	if len(d.comps) == 1 {
		y.h, y.v = 1, 1
	} else if a, b := d.comps[1], d.comps[2]; y.id == 'R' || a.h != 1 || a.v != 1 || b.h != 1 || b.v != 1 || y.id == a.id || y.id == b.id || a.id == b.id {
		return ErrUnsupported
	}
	d.hMax, d.vMax = y.h, y.v
	mcusAcross, mcusDown := (d.w+8*d.hMax-1)/(8*d.hMax), (d.h+8*d.vMax-1)/(8*d.vMax)
	for i := range d.comps {
		c, room := &d.comps[i], &d.scratch[i]
		c.n = d.n
		if i > 0 && d.hMax+d.vMax > 2 && d.d > 1 {
			c.n = 2 * d.n // at least as dense as luma then
		}
		c.across, c.down = mcusAcross*c.h, mcusDown*c.v
		c.stride = c.across * c.n
		room.plane = sized(room.plane, c.stride*c.v*c.n+32) // YCbCr reads on
		c.plane = room.plane
		if d.progressive {
			room.coefs = sized(room.coefs, 64*c.across*c.down)
			c.coefs = room.coefs
			clear(c.coefs)
		}
	}
	d.outW, d.outH = (d.w+d.d-1)/d.d, (d.h+d.d-1)/d.d
	if d.memory == nil {
		d.pix = make([]uint8, 3*d.outW*d.outH)
	} else {
		d.pix = d.memory(3 * d.outW * d.outH)
	}
	return nil
}

// sized is s with n elements, whatever they are.
func sized[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}

// finish transforms what a progressive file gathered.
func (d *decoder) finish() error {
	if d.scans == 0 {
		return fmt.Errorf("jpegscale: no scan")
	}
	if !d.progressive {
		return nil
	}
	if d.wide {
		return ErrUnsupported
	}
	for i := range d.comps {
		c := &d.comps[i]
		if c.q = d.quant[c.table]; c.q == nil || !c.seen {
			return ErrUnsupported
		}
	}
	for row := range d.comps[0].down / d.vMax {
		for i := range d.comps {
			c := &d.comps[i]
			for v := range c.v {
				c.putRow(v, c.coefs[64*(row*c.v+v)*c.across:])
			}
		}
		d.rgb(row)
	}
	return nil
}

// putRow is put of a whole row.
func (c *component) putRow(row int, coefs []int16) {
	for col := 0; col < c.across; col += 2 {
		b := (*[64]int16)(coefs[64*col:])
		if col == c.across-1 {
			c.put(row, col, b, isFlat(b))
			return
		}
		two := (*[128]int16)(coefs[64*col:])
		c.putTwo(row, col, two, [2]bool{isFlat(b), isFlat((*[64]int16)(two[64:]))})
	}
}

func isFlat(b *[64]int16) bool {
	var or int16
	for i := 1; i < 64; i++ {
		or |= b[i]
	}
	return or == 0
}

// rgb joins the planes of a row of MCUs (ITU-T T.871).
func (d *decoder) rgb(mcus int) {
	y := &d.comps[0]
	from := mcus * d.vMax * d.n
	for row := range min(d.vMax*d.n, d.outH-from) {
		out := d.pix[3*(from+row)*d.outW:][:3*d.outW]
		luma := y.plane[row*y.stride:][:d.outW]
		switch {
		case len(d.comps) == 1:
			grey(out, luma)
		case d.d == 1:
			at := row / d.vMax * d.comps[1].stride
			pixel.YCbCr(out, luma, d.comps[1].plane[at:], d.comps[2].plane[at:], d.hMax-1)
		default:
			d.dense(out, luma, row)
		}
	}
}

func grey(out, luma []uint8) {
	for _, v := range luma {
		out[0], out[1], out[2] = v, v, v
		out = out[3:]
	}
}

// dense joins a row where chroma may be twice as dense in the direction in which it
// was as dense as luma before: two are averaged then.
func (d *decoder) dense(out, luma []uint8, row int) {
	n, right, below := d.comps[1].stride, 0, 0
	stepX, stepY := 1, n
	switch {
	case d.hMax == 2 && d.vMax == 1:
		stepY, below = 2*n, n
	case d.hMax == 1 && d.vMax == 2:
		stepX, right = 2, 1
	}
	cb, cr := d.comps[1].plane[row*stepY:], d.comps[2].plane[row*stepY:]
	if right+below == 0 {
		pixel.YCbCr(out, luma, cb, cr, 0)
		return
	}
	for x, v := range luma {
		yy, at := int32(v)*0x10101, x*stepX
		other := at + right + below
		b, r := (int32(cb[at])+int32(cb[other])-255)>>1, (int32(cr[at])+int32(cr[other])-255)>>1
		p := out[3*x : 3*x+3 : 3*x+3]
		p[0] = clip(yy + 91881*r)
		p[1] = clip(yy - 22554*b - 46802*r)
		p[2] = clip(yy + 116130*b)
	}
}

// clip is v>>16, held within 0–255.
func clip(v int32) uint8 {
	if uint32(v)&0xff000000 == 0 {
		return uint8(v >> 16)
	}
	return uint8(^(v >> 31))
}
