package hdf5

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/shared"
)

// openRoot opens a file of testdata, all written by tools/golden/h5.py.
func openRoot(t *testing.T, name string) *Object {
	t.Helper()
	f, err := Open(filepath.Join("testdata", name))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	root, err := f.Root()
	require.NoError(t, err)
	return root
}

func open(t *testing.T, o *Object, path string) *Object {
	t.Helper()
	o, err := o.Open(path)
	require.NoError(t, err)
	return o
}

// ramp is tools/golden/h5.py's content of a dataset of n elements.
func ramp(n int, dtype string) []float32 {
	v := make([]float32, n)
	for i := range v {
		switch {
		case strings.HasPrefix(dtype, "float"):
			v[i] = float32(i)/4 - 3
		case strings.HasPrefix(dtype, "int"):
			v[i] = float32(i%100 - 3)
		default:
			v[i] = float32(i % 100)
		}
	}
	return v
}

func TestDatasetsOfEveryTypeAndStorageAreRead(t *testing.T) {
	for _, c := range []struct {
		file, path, dtype string
		shape             []int
	}{
		{"old.h5", "plain/<f2", "float16", []int{2, 3, 5}},
		{"old.h5", "plain/<f4", "float32", []int{2, 3, 5}},
		{"old.h5", "plain/<f8", "float64", []int{2, 3, 5}},
		{"old.h5", "plain/>f2", "float16", []int{2, 3, 5}},
		{"old.h5", "plain/>f4", "float32", []int{2, 3, 5}},
		{"old.h5", "plain/>f8", "float64", []int{2, 3, 5}},
		{"old.h5", "plain/i1", "int8", []int{2, 3, 5}},
		{"old.h5", "plain/<i2", "int16", []int{2, 3, 5}},
		{"old.h5", "plain/<i4", "int32", []int{2, 3, 5}},
		{"old.h5", "plain/<i8", "int64", []int{2, 3, 5}},
		{"old.h5", "plain/>i8", "int64", []int{2, 3, 5}},
		{"old.h5", "plain/u1", "uint8", []int{2, 3, 5}},
		{"old.h5", "plain/<u2", "uint16", []int{2, 3, 5}},
		{"old.h5", "plain/>u4", "uint32", []int{2, 3, 5}},
		{"old.h5", "plain/<u8", "uint64", []int{2, 3, 5}},
		{"old.h5", "plain/scalar", "float32", []int{}},
		{"old.h5", "plain/empty", "float32", []int{0, 4}},
		{"old.h5", "plain/compact", "float32", []int{3, 4}},
		{"old.h5", "chunks/one", "float32", []int{5, 7, 3}},
		{"old.h5", "chunks/raw", "float32", []int{5, 7, 3}},
		{"old.h5", "chunks/gzip", "float32", []int{5, 7, 3}},
		{"old.h5", "chunks/both", "float32", []int{5, 7, 3}},
		{"old.h5", "chunks/shuffle", "float64", []int{5, 7, 3}},
		{"old.h5", "chunks/many", "float16", []int{2000}},
		{"new.h5", "plain/<f2", "float16", []int{2, 3, 5}},
		{"new.h5", "plain/>f8", "float64", []int{2, 3, 5}},
		{"new.h5", "plain/compact", "float32", []int{3, 4}},
		{"new.h5", "chunks/one", "float32", []int{5, 7, 3}},
		{"new.h5", "chunks/both", "float32", []int{5, 7, 3}},
		{"new.h5", "refused/many", "float32", []int{5, 7, 3}},
		{"userblock.h5", "a/b", "float32", []int{4}},
		{"latest.h5", "chunks/array", "float32", []int{5, 7, 3}},
		{"latest.h5", "chunks/filtered", "float64", []int{5, 7, 3}},
		{"latest.h5", "chunks/pages", "float32", []int{1100}},
		{"latest.h5", "chunks/implicit", "float32", []int{5, 7, 3}},
	} {
		o := open(t, openRoot(t, c.file), c.path)
		require.False(t, o.IsGroup())
		dtype, err := o.DType()
		require.NoError(t, err)
		require.Equal(t, c.dtype, dtype, c.path)
		for range 2 { // reading changes nothing that is kept
			values, shape, err := o.Float32()
			require.NoError(t, err, c.path)
			require.Equal(t, c.shape, shape, c.path)
			want, _, err := bytesOf(shape, 1)
			require.NoError(t, err)
			require.Equal(t, ramp(want, dtype), append([]float32{}, values...), "%s %s", c.file, c.path)
		}
	}
	v, _, err := open(t, openRoot(t, "old.h5"), "plain/bool").Float32()
	require.NoError(t, err)
	require.Equal(t, []float32{1, 0, 1}, v)
}

