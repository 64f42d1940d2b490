package clean

import (
	"bytes"
	"encoding/binary"
	"image/color"
	"image/jpeg"
)

type format struct {
	name  string
	magic string
	exts  []string
	read  func(data []byte) header
}

// formats are the kinds of files that are told apart by their first bytes ('?'
// stands for any), their extensions, the first of which is the usual one, and
// what their header tells of the pixels.
var formats = []format{
	{"jpeg", "\xff\xd8", []string{".jpg", ".jpeg", ".jpe", ".jfif"}, jpegHeader},
	{"png", "\x89PNG\r\n\x1a\n", []string{".png"}, pngHeader},
	{"gif", "GIF8?a", []string{".gif"}, gifHeader},
	{"bmp", "BM????\x00\x00\x00\x00", []string{".bmp"}, func([]byte) header { return header{} }},
	{"tiff", "II*\x00", []string{".tif", ".tiff"}, tiffHeader},
	{"tiff", "MM\x00*", []string{".tif", ".tiff"}, tiffHeader},
	{"webp", "RIFF????WEBPVP8", []string{".webp"}, webpHeader},
}

const longestMagic = 15

// formatOf is the index of the format of data in formats, or -1.
func formatOf(data []byte) int {
	for i, f := range formats {
		if hasMagic(data, f.magic) {
			return i
		}
	}
	return -1
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

// A header is what a file says of its pixels before they are decoded. What is
// damaged ends the reading of it; decoding will tell.
type header struct {
	cmyk, grey, alpha, deep bool
	frames                  int // where there are several, at least 2
}

// kinds lists what is not plain 8-bit RGB of one frame.
func (h header) kinds() []Kind {
	var kinds []Kind
	for _, is := range []struct {
		kind Kind
		yes  bool
	}{{CMYK, h.cmyk}, {Grey, h.grey}, {Alpha, h.alpha}, {Deep, h.deep}, {Animated, h.frames > 1}} {
		if is.yes {
			kinds = append(kinds, is.kind)
		}
	}
	return kinds
}

func jpegHeader(data []byte) header {
	c, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return header{}
	}
	return header{cmyk: c.ColorModel == color.CMYKModel, grey: c.ColorModel == color.GrayModel}
}

// pngHeader reads depth and colour type of IHDR, and looks for tRNS and acTL
// before the pixels (PNG, third edition).
func pngHeader(data []byte) (h header) {
	for at := 8; len(data)-at >= 12; {
		n := int64(binary.BigEndian.Uint32(data[at:]))
		kind := string(data[at+4 : at+8])
		if n > int64(len(data)-at-12) {
			return h
		}
		body := data[at+8 : at+8+int(n)]
		switch {
		case kind == "IHDR" && len(body) >= 10:
			h.deep = body[8] == 16
			h.grey = body[9] == 0 || body[9] == 4
			h.alpha = body[9] == 4 || body[9] == 6
		case kind == "tRNS":
			h.alpha = true
		case kind == "acTL" && len(body) >= 4:
			if frames := binary.BigEndian.Uint32(body); frames > 1 {
				h.frames = int(min(frames, 1<<30))
			}
		case kind == "IDAT":
			return h
		}
		at += 12 + int(n)
	}
	return h
}

// gifHeader counts image descriptors and looks for a transparent colour in the
// control block of the first (GIF89a).
func gifHeader(data []byte) (h header) {
	if len(data) < 13 {
		return h
	}
	at := 13 + colourTable(data[10])
	for at < len(data) {
		switch data[at] {
		case 0x21: // extension
			if h.frames == 0 && at+3 < len(data) && data[at+1] == 0xf9 && data[at+3]&1 != 0 {
				h.alpha = true
			}
			at = skipBlocks(data, at+2)
		case 0x2c: // image descriptor
			h.frames++
			if at+9 >= len(data) {
				return h
			}
			at = skipBlocks(data, at+10+colourTable(data[at+9])+1)
		default:
			return h
		}
	}
	return h
}

// colourTable is the length of the colour table that flags announce.
func colourTable(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (1 + flags&7)
}

// skipBlocks is where the chain of sub-blocks at data[at] has ended.
func skipBlocks(data []byte, at int) int {
	for at < len(data) && data[at] != 0 {
		at += 1 + int(data[at])
	}
	return at + 1
}

// webpHeader reads the flags of an extended file, or the alpha bit of a lossless
// one (RFC 9649), and counts ANMF chunks.
func webpHeader(data []byte) (h header) {
	for at := 12; len(data)-at >= 8; {
		n := int64(binary.LittleEndian.Uint32(data[at+4:]))
		body := data[at+8:]
		if n < int64(len(body)) {
			body = body[:n]
		}
		switch string(data[at : at+4]) {
		case "VP8X":
			h.alpha = len(body) > 0 && body[0]&0x10 != 0
		case "VP8L":
			h.alpha = h.alpha || len(body) >= 5 && body[4]&0x10 != 0
		case "ANMF":
			h.frames++
		}
		at += 8 + len(body) + len(body)&1
	}
	return h
}

// tiffHeader reads the first directory (TIFF 6.0) and counts those that follow.
func tiffHeader(data []byte) (h header) {
	if len(data) < 8 {
		return h
	}
	var order binary.ByteOrder = binary.LittleEndian
	if data[0] == 'M' {
		order = binary.BigEndian
	}
	const maxPages = 1000 // directories may point in a circle
	at := int64(order.Uint32(data[4:]))
	for h.frames < maxPages && at > 0 && at+2 <= int64(len(data)) {
		n := int64(order.Uint16(data[at:]))
		end := at + 2 + 12*n
		if end+4 > int64(len(data)) {
			return h
		}
		if h.frames == 0 {
			h.tags(data, data[at+2:end], order)
		}
		h.frames++
		at = int64(order.Uint32(data[end:]))
	}
	return h
}

// tags reads the entries, of 12 bytes each, of a TIFF directory.
func (h *header) tags(data, entries []byte, order binary.ByteOrder) {
	for ; len(entries) >= 12; entries = entries[12:] {
		value := order.Uint16(entries[8:]) // of a SHORT, the first of them
		if count := order.Uint32(entries[4:]); count > 2 {
			value = 0
			if at := int64(order.Uint32(entries[8:])); at+2 <= int64(len(data)) {
				value = order.Uint16(data[at:])
			}
		}
		switch order.Uint16(entries) {
		case 258: // BitsPerSample
			h.deep = value == 16
		case 262: // PhotometricInterpretation
			h.grey = value <= 1
			h.cmyk = value == 5
		case 338: // ExtraSamples
			h.alpha = value == 1 || value == 2
		}
	}
}
