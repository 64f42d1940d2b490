package picture

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/kernel/resize"
	"github.com/argus-go/argus/internal/shared"
)

// golden is what tools/golden/pictures.py wrote: size and, for lossless files,
// checksum of the upright pixels.
type golden map[string]struct {
	Size [2]int
	CRC  *uint32
}

func readGolden(t testing.TB) golden {
	var g golden
	require.NoError(t, json.Unmarshal(file(t, "pictures.json"), &g))
	require.NotEmpty(t, g)
	return g
}

func file(t testing.TB, name string) []byte {
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return data
}

func TestLosslessFilesOfEveryFormatAndOrientationEqualPillow(t *testing.T) {
	for name, want := range readGolden(t) {
		t.Run(name, func(t *testing.T) {
			p, err := Decode(file(t, name), Limits{})
			require.NoError(t, err)
			require.Equal(t, want.Size, [2]int{p.W, p.H})
			if want.CRC != nil {
				require.Equal(t, *want.CRC, crc32.ChecksumIEEE(p.Pix))
			}
		})
	}
}

func TestJPEGOrientationTurnsAsTheLosslessFormatsDo(t *testing.T) {
	first, err := Decode(file(t, "orientation1.jpg"), Limits{})
	require.NoError(t, err)
	for o := 1; o <= 8; o++ {
		got, err := Decode(file(t, fmt.Sprintf("orientation%d.jpg", o)), Limits{})
		require.NoError(t, err)
		require.Equal(t, first.upright(o), got, "orientation %d", o)
	}
}

func TestFileAndImageGiveTheSamePixels(t *testing.T) {
	names := map[string][]byte{}
	for name := range readGolden(t) {
		if !strings.HasPrefix(name, "orientation") { // an image.Image does not carry it
			names[name] = file(t, name)
		}
	}
	for _, name := range []string{"china.jpg", "flower.jpg", "rocket.jpg", "coffee.png"} {
		data, err := os.ReadFile(shared.Path(t, "data/photos/"+name))
		require.NoError(t, err)
		names[name] = data
	}
	for name, data := range names {
		img, _, err := image.Decode(bytes.NewReader(data))
		require.NoError(t, err, name)
		fromImage, err := FromImage(img, Limits{})
		require.NoError(t, err, name)
		fromFile, err := Decode(data, Limits{})
		require.NoError(t, err, name)
		require.True(t, bytes.Equal(fromImage.Pix, fromFile.Pix), name)
	}
}

// opaque hides the concrete type, so that only At is left.
type opaque struct{ image.Image }

func TestEveryImageTypeEqualsTheColorPackage(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	fill := func(pix []uint8) {
		for i := range pix {
			pix[i] = uint8(rng.Uint32())
		}
	}
	rect := image.Rect(3, 5, 40, 33)
	rgba, nrgba := image.NewRGBA(rect), image.NewNRGBA(rect)
	rgba64, nrgba64, gray, gray16 := image.NewRGBA64(rect), image.NewNRGBA64(rect), image.NewGray(rect), image.NewGray16(rect)
	cmyk, alpha := image.NewCMYK(rect), image.NewAlpha(rect)
	palette := make(color.Palette, 256)
	for i := range palette {
		palette[i] = color.NRGBA{uint8(rng.Uint32()), uint8(rng.Uint32()), uint8(rng.Uint32()), uint8(rng.Uint32())}
	}
	paletted := image.NewPaletted(rect, palette)
	for _, pix := range [][]uint8{rgba.Pix, nrgba.Pix, rgba64.Pix, nrgba64.Pix, gray.Pix, gray16.Pix, cmyk.Pix, alpha.Pix, paletted.Pix} {
		fill(pix)
	}
	images := []image.Image{rgba, nrgba, rgba64, nrgba64, gray, gray16, cmyk, alpha, paletted, image.NewUniform(color.White)}
	for ratio := image.YCbCrSubsampleRatio444; ratio <= image.YCbCrSubsampleRatio410; ratio++ {
		for _, r := range []image.Rectangle{rect, rect.Sub(image.Pt(20, 20))} {
			m, a := image.NewYCbCr(r, ratio), image.NewNYCbCrA(r, ratio)
			for _, pix := range [][]uint8{m.Y, m.Cb, m.Cr, a.Y, a.Cb, a.Cr, a.A} {
				fill(pix)
			}
			images = append(images, m, a)
		}
	}
	type cutter interface {
		SubImage(image.Rectangle) image.Image
	}
	for _, img := range images {
		cut := img
		if c, ok := img.(cutter); ok {
			b := img.Bounds()
			cut = c.SubImage(image.Rect(b.Min.X+1, b.Min.Y+3, b.Max.X-2, b.Max.Y-1))
		}
		for _, m := range []image.Image{img, cut, opaque{img}} {
			if b := m.Bounds(); b.Dx() > 100 {
				continue // Uniform has no end
			}
			requireDefinition(t, m)
		}
	}
}

