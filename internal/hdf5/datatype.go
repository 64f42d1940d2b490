package hdf5

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"unsafe"

	"github.com/argus-go/argus/internal/half"
)

// Classes of data types.
const (
	classInteger  = 0
	classFloat    = 1
	classString   = 3
	classEnum     = 8
	classVariable = 9
)

// datatype says how an element is stored.
type datatype struct {
	class     int
	size      int // bytes
	bigEndian bool
	signed    bool
	format    floatFormat
	padding   byte // of fixed strings: 0 ends at a NUL, 1 NULs at the end, 2 spaces at the end
	isString  bool // of variable length: characters, not a sequence
}

// floatFormat is where a float keeps its parts, in bits, and the exponent's bias.
type floatFormat struct {
	precision, expAt, expSize, mantissaAt, mantissaSize, bias int
}

var floatFormats = []floatFormat{
	{16, 10, 5, 0, 10, 15},
	{32, 23, 8, 0, 23, 127},
	{64, 52, 11, 0, 52, 1023},
}

// String names the type: "float32", "int64", "string".
func (t datatype) String() string {
	switch {
	case t.class == classFloat:
		return fmt.Sprintf("float%d", 8*t.size)
	case t.class == classInteger && t.signed:
		return fmt.Sprintf("int%d", 8*t.size)
	case t.class == classInteger:
		return fmt.Sprintf("uint%d", 8*t.size)
	case t.class == classString || t.isString:
		return "string"
	}
	return fmt.Sprintf("class %d of %d bytes", t.class, t.size)
}

func parseDatatype(c *cursor) (datatype, error) {
	class := c.byte()
	flags := c.take(3)
	size := c.uint32()
	if c.err != nil {
		return datatype{}, c.err
	}
	if size == 0 || size > math.MaxInt32 {
		return datatype{}, fmt.Errorf("offset %d: a type of %d bytes", c.at, size)
	}
	t := datatype{class: int(class & 15), size: int(size)}
	switch t.class {
	case classInteger:
		t.bigEndian, t.signed = flags[0]&1 != 0, flags[0]&8 != 0
		shift, precision := c.uint16(), c.uint16()
		if c.err == nil && (shift != 0 || precision != 8*t.size) {
			return t, fmt.Errorf("offset %d: integer of %d bits at bit %d of %d bytes: %w", c.at, precision, shift, size, ErrUnsupported)
		}
	case classFloat:
		t.bigEndian = flags[0]&1 != 0
		shift := c.uint16()
		t.format.precision = c.uint16()
		for _, field := range []*int{&t.format.expAt, &t.format.expSize, &t.format.mantissaAt, &t.format.mantissaSize} {
			*field = int(c.byte())
		}
		t.format.bias = int(c.uint32())
		if c.err == nil && (shift != 0 || flags[0]&0x40 != 0 || t.format.precision != 8*t.size || !slices.Contains(floatFormats, t.format)) {
			return t, fmt.Errorf("offset %d: float of %d bytes with format %+v: %w", c.at, size, t.format, ErrUnsupported)
		}
	case classString:
		t.padding = flags[0] & 15
	case classEnum: // an enumeration is its base
		base, err := parseDatatype(c)
		if err == nil && base.size != t.size {
			err = fmt.Errorf("offset %d: enumeration of %d bytes over a type of %d", c.at, t.size, base.size)
		}
		return base, err
	case classVariable:
		t.isString = flags[0]&15 == 1
	}
	return t, c.err
}

// decoder returns what turns stored elements into float32; it may reorder src.
func (t datatype) decoder() (func(dst []float32, src []byte), error) {
	var decode func(dst []float32, src []byte)
	switch {
	case t.class == classFloat:
		decode = map[int]func(dst []float32, src []byte){2: half.Decode, 4: decodeFloat32, 8: decodeFloat64}[t.size]
	case t.class == classInteger && t.size <= 8:
		decode = t.decodeInteger
	}
	if decode == nil {
		return nil, fmt.Errorf("elements are %v, want numbers", t)
	}
	if !t.bigEndian {
		return decode, nil
	}
	return func(dst []float32, src []byte) {
		for b := range slices.Chunk(src, t.size) {
			slices.Reverse(b)
		}
		decode(dst, src)
	}, nil
}

// isNative says whether elements lie in the file as in memory.
func (t datatype) isNative() bool {
	return t.class == classFloat && t.size == 4 && t.bigEndian == (binary.NativeEndian.Uint16([]byte{0, 1}) == 1)
}

// bytesUnder is the memory of v.
func bytesUnder(v []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v))
}

func decodeFloat32(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

func decodeFloat64(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
	}
}

func (t datatype) decodeInteger(dst []float32, src []byte) {
	unused := 64 - 8*t.size
	for i := range dst {
		var wide [8]byte
		copy(wide[:], src[i*t.size:(i+1)*t.size])
		n := binary.LittleEndian.Uint64(wide[:])
		if t.signed {
			dst[i] = float32(int64(n<<unused) >> unused)
		} else {
			dst[i] = float32(n)
		}
	}
}

// fixedString removes a fixed string's padding.
func (t datatype) fixedString(b []byte) string {
	s := string(b)
	switch t.padding {
	case 0:
		s, _, _ = strings.Cut(s, "\x00")
	case 1:
		s = strings.TrimRight(s, "\x00")
	default:
		s = strings.TrimRight(s, " ")
	}
	return s
}
