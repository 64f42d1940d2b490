package lite0_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet/lite0"
	"github.com/argus-go/argus/internal/keras"
	"github.com/argus-go/argus/internal/kernel/resize"
	"github.com/argus-go/argus/internal/npz"
	"github.com/argus-go/argus/internal/shared"
	"github.com/argus-go/argus/nn"
)

// reference is what TensorFlow computed with the float32 weights: pixels
// [n,224,224,3], features [n,1280], probabilities [n,1000].
func reference(t *testing.T, m nn.Model) (n int, x, features, probs []float32) {
	arrays, err := npz.Open(shared.Path(t, "weights/efficientnetlite0_ref.npz"))
	require.NoError(t, err)
	pixels := arrays["x"]
	x = make([]float32, len(pixels.Bytes))
	resize.ToFloat(x, pixels.Bytes, m.Input.Mean, m.Input.Std, m.Input.BGR)
	features, err = arrays["feat_gap"].Float32()
	require.NoError(t, err)
	probs, err = arrays["probs"].Float32()
	require.NoError(t, err)
	return pixels.Shape[0], x, features, probs
}

func run(t *testing.T, l nn.Layer, in nn.Shape, w nn.Weights, n int, x []float32) []float32 {
	p, err := nn.Freeze(l, in, w)
	require.NoError(t, err)
	y := make([]float32, n*p.Out.Size())
	require.NoError(t, p.Run(context.Background(), 0, n, x, y))
	return y
}

func largest(v []float32) int { return slices.Index(v, slices.Max(v)) }

func TestTheEmbeddedWeightsTellTheSameClassesAsTensorFlow(t *testing.T) {
	b := lite0.Backbone()
	w, err := b.Weights(context.Background(), nil)
	require.NoError(t, err)
	require.NoError(t, w.Check(b.Model.Whole(), b.Model.Input.Shape(), true))

	n, x, _, want := reference(t, b.Model)
	got := run(t, b.Model.Whole(), b.Model.Input.Shape(), w, n, x)
	for i := range n {
		g, p := got[i*1000:(i+1)*1000], want[i*1000:(i+1)*1000]
		require.Equal(t, largest(p), largest(g), "picture %d", i)
		require.InDelta(t, slices.Max(p), slices.Max(g), 0.01, "picture %d", i)
	}
}

func TestFloat32WeightsGiveTensorFlowsFeaturesAndProbabilities(t *testing.T) {
	b := lite0.Backbone()
	layers, err := keras.ReadFile(shared.Path(t, "weights/efficientnetlite0.h5"))
	require.NoError(t, err)
	tensors, err := keras.Rename(layers, keras.EfficientNet)
	require.NoError(t, err)
	w := nn.Weights{}
	for name, v := range tensors {
		w[name] = nn.Tensor{Shape: v.Shape, Data: v.Data}
	}
	require.NoError(t, w.Check(b.Model.Whole(), b.Model.Input.Shape(), true))

	n, x, features, probs := reference(t, b.Model)
	require.InDeltaSlice(t, features, run(t, b.Model.Body, b.Model.Input.Shape(), w, n, x), 1e-4)
	require.InDeltaSlice(t, probs, run(t, b.Model.Whole(), b.Model.Input.Shape(), w, n, x), 1e-4)
}
