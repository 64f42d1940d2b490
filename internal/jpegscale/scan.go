package jpegscale

import (
	"encoding/binary"
	"fmt"
)

// part is what a scan holds of the components in it.
type part struct {
	from, to  int  // frequencies
	high, low uint // bits that are known already, and that stay unknown
}

// maxScans are more than any program writes. A scan may be a few bytes and pass over all
// blocks; where there are more, the whole decoder has a limit of time.
const maxScans = 100

func (d *decoder) scan(b []byte) error {
	if d.comps == nil || len(b) < 1 || len(b) != 4+2*int(b[0]) || b[0] < 1 || int(b[0]) > len(d.comps) {
		return ErrUnsupported
	}
	var comps []*component
	for i := range int(b[0]) {
		id, tables := b[1+2*i], b[2+2*i]
		var c *component
		for k := range d.comps {
			if d.comps[k].id == id {
				c = &d.comps[k]
			}
		}
		if c == nil || tables>>4 > 3 || tables&15 > 3 || d.baseline && tables&0xee != 0 {
			return ErrUnsupported
		}
		for _, other := range comps {
			if other == c {
				return ErrUnsupported
			}
		}
		c.dc, c.ac, c.q, c.seen = d.dc[tables>>4], d.ac[tables&15], d.quant[c.table], true
		comps = append(comps, c)
	}
	end := b[len(b)-3:]
	p := part{0, 63, 0, 0}
	if d.progressive {
		p = part{int(end[0]), int(end[1]), uint(end[2] >> 4), uint(end[2] & 15)}
		if p.from > p.to || p.to > 63 || p.from == 0 && p.to != 0 || p.from > 0 && len(comps) != 1 || p.high > 13 || p.low > 13 || p.high != 0 && p.high != p.low+1 {
			return ErrUnsupported
		}
	} else if len(comps) != len(d.comps) {
		return ErrUnsupported // planes one after the other
	}
	for _, c := range comps {
		if c.dc == nil && p.from == 0 && p.high == 0 || c.ac == nil && p.to > 0 || c.q == nil && !d.progressive {
			return ErrUnsupported
		}
	}
	if d.scans++; d.scans > maxScans {
		return ErrUnsupported
	}
	if d.late != nil && d.late() {
		return ErrLate
	}
	d.reset()
	if d.progressive {
		return d.blocks(comps, p)
	}
	return d.mcus(comps)
}

// mcus decodes the one scan of a sequential file.
func (d *decoder) mcus(comps []*component) error {
	across, down := d.comps[0].across/d.hMax, d.comps[0].down/d.vMax
	next := uint8(rst0)
	for row := range down {
		for col := range across {
			if n := row*across + col; d.restart > 0 && n > 0 && n%d.restart == 0 {
				if err := d.resync(&next); err != nil {
					return err
				}
			}
			for _, c := range comps {
				for v := range c.v {
					for h := range c.h {
						x := col*c.h + h
						two := d.now[c.place][128*v:]
						b := (*[128]int16)(two[x%2*64:])
						*(*[64]int16)(b[:]) = [64]int16{}
						last, err := d.block(c, b)
						if err != nil {
							return err
						}
						c.flat[v][x%2] = last == 0
						if x%2 == 1 {
							c.putTwo(v, x-1, (*[128]int16)(two), c.flat[v])
						} else if x == c.across-1 {
							c.put(v, x, (*[64]int16)(two), c.flat[v][0])
						}
					}
				}
			}
		}
		d.rgb(row)
	}
	return d.after()
}

// block decodes a whole block into the first half of b, whose other half it may change,
// and returns the index of its last frequency, about: 0 where there is no other.
func (d *decoder) block(c *component, b *[128]int16) (last int, err error) {
	d.fill()
	if e := c.dc.fast[d.acc>>(64-lookup)]; e != 0 && e&0xff00 == 0 { // a difference of few bits, or of 0
		d.acc <<= e & 63
		d.have -= int(e & 0xff)
		c.last += e >> 16
	} else if err := d.difference(c); err != nil {
		return 0, err
	}
	t := c.ac
	if b[0] = int16(c.last); int32(b[0]) != c.last {
		return 0, ErrUnsupported
	}
	acc, have, pos, buf := d.acc, d.have, d.pos, d.buf
	k := 1
	for k < 64 {
		acc |= binary.BigEndian.Uint64(buf[pos:]) >> (have & 63)
		pos += (63 - have) >> 3
		have |= 56
		e := t.fast[acc>>(64-lookup)]
		length := int(e & 0xff)
		if v := e >> 16; v != 0 {
			acc <<= length & 63
			have -= length
			k += int(e >> 8 & 0xff)
			b[zigzag[k&127]&127] = int16(v)
			k++
			continue
		}
		s := uint8(e >> 8)
		if e == 0 {
			if s, length = t.long(acc); length > 16 {
				return 0, errCode
			}
		}
		acc <<= length & 63
		have -= length
		size := int(s & 15)
		if size == 0 {
			if s == 0 {
				break
			}
			if s != 0xf0 {
				return 0, ErrUnsupported // a run of ends, which only progressive files have
			}
			k = min(k+16, 64)
			continue
		}
		v := int32(acc >> ((64 - size) & 63))
		acc <<= size & 63
		have -= size
		k += int(s >> 4)
		b[zigzag[k&127]&127] = int16(extend(v, size))
		k++
	}
	d.acc, d.have, d.pos = acc, have, pos
	if d.left() < 0 {
		return 0, errShort
	}
	if k > 64 {
		return 0, ErrUnsupported
	}
	return k - 1, nil
}

