package jpegscale

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mean is the mean of the whole picture's pixels under pixel (x, y) of the scaled
// one.
func mean(img image.Image, x, y, d int) (m [3]float64) {
	n := 0.0
	for j := d * y; j < min(d*y+d, img.Bounds().Dy()); j++ {
		for i := d * x; i < min(d*x+d, img.Bounds().Dx()); i++ {
			r, g, b, _ := img.At(i, j).RGBA()
			m[0], m[1], m[2], n = m[0]+float64(r>>8), m[1]+float64(g>>8), m[2]+float64(b>>8), n+1
		}
	}
	for c := range m {
		m[c] /= n
	}
	return m
}

// The scaled picture lacks frequencies that blocks' means still have in part, so
// that edges differ more.
func TestScaledPicturesAreNearTheMeansOfWholeOnes(t *testing.T) {
	for name, data := range files(t) {
		if !strings.HasPrefix(name, "testdata") { // small ones
			continue
		}
		img, err := jpeg.Decode(bytes.NewReader(data))
		require.NoError(t, err)
		for _, d := range []int{2, 4, 8} {
			pix, w, h, err := Decode(data, d, nil, nil)
			require.NoError(t, err, name)
			require.Equal(t, (img.Bounds().Dx()+d-1)/d, w)
			require.Equal(t, (img.Bounds().Dy()+d-1)/d, h)
			sum := 0.0
			for y := range h {
				for x := range w {
					m := mean(img, x, y, d)
					for c := range m {
						sum += abs(m[c] - float64(pix[3*(y*w+x)+c]))
					}
				}
			}
			require.Less(t, sum/float64(len(pix)), 3.0, "%s at 1/%d", name, d)
		}
	}
}

func abs(v float64) float64 { return max(v, -v) }

func TestFlatPicturesAreExact(t *testing.T) {
	for _, level := range []uint8{0, 1, 100, 128, 254, 255} {
		m := image.NewGray(image.Rect(0, 0, 37, 21))
		for i := range m.Pix {
			m.Pix[i] = level
		}
		var b bytes.Buffer
		require.NoError(t, jpeg.Encode(&b, m, &jpeg.Options{Quality: 100}))
		for _, d := range []int{2, 4, 8} {
			pix, _, _, err := Decode(b.Bytes(), d, nil, nil)
			require.NoError(t, err)
			for _, v := range pix {
				require.InDelta(t, level, v, 1)
			}
		}
	}
}

func TestOtherKindsAreUnsupported(t *testing.T) {
	m := image.NewRGBA(image.Rect(0, 0, 20, 20))
	m.Set(3, 3, color.White)
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, m, nil))
	data := b.Bytes()
	at := bytes.Index(data, []byte{0xff, 0xc0})
	for offset, v := range map[int]byte{1: 0xc9, 4: 12, 9: 4, 11: 0x41} {
		other := bytes.Clone(data)
		other[at+offset] = v
		_, _, _, err := Decode(other, 2, nil, nil)
		require.ErrorIs(t, err, ErrUnsupported)
	}
	require.Panics(t, func() { _, _, _, _ = Decode(data, 3, nil, nil) })
}
