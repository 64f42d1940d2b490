package keras

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

// branches is a network whose branches Keras interleaves: a and b are one layer
// apart from the sum.
func branches() (nn.Layer, nn.Shape) {
	conv := func(name string, filters int) nn.Conv {
		return nn.Conv{Name: name, Filters: filters, Kernel: [2]int{1, 1}, Norm: nn.BatchNorm{Eps: 1e-3, NoScale: true}}
	}
	return nn.Seq{
		nn.Add{Branches: []nn.Layer{
			nn.Seq{conv("a", 2), nn.Pool{Window: 2}},
			conv("b", 2),
		}},
		nn.Dense{Name: "d", Units: 5},
	}, nn.Shape{H: 1, W: 1, C: 3}
}

// branchesFile is what Keras would save of branches.
func branchesFile() []Layer {
	w := func(name string, shape ...int) Weight {
		n := 1
		for _, d := range shape {
			n *= d
		}
		return Weight{Name: name, Shape: shape, Data: make([]float32, n)}
	}
	norm := []Weight{w("beta", 2), w("moving_mean", 2), w("moving_variance", 2)}
	return []Layer{
		{Name: "input_1"},
		{Name: "normalization", Weights: []Weight{w("mean", 3), w("variance", 3), w("count")}},
		{Name: "conv2d_7", Weights: []Weight{w("kernel", 1, 1, 3, 2)}},
		{Name: "batch_normalization_7", Weights: slices.Clone(norm)},
		{Name: "conv2d_8", Weights: []Weight{w("kernel", 1, 1, 3, 2)}},
		{Name: "max_pooling2d", Weights: nil},
		{Name: "batch_normalization_8", Weights: slices.Clone(norm)},
		{Name: "dense", Weights: []Weight{w("kernel", 2, 5), w("bias", 5)}},
	}
}

func TestBranchesAreOrderedByTheirDistanceFromTheOutput(t *testing.T) {
	l, in := branches()
	ops, err := Order(l, in)
	require.NoError(t, err)
	var got []string
	for _, o := range ops {
		name := ""
		if len(o.Params) > 0 {
			name = " " + o.Params[0].Name
		}
		got = append(got, o.Class+name)
	}
	require.Equal(t, []string{
		"Conv2D a/kernel", "BatchNormalization a/norm/beta", "Conv2D b/kernel", "MaxPooling2D", "BatchNormalization b/norm/beta", "Add",
		"Dense d/kernel",
	}, got)
}

func TestWeightsArePlacedByTheirOrder(t *testing.T) {
	l, in := branches()
	file := branchesFile()
	w, err := Place(file, l, in)
	require.NoError(t, err)
	require.NoError(t, w.Check(l, in, true))
	require.Same(t, &file[4].Weights[0].Data[0], &w["b/kernel"].Data[0])
	require.Same(t, &file[3].Weights[1].Data[0], &w["a/norm/moving_mean"].Data[0])
}

func TestAFileThatDoesNotFitIsRefusedWithAllItsFaults(t *testing.T) {
	l, in := branches()
	file := branchesFile()
	file[2].Weights[0].Shape = []int{3, 3, 3, 2}
	file[3].Weights[0].Name = "gamma"
	file[6].Weights = file[6].Weights[:2]
	file = append(file[:7:7], Layer{Name: "probs", Weights: file[7].Weights}, Layer{Name: "extra", Weights: file[7].Weights})
	_, err := Place(file, l, in)
	require.ErrorIs(t, err, nn.ErrWeights)
	require.EqualError(t, err, `weights do not fit the network:
	conv2d_7/kernel: shape [3 3 3 2], a/kernel wants [1 1 3 2]
	batch_normalization_7/gamma: shape [2], a/norm/beta wants [2]
	batch_normalization_8: has 2 weights, b/norm/beta wants 3
	extra: the network has no such layer`)

	_, err = Place(branchesFile()[:7], l, in)
	require.EqualError(t, err, "weights do not fit the network:\n\td/kernel: missing, the network wants [2 5]")

	var many []Layer
	for range 25 {
		many = append(many, Layer{Name: "extra", Weights: file[7].Weights})
	}
	_, err = Place(append(branchesFile(), many...), l, in)
	require.ErrorContains(t, err, "and 5 more")
}
