package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// profileOf is an ICC profile of one tag, its description.
func profileOf(description []byte) []byte {
	b := make([]byte, 128)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = append(b, "desc"...)
	b = binary.BigEndian.AppendUint32(b, 144)
	b = binary.BigEndian.AppendUint32(b, uint32(len(description)))
	return append(b, description...)
}

var (
	version2 = profileOf([]byte("desc\x00\x00\x00\x00\x00\x00\x00\x13Adobe RGB\n (1998)\x00\x00"))
	version4 = profileOf([]byte("mluc\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x0cenUS\x00\x00\x00\x14\x00\x00\x00\x1c" +
		"\x00D\x00i\x00s\x00p\x00l\x00a\x00y\x00 \x00P\x003"))
)

// withJPEGProfile puts a profile into a JPEG, in two segments in the wrong order.
func withJPEGProfile(data, profile []byte) []byte {
	half := len(profile) / 2
	part := func(number byte, of []byte) []byte {
		return segment(0xe2, append(append([]byte("ICC_PROFILE\x00"), number, 2), of...)...)
	}
	return slices.Concat(data[:2], part(2, profile[half:]), part(1, profile[:half]), data[2:])
}

func iccp(profile []byte) []byte {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = w.Write(profile)
	w.Close()
	return chunk("iCCP", append([]byte("any name\x00\x00"), z.Bytes()...))
}

// withTIFFProfile moves the directory of a little-endian TIFF to the end, with one entry more.
func withTIFFProfile(data, profile []byte) []byte {
	order := binary.LittleEndian
	at := order.Uint32(data[4:])
	n := order.Uint16(data[at:])
	entries := data[at+2:][:12*int(n)]
	out := append(bytes.Clone(data), profile...)
	entry := order.AppendUint16(nil, tagProfile)
	entry = order.AppendUint16(entry, 7)
	entry = order.AppendUint32(entry, uint32(len(profile)))
	entry = order.AppendUint32(entry, uint32(len(data)))
	order.PutUint32(out[4:], uint32(len(out)))
	out = order.AppendUint16(out, n+1)
	return append(append(append(out, entries...), entry...), 0, 0, 0, 0)
}

func withWebPProfile(data, profile []byte) []byte {
	b := append(bytes.Clone(data), "ICCP"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(profile)))
	return append(b, profile...)
}

func TestInspectNamesTheColourProfileOfEveryFormat(t *testing.T) {
	raw := []byte{0, 1, 2, 3}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"jpeg without":        {file(t, "L.jpg"), ""},
		"jpeg":                {withJPEGProfile(file(t, "L.jpg"), version2), "Adobe RGB (1998)"},
		"jpeg of version 4":   {withJPEGProfile(file(t, "L.jpg"), version4), "Display P3"},
		"jpeg with an empty":  {withJPEGProfile(file(t, "L.jpg"), nil), "unnamed"},
		"jpeg without a name": {withJPEGProfile(file(t, "L.jpg"), make([]byte, 200)), "unnamed"},
		"png without":         {pngOf(1, 1, 8, 2, raw), ""},
		"png":                 {pngOf(1, 1, 8, 2, raw, iccp(version4)), "Display P3"},
		"png, broken":         {pngOf(1, 1, 8, 2, raw, chunk("iCCP", []byte("x\x00\x00no deflate"))), "unnamed"},
		"png of sRGB":         {pngOf(1, 1, 8, 2, raw, chunk("sRGB", []byte{0})), "sRGB"},
		"tiff without":        {file(t, "RGB-lzw.tiff"), ""},
		"tiff":                {withTIFFProfile(file(t, "RGB-lzw.tiff"), version2), "Adobe RGB (1998)"},
		"webp without":        {file(t, "lossless.webp"), ""},
		"webp":                {withWebPProfile(file(t, "lossless.webp"), version4), "Display P3"},
		"gif":                 {file(t, "RGB.gif"), ""},
	} {
		info, err := Inspect(c.data, Limits{})
		require.NoError(t, err, name)
		require.Equal(t, c.want, info.Profile, name)
		_, err = Decode(c.data, Limits{})
		require.NoError(t, err, name)
	}
}

func TestNamesOfProfilesAreShortPrintableLines(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "unnamed",
		"\x00x":              "unnamed",
		" a\x1b[31m\tb\xff ": "a[31mb",
	} {
		d := binary.BigEndian.AppendUint32([]byte("desc\x00\x00\x00\x00"), uint32(len(text)))
		require.Equal(t, want, profileName(profileOf(append(d, text...))))
	}
	long := bytes.Repeat([]byte("x"), 1<<20)
	d := binary.BigEndian.AppendUint32([]byte("desc\x00\x00\x00\x00"), uint32(len(long)))
	require.Len(t, profileName(profileOf(append(d, long...))), 100)
}

// FuzzProfileName takes broken profiles, alone and in files.
func FuzzProfileName(f *testing.F) {
	f.Add(version2)
	f.Add(version4)
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, profile []byte) {
		name := profileName(profile)
		require.NotEmpty(t, name)
		require.LessOrEqual(t, len(name), 400)
	})
}
