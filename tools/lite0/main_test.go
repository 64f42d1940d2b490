package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/keras"
	"github.com/argus-go/argus/internal/safetensors"
	"github.com/argus-go/argus/internal/shared"
)

const committed = "../../efficientnet/lite0/lite0.safetensors"

func TestTheCommittedFileIsWhatTheConverterWrites(t *testing.T) {
	in := shared.Path(t, "weights/efficientnetlite0.h5")
	out := filepath.Join(t.TempDir(), "lite0.safetensors")
	require.NoError(t, convert(in, out))
	got, err := os.ReadFile(out)
	require.NoError(t, err)
	want, err := os.ReadFile(committed)
	require.NoError(t, err)
	require.True(t, string(got) == string(want), "%d bytes, %s has %d", len(got), committed, len(want))
}

func TestTheCommittedFileIsWhole(t *testing.T) {
	f, err := safetensors.Open(committed)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Verify())
	parameters := 0
	for _, name := range f.Names() {
		values, shape, err := f.Float32(name)
		require.NoError(t, err)
		require.Equal(t, -1, safetensors.FirstNonFinite(values), name)
		info, err := f.Info(name)
		require.NoError(t, err)
		require.Equal(t, len(shape) > 1, info.DType == safetensors.F16, "%s is %s", name, info.DType)
		parameters += len(values)
	}
	require.Equal(t, 4_694_024, parameters) // of which 42,016 are moving statistics
}

func TestEveryMismatchIsListed(t *testing.T) {
	layers, err := keras.ReadFile(shared.Path(t, "weights/efficientnetlite0.h5"))
	require.NoError(t, err)
	for i := range layers {
		switch layers[i].Name {
		case "top_bn":
			layers[i].Weights = layers[i].Weights[1:]
		case "predictions":
			layers[i].Weights[0].Shape = []int{1000, 1280}
		}
	}
	_, err = rename(layers)
	require.ErrorContains(t, err, "top/conv/norm/gamma: ")
	require.ErrorContains(t, err, "predictions/kernel: ")

	layers[0].Name, layers[1].Name = "head", "block1a_squeeze"
	layers[0].Weights, layers[1].Weights = layers[2].Weights, []keras.Weight{{Name: "kernel"}}
	_, err = rename(append(layers, keras.Layer{Name: "probs", Weights: []keras.Weight{{Name: "bias"}}}))
	require.ErrorContains(t, err, "block1a_squeeze/kernel: ")
	require.ErrorContains(t, err, "probs/bias: is predictions/bias, as predictions/bias")
}

func TestAKernelThatFloat16WouldSpoilIsRefused(t *testing.T) {
	for _, v := range []float32{1e-7, 1e6} {
		err := round(&safetensors.Tensor{Name: "a/kernel", Shape: []int{1, 1}, Data: []float32{v}})
		require.ErrorContains(t, err, "a/kernel: float16 changes it by")
	}
	vector := safetensors.Tensor{Name: "a/gamma", Shape: []int{1}, Data: []float32{1e-7}}
	require.NoError(t, round(&vector))
	require.Equal(t, float32(1e-7), vector.Data[0])
}
