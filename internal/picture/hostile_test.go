package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hostile is a file and what is to be said of it; "" is a picture.
type hostile struct {
	data []byte
	want Reason
}

// chunk is one of a PNG file.
func chunk(name string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, name...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// pngOf is a PNG of raw rows.
func pngOf(w, h uint32, depth, kind uint8, raw []byte, before ...[]byte) []byte {
	b := []byte("\x89PNG\r\n\x1a\n")
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	b = append(b, chunk("IHDR", append(head, depth, kind, 0, 0, 0))...)
	for _, c := range before {
		b = append(b, c...)
	}
	var z bytes.Buffer
	zw := zlib.NewWriter(&z)
	_, _ = zw.Write(raw)
	zw.Close()
	b = append(b, chunk("IDAT", z.Bytes())...)
	return append(b, chunk("IEND", nil)...)
}

// segment is one of a JPEG file.
func segment(marker uint8, body ...byte) []byte {
	return append([]byte{0xff, marker, byte((len(body) + 2) >> 8), byte(len(body) + 2)}, body...)
}

func corpus(t testing.TB) map[string]hostile {
	files := map[string]hostile{
		"nothing":          {nil, NotAPicture},
		"text":             {[]byte("hello, this is no picture"), NotAPicture},
		"html":             {[]byte("<html><img src=x></html>"), NotAPicture},
		"svg":              {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), NotAPicture},
		"zip":              {[]byte("PK\x03\x04\x00\x00\x00\x00"), NotAPicture},
		"zeros":            {make([]byte, 1000), NotAPicture},
		"long":             {make([]byte, 2_000_000), TooManyBytes},
		"riff, not webp":   {[]byte("RIFF\x10\x00\x00\x00WAVEfmt "), NotAPicture},
		"png header alone": {[]byte("\x89PNG\r\n\x1a\n"), Damaged},
		"png 0×5":          {pngOf(0, 5, 8, 2, nil), Damaged},
		"png huge":         {pngOf(1<<20, 1<<20, 8, 6, nil), TooManyPixels},
		"png claims much":  {pngOf(999, 999, 8, 6, make([]byte, 100)), Damaged},
		"png bad filter":   {pngOf(2, 1, 8, 0, []byte{9, 1, 2}), Damaged},
		"png no palette":   {pngOf(2, 1, 8, 3, []byte{0, 1, 2}), Damaged},
		"png odd depth":    {pngOf(2, 1, 7, 0, []byte{0, 1, 2}), Damaged},
		"png bomb after":   {pngOf(2, 1, 8, 0, append([]byte{0, 1, 2}, make([]byte, 5_000_000)...)), Damaged},
		"png text bomb":    {pngOf(2, 1, 8, 0, []byte{0, 1, 2}, chunk("zTXt", bytes.Repeat([]byte{0}, 100_000))), ""},
		"png profile":      {pngOf(2, 1, 8, 0, []byte{0, 1, 2}, chunk("iCCP", bytes.Repeat([]byte{7}, 100_000))), ""},
		"png exif loop":    {pngOf(2, 1, 8, 0, []byte{0, 1, 2}, chunk("eXIf", []byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\xff\xff\xff\xff\x08\x00\x00\x00"))), ""},
		"jpeg start alone": {[]byte("\xff\xd8"), Damaged},
		"jpeg end":         {[]byte("\xff\xd8\xff\xd9"), Damaged},
		"jpeg of fills":    {append([]byte("\xff\xd8"), bytes.Repeat([]byte{0xff}, 500_000)...), Damaged},
		"jpeg 0×0":         {append([]byte("\xff\xd8"), segment(0xc0, 8, 0, 0, 0, 0, 1, 1, 0x11, 0)...), Damaged},
		"jpeg huge":        {append([]byte("\xff\xd8"), append(segment(0xc0, 8, 0xff, 0xff, 0xff, 0xff, 1, 1, 0x11, 0), segment(0xda, 1, 1, 0, 0, 63, 0)...)...), TooManyPixels},
		"jpeg claims much": {append([]byte("\xff\xd8"), append(segment(0xc2, 8, 0x03, 0xe7, 0x03, 0xe7, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0), segment(0xda, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0)...)...), Damaged},
		"jpeg 12 bits":     {append([]byte("\xff\xd8"), segment(0xc0, 12, 0, 8, 0, 8, 1, 1, 0x11, 0)...), Damaged},
		"jpeg lossless":    {append([]byte("\xff\xd8"), segment(0xc3, 8, 0, 8, 0, 8, 1, 1, 0x11, 0)...), Damaged},
		"gif huge":         {gifClaiming65535(), TooManyPixels},
		"gif no frame":     {[]byte("GIF89a\x05\x00\x05\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\x3b"), Damaged},
		"bmp huge":         {[]byte("BM\x36\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\xff\xff\xff\x7f\xff\xff\xff\x7f\x01\x00\x18\x00" + strings.Repeat("\x00", 24)), TooManyPixels},
		"bmp claims much":  {[]byte("BM\x36\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\xe7\x03\x00\x00\xe7\x03\x00\x00\x01\x00\x18\x00" + strings.Repeat("\x00", 24)), Damaged},
		"tiff loop":        {[]byte("II*\x00\x08\x00\x00\x00\x00\x00\x08\x00\x00\x00"), Damaged},
		"tiff far":         {[]byte("II*\x00\xff\xff\xff\xff"), Damaged},
		"tiff big tile":    {tiffWith([2]uint32{256, 4}, [2]uint32{257, 4}, [2]uint32{322, 1 << 30}, [2]uint32{323, 1 << 30}), TooManyPixels},
		"webp frame":       {webpHiding(), TooManyPixels},
		"webp empty":       {[]byte("RIFF\x04\x00\x00\x00WEBPVP8 "), Damaged},
	}
	names, err := filepath.Glob("testdata/*.*")
	require.NoError(t, err)
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		if f, err := formatOf(data); err == nil {
			base := filepath.Base(name)
			files[base] = hostile{data, ""}
			files[base+" with a tail"] = hostile{append(bytes.Clone(data), "PK\x03\x04<script>"...), ""}
			files[base+" header alone"] = hostile{data[:min(len(data), 20)], Damaged}
			if f.name == "jpeg" || f.name == "png" {
				files[base+" cut"] = hostile{data[:len(data)*2/3], Damaged}
			}
		}
	}
	return files
}

func TestHostileFilesGetTheirVerdictsInLittleTimeAndMemory(t *testing.T) {
	limits := Limits{Bytes: 1_000_000, Pixels: 1_000_000}
	for name, c := range corpus(t) {
		for way, decode := range map[string]func() (*RGB, error){
			"whole":  func() (*RGB, error) { return Decode(c.data, limits) },
			"scaled": func() (*RGB, error) { return DecodeAtLeast(c.data, 10, 10, limits) },
		} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			p, err := decode()
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if c.want == "" {
				require.NoError(t, err, name)
				require.Len(t, p.Pix, 3*p.W*p.H)
			} else {
				var e *Error
				require.ErrorAs(t, err, &e, "%s: %s", way, name)
				require.Equal(t, c.want, e.Reason, "%s: %s: %v", way, name, err)
			}
			require.Less(t, took, 5*time.Second, name)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(60_000_000), name)
		}
	}
}