func TestAttributesAreRead(t *testing.T) {
	for _, file := range []string{"old.h5", "new.h5"} {
		o := open(t, openRoot(t, file), "attributes")
		texts := map[string][]string{"fixed": {"stem_conv", "", "top"}, "variable": {"stem_conv", "", "tüp"}}
		if file == "old.h5" {
			texts["one fixed"], texts["one variable"] = []string{"tensorflow"}, []string{"2.4.0"}
			texts["none"], texts["null"], texts["long"] = nil, nil, []string{strings.Repeat("x", 5000)}
		}
		for name, want := range texts {
			a, err := o.Attribute(name)
			require.NoError(t, err)
			got, err := a.Strings()
			require.NoError(t, err, name)
			require.Equal(t, want, got, name)
		}
		a, err := o.Attribute("numbers")
		require.NoError(t, err)
		require.Equal(t, []int{2, 3}, a.Shape)
		for range 2 {
			v, err := a.Float32()
			require.NoError(t, err)
			require.Equal(t, ramp(6, "float64"), v)
		}
		_, err = a.Strings()
		require.EqualError(t, err, `hdf5: testdata/`+file+`: /attributes: attribute "numbers": elements are float64, want strings`)
	}
	v, err := open(t, openRoot(t, "new.h5"), "plain").Attribute("more 4")
	require.NoError(t, err, "an attribute in a continuation of the header")
	require.Equal(t, []int{100}, v.Shape)
}

func TestGroupsOfDeepTreesAreRead(t *testing.T) {
	raw, err := os.ReadFile("testdata/deep.h5")
	require.NoError(t, err)
	require.Contains(t, string(raw), "TREE\x00\x03", "a B-tree with nodes of level 3")
	root := openRoot(t, "deep.h5")
	names := root.Names()
	require.Len(t, names, 60)
	require.IsIncreasing(t, names)
	for _, name := range names {
		v, _, err := open(t, root, name).Float32()
		require.NoError(t, err)
		require.Equal(t, []float32{-3}, v)
	}
}

func TestGroupsOfManyLinksAreRead(t *testing.T) {
	for file, n := range map[string]int{"dense.h5": 12, "dense_deep.h5": 2000, "ordered.h5": 30} {
		root := openRoot(t, file)
		require.Len(t, root.Names(), n, file)
		for i := range n {
			open(t, root, fmt.Sprintf("layer_%d", i))
		}
	}
	raw, err := os.ReadFile("testdata/dense_deep.h5")
	require.NoError(t, err)
	require.Contains(t, string(raw), "FHIB", "a heap with indirect blocks")
	v, _, err := open(t, openRoot(t, "dense_deep.h5"), "layer_1234").Float32()
	require.NoError(t, err)
	require.Equal(t, []float32{-3}, v)
}

func TestManyAttributesAreRead(t *testing.T) {
	o := open(t, openRoot(t, "latest.h5"), "attributes")
	for i := range 30 {
		a, err := o.Attribute(fmt.Sprintf("attribute_%d", i))
		require.NoError(t, err)
		s, err := a.Strings()
		require.NoError(t, err)
		require.Len(t, s, 20)
		require.Equal(t, fmt.Sprintf("name_%d_19", i), s[19])
	}
	for i := range 12 {
		a, err := openRoot(t, "dense_attributes.h5").Attribute(fmt.Sprintf("a%d", i))
		require.NoError(t, err)
		v, err := a.Float32()
		require.NoError(t, err)
		require.Equal(t, []float32{float32(i)}, v)
	}
}

func TestRealKerasFileIsRead(t *testing.T) {
	f, err := Open(shared.Path(t, "weights/efficientnetlite0.h5"))
	require.NoError(t, err)
	defer f.Close()
	root, err := f.Root()
	require.NoError(t, err)
	values := 0
	require.NoError(t, root.Walk(func(o *Object) error {
		if o.IsGroup() {
			return nil
		}
		v, _, err := o.Float32()
		values += len(v)
		return err
	}))
	require.Equal(t, 4_694_024, values)
}

