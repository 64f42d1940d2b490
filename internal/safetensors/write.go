package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/argus-go/argus/internal/half"
)

// Tensor is a tensor to be written: row-major values.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// Write writes a file of the tensors and the metadata. Each tensor is stored
// as F16 where that keeps every value, else as F32. The same tensors and
// metadata give the same bytes, whatever their order: data lie widest dtype
// first, then by name, so that all are aligned behind the header, which is
// padded to eight bytes.
func Write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	stored, err := layout(tensors, metadata)
	if err != nil {
		return err
	}
	raw, err := encodeHeader(stored, metadata)
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return fmt.Errorf("safetensors: writing the header: %w", err)
	}
	for _, t := range stored {
		if err := t.writeData(w); err != nil {
			return fmt.Errorf("safetensors: writing tensor %q: %w", t.Name, err)
		}
	}
	return nil
}

// placed is a tensor with its dtype and place in the file.
type placed struct {
	Info
	data []float32
}

// layout checks the tensors and metadata, and decides on dtypes and order.
func layout(tensors []Tensor, metadata map[string]string) ([]placed, error) {
	for key, value := range metadata {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return nil, fmt.Errorf("safetensors: metadata %q is not valid UTF-8: %.40q", key, value)
		}
	}
	stored := make([]placed, len(tensors))
	seen := make(map[string]bool, len(tensors))
	for i, t := range tensors {
		if t.Name == metadataKey || !utf8.ValidString(t.Name) {
			return nil, fmt.Errorf("safetensors: tensor %q: not a name that the format allows", t.Name)
		}
		if seen[t.Name] {
			return nil, fmt.Errorf("safetensors: tensor %q comes twice", t.Name)
		}
		seen[t.Name] = true
		dtype := F32
		if half.Exact(t.Data) {
			dtype = F16
		}
		n, ok := span(dtype, t.Shape)
		if have := int64(len(t.Data)) * int64(dtypeBits[dtype]/8); !ok || n != have {
			return nil, fmt.Errorf("safetensors: tensor %q: shape %v does not hold %d values", t.Name, t.Shape, len(t.Data))
		}
		stored[i] = placed{Info{Name: t.Name, DType: dtype, Shape: t.Shape, end: n}, t.Data}
	}
	slices.SortFunc(stored, func(a, b placed) int {
		return cmp.Or(cmp.Compare(dtypeBits[b.DType], dtypeBits[a.DType]), cmp.Compare(a.Name, b.Name))
	})
	var at int64
	for i := range stored {
		stored[i].begin, stored[i].end = at, at+stored[i].end
		at = stored[i].end
	}
	return stored, nil
}

// encodeHeader returns the length, the JSON in the order of the data, and the
// padding.
func encodeHeader(stored []placed, metadata map[string]string) ([]byte, error) {
	var b bytes.Buffer
	b.Write(make([]byte, 8))
	separator := "{"
	member := func(key string, value any) {
		b.WriteString(separator)
		b.Write(encodeJSON(key))
		b.WriteByte(':')
		b.Write(encodeJSON(value))
		separator = ","
	}
	if len(metadata) > 0 {
		member(metadataKey, metadata)
	}
	for _, t := range stored {
		member(t.Name, struct {
			DType   DType    `json:"dtype"`
			Shape   []int    `json:"shape"`
			Offsets [2]int64 `json:"data_offsets"`
		}{t.DType, append([]int{}, t.Shape...), [2]int64{t.begin, t.end}})
	}
	if separator == "{" {
		b.WriteString("{")
	}
	b.WriteString("}")
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	raw := b.Bytes()
	if n := len(raw) - 8; n > maxHeader {
		return nil, fmt.Errorf("safetensors: the header takes %d bytes, the limit is %d", n, maxHeader)
	}
	binary.LittleEndian.PutUint64(raw, uint64(len(raw)-8))
	return raw, nil
}

// encodeJSON marshals strings, numbers and maps of strings, which cannot
// fail; maps come sorted by key.
func encodeJSON(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic("safetensors: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// writeData writes a tensor's values in its dtype, chunk by chunk.
func (t placed) writeData(w io.Writer) error {
	width := int(dtypeBits[t.DType] / 8)
	buffer := make([]byte, min(chunkSize, len(t.data)*width))
	for part := range slices.Chunk(t.data, chunkSize/width) {
		b := buffer[:len(part)*width]
		if t.DType == F16 {
			half.Encode(b, part)
		} else {
			for i, f := range part {
				binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(f))
			}
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}
