package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"path"
	"strings"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// format is one kind of file. Decoders are called directly, not through
// image.Decode, whose table other packages may add to.
type format struct {
	name        string
	magic       string // '?' stands for any byte
	config      func(io.Reader) (image.Config, error)
	decode      func(io.Reader) (image.Image, error)
	orientation func(data []byte) int
	profile     func(data []byte) string // what Info says of colours
	// check, if any, looks at sizes that config does not tell of.
	check func(data []byte, l Limits) error
	// density is the most pixels that a byte of a file can stand for, 0 where there is
	// no such number: a short file that claims a big picture costs no memory.
	density int
}

const (
	jpegDensity = 8 * 64   // a bit for a block
	pngDensity  = 8 * 1032 // a bit for a pixel, and deflate's best (RFC 1951)
	bmpDensity  = 8
)

var formats = []format{
	{"jpeg", "\xff\xd8", jpeg.DecodeConfig, jpeg.Decode, jpegOrientation, jpegProfile, nil, jpegDensity},
	{"png", "\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode, pngOrientation, pngProfile, nil, pngDensity},
	{"gif", "GIF8?a", gif.DecodeConfig, gif.Decode, upright, noProfile, nil, 0},
	{"bmp", "BM????\x00\x00\x00\x00", bmp.DecodeConfig, bmp.Decode, upright, noProfile, nil, bmpDensity},
	{"tiff", "II*\x00", tiff.DecodeConfig, tiff.Decode, tiffOrientation, tiffProfile, checkTIFF, 0},
	{"tiff", "MM\x00*", tiff.DecodeConfig, tiff.Decode, tiffOrientation, tiffProfile, checkTIFF, 0},
	{"webp", "RIFF????WEBPVP8", webp.DecodeConfig, webp.Decode, webpOrientation, webpProfile, checkWebP, 0},
}

func upright([]byte) int { return 1 }

func formatOf(data []byte) (*format, error) {
	for i := range formats {
		if hasMagic(data, formats[i].magic) {
			return &formats[i], nil
		}
	}
	if len(data) == 0 {
		return nil, &Error{Reason: NotAPicture, Err: fmt.Errorf("empty")}
	}
	return nil, &Error{Reason: NotAPicture, Err: fmt.Errorf("starts with %q, not as JPEG, PNG, GIF, BMP, TIFF or WebP", data[:min(8, len(data))])}
}

// IsName tells a picture file by its name's ending, in any case.
func IsName(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp":
		return true
	}
	return false
}

func hasMagic(data []byte, magic string) bool {
	if len(data) < len(magic) {
		return false
	}
	for i := range len(magic) {
		if magic[i] != '?' && magic[i] != data[i] {
			return false
		}
	}
	return true
}

// checkSizes returns the number of pixels, reading headers only.
func (f *format) checkSizes(data []byte, l Limits) (int, error) {
	c, err := f.config(bytes.NewReader(data))
	if err != nil {
		return 0, &Error{Reason: Damaged, Format: f.name, Err: err}
	}
	if err := l.checkPixels(f.name, c.Width, c.Height); err != nil {
		return 0, err
	}
	if f.density > 0 && (c.Width*c.Height-1)/f.density > len(data) {
		return 0, &Error{Reason: Damaged, Format: f.name, Err: fmt.Errorf("size is %d×%d, too much for a file of %d bytes", c.Width, c.Height, len(data))}
	}
	if f.check != nil {
		err = f.check(data, l)
	}
	return c.Width * c.Height, err
}

// checkWebP checks the frames' own sizes: an extended file also has a canvas
// size, and only that is what webp.DecodeConfig tells.
func checkWebP(data []byte, l Limits) error {
	for id, chunk := range riffChunks(data) {
		var w, h int
		switch {
		case id == "VP8 " && len(chunk) >= 10:
			w = int(binary.LittleEndian.Uint16(chunk[6:]) & 0x3fff)
			h = int(binary.LittleEndian.Uint16(chunk[8:]) & 0x3fff)
		case id == "VP8L" && len(chunk) >= 5:
			bits := binary.LittleEndian.Uint32(chunk[1:])
			w, h = 1+int(bits&0x3fff), 1+int(bits>>14&0x3fff)
		default:
			continue
		}
		if err := l.checkPixels("webp", w, h); err != nil {
			return err
		}
	}
	return nil
}

// checkTIFF checks what lets a small file cost much work: tiles bigger than any
// picture, and many strips or tiles that share the same bytes.
func checkTIFF(data []byte, l Limits) error {
	tileW, tileH, total := uint64(1), uint64(1), uint64(0)
	for e := range ifd0(data) {
		switch e.tag {
		case tagTileWidth:
			tileW = e.value(0)
		case tagTileLength:
			tileH = e.value(0)
		case tagStripByteCounts, tagTileByteCounts:
			for i := range e.count {
				total += e.value(i)
			}
		}
	}
	if tileW > 1<<31 || tileH > 1<<31 || tileW*tileH > uint64(l.MaxPixels()) {
		return &Error{Reason: TooManyPixels, Format: "tiff", Err: fmt.Errorf("tile is %d×%d, limit is %d pixels", tileW, tileH, l.MaxPixels())}
	}
	if total > uint64(len(data)) {
		return &Error{Reason: Damaged, Format: "tiff", Err: fmt.Errorf("strips are %d bytes, file has %d", total, len(data))}
	}
	return nil
}