func requireDefinition(t *testing.T, m image.Image) {
	p, err := FromImage(m, Limits{})
	require.NoError(t, err)
	b, i := m.Bounds(), 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, a := m.At(x, y).RGBA()
			for _, c := range []uint32{r, g, bl} {
				want := min(c+0xffff-a, 0xffff) >> 8
				require.Equal(t, uint8(want), p.Pix[i], "%T at (%d,%d)", m, x, y)
				i++
			}
		}
	}
	require.Len(t, p.Pix, i)
}

func TestTransparentBecomesWhite(t *testing.T) {
	p, err := FromImage(image.NewNRGBA(image.Rect(0, 0, 1, 1)), Limits{})
	require.NoError(t, err)
	require.Equal(t, []uint8{255, 255, 255}, p.Pix)
}

// pngClaiming is a valid start of a PNG of the given size with no pixel data.
func pngClaiming(w, h uint32) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1)))
	data := b.Bytes()
	binary.BigEndian.PutUint32(data[16:], w)
	binary.BigEndian.PutUint32(data[20:], h)
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	return data
}

func gifClaiming65535() []byte {
	return []byte("GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff\x2c\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02\x44\x01\x00\x3b\x00")[:34]
}

// webpHiding is an extended WebP with a canvas of 1×1 and a frame of 16383².
func webpHiding() []byte {
	frame := []byte{0x50, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f}
	b := []byte("RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00VP8 ")
	b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
	b = append(b, frame...)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// tiffWith is a TIFF of one directory of LONG values.
func tiffWith(tags ...[2]uint32) []byte {
	b := []byte("II*\x00\x08\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(len(tags)))
	for _, tag := range tags {
		b = binary.LittleEndian.AppendUint16(b, uint16(tag[0]))
		b = binary.LittleEndian.AppendUint16(b, 4)
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = binary.LittleEndian.AppendUint32(b, tag[1])
	}
	return append(b, 0, 0, 0, 0)
}

func TestTooBigIsRefusedBeforeDecoding(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want Reason
		text []string
	}{
		"png 50000²":      {pngClaiming(50000, 50000), TooManyPixels, []string{"50000×50000", "100000000"}},
		"png 2²⁰":         {pngClaiming(1<<20, 1<<20), TooManyPixels, []string{"1048576×1048576"}},
		"gif 65535²":      {gifClaiming65535(), TooManyPixels, []string{"65535×65535", "100000000"}},
		"webp frame":      {webpHiding(), TooManyPixels, []string{"16383×16383", "100000000"}},
		"tiff size":       {tiffWith([2]uint32{256, 1 << 30}, [2]uint32{257, 1 << 30}), TooManyPixels, []string{"1073741824×1073741824"}},
		"tiff tile":       {tiffWith([2]uint32{256, 1}, [2]uint32{257, 1}, [2]uint32{322, 65536}, [2]uint32{323, 65536}), TooManyPixels, []string{"tile is 65536×65536"}},
		"tiff strips":     {tiffWith([2]uint32{256, 1}, [2]uint32{257, 1}, [2]uint32{279, 5000}), Damaged, []string{"5000", "has 50"}},
		"bmp size":        {[]byte("BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x01\x00\x18\x00" + strings.Repeat("\x00", 24)), TooManyPixels, []string{"65536×65536"}},
		"jpeg size":       {jpegClaiming(t, 65535, 65535), TooManyPixels, []string{"65535×65535"}},
		"more than bytes": {make([]byte, 100_000_001), TooManyBytes, []string{"100000001", "100000000"}},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Decode(c.data, Limits{})
			runtime.ReadMemStats(&after)
			requireReason(t, c.want, err)
			for _, text := range c.text {
				require.ErrorContains(t, err, text)
			}
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
		})
	}
}

func jpegClaiming(t *testing.T, w, h uint16) []byte {
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil))
	data := b.Bytes()
	at := bytes.Index(data, []byte{0xff, 0xc0})
	require.Positive(t, at)
	binary.BigEndian.PutUint16(data[at+5:], h)
	binary.BigEndian.PutUint16(data[at+7:], w)
	return data
}

func requireReason(t *testing.T, want Reason, err error) {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, want, e.Reason, "%v", err)
}

func TestLimitsAreTheCallers(t *testing.T) {
	data := file(t, "RGB.png") // 13×9
	_, err := Decode(data, Limits{Pixels: 117})
	require.NoError(t, err)
	_, err = Decode(data, Limits{Pixels: 116})
	requireReason(t, TooManyPixels, err)
	require.ErrorContains(t, err, "13×9")
	require.ErrorContains(t, err, "116")
	_, err = Decode(data, Limits{Bytes: int64(len(data)) - 1})
	requireReason(t, TooManyBytes, err)
	_, err = FromImage(image.NewUniform(color.White), Limits{})
	requireReason(t, TooManyPixels, err)
	got, err := Read(bytes.NewReader(data), Limits{Bytes: int64(len(data))})
	require.NoError(t, err)
	require.Equal(t, data, got)
	_, err = Read(bytes.NewReader(data), Limits{Bytes: int64(len(data)) - 1})
	requireReason(t, TooManyBytes, err)
	_, err = Read(iotest.ErrReader(errors.New("disk gone")), Limits{})
	require.ErrorContains(t, err, "disk gone")
}

