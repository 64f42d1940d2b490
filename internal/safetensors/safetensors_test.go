package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// raw builds a file of a header and data.
func raw(header string, data ...byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func sample() ([]Tensor, map[string]string) {
	return []Tensor{
			{"stem/conv/kernel", []int{1, 1, 2, 2}, []float32{1, 2, 3, 4.5}},
			{"stem/conv/norm/gamma", []int{3}, []float32{1.0 / 3, float32(math.Inf(1)), -0.1}},
			{"scalar", nil, []float32{0.25}},
			{"none", []int{2, 0}, nil},
		}, map[string]string{
			"format": "1", "labels": `["a<b", "ü"]`,
		}
}

func encode(t *testing.T, tensors []Tensor, metadata map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Write(&b, tensors, metadata))
	return b.Bytes()
}

// opened gives the file behind each way to open it.
func opened(t *testing.T, b []byte) map[string]*File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.safetensors")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	byPath, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, byPath.Close()) })
	byReader, err := New(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	inMemory, err := Parse(b)
	require.NoError(t, err)
	return map[string]*File{"path": byPath, "reader": byReader, "memory": inMemory}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	tensors, metadata := sample()
	for how, f := range opened(t, encode(t, tensors, metadata)) {
		require.Equal(t, metadata, f.Metadata(), how)
		require.Equal(t, []string{"none", "scalar", "stem/conv/kernel", "stem/conv/norm/gamma"}, f.Names())
		for _, want := range tensors {
			values, shape, err := f.Float32(want.Name)
			require.NoError(t, err)
			require.Equal(t, append([]int{}, want.Shape...), shape)
			require.Equal(t, append([]float32{}, want.Data...), values)
		}
		info, data, err := f.Tensor("stem/conv/kernel")
		require.NoError(t, err)
		require.Equal(t, F16, info.DType, "exact in float16")
		require.Equal(t, []byte{0, 0x3c, 0, 0x40, 0, 0x42, 0x80, 0x44}, data)
		info, err = f.Info("stem/conv/norm/gamma")
		require.NoError(t, err)
		require.Equal(t, F32, info.DType, "1/3 is not exact in float16")
	}
}

func TestTensorsLongerThanAChunkAreRead(t *testing.T) {
	long := make([]float32, chunkSize+3)
	for i := range long {
		long[i] = float32(i) + 0.125
	}
	short := slices.Clone(long[:chunkSize/2+1])
	for i := range short {
		short[i] = float32(i % 2000)
	}
	b := encode(t, []Tensor{{"long", []int{len(long)}, long}, {"short", []int{len(short)}, short}}, nil)
	for how, f := range opened(t, b) {
		for name, want := range map[string][]float32{"long": long, "short": short} {
			got, _, err := f.Float32(name)
			require.NoError(t, err)
			require.True(t, slices.Equal(want, got), "%s %s", how, name)
		}
	}
}

func TestBytesAreTheSameInAnyOrderAndAligned(t *testing.T) {
	tensors, metadata := sample()
	b := encode(t, tensors, metadata)
	slices.Reverse(tensors)
	require.Equal(t, b, encode(t, tensors, maps.Clone(metadata)))
	require.Zero(t, binary.LittleEndian.Uint64(b)%8)
	f, err := Parse(b)
	require.NoError(t, err)
	for _, info := range f.tensors {
		require.Zero(t, info.begin%int64(dtypeBits[info.DType]/8), info.Name)
	}
	empty, err := Parse(encode(t, nil, nil))
	require.NoError(t, err)
	require.Empty(t, empty.Names())
}

func TestFileOfTheReferenceImplementationIsRead(t *testing.T) {
	f, err := Open("testdata/reference.safetensors")
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, map[string]string{"format": "np", "note": `quote " and umlaut ü`}, f.Metadata())
	require.Equal(t, []string{"block/gamma", "block/kernel", "count", "empty", "scalar", "wide"}, f.Names())
	kernel, shape, err := f.Float32("block/kernel")
	require.NoError(t, err)
	require.Equal(t, []int{2, 3, 4}, shape)
	for i, v := range kernel {
		require.Equal(t, float32(i)/7, v)
	}
	for name, want := range map[string][]float32{
		"block/gamma": {1, -0.5, 1.0 / (1 << 24), 65504}, "wide": {1e-3, 2.5}, "scalar": {3.25}, "empty": {},
	} {
		got, _, err := f.Float32(name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
	_, _, err = f.Float32("count")
	require.EqualError(t, err, `safetensors: testdata/reference.safetensors: tensor "count" is I64, want F16, BF16, F32 or F64`)
	_, count, err := f.Tensor("count")
	require.NoError(t, err)
	require.Equal(t, []byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}, count)
	_, _, err = f.Tensor("cuont")
	require.ErrorContains(t, err, `tensor "cuont" is not among the 6 of the file`)
}

