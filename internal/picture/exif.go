package picture

import (
	"bytes"
	"encoding/binary"
	"iter"
)

// TIFF 6.0 tags; EXIF is a TIFF file inside another.
const (
	tagOrientation     = 274
	tagStripByteCounts = 279
	tagTileWidth       = 322
	tagTileLength      = 323
	tagTileByteCounts  = 325
	tagProfile         = 34675
)

// ifdEntry is one entry of a TIFF directory: count values of type BYTE, SHORT,
// LONG or UNDEFINED, all of which lie inside the file.
type ifdEntry struct {
	tag   uint16
	count int
	width int // bytes a value
	data  []byte
	order binary.ByteOrder
}

func (e ifdEntry) value(i int) uint64 {
	switch b := e.data[i*e.width:]; e.width {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(e.order.Uint16(b))
	default:
		return uint64(e.order.Uint32(b))
	}
}

// ifd0 yields the integer entries of the first directory of a TIFF file, until
// something points outside the file.
func ifd0(data []byte) iter.Seq[ifdEntry] {
	return func(yield func(ifdEntry) bool) {
		var order binary.ByteOrder = binary.LittleEndian
		switch {
		case hasMagic(data, "MM\x00*????"):
			order = binary.BigEndian
		case !hasMagic(data, "II*\x00????"):
			return
		}
		dir := sliceAt(data, uint64(order.Uint32(data[4:])), 2)
		if dir == nil {
			return
		}
		at := uint64(order.Uint32(data[4:])) + 2
		for range order.Uint16(dir) {
			raw := sliceAt(data, at, 12)
			if raw == nil {
				return
			}
			at += 12
			if e, ok := parseEntry(data, raw, order); ok && !yield(e) {
				return
			}
		}
	}
}

func parseEntry(data, raw []byte, order binary.ByteOrder) (ifdEntry, bool) {
	width := map[uint16]uint64{1: 1, 3: 2, 4: 4, 7: 1}[order.Uint16(raw[2:])]
	count := uint64(order.Uint32(raw[4:]))
	size := width * count
	if size == 0 {
		return ifdEntry{}, false
	}
	values := raw[8:]
	if size > 4 {
		values = sliceAt(data, uint64(order.Uint32(raw[8:])), size)
	}
	return ifdEntry{order.Uint16(raw), int(count), int(width), values, order}, values != nil
}

// sliceAt returns data[at:at+n], nil where that is not inside.
func sliceAt(data []byte, at, n uint64) []byte {
	if at > uint64(len(data)) || n > uint64(len(data))-at {
		return nil
	}
	return data[at : at+n]
}

// tiffOrientation returns the orientation (1–8) that a TIFF file or an EXIF
// block states, 1 if it states none.
func tiffOrientation(data []byte) int {
	for e := range ifd0(data) {
		if e.tag == tagOrientation {
			if v := e.value(0); 1 <= v && v <= 8 {
				return int(v)
			}
			return 1
		}
	}
	return 1
}

var exifPrefix = []byte("Exif\x00\x00")

// jpegOrientation looks for EXIF in the APP1 segments before the first scan.
func jpegOrientation(data []byte) int {
	const app1 = 0xe1
	for marker, body := range jpegSegments(data) {
		if exif, ok := bytes.CutPrefix(body, exifPrefix); ok && marker == app1 {
			return tiffOrientation(exif)
		}
	}
	return 1
}

// jpegSegments yields marker and body of each segment before the first scan.
func jpegSegments(data []byte) iter.Seq2[uint8, []byte] {
	return func(yield func(uint8, []byte) bool) {
		const startOfScan = 0xda
		for at := uint64(2); ; {
			head := sliceAt(data, at, 4)
			if head == nil || head[0] != 0xff || head[1] == startOfScan {
				return
			}
			if head[1] == 0xff { // fill byte
				at++
				continue
			}
			n := uint64(binary.BigEndian.Uint16(head[2:]))
			body := sliceAt(data, at+2, n)
			if n < 2 || body == nil || !yield(head[1], body[2:]) {
				return
			}
			at += 2 + n
		}
	}
}

// pngOrientation looks for an eXIf chunk.
func pngOrientation(data []byte) int {
	for name, body := range pngChunks(data) {
		if name == "eXIf" {
			return tiffOrientation(body)
		}
	}
	return 1
}

// pngChunks yields name and body of each chunk, nil where it is cut short.
func pngChunks(data []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for at := uint64(8); ; {
			head := sliceAt(data, at, 8)
			if head == nil {
				return
			}
			n := uint64(binary.BigEndian.Uint32(head))
			if !yield(string(head[4:]), sliceAt(data, at+8, n)) {
				return
			}
			at += 8 + n + 4 // with the checksum
		}
	}
}

// webpOrientation looks for an EXIF chunk, which some writers begin as JPEG's.
func webpOrientation(data []byte) int {
	for id, chunk := range riffChunks(data) {
		if id == "EXIF" {
			return tiffOrientation(bytes.TrimPrefix(chunk, exifPrefix))
		}
	}
	return 1
}

// riffChunks yields name and body of each chunk of a RIFF file; the last body
// may be cut short.
func riffChunks(data []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for at := uint64(12); ; {
			head := sliceAt(data, at, 8)
			if head == nil {
				return
			}
			n := uint64(binary.LittleEndian.Uint32(head[4:]))
			body := data[at+8:]
			if !yield(string(head[:4]), body[:min(n, uint64(len(body)))]) {
				return
			}
			at += 8 + n + n&1
		}
	}
}

// turned is upright of a picture that nobody else has.
func (p *RGB) turned(orientation int) *RGB {
	q := p.upright(orientation)
	if q != p {
		p.Free()
	}
	return q
}

// upright undoes an EXIF orientation: 2–4 mirror and turn, 5–8 also swap sides.
func (p *RGB) upright(orientation int) *RGB {
	w, h := p.W, p.H
	// The source pixel of (0, 0), and the steps to those of (1, 0) and (0, 1).
	walk := [9]struct{ start, dx, dy int }{
		2: {w - 1, -1, w},
		3: {w*h - 1, -1, -w},
		4: {(h - 1) * w, 1, -w},
		5: {0, w, 1},
		6: {(h - 1) * w, -w, 1},
		7: {w*h - 1, -w, -1},
		8: {w - 1, w, -1},
	}[orientation]
	if walk.dx == 0 {
		return p
	}
	q := Blank(w, h)
	if orientation >= 5 {
		q.W, q.H = h, w
	}
	to := 0
	for y := range q.H {
		from := walk.start + y*walk.dy
		for range q.W {
			copy(q.Pix[to:to+3], p.Pix[3*from:3*from+3])
			to += 3
			from += walk.dx
		}
	}
	return q
}
