package keras

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/shared"
)

// ramp is what tools/golden/h5.py fills arrays with.
func ramp(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i)/4 - 3
	}
	return v
}

// expected is LAYERS of tools/golden/h5.py.
func expected(suffix string) []Layer {
	w := func(layer, name string, shape ...int) Weight {
		n := 1
		for _, d := range shape {
			n *= d
		}
		return Weight{Name: name, Path: layer + "/" + name + suffix, Shape: shape, Data: ramp(n)}
	}
	return []Layer{
		{Name: "input_1"},
		{Name: "conv", Weights: []Weight{w("conv", "kernel", 1, 1, 3, 2), w("conv", "bias", 2)}},
		{Name: "bn", Weights: []Weight{w("bn", "gamma", 2), w("bn", "beta", 2), w("bn", "moving_mean", 2), w("bn", "moving_variance", 2)}},
		{Name: "dense", Weights: []Weight{w("dense", "kernel", 2, 5), w("dense", "bias", 5)}},
	}
}

func TestLegacyFilesAreReadInTheirOrder(t *testing.T) {
	for file, suffix := range map[string]string{
		"weights.h5": ":0",
		"model.h5":   ":0", // under model_weights
		"split.h5":   "",   // names in two attributes each, of variable length; float16
	} {
		path := filepath.Join("testdata", file)
		layers, err := ReadFile(path)
		require.NoError(t, err, file)
		require.Equal(t, expected(suffix), layers, file)
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		again, err := Read(bytes.NewReader(b), int64(len(b)))
		require.NoError(t, err)
		require.Equal(t, layers, again)
	}
}

func TestRealWeightsHaveTheirNames(t *testing.T) {
	layers, err := ReadFile(shared.Path(t, "weights/efficientnetlite0.h5"))
	require.NoError(t, err)
	weights, err := Rename(layers, EfficientNet)
	require.NoError(t, err)
	require.Len(t, weights, 247)
	parameters := 0
	for _, w := range weights {
		parameters += len(w.Data)
	}
	require.Equal(t, 4_694_024, parameters)
	require.Equal(t, []int{3, 3, 3, 32}, weights["stem/conv/kernel"].Shape)
	require.Equal(t, []int{5, 5, 144, 1}, weights["block3a/depthwise/kernel"].Shape)
	require.Equal(t, []int{1280, 1000}, weights["predictions/kernel"].Shape)
	require.Contains(t, weights, "block6d/project/norm/moving_variance")
}

func TestPathsOfWeightsNameTheLayerAndTheWeight(t *testing.T) {
	for path, want := range map[string][2]string{
		"stem_conv/kernel:0": {"stem_conv", "kernel"}, "stem_conv/kernel": {"stem_conv", "kernel"}, "a/b/gamma:12": {"b", "gamma"},
		"bias:0": {"", "bias"}, ":0": {"", ":0"}, "": {}, "a/:0": {"a", ":0"},
		"convolution2d_1_W:0": {"convolution2d_1", "kernel"}, "batchnormalization_2_running_std": {"batchnormalization_2", "moving_variance"},
		"sep_depthwise_kernel:0": {"sep", "depthwise_kernel"}, "bn/running_std": {"bn", "running_std"},
	} {
		layer, name := splitPath(path)
		require.Equal(t, want, [2]string{layer, name}, path)
	}
}

func TestEfficientNetNames(t *testing.T) {
	for _, c := range [][3]string{
		{"stem_conv", "kernel", "stem/conv/kernel"},
		{"stem_bn", "gamma", "stem/conv/norm/gamma"},
		{"block1a_dwconv", "depthwise_kernel", "block1a/depthwise/kernel"},
		{"block1a_dwconv2", "kernel", "block1a/depthwise/kernel"},
		{"block1a_bn", "moving_mean", "block1a/depthwise/norm/moving_mean"},
		{"block7b_expand_conv", "kernel", "block7b/expand/kernel"},
		{"block7b_expand_bn", "beta", "block7b/expand/norm/beta"},
		{"block2a_se_reduce", "bias", "block2a/se/reduce/bias"},
		{"block2a_se_expand", "kernel", "block2a/se/expand/kernel"},
		{"block6d_project_conv", "kernel", "block6d/project/kernel"},
		{"block6d_project_bn", "moving_variance", "block6d/project/norm/moving_variance"},
		{"top_bn", "beta", "top/conv/norm/beta"},
		{"probs", "bias", "predictions/bias"},
	} {
		got, ok := EfficientNet(c[0], c[1])
		require.True(t, ok, c)
		require.Equal(t, c[2], got)
	}
	for _, layer := range []string{"dense_1", "block1a", "block1a_", "stem_dwconv", "normalization", ""} {
		_, ok := EfficientNet(layer, "kernel")
		require.False(t, ok, layer)
	}
}

