// Package safetensors reads and writes the safetensors format: eight bytes
// that give the length of a JSON header, the header with each tensor's dtype,
// shape and place, then the data, row-major and little-endian.
//
// The format: https://github.com/huggingface/safetensors#format. This reader
// takes a file for hostile: the header is at most 100 MB, no key comes twice,
// and the tensors fill the data without hole or overlap.
package safetensors

import (
	"math"
	"math/bits"
)

// maxHeader is the reference implementation's limit on the header, in bytes.
const maxHeader = 100_000_000

// DType is an element type as the header spells it.
type DType string

// The element types that [File.Float32] decodes.
const (
	F16  DType = "F16"  // IEEE 754 binary16
	BF16 DType = "BF16" // the upper half of a float32
	F32  DType = "F32"
	F64  DType = "F64"
)

// dtypeBits gives each dtype's width. Those under 8 bits are packed.
var dtypeBits = map[DType]uint64{
	"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
	"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E5M2FNUZ": 8, "F8_E4M3FNUZ": 8,
	"U16": 16, "I16": 16, F16: 16, BF16: 16,
	"U32": 32, "I32": 32, F32: 32,
	"U64": 64, "I64": 64, F64: 64, "C64": 64,
}

// span returns the bytes that a tensor takes; ok is false where the product
// overflows or does not end on a byte.
func span(dtype DType, shape []int) (n int64, ok bool) {
	total := dtypeBits[dtype]
	for _, d := range shape {
		hi, lo := bits.Mul64(total, uint64(d))
		if d < 0 || hi != 0 {
			return 0, false
		}
		total = lo
	}
	return int64(total / 8), total%8 == 0 && total/8 <= math.MaxInt64
}

// FirstNonFinite returns the index of the first NaN or infinity in v, -1 where
// there is none.
func FirstNonFinite(v []float32) int {
	const exponent = 0xff << 23
	for i, f := range v {
		if math.Float32bits(f)&exponent == exponent {
			return i
		}
	}
	return -1
}
