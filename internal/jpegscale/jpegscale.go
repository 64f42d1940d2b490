// Package jpegscale decodes JPEG files at a half, a quarter or an eighth of their
// size, without computing the pixels between: of each 8×8 block of frequencies only the
// lowest are transformed.
//
// It knows 8-bit baseline and progressive files in grey or in YCbCr as JFIF has
// them. What it does not know is ErrUnsupported, for a whole decoder to do.
package jpegscale

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/argus-go/argus/internal/kernel/pixel"
)

// ErrUnsupported says that a file is none of those that this package reads.
var ErrUnsupported = errors.New("jpegscale: unsupported")

var errShort = errors.New("jpegscale: unexpected end")

// Decode decodes at 1/d of the size, d being 2, 4 or 8: pix is h rows of w pixels of
// three bytes (red, green, blue), w and h the sides divided by d, rounded up.
func Decode(data []byte, d int) (pix []uint8, w, h int, err error) {
	if d != 2 && d != 4 && d != 8 {
		panic(fmt.Sprintf("jpegscale: scale is 1/%d", d))
	}
	f := decoder{data: data, n: 8 / d, d: d}
	if err := f.run(); err != nil {
		return nil, 0, 0, err
	}
	pix, w, h = f.rgb()
	return pix, w, h, nil
}

// A component is luma or one of two chromas.
type component struct {
	id     uint8
	h, v   int // samples for each of the least sampled component's, 1 or 2
	q      *[64]int32
	n      int // samples of a block that are computed, across and down
	dc, ac *huffman
	last   int32 // DC
	flat   bool  // the block has no other frequency

	across, down int // blocks, of whole MCUs
	plane        []uint8
	stride       int
	coefs        []int16 // of all blocks, 64 each, in a progressive file
}

type decoder struct {
	bits
	data        []byte
	at          int
	n, d        int // samples of a block of luma a side; the scale is 1/d
	w, h        int
	progressive bool
	quant       [4]*[64]int32
	dc, ac      [4]*huffman
	comps       []component
	hMax, vMax  int
	restart     int
	scans       int
	eobRun      int32
	now         [64]int32 // the block of a baseline file
	adobe       bool
}

// Markers (ITU-T T.81, table B.1).
const (
	sof0 = 0xc0
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
			return fmt.Errorf("jpegscale: marker %#x between segments: %w", marker, ErrUnsupported)
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
		case marker == sof0 || marker == sof2:
			d.progressive = marker == sof2
			err = d.frame(body)
		case marker == sos:
			err = d.scan(body)
		case marker == dri:
			if len(body) != 2 {
				return fmt.Errorf("jpegscale: restart interval of %d bytes", len(body))
			}
			d.restart = int(binary.BigEndian.Uint16(body))
		case marker == ad14:
			if d.adobe = d.adobe || len(body) >= 12 && string(body[:5]) == "Adobe"; d.adobe && body[11] != 1 {
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
		var q [64]int32
		for i := range q {
			if wide == 0 {
				q[zigzag[i]] = int32(b[1+i])
			} else {
				q[zigzag[i]] = int32(binary.BigEndian.Uint16(b[1+2*i:]))
			}
		}
		d.quant[id] = &q
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
		if class > 1 || id > 3 {
			return fmt.Errorf("jpegscale: bad Huffman table")
		}
		n := 0
		for _, v := range b[1:17] {
			n += int(v)
		}
		if n == 0 || n > 256 || len(b) < 17+n {
			return fmt.Errorf("jpegscale: Huffman table of %d codes", n)
		}
		t, err := newHuffman([16]uint8(b[1:17]), b[17:17+n])
		if err != nil {
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
	for i := range int(b[5]) {
		s := b[6+3*i:]
		c := component{id: s[0], h: int(s[1] >> 4), v: int(s[1] & 15)}
		if s[2] > 3 || c.h < 1 || c.h > 2 || c.v < 1 || c.v > 2 {
			return ErrUnsupported
		}
		c.q = d.quant[s[2]]
		if c.q == nil {
			return ErrUnsupported
		}
		d.comps = append(d.comps, c)
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
		c := &d.comps[i]
		c.n = d.n
		if i > 0 && d.hMax+d.vMax > 2 {
			c.n = 2 * d.n // at least as dense as luma then
		}
		c.across, c.down = mcusAcross*c.h, mcusDown*c.v
		c.stride = c.across * c.n
		c.plane = make([]uint8, c.stride*c.down*c.n)
		if d.progressive {
			c.coefs = make([]int16, 64*c.across*c.down)
		}
	}
	return nil
}

// finish transforms what a progressive file gathered.
func (d *decoder) finish() error {
	if d.scans == 0 {
		return fmt.Errorf("jpegscale: no scan")
	}
	if !d.progressive {
		return nil
	}
	var b [64]int32
	for i := range d.comps {
		c := &d.comps[i]
		for row := range c.down {
			for col := range c.across {
				coefs := c.coefs[64*(row*c.across+col):][:64]
				c.flat = true
				for k, v := range coefs {
					b[k] = int32(v) * c.q[k]
					c.flat = c.flat && (v == 0 || k == 0)
				}
				c.put(row, col, &b)
			}
		}
	}
	return nil
}

// put transforms a block and stores its samples.
func (c *component) put(row, col int, b *[64]int32) {
	at := row*c.n*c.stride + col*c.n
	if c.flat || c.n == 1 {
		v := sample((b[0] + 4) >> 3)
		for range c.n {
			out := c.plane[at:][:c.n]
			for i := range out {
				out[i] = v
			}
			at += c.stride
		}
		return
	}
	switch c.n {
	case 2:
		inverse2(b, c.plane[at:], c.stride)
	case 4:
		inverse4(b, c.plane[at:], c.stride)
	default:
		inverse8(b, c.plane[at:], c.stride)
	}
}

func sample(v int32) uint8 { return uint8(min(max(v+128, 0), 255)) }

// rgb joins the planes (ITU-T T.871).
func (d *decoder) rgb() (pix []uint8, w, h int) {
	w, h = (d.w+d.d-1)/d.d, (d.h+d.d-1)/d.d
	pix = make([]uint8, 3*w*h)
	y := &d.comps[0]
	if len(d.comps) == 1 {
		for row := range h {
			out := pix[3*row*w:]
			for x, v := range y.plane[row*y.stride:][:w] {
				out[3*x], out[3*x+1], out[3*x+2] = v, v, v
			}
		}
		return pix, w, h
	}
	// Chroma may be twice as dense in the direction in which it was as dense as luma
	// before: two are averaged then.
	n, right, below := d.comps[1].stride, 0, 0
	stepX, stepY := 1, n
	switch {
	case d.hMax == 2 && d.vMax == 1:
		stepY, below = 2*n, n
	case d.hMax == 1 && d.vMax == 2:
		stepX, right = 2, 1
	}
	for row := range h {
		luma := y.plane[row*y.stride:][:w]
		cb, cr := d.comps[1].plane[row*stepY:], d.comps[2].plane[row*stepY:]
		out := pix[3*row*w:][:3*w]
		if right+below == 0 {
			pixel.YCbCr(out, luma, cb, cr, 0)
			continue
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
	return pix, w, h
}

// clip is v>>16, held within 0–255.
func clip(v int32) uint8 {
	if uint32(v)&0xff000000 == 0 {
		return uint8(v >> 16)
	}
	return uint8(^(v >> 31))
}
