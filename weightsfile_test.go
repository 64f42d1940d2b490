package argus

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/internal/shared"
	"github.com/argus-go/argus/nn"
)

func TestABackboneReadsItsWeightsFromAKerasFile(t *testing.T) {
	m := efficientnet.Lite0(1000)
	var seen [2]int64
	w, err := BackboneFrom(m, shared.Path(t, "weights/efficientnetlite0.h5")).Weights(context.Background(), func(done, total int64) {
		seen = [2]int64{done, total}
	})
	require.NoError(t, err)
	require.NoError(t, w.Check(m.Whole(), m.Input.Shape(), true))
	require.Equal(t, [2]int64{19_128_168, 19_128_168}, seen)
}

func TestAWeightsFileThatCannotBeReadSaysWhy(t *testing.T) {
	read := func(path string) error {
		_, err := BackboneFrom(efficientnet.Lite0(5), path).Weights(context.Background(), nil)
		return err
	}
	dir := t.TempDir()
	require.ErrorIs(t, read(filepath.Join(dir, "none.h5")), os.ErrNotExist)
	require.ErrorContains(t, read(dir), "is not a regular file")
	text := filepath.Join(dir, "text.h5")
	require.NoError(t, os.WriteFile(text, []byte("no weights at all"), 0o600))
	require.ErrorContains(t, read(text), text+": is none of the formats read: Keras (.h5")
	_, err := ImportKeras(text, []string{"a", "b"}, ScaleUnit.Preprocess())
	require.ErrorContains(t, err, text+": is none of the formats read: a whole model of Keras")
	require.NoError(t, os.WriteFile(text, nil, 0o600))
	require.ErrorContains(t, read(text), text+": the file is empty")
	err = read(shared.Path(t, "weights/efficientnetlite0.h5"))
	require.ErrorIs(t, err, nn.ErrWeights)
	require.ErrorContains(t, err, "predictions/kernel:0: shape [1280 1000], the network wants [1280 5]")
}

func TestABackboneReadsTorchsFilesAndRefusesOnesForKerasNetwork(t *testing.T) {
	read := func(m nn.Model, name string) error {
		_, err := BackboneFrom(m, "internal/torchnet/testdata/"+name).Weights(context.Background(), nil)
		return err
	}
	for _, name := range []string{"tiny-efficientnet.safetensors", "tiny-efficientnet.pth"} {
		require.ErrorContains(t, read(efficientnet.Lite0(5), name), name+": torchnet: weights do not fit the network: the file has timm's EfficientNet")
		m, err := efficientnet.Torch("timm/efficientnet_b0", 1000)
		require.NoError(t, err)
		require.ErrorContains(t, read(m, name), "blocks.0.0.conv_dw.weight: shape [8 1 3 3], block1a/depthwise/kernel wants [32 1 3 3]")
	}
}
