package lite0

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/safetensors"
)

func TestWeightsFitTheNetworkExactly(t *testing.T) {
	b := Backbone()
	require.NoError(t, b.Model.Check())
	w, err := b.Weights(context.Background(), nil)
	require.NoError(t, err)
	require.NoError(t, w.Check(b.Model.Whole(), b.Model.Input.Shape(), true))
	n := 0
	for _, tensor := range w {
		n += len(tensor.Data)
	}
	require.Equal(t, 4694024, n)
}

func TestKernelsAreStoredInFloat16(t *testing.T) {
	f, err := safetensors.Parse(file)
	require.NoError(t, err)
	for _, name := range f.Names() {
		info, err := f.Info(name)
		require.NoError(t, err)
		if strings.HasSuffix(name, "/kernel") {
			require.Equal(t, safetensors.F16, info.DType, name)
		}
	}
}

func TestOriginNamesTheFile(t *testing.T) {
	o := Backbone().Origin
	require.Equal(t, fmt.Sprintf("sha256:%x", sha256.Sum256(file)), o.Digest)
	f, err := safetensors.Parse(file)
	require.NoError(t, err)
	require.NoError(t, f.Verify())
	require.Equal(t, "Apache-2.0", o.Licence)
	require.Contains(t, o.Source, "tensorflow/tpu")
}

func TestClassesAreThoseOfTheTop(t *testing.T) {
	b := Backbone()
	w, err := b.Weights(context.Background(), nil)
	require.NoError(t, err)
	require.Len(t, b.Classes, len(w["predictions/bias"].Data))
}

func TestWeightsTellProgressAndHeedCancelling(t *testing.T) {
	b := Backbone()
	var done, total int64
	_, err := b.Weights(context.Background(), func(d, n int64) { done, total = d, n })
	require.NoError(t, err)
	require.Equal(t, int64(len(file)), total)
	require.Equal(t, total, done)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = b.Weights(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestWhoTakesTheWeightsOwnsTheMap(t *testing.T) {
	b := Backbone()
	first, err := b.Weights(context.Background(), nil)
	require.NoError(t, err)
	delete(first, "predictions/bias")
	second, err := b.Weights(context.Background(), nil)
	require.NoError(t, err)
	require.Contains(t, second, "predictions/bias")
}
