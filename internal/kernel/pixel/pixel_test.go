package pixel

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// random is n bytes, many of them 0 and 255, in the middle of others that must
// stay.
func random(r *rand.Rand, n int) []uint8 {
	b := make([]uint8, n)
	for i := range b {
		switch b[i] = uint8(r.Uint32()); r.IntN(4) {
		case 0:
			b[i] = 0
		case 1:
			b[i] = 255
		}
	}
	return b
}

// each runs f with every implementation and its own destination of n bytes,
// guarded on both sides, and compares what they write.
func each(t *testing.T, n int, f func(k kernels, dst []uint8)) {
	t.Helper()
	const guard = 40
	var want []uint8
	all := implementations()
	for i := len(all) - 1; i >= 0; i-- { // the definition first
		whole := make([]uint8, n+2*guard)
		for j := range whole {
			whole[j] = 0xa5
		}
		f(all[i].kernels, whole[guard:guard+n:guard+n])
		if want == nil {
			want = whole
		}
		require.Equal(t, want, whole, "%s, %d bytes", all[i].name, n)
		for j := range guard {
			require.EqualValues(t, 0xa5, whole[j])
			require.EqualValues(t, 0xa5, whole[guard+n+j])
		}
	}
}

func TestEveryImplementationEqualsTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for pixels := range 80 {
		n := 3 * pixels
		src := random(r, n)
		table := [256]uint8(random(r, 256))
		each(t, n, func(k kernels, dst []uint8) { k.table(dst, src, &table) })
		each(t, n, func(k kernels, dst []uint8) { k.table(dst, append(dst[:0], src...), &table) })
		each(t, n, func(k kernels, dst []uint8) { k.flip(dst, src) })
		var m [9]int32
		for i := range m {
			m[i] = r.Int32N(1<<20) - 1<<19
		}
		each(t, n, func(k kernels, dst []uint8) { k.matrix(dst, src, &m) })
		each(t, n, func(k kernels, dst []uint8) { k.matrix(dst, append(dst[:0], src...), &m) })
		for taps := 1; taps < 9; taps++ {
			var rows [][]uint8
			w := make([]int16, taps)
			w32 := make([]int32, taps)
			for k := range taps {
				rows = append(rows, random(r, n+k))
				w[k], w32[k] = int16(r.Int32N(6000)-2000), r.Int32N(1<<20)-1<<18
			}
			each(t, n, func(k kernels, dst []uint8) { k.blend(dst, rows, w) })
			stride := n + 5
			src := random(r, taps*stride)
			if n > 0 {
				each(t, n, func(k kernels, dst []uint8) { k.down(dst, src, stride, w32) })
			}
			if pixels > 0 {
				ws := NewWindows(pixels, taps)
				src := random(r, 3*40+ws.Overrun())
				for i := range pixels {
					ws.Set(i, r.IntN(41-taps), w32[:1+r.IntN(taps)])
				}
				each(t, n, func(k kernels, dst []uint8) { k.across(dst, src, ws) })
			}
		}
		for _, i := range implementations() {
			require.Equal(t, sumsGo(src), i.sums(src), i.name)
			require.Equal(t, sumsGo(append(src, src...)), i.sums(append(src, src...)), i.name)
		}
		for shift := range 2 {
			for spare := range 9 {
				y, cb, cr := random(r, pixels), random(r, (pixels+shift)>>shift+spare), random(r, (pixels+shift)>>shift)
				each(t, n, func(k kernels, dst []uint8) { k.ycbcr(dst, y, cb, cr, shift) })
				each(t, n, func(k kernels, dst []uint8) { k.rounded(dst, y, cb, cr, shift) })
			}
		}
		const w, h = 11, 7
		pix := random(r, 3*w*h)
		xs, ys := make([]int32, pixels), make([]int32, pixels)
		for i := range xs {
			xs[i], ys[i] = r.Int32N(256*(w-2)), r.Int32N(256*(h-1))
		}
		each(t, n, func(k kernels, dst []uint8) { k.bilinear(dst, pix, 3*w, xs, ys) })
	}
}

func TestCallerBugsPanic(t *testing.T) {
	b := make([]uint8, 7)
	require.Panics(t, func() { Table(b, b[:3], new([256]uint8)) })
	require.Panics(t, func() { Flip(b, b) })
	require.Panics(t, func() { Matrix(b, b, new([9]int32)) })
	require.Panics(t, func() { Blend(b, [][]uint8{b[:3]}, []int16{1}) })
	require.Panics(t, func() { Bilinear(b, b, 3, make([]int32, 2), make([]int32, 2)) })
	require.Panics(t, func() { Down(b, b, 3, make([]int32, 2)) })
	require.Panics(t, func() { YCbCr(b[:6], b[:2], b[:1], b[:1], 0) })
	require.Panics(t, func() { Across(b, b, NewWindows(2, 2)) })
}
