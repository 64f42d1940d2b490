//go:build !purego

package pixel

import (
	"golang.org/x/sys/cpu"

	features "github.com/argus-go/argus/internal/cpu"
)

//go:generate go run -C ../_asm ./pixel -pkg pixel -out ../pixel/pixel_amd64.s -stubs ../pixel/pixel_stub_amd64.go

// implementations lists what this machine has, best first.
func implementations() []implementation {
	all := []implementation{{"portable", portable}}
	if features.Has(features.AVX2) {
		all = append([]implementation{{"avx2", avx2}}, all...)
	}
	if features.Has(features.AVX512) {
		wide := avx2
		wide.inverses, wide.blend, wide.down = inversesAVX512, blendWide, downBy(16, downAVX512, avx2.down)
		all = append([]implementation{{"avx512", wide}}, all...)
	}
	if features.Has(features.AVX512) && cpu.X86.HasAVX512VBMI && cpu.X86.HasAVX512VNNI {
		newer := all[0].kernels
		newer.table = tableAVX512
		newer.across = acrossAVX512
		newer.ycbcr = ycbcrAVX512
		all = append([]implementation{{"avx512 of 2019", newer}}, all...) // Ice Lake, Zen 4
	}
	return all
}

// What follows gives the assembly whole blocks, and the definition the rest.

var avx2 = kernels{
	table: tableGo, flip: flipFast, matrix: matrixFast, blend: blendFast, bilinear: bilinearFast,
	down: downBy(8, downAVX2, downGo), across: acrossFast, ycbcr: sixteens(ycbcrAVX2, ycbcrGo), rounded: sixteens(roundedAVX2, roundedGo),
	inverse: inverseFast, inverses: inversesFast, lowest: lowestFast, coarse: coarseFast, sums: sumsFast,
}

func tableAVX512(dst, src []uint8, t *[256]uint8) {
	n := len(src) / 64
	if n > 0 {
		tableVBMI(&dst[0], &src[0], &t[0], n)
	}
	tableGo(dst[64*n:], src[64*n:], t)
}

func flipFast(dst, src []uint8) {
	n := (len(src) - 1) / 15 // a byte is left over at the end of dst and the beginning of src
	if n > 0 {
		flipAVX2(&dst[0], &src[len(src)-16], n)
	}
	flipGo(dst[15*n:], src[:len(src)-15*n])
}

func matrixFast(dst, src []uint8, k *[9]int32) {
	n := (len(src) - 4) / 24
	if n > 0 {
		matrixAVX2(&dst[0], &src[0], &k[0], n)
		dst, src = dst[24*n:], src[24*n:]
	}
	matrixGo(dst, src, k)
}

func blendFast(dst []uint8, rows [][]uint8, w []int16) { blendBy(dst, rows, w, 16) }
func blendWide(dst []uint8, rows [][]uint8, w []int16) { blendBy(dst, rows, w, 32) }

func blendBy(dst []uint8, rows [][]uint8, w []int16, size int) {
	n := len(dst) / size
	if n == 0 {
		blendGo(dst, rows, w)
		return
	}
	var (
		room    [64]*uint8
		weights [64]int16
	)
	p, f := room[:0], weights[:0]
	for k, row := range rows {
		p, f = append(p, &row[0]), append(f, w[k])
	}
	if len(p)%2 != 0 {
		p, f = append(p, p[0]), append(f, 0)
	}
	if size == 32 { // called by name, so that the arrays stay on the stack
		blendAVX512(&dst[0], &p[0], &f[0], len(p)/2, n)
	} else {
		blendAVX2(&dst[0], &p[0], &f[0], len(p)/2, n)
	}
	blendFrom(dst, rows, w, size*n)
}

func bilinearFast(dst, pix []uint8, stride int, xs, ys []int32) {
	n := len(xs) - 1 // four bytes are written for three
	if n > 0 {
		bilinearAVX2(&dst[0], &pix[0], stride, &xs[0], &ys[0], n)
		dst, xs, ys = dst[3*n:], xs[n:], ys[n:]
	}
	bilinearGo(dst, pix, stride, xs, ys)
}

// downBy sums columns in blocks of size, and the last ones by rest.
func downBy(size int, f func(dst, src *byte, stride int, w *int32, taps, n int), rest func(dst, src []uint8, stride int, w []int32)) func(dst, src []uint8, stride int, w []int32) {
	return func(dst, src []uint8, stride int, w []int32) {
		n := len(dst) / size
		if n > 0 {
			f(&dst[0], &src[0], stride, &w[0], len(w), n)
		}
		if left := size * n; left < len(dst) {
			rest(dst[left:], src[left:], stride, w)
		}
	}
}