func TestEveryTruncationIsAnErrorOrThePicture(t *testing.T) {
	for name := range readGolden(t) {
		data := file(t, name)
		whole, err := Decode(data, Limits{})
		require.NoError(t, err)
		for n := range data {
			p, err := Decode(data[:n:n], Limits{})
			if err == nil {
				// Formats that close with bytes no pixel needs, or whose EXIF
				// comes last.
				require.Len(t, p.Pix, len(whole.Pix), "%s cut to %d of %d", name, n, len(data))
				require.False(t, strings.HasSuffix(name, ".jpg") && n < len(data)-2, "%s cut to %d of %d", name, n, len(data))
				continue
			}
			var e *Error
			require.ErrorAs(t, err, &e)
		}
	}
}

func TestWhatIsNoPictureSaysHowItStarts(t *testing.T) {
	_, err := Decode([]byte("hello, world"), Limits{})
	requireReason(t, NotAPicture, err)
	require.ErrorContains(t, err, `"hello, w"`)
	_, err = Decode(nil, Limits{})
	requireReason(t, NotAPicture, err)
	_, err = FromImage(nil, Limits{})
	requireReason(t, NotAPicture, err)
}

func TestPanicsBecomeErrors(t *testing.T) {
	_, err := FromImage(&image.RGBA{Pix: make([]uint8, 3), Stride: 4, Rect: image.Rect(0, 0, 9, 9)}, Limits{})
	requireReason(t, Damaged, err)
	_, err = FromImage(image.NewPaletted(image.Rect(0, 0, 1, 1), nil), Limits{})
	requireReason(t, Damaged, err)
	_, err = FromImage((*image.RGBA)(nil), Limits{})
	requireReason(t, Damaged, err)
}

func FuzzDecode(f *testing.F) {
	for name := range readGolden(f) {
		f.Add(file(f, name))
	}
	for _, bomb := range [][]byte{pngClaiming(50000, 50000), gifClaiming65535(), webpHiding(), tiffWith([2]uint32{256, 1}, [2]uint32{257, 1})} {
		f.Add(bomb)
	}
	l := Limits{Bytes: 1 << 20, Pixels: 1 << 16}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Decode(data, l)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if p.W < 1 || p.H < 1 || p.W*p.H > l.Pixels || len(p.Pix) != 3*p.W*p.H {
			t.Fatalf("%d×%d with %d bytes", p.W, p.H, len(p.Pix))
		}
	})
}

// What lies beside a scaled picture must be where the orientation puts it: else the
// square is shifted, and differs by more than one level.
func TestAScaledPictureDiffersByLessThanOneLevelWhateverItsOrientation(t *testing.T) {
	for o := 1; o <= 8; o++ {
		data := turnedJPEG(t, o)
		whole, err := Decode(data, Limits{})
		require.NoError(t, err)
		p, err := DecodeAtLeast(data, 20, 20, Limits{})
		require.NoError(t, err)
		require.Less(t, p.W, whole.W)
		require.NotEqual(t, [4]float64{2: float64(p.W), 3: float64(p.H)}, p.Box())
		square := func(p *RGB) []uint8 {
			out := make([]uint8, 3*20*20)
			resize.Part(resize.Image{Pix: out, W: 20, H: 20, Stride: 60}, resize.Image{Pix: p.Pix, W: p.W, H: p.H, Stride: 3 * p.W}, p.Box(), resize.Bilinear)
			return out
		}
		sum := 0
		for i, v := range square(whole) {
			d := int(v) - int(square(p)[i])
			sum += max(d, -d)
		}
		require.Less(t, float64(sum)/(3*20*20), 1.0, "orientation %d", o)
	}
}

// turnedJPEG is a picture of waves, 133×109 pixels, with an EXIF orientation.
func turnedJPEG(t *testing.T, orientation int) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 133, 109))
	for y := range 109 {
		for x := range 133 {
			level := func(k float64) uint8 { return uint8(128 + 100*math.Sin(k*float64(x)/9+float64(y)/7)) }
			m.SetRGBA(x, y, color.RGBA{level(1), level(.7), level(1.3), 255})
		}
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}))
	exif := append([]byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00"), byte(orientation), 0, 0, 0, 0, 0, 0, 0)
	return slices.Concat(b.Bytes()[:2], segment(0xe1, exif...), b.Bytes()[2:])
}
