package picture

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// manyScans is a progressive JPEG of 2000×2000 pixels, each scan of which says in eight
// bytes that nothing follows in any block.
func manyScans(n int) []byte {
	const oneCode = 14 << 4 // a run of 2¹⁴ blocks, and 14 bits that add to it
	table := append([]byte{0x10, 1}, make([]byte, 15)...)
	scan := append(segment(0xda, 1, 1, 0, 1, 63, 0), make([]byte, 8)...)
	return slices.Concat([]byte("\xff\xd8"),
		segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...),
		segment(0xc4, append(table, oneCode)...),
		segment(0xc2, 8, 0x07, 0xd0, 0x07, 0xd0, 1, 1, 0x11, 0),
		bytes.Repeat(scan, n), []byte("\xff\xd9"))
}

func TestAFileMadeToTakeLongIsEndedByTheClock(t *testing.T) {
	few := manyScans(450)
	_, err := Decode(few, Limits{Time: time.Hour})
	require.NoError(t, err)
	many := manyScans(30_000) // half a megabyte, half a minute
	for way, decode := range map[string]func() (*RGB, error){
		"whole":  func() (*RGB, error) { return Decode(many, Limits{Time: 50 * time.Millisecond}) },
		"scaled": func() (*RGB, error) { return DecodeAtLeast(many, 100, 100, Limits{Time: 50 * time.Millisecond}) },
	} {
		start := time.Now()
		_, err = decode()
		require.Less(t, time.Since(start), 20*time.Second, way)
		requireReason(t, TooSlow, err)
		require.ErrorContains(t, err, "jpeg: takes longer than the limit of 50ms")
	}
}

func TestEveryFormatIsReadByTheClock(t *testing.T) {
	for _, name := range []string{"RGB.png", "RGB.gif", "RGB.bmp", "RGB-lzw.tiff", "deflate.tiff", "lossy.webp", "lossless.webp", "L.jpg"} {
		data := file(t, name)
		_, err := Decode(data, Limits{Time: 1}) // a nanosecond
		requireReason(t, TooSlow, err)
		_, err = Decode(data, Limits{Time: time.Hour})
		require.NoError(t, err, name)
	}
}
