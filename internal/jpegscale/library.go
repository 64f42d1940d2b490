package jpegscale

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"sync"
)

// LikeLibrary says whether the image/jpeg that this program was built with gives the
// pixels that Decode gives whole: its inverse transform was another before Go 1.26, and
// may be another again. It asks once, with a picture of noise.
var LikeLibrary = sync.OnceValue(func() bool {
	const side = 64
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	state := uint32(1)
	for i := range m.Pix {
		state = state*1664525 + 1013904223 // Knuth's, of Numerical Recipes
		m.Pix[i] = uint8(state >> 24)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		return false
	}
	img, err := jpeg.Decode(bytes.NewReader(b.Bytes()))
	theirs, ok := img.(*image.YCbCr)
	if err != nil || !ok {
		return false
	}
	ours, w, h, err := Decode(b.Bytes(), 1, nil, nil)
	return err == nil && w == side && h == side && bytes.Equal(ours, packed(theirs))
})

// packed is m in RGB.
func packed(m *image.YCbCr) []uint8 {
	var pix []uint8
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			c := m.COffset(x, y)
			r, g, b := color.YCbCrToRGB(m.Y[m.YOffset(x, y)], m.Cb[c], m.Cr[c])
			pix = append(pix, r, g, b)
		}
	}
	return pix
}
