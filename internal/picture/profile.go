package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
)

const (
	// unnamed is a colour profile whose description cannot be read.
	unnamed = "unnamed"
	// longestProfile is how much of a compressed profile is unpacked.
	longestProfile = 1 << 20
)

func noProfile([]byte) string { return "" }

// jpegProfile joins the APP2 segments of a profile (ICC.1:2022, B.4).
func jpegProfile(data []byte) string {
	const app2 = 0xe2
	parts := map[uint8][]byte{}
	var order []uint8
	for marker, body := range jpegSegments(data) {
		part, ok := bytes.CutPrefix(body, []byte("ICC_PROFILE\x00"))
		if marker != app2 || !ok || len(part) < 2 {
			continue
		}
		if _, twice := parts[part[0]]; !twice {
			parts[part[0]], order = part[2:], append(order, part[0])
		}
	}
	if len(order) == 0 {
		return ""
	}
	slices.Sort(order)
	var profile []byte
	for _, number := range order {
		profile = append(profile, parts[number]...)
	}
	return profileName(profile)
}

// pngProfile reads an iCCP chunk, or an sRGB chunk, which stands for one.
func pngProfile(data []byte) string {
	for name, body := range pngChunks(data) {
		switch name {
		case "sRGB":
			return "sRGB"
		case "iCCP":
			_, packed, ok := bytes.Cut(body, []byte{0})
			if !ok || len(packed) < 1 {
				return unnamed
			}
			z, err := zlib.NewReader(bytes.NewReader(packed[1:])) // after the method
			if err != nil {
				return unnamed
			}
			profile, _ := io.ReadAll(io.LimitReader(z, longestProfile))
			return profileName(profile)
		case "IDAT":
			return ""
		}
	}
	return ""
}

func webpProfile(data []byte) string {
	for id, chunk := range riffChunks(data) {
		if id == "ICCP" {
			return profileName(chunk)
		}
	}
	return ""
}

func tiffProfile(data []byte) string {
	for e := range ifd0(data) {
		if e.tag == tagProfile && e.width == 1 {
			return profileName(e.data)
		}
	}
	return ""
}

// profileName is the description of an ICC profile (ICC.1:2022, 7.3 and 9.2.41),
// of version 2 or 4.
func profileName(profile []byte) string {
	table := sliceAt(profile, 128, 4)
	if table == nil {
		return unnamed
	}
	const mostTags = 1000
	for i := range uint64(min(binary.BigEndian.Uint32(table), mostTags)) {
		tag := sliceAt(profile, 132+12*i, 12)
		if tag == nil {
			break
		}
		if string(tag[:4]) != "desc" {
			continue
		}
		at, size := uint64(binary.BigEndian.Uint32(tag[4:])), uint64(binary.BigEndian.Uint32(tag[8:]))
		return printable(description(sliceAt(profile, at, size)))
	}
	return unnamed
}

func description(tag []byte) string {
	switch {
	case hasMagic(tag, "desc????????"): // ASCII and its length
		return string(sliceAt(tag, 12, uint64(binary.BigEndian.Uint32(tag[8:]))))
	case hasMagic(tag, "mluc????????????????????????"): // UTF-16, in the first of the languages
		text := sliceAt(tag, uint64(binary.BigEndian.Uint32(tag[24:])), uint64(binary.BigEndian.Uint32(tag[20:])))
		units := make([]uint16, min(len(text)/2, 1000))
		for i := range units {
			units[i] = binary.BigEndian.Uint16(text[2*i:])
		}
		return string(utf16.Decode(units))
	}
	return ""
}

// printable makes one short line of what a file says.
func printable(s string) string {
	s, _, _ = strings.Cut(s[:min(len(s), 1000)], "\x00")
	runes := []rune(strings.ToValidUTF8(s, ""))
	runes = slices.DeleteFunc(runes, func(r rune) bool { return !unicode.IsPrint(r) })
	s = strings.TrimSpace(string(runes[:min(len(runes), 100)]))
	if s == "" {
		return unnamed
	}
	return s
}