func sumsFast(src []uint8) (total [3]int64) {
	n := len(src) / 96
	if n > 0 {
		var parts [3][4]uint64
		sumsAVX2(&parts[0][0], &src[0], n)
		for c, p := range parts {
			total[c] = int64(p[0] + p[1] + p[2] + p[3])
		}
	}
	for c, v := range sumsGo(src[96*n:]) {
		total[c] += v
	}
	return total
}

func acrossFast(dst, src []uint8, ws *Windows) {
	n := len(ws.Offset) - 1 // four bytes are written for three
	if n > 0 {
		acrossAVX2(&dst[0], &src[0], &ws.Offset[0], &ws.w[0], ws.Taps/2, n)
	}
	acrossGo(dst[3*n:], src, ws.from(n))
}

// from is without the first n windows.
func (w *Windows) from(n int) *Windows {
	return &Windows{Offset: w.Offset[n:], Taps: w.Taps, w: w.w[4*n*w.Taps:], quads: w.quads}
}

func acrossAVX512(dst, src []uint8, ws *Windows) {
	n := (len(dst) - 4) / 12 // sixteen bytes are written for twelve
	if ws.d == nil || n < 1 {
		acrossFast(dst, src, ws)
		return
	}
	acrossVNNI(&dst[0], &src[0], &ws.Offset[0], &ws.d[0], ws.quads, n)
	acrossFast(dst[12*n:], src, ws.from(4*n))
}

// chroma says where each of sixteen pixels finds its chroma.
var chroma = [2][16]byte{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7}}

// chroma32 is chroma of 32 pixels.
var chroma32 = func() (order [2][32]byte) {
	for i := range 32 {
		order[0][i], order[1][i] = byte(i), byte(i/2)
	}
	return order
}()

func ycbcrAVX512(dst, y, cb, cr []uint8, shift int) {
	step := 32 >> shift
	n := min(len(y)/32, (min(len(cb), len(cr))-32)/step+1) // as much of chroma is read
	if len(cb) >= 32 && len(cr) >= 32 && n > 0 {
		ycbcrVBMI(&dst[0], &y[0], &cb[0], &cr[0], &chroma32[shift], step, n)
		dst, y, cb, cr = dst[96*n:], y[32*n:], cb[step*n:], cr[step*n:]
	}
	avx2.ycbcr(dst, y, cb, cr, shift)
}

// sixteens joins planes sixteen pixels at a time, where there is as much chroma to be
// read, and the last ones by rest.
func sixteens(f func(dst, y, cb, cr *byte, order *[16]byte, step, n int), rest func(dst, y, cb, cr []uint8, shift int)) func(dst, y, cb, cr []uint8, shift int) {
	return func(dst, y, cb, cr []uint8, shift int) {
		step := 16 >> shift
		if spare := min(len(cb), len(cr)) - 16; spare >= 0 && len(y) >= 16 {
			n := min(len(y)/16, spare/step+1)
			f(&dst[0], &y[0], &cb[0], &cr[0], &chroma[shift], step, n)
			dst, y, cb, cr = dst[48*n:], y[16*n:], cb[step*n:], cr[step*n:]
		}
		rest(dst, y, cb, cr, shift)
	}
}

func inverseFast(dst []uint8, stride int, coefs *[64]int16, q *[64]int32) {
	wholeAVX2(&dst[0], stride, &coefs[0], &q[0])
}

func inversesFast(dst []uint8, stride int, coefs *[128]int16, q *[64]int32) {
	wholeAVX2(&dst[0], stride, &coefs[0], &q[0])
	wholeAVX2(&dst[8], stride, &coefs[64], &q[0])
}

func inversesAVX512(dst []uint8, stride int, coefs *[128]int16, q *[64]int32) {
	wholeAVX512(&dst[0], stride, &coefs[0], &q[0])
}

func lowestFast(dst []uint8, stride int, coefs *[128]int16, q *[64]int32) {
	lowestAVX2(&dst[0], stride, &coefs[0], &q[0])
}

func coarseFast(dst []uint8, src []int16, stride int, q, recip *[64]int32) {
	coarseAVX2(&dst[0], &src[0], stride, &q[0], &recip[0], stride/8)
}