func TestOnlyTheFirstFrameOfManyIsDecoded(t *testing.T) {
	g := &gif.GIF{}
	for range 2000 {
		g.Image = append(g.Image, image.NewPaletted(image.Rect(0, 0, 20, 20), color.Palette{color.Black, color.White}))
		g.Delay = append(g.Delay, 0)
	}
	var b bytes.Buffer
	require.NoError(t, gif.EncodeAll(&b, g))
	allocated := testing.AllocsPerRun(3, func() {
		_, err := Decode(b.Bytes(), Limits{})
		require.NoError(t, err)
	})
	require.Less(t, allocated, 200.0)
}

// FuzzHostile takes files of every format through the whole decode path.
func FuzzHostile(f *testing.F) {
	for _, c := range corpus(f) {
		if len(c.data) < 20_000 {
			f.Add(c.data)
		}
	}
	limits := Limits{Bytes: 1 << 20, Pixels: 1 << 16}
	f.Fuzz(func(t *testing.T, data []byte) {
		whole, err := Decode(data, limits)
		scaled, scaledErr := DecodeAtLeast(data, 8, 8, limits)
		var e *Error
		if err != nil {
			require.ErrorAs(t, err, &e)
			return
		}
		require.NoError(t, scaledErr)
		require.Len(t, whole.Pix, 3*whole.W*whole.H)
		require.Len(t, scaled.Pix, 3*scaled.W*scaled.H)
		require.LessOrEqual(t, scaled.W, whole.W)
	})
}

func TestADenseFileIsNotMistakenForABomb(t *testing.T) {
	m := image.NewGray(image.Rect(0, 0, 3000, 3000))
	var j, p bytes.Buffer
	require.NoError(t, jpeg.Encode(&j, m, nil))
	require.NoError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&p, image.NewPaletted(m.Rect, color.Palette{color.Black, color.White})))
	for _, data := range [][]byte{j.Bytes(), p.Bytes()} {
		_, err := Decode(data, Limits{})
		require.NoError(t, err)
	}
}