func TestWhatIsNotReadSaysSo(t *testing.T) {
	for _, c := range []struct {
		file, path, want string
		cause            error
	}{
		{"old.h5", "refused/absent", "shape [10] has no data stored", nil},
		{"old.h5", "refused/absent chunks", "shape [10] in chunks [5] has 2 chunks, 0 are stored", nil},
		{"old.h5", "refused/checksum", "filter 3: not supported", ErrUnsupported},
		{"old.h5", "refused/soft", `/refused: "soft" is a soft link`, ErrUnsupported},
		{"old.h5", "refused/complex", "elements are class 6 of 16 bytes, want numbers", nil},
		{"old.h5", "plain/text", "/plain/text: elements are string, want numbers", nil},
		{"old.h5", "plain", "/plain: not a dataset", ErrNotFound},
		{"old.h5", "none", `/: "none" is not among the 4 in the group`, ErrNotFound},
		{"old.h5", "plain/<f4/none", `/plain/<f4: not a group: no "none" in it`, ErrNotFound},
		{"latest.h5", "refused/growing", "chunk index of kind 4: not supported", ErrUnsupported},
		{"latest.h5", "refused/link", `"link" is a link into another file: refused`, ErrExternal},
		{"latest.h5", "refused/external", "external storage: refused", ErrExternal},
		{"latest.h5", "refused/virtual", "virtual dataset: refused", ErrExternal},
		{"latest.h5", "huge", "object of kind 0x10 in a fractal heap: not supported", ErrUnsupported},
	} {
		o, err := openRoot(t, c.file).Open(c.path)
		if err == nil {
			_, _, err = o.Float32()
		}
		require.ErrorContains(t, err, c.want)
		require.ErrorContains(t, err, "hdf5: testdata/"+c.file+": /")
		if c.cause != nil {
			require.ErrorIs(t, err, c.cause)
		}
	}
	_, err := openRoot(t, "old.h5").Attribute("none")
	require.ErrorIs(t, err, ErrNotFound)
	_, err = Open("testdata/none.h5")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestALoopOfGroupsEndsTheWalk(t *testing.T) {
	root := openRoot(t, "loop.h5")
	v, _, err := open(t, root, "a/b/up/b/up/b/c").Float32()
	require.NoError(t, err, "a path through the loop is a path")
	require.Equal(t, ramp(4, "float32"), v)
	err = root.Walk(func(*Object) error { return nil })
	require.ErrorContains(t, err, "/a/b/up: offset ")
	require.ErrorContains(t, err, "this group is also /a")
}

// readAll opens b and reads all of it.
func readAll(b []byte) error {
	f, err := New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	root, err := f.Root()
	if err != nil {
		return err
	}
	return root.Walk(func(o *Object) error {
		for _, name := range []string{"fixed", "variable", "numbers", "layer_names", "weight_names"} {
			if a, err := o.Attribute(name); err == nil {
				_, _ = a.Strings()
				_, _ = a.Float32()
			}
		}
		if !o.IsGroup() {
			_, _, err := o.Float32()
			return err
		}
		return nil
	})
}

func TestEveryTruncationIsRefused(t *testing.T) {
	b, err := os.ReadFile("testdata/deep.h5")
	require.NoError(t, err)
	require.NoError(t, readAll(b))
	for n := range b {
		require.Error(t, readAll(b[:n]), "%d of %d bytes", n, len(b))
	}
	require.ErrorContains(t, readAll(b[:len(b)-1]), "truncated: the file has 9519 bytes, its superblock says 9520")
	require.ErrorContains(t, readAll(b[:4]), "no HDF5 signature in 4 bytes")
}

// TestNoChangedByteIsFatal changes bytes of the smaller files: an error or
// other numbers, but no panic and no endless work. FuzzRead does more.
func TestNoChangedByteIsFatal(t *testing.T) {
	failed := 0
	for _, name := range []string{"loop.h5", "deep.h5", "new.h5"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		for i := range b {
			old := b[i]
			b[i] = [...]byte{0, 1, 0x7f, 0xff, old ^ 0x10}[i%5]
			if b[i] != old && readAll(b) != nil {
				failed++
			}
			b[i] = old
		}
	}
	require.Greater(t, failed, 1000)
}
