package keras

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

// oldResNetFile is the weights file of Keras 2.2 for the first block of a ResNet50
// of three classes: a block's main branch stands before its shortcut.
func oldResNetFile() []Layer {
	w := func(name string, shape ...int) Weight { return Weight{Name: name, Path: name + ":0", Shape: shape} }
	conv := func(name string, k, in, out int) Layer {
		return Layer{Name: name, Weights: []Weight{w("kernel", k, k, in, out), w("bias", out)}}
	}
	norm := func(name string, n int) Layer {
		return Layer{Name: name, Weights: []Weight{w("gamma", n), w("beta", n), w("moving_mean", n), w("moving_variance", n)}}
	}
	return []Layer{
		conv("conv1", 7, 3, 8), norm("bn_conv1", 8),
		conv("res2a_branch2a", 1, 8, 8), norm("bn2a_branch2a", 8),
		conv("res2a_branch2b", 3, 8, 8), norm("bn2a_branch2b", 8),
		conv("res2a_branch2c", 1, 8, 32), conv("res2a_branch1", 1, 8, 32), norm("bn2a_branch2c", 32), norm("bn2a_branch1", 32),
		{Name: "fc1000", Weights: []Weight{w("kernel", 32, 3), w("bias", 3)}},
	}
}

func oldResNetModel() (nn.Layer, nn.Shape) {
	conv := func(name string, filters, kernel int) nn.Conv {
		return nn.Conv{Name: name, Filters: filters, Kernel: [2]int{kernel, kernel}, Bias: true, Norm: nn.BatchNorm{Eps: newEps}}
	}
	return nn.Seq{
		nn.Block{Name: "stem", Body: conv("conv", 8, 7)},
		nn.Block{Name: "conv2_block1", Body: nn.Add{Branches: []nn.Layer{
			conv("shortcut", 32, 1), // of the shape of conv3, so that order alone would take one for the other
			nn.Seq{conv("conv1", 8, 1), conv("conv2", 8, 3), conv("conv3", 32, 1)},
		}}},
		nn.GlobalPool{Kind: nn.Avg},
		nn.Dense{Name: "predictions", Units: 3},
	}, nn.Shape{H: 8, W: 8, C: 3}
}

func TestLayersOfTheOldResNetGoByTheirNames(t *testing.T) {
	l, in := oldResNetModel()
	file := oldResNetFile()
	p, err := match(file, l, in)
	require.NoError(t, err)
	require.Same(t, &file[6].Weights[0], p["conv2_block1/conv3/kernel"])
	require.Same(t, &file[7].Weights[0], p["conv2_block1/shortcut/kernel"])
	require.Same(t, &file[9].Weights[3], p["conv2_block1/shortcut/norm/moving_variance"])
	require.Same(t, &file[10].Weights[1], p["predictions/bias"])

	file = slices.Delete(file, 7, 8)
	file = append(file, Layer{Name: "dense_1", Weights: []Weight{{Name: "kernel", Shape: []int{3, 2}}}})
	_, err = match(file, l, in)
	require.ErrorIs(t, err, nn.ErrWeights)
	require.Equal(t, `
	conv2_block1/shortcut/bias: missing, the network wants [32]
	conv2_block1/shortcut/kernel: missing, the network wants [1 1 8 32]
	dense_1/kernel: shape [3 2], no such layer is known`, err.Error()[strings.IndexByte(err.Error(), '\n'):])
}

func TestVariancesOfTheOldResNetComputeTheSameWithTodaysConstant(t *testing.T) {
	w := []*Weight{{Name: "moving_variance", Data: []float32{0, 0.5, 3}}, {Name: "gamma", Data: []float32{1}}}
	withNewEps(w)
	for i, v := range []float64{0, 0.5, 3} {
		require.InDelta(t, v+1e-3, float64(w[0].Data[i])+1.001e-5, 1e-7)
	}
	require.Equal(t, []float32{1}, w[1].Data)
}
