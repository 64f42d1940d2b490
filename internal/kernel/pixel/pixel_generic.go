package pixel

// portable is the definition.
var portable = kernels{
	table: tableGo, flip: flipGo, matrix: matrixGo, blend: blendGo, bilinear: bilinearGo, down: downGo, across: acrossGo, ycbcr: ycbcrGo, inverse: inverseGo, inverses: inversesGo, lowest: lowestGo, sums: sumsGo, rounded: roundedGo, coarse: coarseGo,
}

func clip(v int32) uint8 { return uint8(min(max(v, 0), 255)) }

func tableGo(dst, src []uint8, t *[256]uint8) {
	dst = dst[:len(src)]
	for i, v := range src {
		dst[i] = t[v]
	}
}

func flipGo(dst, src []uint8) {
	for at := len(src) - 3; at >= 0; at -= 3 {
		p := src[at : at+3 : at+3]
		dst[0], dst[1], dst[2] = p[0], p[1], p[2]
		dst = dst[3:]
	}
}

func matrixGo(dst, src []uint8, k *[9]int32) {
	for len(src) >= 3 && len(dst) >= 3 {
		r, g, b := int32(src[0]), int32(src[1]), int32(src[2])
		dst[0] = clip((k[0]*r + k[1]*g + k[2]*b + 1<<15) >> 16)
		dst[1] = clip((k[3]*r + k[4]*g + k[5]*b + 1<<15) >> 16)
		dst[2] = clip((k[6]*r + k[7]*g + k[8]*b + 1<<15) >> 16)
		src, dst = src[3:], dst[3:]
	}
}

func blendGo(dst []uint8, rows [][]uint8, w []int16) { blendFrom(dst, rows, w, 0) }

// blendFrom is blend without the first bytes.
func blendFrom(dst []uint8, rows [][]uint8, w []int16, from int) {
	for i := from; i < len(dst); i++ {
		sum := int32(1 << 13)
		for k, row := range rows {
			sum += int32(w[k]) * int32(row[i])
		}
		dst[i] = clip(sum >> 14)
	}
}

func bilinearGo(dst, pix []uint8, stride int, xs, ys []int32) {
	ys = ys[:len(xs)]
	for i := range xs {
		at := int(ys[i]>>8)*stride + 3*int(xs[i]>>8)
		u, v := uint32(xs[i]&0xff), uint32(ys[i]&0xff)
		d, a, b := dst[3*i:3*i+3:3*i+3], pix[at:at+6:at+6], pix[at+stride:at+stride+6:at+stride+6]
		for c := range d {
			top := (256-u)*uint32(a[c]) + u*uint32(a[c+3])
			bottom := (256-u)*uint32(b[c]) + u*uint32(b[c+3])
			d[c] = uint8(((256-v)*top + v*bottom + 1<<15) >> 16)
		}
	}
}

func downGo(dst, src []uint8, stride int, w []int32) {
	const some = 96
	var sums [some]int32
	for lo := 0; lo < len(dst); lo += some {
		out := dst[lo:min(lo+some, len(dst))]
		for i := range out {
			sums[i] = 1 << 21
		}
		for k, f := range w {
			row := src[k*stride+lo:][:len(out)]
			for i, v := range row {
				sums[i] += int32(v) * f
			}
		}
		for i := range out {
			out[i] = clip(sums[i] >> 22)
		}
	}
}

func acrossGo(dst, src []uint8, ws *Windows) {
	for i, at := range ws.Offset {
		r, g, b := int32(1<<21), int32(1<<21), int32(1<<21)
		p := src[at:]
		for w := ws.w[4*i*ws.Taps:][:4*ws.Taps]; len(w) >= 4; w, p = w[4:], p[3:] {
			r += int32(p[0]) * w[0]
			g += int32(p[1]) * w[0]
			b += int32(p[2]) * w[0]
		}
		d := dst[3*i:][:3]
		d[0], d[1], d[2] = clip(r>>22), clip(g>>22), clip(b>>22)
	}
}

func ycbcrGo(dst, y, cb, cr []uint8, shift int) {
	ycbcrOf(dst, y, cb, cr, shift, 0x10101, 0)
}

func roundedGo(dst, y, cb, cr []uint8, shift int) {
	ycbcrOf(dst, y, cb, cr, shift, 1<<16, 1<<15)
}

func ycbcrOf(dst, y, cb, cr []uint8, shift int, scale, half int32) {
	for x, v := range y {
		yy, b, r := int32(v)*scale+half, int32(cb[x>>shift])-128, int32(cr[x>>shift])-128
		d := dst[3*x : 3*x+3 : 3*x+3]
		d[0] = clip((yy + 91881*r) >> 16)
		d[1] = clip((yy - 22554*b - 46802*r) >> 16)
		d[2] = clip((yy + 116130*b) >> 16)
	}
}