// difference decodes a DC.
func (d *decoder) difference(c *component) error {
	s, err := d.symbol(c.dc)
	if err != nil {
		return err
	}
	if s > 16 {
		return fmt.Errorf("jpegscale: bad DC code")
	}
	c.last += d.value(int(s))
	return nil
}

// blocks decodes a scan of a progressive file.
func (d *decoder) blocks(comps []*component, p part) error {
	across, down := d.comps[0].across/d.hMax, d.comps[0].down/d.vMax
	alone := len(comps) == 1
	if alone { // only blocks that hold pixels
		c := comps[0]
		across = (d.w*c.h + 8*d.hMax - 1) / (8 * d.hMax)
		down = (d.h*c.v + 8*d.vMax - 1) / (8 * d.vMax)
		if d.restart > 0 && c.h*c.v > 1 {
			return ErrUnsupported // image/jpeg counts MCUs of several blocks
		}
	}
	next := uint8(rst0)
	for row := range down {
		for col := range across {
			if n := row*across + col; d.restart > 0 && n > 0 && n%d.restart == 0 {
				if err := d.resync(&next); err != nil {
					return err
				}
			}
			if alone {
				if err := d.part(comps[0], row, col, p); err != nil {
					return err
				}
				continue
			}
			for _, c := range comps {
				for v := range c.v {
					for h := range c.h {
						if err := d.part(c, row*c.v+v, col*c.h+h, p); err != nil {
							return err
						}
					}
				}
			}
		}
	}
	return d.after()
}

// reset begins a scan, or a part of it between two restart markers.
func (d *decoder) reset() {
	d.at += d.open(d.data[d.at:])
	d.eobRun = 0
	for i := range d.comps {
		d.comps[i].last = 0
	}
}

// after looks at what is left of a scan, or of a part of it.
func (d *decoder) after() error {
	switch n := d.left(); {
	case n < 0:
		return errShort
	case n >= 8:
		return ErrUnsupported
	case d.eobRun > 0: // image/jpeg takes it into the next scan
		return ErrUnsupported
	}
	return nil
}

// resync reads a restart marker.
func (d *decoder) resync(next *uint8) error {
	d.eobRun = 0
	if err := d.after(); err != nil {
		return err
	}
	if d.at+2 > len(d.data) || d.data[d.at+1] != *next {
		return ErrUnsupported
	}
	*next = rst0 + (*next-rst0+1)&7
	d.at += 2
	d.reset()
	return nil
}

// part decodes what a scan has of a block.
func (d *decoder) part(c *component, row, col int, p part) error {
	b := (*[64]int16)(c.coefs[64*(row*c.across+col):])
	var err error
	switch {
	case p.from == 0 && p.high == 0:
		if err = d.difference(c); err == nil {
			d.store(b, 0, c.last, p)
		}
	case p.from == 0:
		if d.have < 32 {
			d.fill()
		}
		b[0] |= int16(d.take(1) << p.low)
	case p.high == 0:
		err = d.acFirst(c, b, p)
	default:
		err = d.acRefine(c, b, p)
	}
	if err == nil && d.left() < 0 {
		err = errShort
	}
	return err
}

// store keeps v, shifted, if 16 bits do.
func (d *decoder) store(b *[64]int16, k int, v int32, p part) {
	v <<= p.low
	b[k] = int16(v)
	d.wide = d.wide || int32(b[k]) != v
}

func (d *decoder) acFirst(c *component, b *[64]int16, p part) error {
	if d.eobRun > 0 {
		d.eobRun--
		return nil
	}
	for k := p.from; k <= p.to; k++ {
		s, err := d.symbol(c.ac)
		if err != nil {
			return err
		}
		run, size := int(s>>4), int(s&15)
		if size == 0 {
			if run < 15 {
				d.eobRun = 1<<run - 1
				if run > 0 {
					d.eobRun += int32(d.take(run))
				}
				break
			}
			k += 15
			continue
		}
		if k += run; k > p.to {
			return ErrUnsupported
		}
		d.store(b, int(zigzag[k]), d.value(size), p)
	}
	return nil
}

// acRefine adds a bit to frequencies that are not zero, and may make others so
// (T.81, G.1.2.3).
func (d *decoder) acRefine(c *component, b *[64]int16, p part) error {
	bit := int16(1) << p.low
	k := p.from
	for d.eobRun == 0 && k <= p.to {
		s, err := d.symbol(c.ac)
		if err != nil {
			return err
		}
		run, size, fresh := int(s>>4), s&15, int16(0)
		switch size {
		case 0:
			if run < 15 {
				d.eobRun = 1 << run
				if run > 0 {
					d.eobRun += int32(d.take(run))
				}
			}
		case 1:
			if fresh = -bit; d.take(1) != 0 {
				fresh = bit
			}
		default:
			return errCode
		}
		if d.eobRun > 0 {
			break
		}
		for ; k <= p.to && run >= 0; k++ {
			switch z := zigzag[k] & 63; {
			case b[z] != 0:
				d.refine(&b[z], bit)
			case run == 0:
				b[z] = fresh
				run--
			default:
				run--
			}
		}
		if run >= 0 {
			return ErrUnsupported // the standard library has its own view of it
		}
	}
	if d.eobRun > 0 {
		d.eobRun--
		for ; k <= p.to; k++ {
			if z := zigzag[k] & 63; b[z] != 0 {
				d.refine(&b[z], bit)
			}
		}
	}
	return nil
}

func (d *decoder) refine(v *int16, bit int16) {
	if d.have < 32 {
		d.fill()
	}
	if d.take(1) == 0 {
		return
	}
	old := *v
	if old < 0 {
		bit = -bit
	}
	*v = old + bit
	d.wide = d.wide || old^*v < 0
}
