// Package torch reads the files that torch.save writes of a state_dict: the zip
// of PyTorch 1.6 and later and the row of pickles of those before.
//
// A pickle is a program. The machine here knows the instructions and the few
// names that a state_dict needs, makes plain values of them and calls nothing;
// anything else is an error that says what was asked for. The forms are read off
// torch/serialization.py, torch/_utils.py and Lib/pickletools.py of CPython.
package torch

import (
	"encoding/binary"
	"math"

	"github.com/argus-go/argus/internal/half"
)

// storages are the kinds of numbers that a storage holds.
var storages = map[string]dtype{
	"FloatStorage":    {"float32", 4, floats},
	"DoubleStorage":   {"float64", 8, doubles},
	"HalfStorage":     {"float16", 2, half.Decode},
	"BFloat16Storage": {"bfloat16", 2, bfloats},
	"LongStorage":     {"int64", 8, nil},
	"IntStorage":      {"int32", 4, nil},
	"ShortStorage":    {"int16", 2, nil},
	"CharStorage":     {"int8", 1, nil},
	"ByteStorage":     {"uint8", 1, nil},
	"BoolStorage":     {"bool", 1, nil},
}

// dtype is the kind of a storage's numbers; decode is nil where they are no
// weights.
type dtype struct {
	name   string
	width  int64 // bytes
	decode func(dst []float32, src []byte)
}

func floats(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

func doubles(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
	}
}

func bfloats(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
	}
}
