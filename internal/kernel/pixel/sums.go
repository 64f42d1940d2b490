package pixel

import "encoding/binary"

// Sums are those of red, green and blue.
func Sums(pix []uint8) [3]int64 { return best.sums(pix) }

// sumsGo are those of red, green and blue, eight bytes at a time: even and odd ones
// in four lanes of 16 bits each, which 128 of them do not fill.
func sumsGo(pix []uint8) (sum [3]int64) {
	const lanes, block = 0x00ff00ff00ff00ff, 24 * 128
	var total [3]int64
	for len(pix) >= 24 {
		part := pix[:min(block, len(pix)/24*24)]
		pix = pix[len(part):]
		var acc [6]uint64
		for ; len(part) >= 24; part = part[24:] {
			x, y, z := binary.LittleEndian.Uint64(part), binary.LittleEndian.Uint64(part[8:]), binary.LittleEndian.Uint64(part[16:])
			acc[0] += x & lanes
			acc[1] += x >> 8 & lanes
			acc[2] += y & lanes
			acc[3] += y >> 8 & lanes
			acc[4] += z & lanes
			acc[5] += z >> 8 & lanes
		}
		for i, a := range acc {
			for lane := range 4 {
				total[(8*(i/2)+2*lane+i%2)%3] += int64(a >> (16 * lane) & 0xffff)
			}
		}
	}
	for i, v := range pix {
		total[i%3] += int64(v)
	}
	return total
}
