package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"

	"github.com/argus-go/argus/internal/half"
)

// File is an open safetensors file whose header has been read and checked.
// Its methods may be called from several goroutines at once.
type File struct {
	name     string // for errors; empty where there is no path
	memory   []byte // all data, where the file is in memory
	r        io.ReaderAt
	closer   io.Closer
	dataAt   int64
	tensors  []Info // in the order of their data
	names    []string
	index    map[string]int
	metadata map[string]string
}

// Open opens the file at path and reads its header. The caller closes it.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	stat, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	file := &File{name: path, r: f, closer: f}
	if err := file.readHeader(stat.Size()); err != nil {
		f.Close()
		return nil, err
	}
	return file, nil
}

// New reads the header of the size bytes behind r, which must stay readable
// while the File is in use.
func New(r io.ReaderAt, size int64) (*File, error) {
	f := &File{r: r}
	if err := f.readHeader(size); err != nil {
		return nil, err
	}
	return f, nil
}

// Parse reads the header of a file in memory. The File reads from b, which
// must not change.
func Parse(b []byte) (*File, error) {
	f, err := New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	f.memory = b[f.dataAt:]
	return f, nil
}

// Is says whether the size bytes behind r look like a safetensors file: a header
// that begins with "{" and has a length that a header may have.
func Is(r io.ReaderAt, size int64) bool {
	var head [9]byte
	return size >= 10 && readAt(r, head[:], 0) == nil && head[8] == '{' && binary.LittleEndian.Uint64(head[:]) <= maxHeader
}

// Close closes what Open opened.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Metadata returns a copy of the header's text-to-text map.
func (f *File) Metadata() map[string]string { return maps.Clone(f.metadata) }

// Names returns the tensors' names, sorted.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Info describes the tensor called name.
func (f *File) Info(name string) (Info, error) {
	i, ok := f.index[name]
	if !ok {
		return Info{}, f.errorf("tensor %q is not among the %d of the file", name, len(f.tensors))
	}
	info := f.tensors[i]
	info.Shape = slices.Clone(info.Shape)
	return info, nil
}

// Tensor returns a tensor's description and its bytes as they lie in the
// file; for a file in memory that is a part of it, which must not be changed.
func (f *File) Tensor(name string) (Info, []byte, error) {
	info, err := f.Info(name)
	if err != nil {
		return Info{}, nil, err
	}
	if f.memory != nil {
		return info, f.memory[info.begin:info.end:info.end], nil
	}
	data := make([]byte, 0, info.end-info.begin)
	err = f.chunks(info, func(b []byte) { data = append(data, b...) })
	return info, data, err
}

// Float32 returns a tensor's values, row-major, and its shape. It decodes F16,
// BF16 and F32, each exactly, and F64, rounded; other dtypes are an error.
// Values may be NaN or infinite: see [FirstNonFinite].
func (f *File) Float32(name string) ([]float32, []int, error) {
	info, err := f.Info(name)
	if err != nil {
		return nil, nil, err
	}
	var values []float32
	if decoders[info.DType] != nil {
		values = make([]float32, int(info.end-info.begin)/int(dtypeBits[info.DType]/8))
	}
	if err := f.ReadFloat32(name, values); err != nil {
		return nil, nil, err
	}
	return values, info.Shape, nil
}

// ReadFloat32 is Float32 into dst, which is as long as the tensor.
func (f *File) ReadFloat32(name string, dst []float32) error {
	info, err := f.Info(name)
	if err != nil {
		return err
	}
	decode := decoders[info.DType]
	if decode == nil {
		return f.errorf("tensor %q is %s, want F16, BF16, F32 or F64", name, info.DType)
	}
	width := int(dtypeBits[info.DType] / 8)
	if n := int(info.end-info.begin) / width; n != len(dst) {
		return f.errorf("tensor %q has %d values, want %d", name, n, len(dst))
	}
	return f.chunks(info, func(b []byte) {
		n := len(b) / width
		decode(dst[:n], b)
		dst = dst[n:]
	})
}

// decoders turn little-endian bytes into values.
var decoders = map[DType]func(dst []float32, src []byte){
	F16: half.Decode,
	BF16: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
		}
	},
	F32: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	},
	F64: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
		}
	},
}

// chunkSize bounds the memory that reading takes beside the result. It is a
// multiple of every element's width.
const chunkSize = 1 << 16

// chunks calls use with a tensor's bytes, piece by piece.
func (f *File) chunks(t Info, use func([]byte)) error {
	if f.memory != nil {
		use(f.memory[t.begin:t.end])
		return nil
	}
	buffer := make([]byte, min(chunkSize, t.end-t.begin))
	for at := t.begin; at < t.end; {
		b := buffer[:min(int64(len(buffer)), t.end-at)]
		if err := readAt(f.r, b, f.dataAt+at); err != nil {
			return f.errorf("tensor %q: %d bytes at offset %d: %w", t.Name, len(b), f.dataAt+at, err)
		}
		use(b)
		at += int64(len(b))
	}
	return nil
}

func (f *File) readHeader(size int64) error {
	if size < 8 {
		return f.errorf("the file has %d bytes, want 8 for the length of the header", size)
	}
	var length [8]byte
	if err := readAt(f.r, length[:], 0); err != nil {
		return f.errorf("header length: %w", err)
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader {
		return f.errorf("the header's length is given as %d bytes, the limit is %d", n, maxHeader)
	}
	if int64(n) > size-8 {
		return f.errorf("the header's length is given as %d bytes, the file has %d after it", n, size-8)
	}
	raw := make([]byte, n)
	if err := readAt(f.r, raw, 8); err != nil {
		return f.errorf("header of %d bytes: %w", n, err)
	}
	f.dataAt = 8 + int64(n)
	h, err := parseHeader(raw, size-f.dataAt)
	if err != nil {
		return f.errorf("%w", err)
	}
	f.tensors, f.metadata = h.tensors, h.metadata
	f.index = make(map[string]int, len(f.tensors))
	for i, t := range f.tensors {
		f.index[t.Name] = i
	}
	f.names = slices.Sorted(maps.Keys(f.index))
	return nil
}

// readAt fills b; a file that ends early is io.ErrUnexpectedEOF.
func readAt(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (f *File) errorf(format string, args ...any) error {
	prefix := "safetensors: "
	if f.name != "" {
		prefix += f.name + ": "
	}
	return fmt.Errorf(prefix+format, args...)
}
