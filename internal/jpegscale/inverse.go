package jpegscale

import (
	"encoding/binary"

	"github.com/argus-go/argus/internal/kernel/pixel"
)

// put transforms a block and stores its samples; row counts those of the MCU. Flat says
// that there is no frequency but 0.
func (c *component) put(row, col int, b *[64]int16, flat bool) {
	out := c.plane[row*c.n*c.stride+col*c.n:]
	dc := int32(b[0]) * c.q[0]
	switch {
	case c.n == 1:
		out[0] = sample((dc + 4) >> 3)
	case flat && c.n == 8:
		c.fill(out, pixel.Flat(dc))
	case flat:
		c.fill(out, sample((dc+4)>>3))
	case c.n == 2:
		c.lowestTwo(out, b)
	case c.n == 4:
		c.lowestFour(out, b)
	default:
		pixel.Inverse(out, c.stride, b, c.q)
	}
}

// putTwo is put of blocks in columns col and col+1.
func (c *component) putTwo(row, col int, b *[128]int16, flat [2]bool) {
	out := c.plane[row*c.n*c.stride+col*c.n:]
	switch {
	case c.n == 8 && !flat[0] && !flat[1]:
		pixel.Inverses(out, c.stride, b, c.q)
	case c.n == 4 && !(flat[0] && flat[1]):
		pixel.Lowest(out, c.stride, b, c.q)
	default:
		c.put(row, col, (*[64]int16)(b[:64]), flat[0])
		c.put(row, col+1, (*[64]int16)(b[64:]), flat[1])
	}
}

// fill writes a block of n×n samples of one level.
func (c *component) fill(out []uint8, level uint8) {
	all := uint64(level) * 0x0101010101010101
	for range c.n {
		switch c.n {
		case 2:
			binary.LittleEndian.PutUint16(out, uint16(all))
		case 4:
			binary.LittleEndian.PutUint32(out, uint32(all))
		default:
			binary.LittleEndian.PutUint64(out, all)
		}
		out = out[min(c.stride, len(out)):]
	}
}

func sample(v int32) uint8 { return uint8(min(max(v+128, 0), 255)) }

func (c *component) lowestFour(out []uint8, b *[64]int16) {
	var two [128]int16
	var samples [32]uint8
	copy(two[:], b[:])
	pixel.Lowest(samples[:], 8, &two, c.q)
	for i := range 4 {
		copy(out[i*c.stride:][:4], samples[8*i:])
	}
}

// lowestTwo is the inverse transform of the lowest 2×2 frequencies, times ½ in each
// direction.
func (c *component) lowestTwo(out []uint8, b *[64]int16) {
	b0, b1 := int32(b[0])*c.q[0]+4, int32(b[1])*c.q[1]
	b8, b9 := int32(b[8])*c.q[8], int32(b[9])*c.q[9]
	out[0], out[1] = sample((b0+b8+b1+b9)>>3), sample((b0-b8+b1-b9)>>3)
	out[c.stride], out[c.stride+1] = sample((b0+b8-b1-b9)>>3), sample((b0-b8-b1+b9)>>3)
}
