package nn_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

var smallShape = nn.Shape{H: 6, W: 6, C: 3}

func small() nn.Layer {
	return nn.Seq{
		nn.Block{Name: "stem", Body: nn.Conv{Filters: 4, Kernel: [2]int{3, 3}, Norm: nn.BatchNorm{Eps: 1e-3}, Act: nn.ReLU}},
		nn.Conv{Name: "dw", Kind: nn.Depthwise, Kernel: [2]int{5, 5}, Bias: true},
		nn.GlobalPool{Kind: nn.Avg},
		nn.Dense{Name: "out", Units: 2},
	}
}

func initSmall(t *testing.T) nn.Weights {
	t.Helper()
	w, err := nn.Init(small(), smallShape, 1)
	require.NoError(t, err)
	return w
}

func TestInitFillsWhatTheNetworkNeeds(t *testing.T) {
	w := initSmall(t)
	require.NoError(t, w.Check(small(), smallShape, true))
	require.Len(t, w, 9)
	for _, name := range []string{"stem/conv1/norm/gamma", "stem/conv1/norm/moving_variance"} {
		require.Equal(t, []float32{1, 1, 1, 1}, w[name].Data)
	}
	for _, name := range []string{"stem/conv1/norm/beta", "stem/conv1/norm/moving_mean", "dw/bias"} {
		require.Equal(t, []float32{0, 0, 0, 0}, w[name].Data)
	}
}

// Glorot & Bengio: uniform in ±√(6/(fan in + fan out)).
func TestInitDrawsKernelsAsGlorotAndBengio(t *testing.T) {
	l := nn.Seq{
		nn.Conv{Name: "full", Filters: 64, Kernel: [2]int{3, 3}},
		nn.Conv{Name: "dw", Kind: nn.Depthwise, Kernel: [2]int{9, 9}},
		nn.Dense{Name: "dense", Units: 50},
	}
	w, err := nn.Init(l, nn.Shape{H: 4, W: 4, C: 32}, 7)
	require.NoError(t, err)
	for name, fans := range map[string]float64{
		"full/kernel": 9 * (32 + 64), "dw/kernel": 81 * (64 + 1), "dense/kernel": 4*4*64 + 50,
	} {
		limit := math.Sqrt(6 / fans)
		data := w[name].Data
		require.LessOrEqual(t, float64(slices.Max(data)), limit, name)
		require.GreaterOrEqual(t, float64(slices.Min(data)), -limit, name)
		require.Greater(t, float64(slices.Max(data)), 0.99*limit, name)
		var sum, squares float64
		for _, v := range data {
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
		n := float64(len(data))
		require.InDelta(t, 0, sum/n, 4*limit/math.Sqrt(3*n), name)
		require.InEpsilon(t, limit*limit/3, squares/n, 0.06, name)
	}
}

func TestInitDependsOnSeedAndNameOnly(t *testing.T) {
	a, b := initSmall(t), initSmall(t)
	require.Equal(t, a, b)
	other, err := nn.Init(small(), smallShape, 2)
	require.NoError(t, err)
	require.NotEqual(t, a["out/kernel"], other["out/kernel"])
	alone, err := nn.Init(nn.Dense{Name: "out", Units: 2}, nn.Shape{H: 1, W: 1, C: 4}, 1)
	require.NoError(t, err)
	require.Equal(t, a["out/kernel"], alone["out/kernel"])
}

func TestCheckListsEveryMismatch(t *testing.T) {
	w := initSmall(t)
	delete(w, "out/bias")
	w["dw/kernel"] = nn.Tensor{Shape: []int{3, 3, 4, 1}, Data: make([]float32, 36)}
	w["out/kernel"] = nn.Tensor{Shape: []int{4, 2}, Data: make([]float32, 7)}
	w["stem/conv1/norm/beta"].Data[1] = float32(math.NaN())
	w["stem/conv1/norm/gamma"].Data[2] = float32(math.Inf(-1))
	w["stem/conv1/norm/moving_variance"].Data[3] = -1
	w["other/kernel"] = nn.Tensor{}
	err := w.Check(small(), smallShape, false)
	require.ErrorIs(t, err, nn.ErrWeights)
	require.EqualError(t, err, "nn: weights do not fit the network:\n"+
		"\tdw/kernel: the network wants [5 5 4 1], the weights have [3 3 4 1]\n"+
		"\tout/bias: missing, the network wants [2]\n"+
		"\tout/kernel: shape [4 2] needs 8 values, there are 7\n"+
		"\tstem/conv1/norm/beta: value 1 is NaN\n"+
		"\tstem/conv1/norm/gamma: value 2 is -Inf\n"+
		"\tstem/conv1/norm/moving_variance: variance 3 is -1")
	require.ErrorContains(t, w.Check(small(), smallShape, true), "other/kernel: the network has no such tensor")
}

func TestCheckOfAnotherNetworkStaysShort(t *testing.T) {
	m := network(t, "resnet50")
	err := nn.Weights{}.Check(m.Body, m.Input.Shape(), true)
	require.ErrorIs(t, err, nn.ErrWeights)
	require.ErrorContains(t, err, "and 298 more")
}

func TestOfPicksWhatALayerNeeds(t *testing.T) {
	w := initSmall(t)
	got, err := w.Of(nn.Dense{Name: "out", Units: 2}, nn.Shape{H: 1, W: 1, C: 4})
	require.NoError(t, err)
	require.Equal(t, nn.Weights{"out/kernel": w["out/kernel"], "out/bias": w["out/bias"]}, got)
	rest := w.Clone()
	delete(rest, "out/kernel")
	delete(rest, "out/bias")
	require.Equal(t, w, nn.Merge(rest, got))
}

func TestCloneSharesNothing(t *testing.T) {
	w := initSmall(t)
	c := w.Clone()
	c["out/bias"].Data[0] = 9
	c["out/bias"].Shape[0] = 9
	require.Equal(t, initSmall(t), w)
}

func TestFixedGivesTheWeights(t *testing.T) {
	w := initSmall(t)
	got, err := nn.Fixed(w)(context.Background(), nil)
	require.NoError(t, err)
	require.Equal(t, w, got)
}
