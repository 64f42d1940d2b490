package jpegscale_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/jpegscale"
)

func files(t testing.TB) map[string][]byte {
	all := map[string][]byte{}
	names, err := filepath.Glob("testdata/*.jpg")
	require.NoError(t, err)
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		all[filepath.Base(name)] = data
	}
	require.NotEmpty(t, all)
	return all
}

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
		img, err := jpeg.Decode(bytes.NewReader(data))
		require.NoError(t, err)
		for _, d := range []int{2, 4, 8} {
			pix, w, h, err := jpegscale.Decode(data, d)
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
			pix, _, _, err := jpegscale.Decode(b.Bytes(), d)
			require.NoError(t, err)
			for _, v := range pix {
				require.InDelta(t, level, v, 1)
			}
		}
	}
}

// Where this decoder fails the whole one is asked, so that only what it takes and
// the other refuses matters: never a file cut short, and of those with bits turned over
// hardly one (where a scan of a progressive file ends differs by a few bits).
func TestWhatTheWholeDecoderRefusesIsRefused(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	tried, laxer := 0, 0
	for name, data := range files(t) {
		for n := 2; n < len(data); n += max(1, len(data)/150) {
			require.False(t, isLaxer(data[:n]), "%s cut to %d bytes", name, n)
		}
		for range 150 {
			broken := bytes.Clone(data)
			for range 1 + r.IntN(3) {
				broken[r.IntN(len(broken))] ^= 1 << r.IntN(8)
			}
			if tried++; isLaxer(broken) {
				laxer++
			}
		}
	}
	require.LessOrEqual(t, laxer, tried/200)
}

// isLaxer says whether a scaled picture is made of what has no whole one.
func isLaxer(data []byte) bool {
	c, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil || c.Width*c.Height > 1<<20 {
		return false
	}
	pix, w, h, err := jpegscale.Decode(data, 4)
	if err != nil {
		return false
	}
	if len(pix) != 3*w*h || w != (c.Width+3)/4 || h != (c.Height+3)/4 {
		panic("size")
	}
	_, err = jpeg.Decode(bytes.NewReader(data))
	return err != nil
}

func TestOtherKindsAreUnsupported(t *testing.T) {
	m := image.NewRGBA(image.Rect(0, 0, 20, 20))
	m.Set(3, 3, color.White)
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, m, nil))
	data := b.Bytes()
	at := bytes.Index(data, []byte{0xff, 0xc0})
	for offset, v := range map[int]byte{1: 0xc1, 4: 12, 9: 4, 11: 0x41} {
		other := bytes.Clone(data)
		other[at+offset] = v
		_, _, _, err := jpegscale.Decode(other, 2)
		require.ErrorIs(t, err, jpegscale.ErrUnsupported)
	}
	require.Panics(t, func() { _, _, _, _ = jpegscale.Decode(data, 3) })
}

func FuzzDecode(f *testing.F) {
	for _, data := range files(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { isLaxer(data) })
}
