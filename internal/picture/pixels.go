package picture

import (
	"image"
	"image/color"

	"github.com/argus-go/argus/internal/kernel/pixel"
)

// fromImage copies img after checking its size.
func fromImage(img image.Image, format string, l Limits) (*RGB, error) {
	b := img.Bounds()
	if err := l.checkPixels(format, b.Dx(), b.Dy()); err != nil {
		return nil, err
	}
	rgb := Blank(b.Dx(), b.Dy())
	copyRow := rowCopier(img, b)
	for n, y := 3*rgb.W, 0; y < rgb.H; y++ {
		copyRow(rgb.Pix[y*n:(y+1)*n], y)
	}
	return rgb, nil
}

// rowCopier returns what copies row y of img, counted from b.Min.Y. Each fast
// way gives what copyAny gives.
func rowCopier(img image.Image, b image.Rectangle) func(dst []uint8, y int) {
	packed := func(pix []uint8, stride, size int, copyPixels func(dst, src []uint8)) func([]uint8, int) {
		return func(dst []uint8, y int) {
			copyPixels(dst, pix[y*stride:][:len(dst)/3*size])
		}
	}
	switch m := img.(type) {
	case *image.YCbCr:
		if b.Min.X >= 0 && b.Min.Y >= 0 { // below zero division rounds the other way
			return func(dst []uint8, y int) { copyYCbCr(dst, m, b, y) }
		}
	case *image.RGBA:
		return packed(m.Pix, m.Stride, 4, copyRGBA)
	case *image.NRGBA:
		return packed(m.Pix, m.Stride, 4, copyNRGBA)
	case *image.Gray:
		return packed(m.Pix, m.Stride, 1, copyGray)
	case *image.Paletted:
		return packed(m.Pix, m.Stride, 1, paletteCopier(m.Palette))
	}
	return func(dst []uint8, y int) { copyAny(dst, img, b, y) }
}

// copyAny is the definition: the colour's 16-bit premultiplied channels over
// white, high bytes kept.
func copyAny(dst []uint8, img image.Image, b image.Rectangle, y int) {
	if m, ok := img.(image.RGBA64Image); ok {
		for x := range len(dst) / 3 {
			c := m.RGBA64At(b.Min.X+x, b.Min.Y+y)
			set(dst[3*x:], uint32(c.R), uint32(c.G), uint32(c.B), uint32(c.A))
		}
		return
	}
	for x := range len(dst) / 3 {
		r, g, bl, a := img.At(b.Min.X+x, b.Min.Y+y).RGBA()
		set(dst[3*x:], r, g, bl, a)
	}
}

func set(dst []uint8, r, g, b, a uint32) {
	_ = dst[2]
	dst[0], dst[1], dst[2] = over(r, a), over(g, a), over(b, a)
}

// over lays a 16-bit premultiplied channel c of alpha a over white.
func over(c, a uint32) uint8 {
	return uint8(min(c+0xffff-a, 0xffff) >> 8)
}

func copyRGBA(dst, src []uint8) {
	for len(src) >= 4 && len(dst) >= 3 {
		if src[3] == 0xff {
			dst[0], dst[1], dst[2] = src[0], src[1], src[2]
		} else {
			set(dst, 0x101*uint32(src[0]), 0x101*uint32(src[1]), 0x101*uint32(src[2]), 0x101*uint32(src[3]))
		}
		dst, src = dst[3:], src[4:]
	}
}

func copyNRGBA(dst, src []uint8) {
	for len(src) >= 4 && len(dst) >= 3 {
		if src[3] == 0xff {
			dst[0], dst[1], dst[2] = src[0], src[1], src[2]
		} else {
			r, g, b, a := color.NRGBA{src[0], src[1], src[2], src[3]}.RGBA()
			set(dst, r, g, b, a)
		}
		dst, src = dst[3:], src[4:]
	}
}

func copyGray(dst, src []uint8) {
	for _, v := range src {
		dst[0], dst[1], dst[2] = v, v, v
		dst = dst[3:]
	}
}

// paletteCopier converts each colour once. An index outside the palette panics,
// as in image.Paletted.At.
func paletteCopier(p color.Palette) func(dst, src []uint8) {
	table := make([][3]uint8, len(p))
	for i, c := range p {
		r, g, b, a := c.RGBA()
		set(table[i][:], r, g, b, a)
	}
	return func(dst, src []uint8) {
		for _, v := range src {
			copy(dst[:3], table[v][:])
			dst = dst[3:]
		}
	}
}

// copyYCbCr converts row y as color.YCbCrToRGB does.
func copyYCbCr(dst []uint8, m *image.YCbCr, b image.Rectangle, y int) {
	shift := 0
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420:
		shift = 1
	case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
		shift = 2
	}
	at, c := m.YOffset(b.Min.X, b.Min.Y+y), m.COffset(b.Min.X, b.Min.Y+y)
	luma := m.Y[at : at+len(dst)/3]
	chromaB, chromaR := m.Cb[c:], m.Cr[c:]
	first := b.Min.X >> shift
	if shift <= 1 && first<<shift == b.Min.X {
		pixel.YCbCr(dst, luma, chromaB, chromaR, shift)
		return
	}
	for x, v := range luma {
		i := (b.Min.X+x)>>shift - first
		yy := int32(v) * 0x10101
		cb, cr := int32(chromaB[i])-128, int32(chromaR[i])-128
		d := dst[3*x : 3*x+3 : 3*x+3]
		d[0] = clip(yy + 91881*cr)
		d[1] = clip(yy - 22554*cb - 46802*cr)
		d[2] = clip(yy + 116130*cb)
	}
}

// clip returns v>>16, held within 0–255.
func clip(v int32) uint8 {
	if uint32(v)&0xff000000 == 0 {
		return uint8(v >> 16)
	}
	return uint8(^(v >> 31))
}