func TestBF16IsTheUpperHalfOfAFloat32(t *testing.T) {
	f, err := Parse(raw(`{"b":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}`, 0x80, 0x3f, 0x20, 0xc0))
	require.NoError(t, err)
	got, _, err := f.Float32("b")
	require.NoError(t, err)
	require.Equal(t, []float32{1, -2.5}, got)
}

// one is the description of one tensor called a.
func one(dtype, shape, offsets string) string {
	return `{"a":{"dtype":"` + dtype + `","shape":` + shape + `,"data_offsets":` + offsets + `}}`
}

func TestBadFilesAreRefusedWithTheirReason(t *testing.T) {
	eight := make([]byte, 8)
	good := one("F32", "[2]", "[0,8]")
	_, err := Parse(raw(good+"  \n", eight...))
	require.NoError(t, err)
	for _, c := range []struct {
		file []byte
		want string
	}{
		{nil, "the file has 0 bytes, want 8"},
		{raw("")[:7], "the file has 7 bytes, want 8"},
		{raw(""), `header begins with "", want "{"`},
		{raw(" " + good), `header begins with " ", want "{"`},
		{raw("[]"), `header begins with "[", want "{"`},
		{raw(good)[:20], "given as 54 bytes, the file has 12 after it"},
		{binary.LittleEndian.AppendUint64(nil, maxHeader+1), "given as 100000001 bytes, the limit is 100000000"},
		{binary.LittleEndian.AppendUint64(nil, math.MaxUint64), "given as 18446744073709551615 bytes"},
		{raw("{\"\xff\":1}"), "not valid UTF-8"},
		{raw(good + "x"), `goes on with "x"`},
		{raw(good + "{}"), `goes on with "{}"`},
		{raw(`{"a":`), `tensor "a": unexpected EOF`},
		{raw(`{"a"`), `tensor "a": unexpected EOF`},
		{raw(`{`), `header: unexpected EOF`},
		{raw(`{"a":1}`), `tensor "a": found 1, want {`},
		{raw(`{"a":{}}`), `tensor "a": has 0 of the keys`},
		{raw(`{"a":{"dtype":"F32","shape":[2]}}`), `tensor "a": has 2 of the keys`},
		{raw(`{"a":{"dtype":"F32","dtype":"F32"}}`), `tensor "a": key "dtype" comes twice`},
		{raw(`{"a":{"strides":1}}`), `tensor "a": unknown key "strides"`},
		{raw(`{"a":{"dtype":["F32"]}}`), `tensor "a" dtype: found [, want a string`},
		{raw(good[:len(good)-1]+","+good[1:], eight...), `header: key "a" comes twice`},
		{raw(`{"__metadata__":{"k":"1","k":"1"}}`), `__metadata__: key "k" comes twice`},
		{raw(`{"__metadata__":{"k":1}}`), `__metadata__ "k": found 1, want a string`},
		{raw(`{"__metadata__":[]}`), `__metadata__: found [, want {`},
		{raw(one("F99", "[2]", "[0,8]"), eight...), `tensor "a": unknown dtype "F99"`},
		{raw(one("F32", "[2]", "[0,8,9]"), eight...), "data_offsets: more than 2 numbers"},
		{raw(one("F32", "[2]", "[8]"), eight...), "data_offsets has 1 numbers, want 2"},
		{raw(one("F32", "[2]", "[8,0]"), eight...), "data_offsets end at 0, before their begin 8"},
		{raw(one("F32", "[-2]", "[0,8]"), eight...), "-2 is not a whole number"},
		{raw(one("F32", "[2.0]", "[0,8]"), eight...), "2.0 is not a whole number"},
		{raw(one("F32", "[[2]]", "[0,8]"), eight...), "[ is not a whole number"},
		{raw(one("F32", `["2"]`, "[0,8]"), eight...), "2 is not a whole number"},
		{raw(one("F32", "[18446744073709551616]", "[0,8]"), eight...), "18446744073709551616 is not a whole number"},
		{raw(one("F32", "[3]", "[0,8]"), eight...), `tensor "a": shape [3] of F32 takes 12 bytes, data_offsets [0 8] span 8`},
		{raw(one("F64", "[2147483647,2147483647,2147483647]", "[0,8]"), eight...), "is no whole number of bytes below 2^63"},
		{raw(one("F4", "[3]", "[0,1]"), 0), "is no whole number of bytes"},
		{raw(one("F32", "[2]", "[0,8]"), eight[:7]...), "data_offsets end at 8, the file has 7 bytes of data"},
		{raw(good, append(eight, 0)...), "the tensors take 8 bytes, the file has 9 bytes of data"},
		{raw(one("F32", "[1]", "[4,8]"), eight...), "begin at 4, which leaves a hole after the start of the data ending at 0"},
		{raw(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}}`, eight...),
			`tensor "b": data_offsets begin at 3, which overlaps tensor "a" ending at 4`},
	} {
		f, err := Parse(c.file)
		require.ErrorContains(t, err, c.want, "%q", c.file)
		require.ErrorContains(t, err, "safetensors: ")
		require.Nil(t, f)
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	tensors, metadata := sample()
	b := encode(t, tensors, metadata)
	for n := range b {
		_, err := Parse(b[:n])
		require.Error(t, err, "%d of %d bytes", n, len(b))
	}
}

func TestWhatCannotBeWrittenIsRefused(t *testing.T) {
	v := []float32{1, 2}
	for _, c := range []struct {
		tensors  []Tensor
		metadata map[string]string
		want     string
	}{
		{[]Tensor{{"a", []int{3}, v}}, nil, `tensor "a": shape [3] does not hold 2 values`},
		{[]Tensor{{"a", []int{-1, -2}, v}}, nil, `tensor "a": shape [-1 -2] does not hold 2 values`},
		{[]Tensor{{"a", []int{2}, v}, {"a", []int{2}, v}}, nil, `tensor "a" comes twice`},
		{[]Tensor{{"__metadata__", []int{2}, v}}, nil, `tensor "__metadata__": not a name`},
		{[]Tensor{{"\xff", []int{2}, v}}, nil, `not a name`},
		{nil, map[string]string{"k": "\xff"}, `metadata "k" is not valid UTF-8`},
	} {
		require.ErrorContains(t, Write(io.Discard, c.tensors, c.metadata), c.want)
		_, err := Digest(c.tensors, c.metadata)
		require.ErrorContains(t, err, c.want)
	}
}

// failing fails once n bytes have been written or read.
type failing struct{ n int }

var errFull = errors.New("no space left")

func (f *failing) Write(b []byte) (int, error) {
	if f.n -= len(b); f.n < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestFailedWritesAndReadsNameTheTensor(t *testing.T) {
	tensors, metadata := sample()
	b := encode(t, tensors, metadata)
	err := Write(&failing{}, tensors, metadata)
	require.ErrorIs(t, err, errFull)
	require.ErrorContains(t, err, "writing the header")
	err = Write(&failing{len(b) - 1}, tensors, metadata)
	require.ErrorIs(t, err, errFull)
	require.ErrorContains(t, err, `writing tensor "stem/conv/kernel"`)

	f, err := New(bytes.NewReader(b[:len(b)-1]), int64(len(b)))
	require.NoError(t, err)
	_, _, err = f.Float32("stem/conv/kernel")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorContains(t, err, `tensor "stem/conv/kernel": 8 bytes at offset `)
	_, err = f.Digest()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = Open(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func signed(t *testing.T) []byte {
	t.Helper()
	tensors, metadata := sample()
	digest, err := Digest(tensors, metadata)
	require.NoError(t, err)
	metadata[DigestKey] = digest
	again, err := Digest(tensors, metadata)
	require.NoError(t, err)
	require.Equal(t, digest, again, "the digest does not cover itself")
	return encode(t, tensors, metadata)
}

func TestDigestOfTheTensorsIsTheFiles(t *testing.T) {
	for how, f := range opened(t, signed(t)) {
		require.NoError(t, f.Verify(), how)
	}
	tensors, metadata := sample()
	f, err := Parse(encode(t, tensors, metadata))
	require.NoError(t, err)
	require.ErrorIs(t, f.Verify(), ErrDigest)
	require.ErrorContains(t, f.Verify(), `metadata has no "sha256"`)
}

func TestAnyChangedBitIsRefusedOrFoundByTheDigest(t *testing.T) {
	b := signed(t)
	want, err := Parse(b)
	require.NoError(t, err)
	header := int(want.dataAt)
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			f, err := Parse(b)
			if err == nil {
				err = f.Verify()
			}
			// Space and newline are the same to JSON: nothing that a reader sees has changed.
			padding := i < header && f != nil && bytes.ContainsAny(b[i:i+1], " \n\r\t")
			if !padding {
				require.Error(t, err, "bit %d of byte %d", bit, i)
			}
			b[i] ^= 1 << bit
		}
	}
}

func TestFirstNonFiniteFindsNaNAndInfinity(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for want, v := range map[int][]float32{-1: {0, math.MaxFloat32, -1e-45}, 0: {nan, inf}, 2: {1, 2, inf, nan}} {
		require.Equal(t, want, FirstNonFinite(v))
	}
}
