package jpegscale

import (
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
		if c == nil || tables>>4 > 3 || tables&15 > 3 {
			return ErrUnsupported
		}
		for _, other := range comps {
			if other == c {
				return ErrUnsupported
			}
		}
		c.dc, c.ac = d.dc[tables>>4], d.ac[tables&15]
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
		if c.dc == nil && p.from == 0 && p.high == 0 || c.ac == nil && p.to > 0 {
			return ErrUnsupported
		}
	}
	if d.scans++; d.scans > maxScans {
		return ErrUnsupported
	}
	d.src = d.data[d.at:]
	return d.mcus(comps, p)
}

// mcus decodes the blocks of a scan.
func (d *decoder) mcus(comps []*component, p part) error {
	across, down := d.comps[0].across/d.hMax, d.comps[0].down/d.vMax
	alone := len(comps) == 1
	if alone { // only blocks that hold pixels
		c := comps[0]
		across = (d.w*c.h + 8*d.hMax - 1) / (8 * d.hMax)
		down = (d.h*c.v + 8*d.vMax - 1) / (8 * d.vMax)
	}
	d.reset()
	n, next := 0, uint8(rst0)
	for row := range down {
		for col := range across {
			if d.restart > 0 && n == d.restart {
				if err := d.resync(next); err != nil {
					return err
				}
				n, next = 0, rst0+(next-rst0+1)&7
			}
			n++
			for _, c := range comps {
				if alone {
					if err := d.block(c, row, col, p); err != nil {
						return err
					}
					continue
				}
				for v := range c.v {
					for h := range c.h {
						if err := d.block(c, row*c.v+v, col*c.h+h, p); err != nil {
							return err
						}
					}
				}
			}
		}
	}
	return d.after()
}

func (d *decoder) reset() {
	d.acc, d.have, d.extra, d.eobRun = 0, 0, 0, 0
	for i := range d.comps {
		d.comps[i].last = 0
	}
}

// after leaves the position at the marker after a scan.
func (d *decoder) after() error {
	if d.short() {
		return errShort
	}
	// Bytes read ahead but not used lie before src: whole ones are left over only
	// where the scan is longer than its blocks.
	if (d.have-d.extra)/8 > 0 {
		return ErrUnsupported
	}
	d.at = len(d.data) - len(d.src)
	return nil
}

// resync reads a restart marker.
func (d *decoder) resync(want uint8) error {
	if err := d.after(); err != nil {
		return err
	}
	if len(d.src) < 2 || d.src[0] != 0xff || d.src[1] != want {
		return ErrUnsupported
	}
	d.src = d.src[2:]
	d.reset()
	return nil
}

func (d *decoder) block(c *component, row, col int, p part) error {
	if !d.progressive {
		b := &d.now
		clear(b[:])
		if err := d.baseline(c, b); err != nil {
			return err
		}
		c.put(row, col, b)
		return nil
	}
	b := (*[64]int16)(c.coefs[64*(row*c.across+col):])
	var err error
	switch {
	case p.from == 0 && p.high == 0:
		err = d.dcFirst(c, b, p)
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
	if err == nil && d.short() {
		err = errShort
	}
	return err
}

func (d *decoder) difference(c *component) error {
	s := d.symbol(c.dc)
	if s > 16 {
		return fmt.Errorf("jpegscale: bad DC code")
	}
	c.last += d.value(int(s))
	return nil
}

// baseline decodes a whole block, dequantized. Frequencies that are not used are
// passed over.
func (d *decoder) baseline(c *component, b *[64]int32) error {
	if err := d.difference(c); err != nil {
		return err
	}
	q, t := c.q, c.ac
	b[0] = int32(int16(c.last)) * q[0]
	acc, have := d.acc, d.have
	c.flat = true
	for k := 1; k < 64; k++ {
		if have < 32 {
			d.acc, d.have = acc, have
			d.fill()
			acc, have = d.acc, d.have
		}
		if e := t.whole[acc>>(64-lookup)]; e != 0 {
			n := int(e & 0xff)
			acc <<= n
			have -= n
			k += int(e >> 8 & 0xff)
			if k > 63 {
				return ErrUnsupported
			}
			z := zigzag[k] & 63
			b[z] = e >> 16 * q[z]
			c.flat = false
			continue
		}
		d.acc, d.have = acc, have
		s := d.symbol(t)
		if s > 0xff {
			return fmt.Errorf("jpegscale: bad AC code")
		}
		size := int(s & 15)
		if size == 0 {
			acc, have = d.acc, d.have
			if s == 0 {
				break
			}
			if s != 0xf0 {
				return ErrUnsupported // a run of ends, which only progressive files have
			}
			k += 15
			continue
		}
		v := d.value(size)
		acc, have = d.acc, d.have
		k += int(s >> 4)
		if k > 63 {
			return ErrUnsupported
		}
		z := zigzag[k] & 63
		b[z] = v * q[z]
		c.flat = false
	}
	d.acc, d.have = acc, have
	if d.short() {
		return errShort
	}
	return nil
}

func (d *decoder) dcFirst(c *component, b *[64]int16, p part) error {
	if err := d.difference(c); err != nil {
		return err
	}
	b[0] = int16(c.last << p.low)
	return nil
}

func (d *decoder) acFirst(c *component, b *[64]int16, p part) error {
	if d.eobRun > 0 {
		d.eobRun--
		return nil
	}
	for k := p.from; k <= p.to; k++ {
		s := d.symbol(c.ac)
		if s > 0xff {
			return fmt.Errorf("jpegscale: bad AC code")
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
		v := d.value(size) << p.low
		if v != int32(int16(v)) {
			return ErrUnsupported
		}
		b[zigzag[k]] = int16(v)
	}
	return nil
}

// acRefine adds a bit to frequencies that are not zero, and may make others so
// (T.81, G.1.2.3).
func (d *decoder) acRefine(c *component, b *[64]int16, p part) error {
	bit := int16(1) << p.low
	k := p.from
	for d.eobRun == 0 && k <= p.to {
		s := d.symbol(c.ac)
		if s > 0xff {
			return fmt.Errorf("jpegscale: bad AC code")
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
			return fmt.Errorf("jpegscale: bad AC code")
		}
		if d.eobRun > 0 {
			break
		}
		for ; k <= p.to && run >= 0; k++ {
			switch z := zigzag[k]; {
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
			if z := zigzag[k]; b[z] != 0 {
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
	if *v >= 0 {
		*v += bit
	} else {
		*v -= bit
	}
}
