package jpeg444

import (
	"bytes"
	"encoding/json"
	"hash/crc32"
	"image"
	"image/jpeg"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/picture"
	"github.com/argus-go/argus/internal/shared"
)

// synthetic is the picture of tools/golden/jpeg444.py.
func synthetic(kind string, w, h int) []byte {
	out := make([]byte, 0, 3*w*h)
	state := uint32(1)
	for y := range h {
		for x := range w {
			for c := range 3 {
				state = (state*1103515245 + 12345) % (1 << 31)
				out = append(out, map[string]byte{
					"noise":    byte(state >> 16),
					"extremes": 255 * byte(state>>16&1),
					"smooth":   byte(uint32(x*(3+c)+y*(5-c)) + state>>16&7),
					"white":    255,
					"checks":   255 * byte((x+y+c)&1),
				}[kind])
			}
		}
	}
	return out
}

func TestFilesAreThoseOfPillow(t *testing.T) {
	data, err := os.ReadFile("testdata/pillow.json")
	require.NoError(t, err)
	var files []struct {
		Kind  string
		W, H  int
		Bytes int
		CRC   uint32
	}
	require.NoError(t, json.Unmarshal(data, &files))
	require.NotEmpty(t, files)
	for _, f := range files {
		got := Append(nil, synthetic(f.Kind, f.W, f.H), f.W, f.H)
		require.Len(t, got, f.Bytes, "%s %d×%d", f.Kind, f.W, f.H)
		require.Equal(t, f.CRC, crc32.ChecksumIEEE(got), "%s %d×%d", f.Kind, f.W, f.H)
	}
}

func TestColourIsKeptInFullResolution(t *testing.T) {
	img, err := jpeg.Decode(bytes.NewReader(Append(nil, synthetic("noise", 33, 20), 33, 20)))
	require.NoError(t, err)
	require.Equal(t, image.YCbCrSubsampleRatio444, img.(*image.YCbCr).SubsampleRatio)
	require.Equal(t, image.Rect(0, 0, 33, 20), img.Bounds())
}

// The bounds are those of rounding alone: colour there and back again, and
// coefficients.
func TestPhotographsComeBackWithinRounding(t *testing.T) {
	data, err := os.ReadFile(shared.Path(t, "data/photos/china.jpg"))
	require.NoError(t, err)
	for name, in := range map[string]*picture.RGB{"photograph": decode(t, data), "noise": {W: 50, H: 40, Pix: synthetic("noise", 50, 40)}} {
		out := decode(t, Append(nil, in.Pix, in.W, in.H))
		most, squares := 0.0, 0.0
		for i := range in.Pix {
			d := math.Abs(float64(in.Pix[i]) - float64(out.Pix[i]))
			most = max(most, d)
			squares += d * d
		}
		require.LessOrEqual(t, most, 6.0, name)
		require.Less(t, squares/float64(len(in.Pix)), 1.0, name)
	}
}

func decode(t *testing.T, data []byte) *picture.RGB {
	t.Helper()
	rgb, err := picture.Decode(data, picture.Limits{})
	require.NoError(t, err)
	return rgb
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	pix := synthetic("noise", 9, 9)
	require.Equal(t, append([]byte("before"), Append(nil, pix, 9, 9)...), Append([]byte("before"), pix, 9, 9))
}

func TestAPictureWithoutAllItsPixelsPanics(t *testing.T) {
	require.Panics(t, func() { Append(nil, make([]byte, 11), 2, 2) })
	require.Panics(t, func() { Append(nil, nil, 0, 0) })
}

func FuzzEncodedPicturesDecode(f *testing.F) {
	f.Add([]byte{1, 2, 3, 255, 0}, uint8(9))
	f.Fuzz(func(t *testing.T, pixels []byte, width uint8) {
		w := 1 + int(width)%40
		h := 1 + len(pixels)/(3*w)
		pix := make([]byte, 3*w*h)
		copy(pix, pixels)
		out := decode(t, Append(nil, pix, w, h))
		require.Equal(t, []int{w, h}, []int{out.W, out.H})
		for i := range pix {
			require.InDelta(t, pix[i], out.Pix[i], 12)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	pix := synthetic("smooth", 299, 299)
	b.SetBytes(int64(len(pix)))
	var out []byte
	for b.Loop() {
		out = Append(out[:0], pix, 299, 299)
	}
}