func TestRenameListsEveryWeightThatHasNoPlace(t *testing.T) {
	_, err := Rename([]Layer{
		{Name: "predictions", Weights: []Weight{{Name: "bias"}}},
		{Name: "probs", Weights: []Weight{{Name: "bias"}}},
		{Name: "normalization", Weights: []Weight{{Name: "count", Shape: []int{}}, {Name: "mean", Shape: []int{3}}}},
	}, EfficientNet)
	require.EqualError(t, err, `keras: 3 weights cannot be placed:
	normalization/count: shape [], no such layer is known
	normalization/mean: shape [3], no such layer is known
	probs/bias: is predictions/bias, as predictions/bias`)
}

// edited is weights.h5 with every old replaced by new, which is as long.
func edited(t testing.TB, old, new string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/weights.h5")
	require.NoError(t, err)
	require.Len(t, new, len(old))
	require.Contains(t, string(b), old)
	return []byte(strings.ReplaceAll(string(b), old, new))
}

func TestBadFilesAreRefusedWithTheirReason(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"layer_names\x00", "layer_nomes\x00", `keras: hdf5: /: attribute "layer_names": not found`},
		{"weight_names\x00", "weight_nomes\x00", `keras: layer "input_1": hdf5: /input_1: attribute "weight_names": not found`},
		{"bn/gamma:0", "bn/gemma:1", `keras: layer "bn": weight "bn/gemma:1": hdf5: /bn/bn: "gemma:1" is not among the 4 in the group: not found`},
		{"\x00dense\x00\x00\x00", "\x00conv\x00\x00\x00\x00", `keras: hdf5: /: the name "conv" comes twice in the group`},
		{"bn\x00\x00\x00\x00\x00dense", "bn\x00\x00\x00\x00\x00conv\x00", `keras: layer_names has "conv" twice`},
	} {
		b := edited(t, c.old, c.new)
		_, err := Read(bytes.NewReader(b), int64(len(b)))
		require.EqualError(t, err, c.want)
	}
	_, err := ReadFile("testdata/none.h5")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Read(strings.NewReader("text"), 4)
	require.ErrorContains(t, err, "no HDF5 signature")
}

func TestWeightsOfManyTimesTheFileAreRefusedUnread(t *testing.T) {
	b, err := os.ReadFile("testdata/weights.h5")
	require.NoError(t, err)
	f, err := open(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	require.NoError(t, checkSize(f.weights(), 4*31)) // 31 values
	require.EqualError(t, checkSize(f.weights(), 4*31-1),
		"/dense/dense/bias:0: shape [5] brings the weights to more than 123 bytes, the limit for a file of this size")
	require.ErrorContains(t, checkSize(f.weights(), 4*6-1), "/conv/conv/kernel:0: shape [1 1 3 2]")
	require.EqualValues(t, 64<<20, maxBytes(19_128_168/16))
	require.EqualValues(t, 16*19_128_168, maxBytes(19_128_168))
}

// FuzzRead wants no panic on any bytes, and of a file that is read that its
// layers hold together.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"weights.h5", "split.h5", "model.h5", "good.weights.h5", "expands.weights.h5", "loop.weights.h5"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add(edited(f, "bn/gamma:0", "bn/gemma:1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		layers, err := Read(io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))), int64(len(b)))
		if err != nil {
			return
		}
		for _, layer := range layers {
			for _, w := range layer.Weights {
				n := 1
				for _, d := range w.Shape {
					n *= d
				}
				require.Len(t, w.Data, n, w.Path)
			}
		}
	})
}
