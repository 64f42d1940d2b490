package torch

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// open opens a file of testdata, made by tools/torch/testdata.py.
func open(t testing.TB, name string) *File {
	f, err := Open("testdata/" + name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

func TestBothFormsOfFileAreReadViewsIncluded(t *testing.T) {
	for _, name := range []string{"zip.pth", "legacy.pth"} {
		t.Run(name, func(t *testing.T) {
			f := open(t, name)
			require.Equal(t, []string{"conv.weight", "t", "part", "bn.num_batches_tracked", "half", "bf", "double", "scalar", "param", "empty"}, f.Names())
			all := make([]float32, 24)
			for i := range all {
				all[i] = float32(i) / 8
			}
			permuted := make([]float32, 24) // 2×3×4 seen as 4×2×3
			for i := range permuted {
				permuted[i] = float32(i%6*4+i/6) / 8
			}
			for _, c := range []struct {
				name   string
				shape  []int
				values []float32
			}{
				{"conv.weight", []int{2, 3, 4}, all},
				{"t", []int{4, 2, 3}, permuted},
				{"part", []int{1, 2, 2}, []float32{16. / 8, 18. / 8, 20. / 8, 22. / 8}},
				{"half", []int{3, 4}, all[:12]},
				{"bf", []int{3, 4}, all[:12]},
				{"double", []int{4}, all[:4]},
				{"scalar", []int{}, []float32{2.5}},
				{"param", []int{2}, []float32{1, -2}},
				{"empty", []int{0, 3}, []float32{}},
			} {
				values, shape, err := f.Float32(c.name)
				require.NoError(t, err, c.name)
				require.Equal(t, c.shape, shape, c.name)
				require.Equal(t, c.values, values, c.name)
			}
			info, err := f.Info("bn.num_batches_tracked")
			require.NoError(t, err)
			require.Equal(t, Info{"bn.num_batches_tracked", "int64", []int{}}, info)
			_, _, err = f.Float32("bn.num_batches_tracked")
			require.ErrorContains(t, err, `"bn.num_batches_tracked" is int64, want float16`)
			_, err = f.Info("absent")
			require.ErrorContains(t, err, `"absent" is not among the 10`)
		})
	}
}

func TestACheckpointGivesItsStateDictWithoutModule(t *testing.T) {
	for _, name := range []string{"checkpoint.pth", "checkpoint.legacy.pth"} {
		f := open(t, name)
		require.Equal(t, []string{"conv.weight", "conv.bias", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var", "bn.num_batches_tracked"}, f.Names())
		v, _, err := f.Float32("bn.running_var")
		require.NoError(t, err)
		require.Equal(t, []float32{1, 1, 1}, v)
	}
}

// An entry is a file of a zip.
type entry struct{ name, content string }

func zipped(t testing.TB, method uint16, entries ...entry) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		w, err := z.CreateHeader(&zip.FileHeader{Name: e.name, Method: method})
		require.NoError(t, err)
		_, err = w.Write([]byte(e.content))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

func read(b []byte) error {
	_, err := New(bytes.NewReader(b), int64(len(b)))
	return err
}

// short is a SHORT_BINUNICODE.
func short(s string) string { return "\x8c" + string(rune(len(s))) + s }

// tensor is a pickle of {"w": a view with one axis of storage 0, of count float32}.
func tensor(count, offset, shape, stride int) string {
	n := func(v int) string { return "J" + string(binary.LittleEndian.AppendUint32(nil, uint32(v))) }
	return "\x80\x02}" + short("w") + "ctorch._utils\n_rebuild_tensor_v2\n((" + short("storage") + "ctorch\nFloatStorage\n" +
		short("0") + short("cpu") + n(count) + "tQ" + n(offset) + n(shape) + "\x85" + n(stride) + "\x85\x89NtRs."
}

func TestPicklesThatAskForAnythingElseAreRefusedByName(t *testing.T) {
	for _, c := range []struct{ name, pickle, want string }{
		{"os.system by REDUCE", "\x80\x02cos\nsystem\n(" + short("true") + "tR.", `GLOBAL: "os.system" is not allowed`},
		{"posix.system", "cposix\nsystem\n.", `"posix.system" is not allowed`},
		{"builtins.eval by STACK_GLOBAL", "\x80\x04" + short("builtins") + short("eval") + "\x93.", `STACK_GLOBAL: "builtins.eval" is not allowed`},
		{"nested in a state_dict", "\x80\x02}" + short("w") + "cbuiltins\nexec\n(" + short("1") + "tRs.", `"builtins.exec" is not allowed`},
		{"INST", "(" + short("true") + "ios\nsystem\n.", `INST: "os.system" is not allowed`},
		{"INST of an allowed name", "(icollections\nOrderedDict\n.", "INST: is not allowed"},
		{"OBJ", "(" + short("x") + "o.", "instruction OBJ is not allowed"},
		{"NEWOBJ", ")\x81.", "instruction NEWOBJ is not allowed"},
		{"NEWOBJ_EX", "\x92.", "instruction NEWOBJ_EX is not allowed"},
		{"EXT1", "\x82\x01.", "instruction EXT1 is not allowed"},
		{"EXT2", "\x83\x01\x00.", "instruction EXT2 is not allowed"},
		{"EXT4", "\x84\x01\x00\x00\x00.", "instruction EXT4 is not allowed"},
		{"PERSID", "P0\n.", "instruction PERSID is not allowed"},
		{"NEXT_BUFFER", "\x97.", "instruction NEXT_BUFFER is not allowed"},
		{"a dotted name", "\x80\x04" + short("torch") + short("FloatStorage.__class__") + "\x93.", `"torch.FloatStorage.__class__" is not allowed`},
		{"torch.load", "ctorch\nload\n.", `"torch.load" is not allowed`},
		{"a whole module", "ctorchvision.models.resnet\nResNet\n.", `"torchvision.models.resnet.ResNet" is not allowed: a file of weights needs`},
		{"numpy", "cnumpy.core.multiarray\nscalar\n.", `"numpy.core.multiarray.scalar" is not allowed`},
		{"a name as a callee", short("os.system") + ")R.", `"os.system" cannot be called`},
		{"a storage as a callee", "ctorch\nFloatStorage\n)R.", "torch.FloatStorage: cannot be called"},
		{"BUILD of a name", "ctorch\nFloatStorage\n}b.", "BUILD: found torch.FloatStorage, want a dictionary"},
		{"no instruction", "\xff.", "0xff is no instruction"},
		{"an empty stack", "\x80\x02.", "STOP: the stack is too short"},
		{"values left over", "NN.", "ends with 1 values left over"},
		{"a mark at the end", "(.", "found a mark"},
		{"a long text", "X\xff\xff\xff\xff.", "wants 4294967295 bytes, there are 1"},
		{"a very long text", "\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.", "there are 1"},
		{"an unknown memo", "h\x07.", "nothing was put under 7"},
		{"no mark", "NNt.", "there is no mark"},
		{"a key without value", "}(Nu.", "a key has no value"},
		{"items for None", "NNa.", "found None, want a list"},
		{"too many instructions", strings.Repeat("N0", maxSteps) + ".", "more than 1048576 instructions"},
		{"no state_dict", "N.", "holds None, want a state_dict"},
		{"no tensors", "}.", "holds no tensors"},
		{"not a tensor", "}" + short("w") + "Ns.", `"w" is None, want a tensor`},
		{"a key of a number", "}K\x01Ns.", "a key is 1, want a tensor's name"},
		{"a truncated pickle", "\x80\x02}", "unexpected EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.ErrorContains(t, read(zipped(t, zip.Store, entry{"archive/data.pkl", c.pickle})), c.want)
		})
	}
}

// os.system("true") as pickle.dumps writes it in each protocol.
func TestABarePickleIsRefusedByWhatItAsksFor(t *testing.T) {
	for _, pickle := range []string{
		"cposix\nsystem\np0\n(Vtrue\np1\ntp2\nRp3\n.",
		"cposix\nsystem\nq\x00(X\x04\x00\x00\x00trueq\x01tq\x02Rq\x03.",
		"\x80\x02cposix\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.",
		"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94.",
	} {
		require.True(t, Is(strings.NewReader(pickle), int64(len(pickle))))
		require.ErrorContains(t, read([]byte(pickle)), `"posix.system" is not allowed`)
	}
	require.ErrorContains(t, read([]byte("\x80\x02K\x01.")), "is a pickle without tensors of torch.save")
	for _, text := range []string{"", "c", "cat and\ndog", "\x80", "\x80\x09", "text\n"} {
		require.False(t, Is(strings.NewReader(text), int64(len(text))), "%q", text)
	}
}

func TestViewsStayInsideTheirStorage(t *testing.T) {
	file := func(count, offset, shape, stride int, data string) []byte {
		pickle := tensor(count, offset, shape, stride)
		return zipped(t, zip.Store, entry{"a/data.pkl", pickle}, entry{"a/data/0", data})
	}
	sixteen := strings.Repeat("\x00\x00\x80\x3f", 4)
	require.NoError(t, read(file(4, 0, 4, 1, sixteen)))
	require.NoError(t, read(file(4, 1, 2, 2, sixteen)))
	for _, c := range []struct {
		file []byte
		want string
	}{
		{file(4, 1, 4, 1, sixteen), "offset 1, shape [4], strides [1]: reach beyond storage 0 of 4 numbers"},
		{file(4, 0, 3, 2, sixteen), "reach beyond"},
		{file(4, 0, 1000, 0, sixteen), "reach beyond"},
		{file(4, 0, 1<<31-1, 1<<31-1, sixteen), "reach beyond"},
		{file(4, 4, 1, 1, sixteen), "reach"},
		{file(4, -1, 4, 1, sixteen), "offset is -1"},
		{file(4, 0, -4, 1, sixteen), "shape has -4"},
		{file(4, 0, 4, -1, sixteen), "strides has -1"},
		{file(-4, 0, 4, 1, sixteen), "a storage is described by"},
		{file(4, 0, 4, 1, sixteen[1:]), "entry a/data/0 has 15 bytes, 4 of float32 want 16"},
		{file(1<<30, 0, 4, 1, sixteen), "entry a/data/0 has 16 bytes"},
	} {
		require.ErrorContains(t, read(c.file), c.want)
	}
}

func TestZipsThatAreNotTorchsAreRefused(t *testing.T) {
	good := tensor(4, 0, 4, 1)
	data := entry{"a/data/0", strings.Repeat("\x00", 16)}
	for _, c := range []struct {
		file []byte
		want string
	}{
		{zipped(t, zip.Deflate, entry{"a/data.pkl", strings.Repeat("N0", 1<<18)}), "torch compresses nothing"},
		{zipped(t, zip.Deflate, entry{"a/data.pkl", good}, data), "torch compresses nothing"},
		{zipped(t, zip.Store, entry{"a/data.pkl", good}), "there is no entry a/data/0"},
		{zipped(t, zip.Store, entry{"a/data.pkl", good}, data, entry{"../../etc/passwd", ""}), `"../../etc/passwd": is no place inside`},
		{zipped(t, zip.Store, entry{"/etc/passwd", ""}), `"/etc/passwd": is no place inside`},
		{zipped(t, zip.Store, entry{`a\..\b`, ""}), "is no place inside"},
		{zipped(t, zip.Store, entry{"a/data.pkl", good}, data, data), `"a/data/0" comes twice`},
		{zipped(t, zip.Store, entry{"a/data.pkl", good}, entry{"b/data.pkl", good}, data), "there are two entries data.pkl"},
		{zipped(t, zip.Store, entry{"a/data.pkl", good}, data, entry{"a/constants.pkl", ""}), "TorchScript"},
		{zipped(t, zip.Store, entry{"a/data.pkl", good}, data, entry{"a/byteorder", "big"}), `byte order is "big"`},
		{zipped(t, zip.Store, entry{"mimetype", "x"}), "without data.pkl"},
		{[]byte("PK\x03\x04"), "not a valid zip"},
		{[]byte("\x89HDF\r\n\x1a\n"), "which no torch.save writes"},
		{nil, "which no torch.save writes"},
	} {
		require.ErrorContains(t, read(c.file), c.want)
	}
}

func TestAChangedByteOfAStorageIsNoticed(t *testing.T) {
	b, err := os.ReadFile("testdata/zip.pth")
	require.NoError(t, err)
	at := bytes.Index(b, []byte("\x00\x00\x00\x3e\x00\x00\x80\x3e")) // 1/8, 2/8
	require.Positive(t, at)
	b[at+2] ^= 1
	f, err := New(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	_, _, err = f.Float32("conv.weight")
	require.ErrorContains(t, err, "checksum")
}

func TestATruncatedFileIsRefusedWhereverItEnds(t *testing.T) {
	for _, name := range []string{"zip.pth", "legacy.pth"} {
		b, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		for n := range b {
			require.Error(t, read(b[:n]), "%s, %d of %d bytes", name, n, len(b))
		}
	}
	b, err := os.ReadFile("testdata/legacy.pth")
	require.NoError(t, err)
	require.ErrorContains(t, read(append(b, 0)), "has 1 bytes after its last storage")
}

// FuzzRead wants no panic on any bytes, and of a file that is read that no tensor
// has more numbers than the file has bytes.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"zip.pth", "legacy.pth", "checkpoint.pth", "checkpoint.legacy.pth"} {
		b, err := os.ReadFile("testdata/" + name)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkFile(t, b) })
}

// FuzzPickle wants no panic of the pickle in a zip, whose checksum the fuzzer
// would never hit.
func FuzzPickle(f *testing.F) {
	f.Add([]byte(tensor(4, 0, 4, 1)))
	for _, name := range []string{"zip.pth", "checkpoint.pth"} {
		z, err := zip.OpenReader("testdata/" + name)
		require.NoError(f, err)
		entries, root, err := index(&z.Reader)
		require.NoError(f, err)
		b, err := readAll(entries[root+"data.pkl"], maxPickle)
		require.NoError(f, err)
		f.Add(b)
		require.NoError(f, z.Close())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := newMachine(bytes.NewReader(b), int64(len(b))).run()
		if err != nil {
			return
		}
		file := &File{data: map[string]place{}}
		if file.take(v, func(*storage) error { return nil }) == nil {
			require.NotEmpty(t, file.Names())
		}
	})
}

func checkFile(t *testing.T, b []byte) {
	file, err := New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return
	}
	for _, name := range file.Names() {
		info, err := file.Info(name)
		require.NoError(t, err)
		values, shape, err := file.Float32(name)
		if err != nil {
			continue
		}
		require.LessOrEqual(t, len(values), len(b))
		require.Equal(t, info.Shape, shape)
	}
}
