package nn_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/shared"
	"github.com/argus-go/argus/nn"
)

func TestEveryNetworkHasAsManyParametersAsPublished(t *testing.T) {
	for _, m := range networks(t) {
		want := published[m.Name]
		all, trainable := count(t, m.Whole(), m.Input.Shape())
		body, _ := count(t, m.Body, m.Input.Shape())
		require.Equal(t, want.trainable, trainable, "%s: trainable, with top", m.Name)
		if want.all != 0 {
			require.Equal(t, want.all, all, "%s: all, with top", m.Name)
		}
		if want.body != 0 {
			require.Equal(t, want.body, body, "%s: all, without top", m.Name)
		}
	}
}

func TestEveryNetworkTakesAsManyMultiplyAddsAsPublished(t *testing.T) {
	for _, m := range networks(t) {
		want := published[m.Name]
		if want.gmacs == 0 {
			continue
		}
		body := m.Whole()
		if m.Name == "resnet50" || m.Name == "resnet101" {
			body = strideInThe3x3(body)
		}
		n, err := nn.MACs(body, nn.Shape{H: want.gmacsAt, W: want.gmacsAt, C: 3})
		require.NoError(t, err)
		require.InEpsilon(t, want.gmacs, float64(n)/1e9, 0.01, m.Name)
	}
}

// strideInThe3x3 makes of a ResNet what torchvision calls ResNet and others
// ResNet 1.5: a block strides in its second convolution, not in its first.
func strideInThe3x3(l nn.Layer) nn.Layer {
	switch l := l.(type) {
	case nn.Block:
		return nn.Block{Name: l.Name, Body: strideInThe3x3(l.Body)}
	case nn.Add:
		l.Branches = []nn.Layer{l.Branches[0], strideInThe3x3(l.Branches[1])}
		return l
	case nn.Seq:
		l = slices.Clone(l)
		for i := range l {
			l[i] = strideInThe3x3(l[i])
		}
		if len(l) == 3 {
			if a, ok := l[0].(nn.Conv); ok {
				b := l[1].(nn.Conv)
				a.Stride, b.Stride = b.Stride, a.Stride
				l[0], l[1] = a, b
			}
		}
		return l
	}
	return l
}

// Tensors of a Keras network are those of ours: as many of each kind and
// shape. The list was made with Keras 3.15.1.
func TestTensorsHaveTheShapesOfKeras(t *testing.T) {
	b, err := os.ReadFile(shared.Path(t, "facts/keras_layer_order.json"))
	require.NoError(t, err)
	var keras map[string][]struct {
		Cls     string
		Weights [][2]any // name, shape
	}
	require.NoError(t, json.Unmarshal(b, &keras))
	for theirs, ours := range map[string]string{
		"InceptionV3": "inception-v3", "InceptionResNetV2": "inception-resnet-v2", "Xception": "xception",
		"ResNet50": "resnet50", "EfficientNetB0": "efficientnet-b0", "EfficientNetB3": "efficientnet-b3", "EfficientNetB5": "efficientnet-b5",
	} {
		want := map[string]int{}
		require.NotEmpty(t, keras[theirs])
		for _, l := range keras[theirs] {
			if l.Cls == "Normalization" { // part of nn.Input
				continue
			}
			for _, w := range l.Weights {
				want[fmt.Sprint(kerasKind(w[0].(string)), w[1])]++
			}
		}
		m := network(t, ours)
		ps, err := nn.Params(m.Whole(), m.Input.Shape())
		require.NoError(t, err)
		got := map[string]int{}
		for _, p := range ps {
			got[fmt.Sprint(p.Name[strings.LastIndexByte(p.Name, '/')+1:], p.Shape)]++
		}
		require.Equal(t, want, got, ours)
	}
}

func kerasKind(name string) string {
	if name == "depthwise_kernel" || name == "pointwise_kernel" {
		return "kernel"
	}
	return name
}

func TestParametersOfEfficientNetHaveTheNamesOfTheWeightFile(t *testing.T) {
	m := network(t, "efficientnet-b0")
	ps, err := nn.Params(m.Whole(), m.Input.Shape())
	require.NoError(t, err)
	var names []string
	for _, p := range ps {
		names = append(names, p.Name)
	}
	require.Equal(t, []string{
		"stem/conv/kernel", "stem/conv/norm/gamma", "stem/conv/norm/beta", "stem/conv/norm/moving_mean", "stem/conv/norm/moving_variance",
		"block1a/depthwise/kernel", "block1a/depthwise/norm/gamma",
	}, names[:7])
	for _, want := range []string{
		"block1a/se/reduce/kernel", "block1a/se/reduce/bias", "block1a/se/expand/bias", "block1a/project/norm/moving_variance",
		"block2a/expand/kernel", "block7a/project/kernel", "top/conv/kernel", "predictions/kernel", "predictions/bias",
	} {
		require.Contains(t, names, want)
	}
}

func TestParametersOfEachLayer(t *testing.T) {
	in := nn.Shape{H: 5, W: 7, C: 4}
	norm := nn.BatchNorm{Eps: 1e-3}
	for _, c := range []struct {
		layer nn.Layer
		want  []nn.Param
		macs  int
	}{
		{nn.Conv{Name: "x", Filters: 6, Kernel: [2]int{3, 1}, Bias: true},
			[]nn.Param{{"x/kernel", []int{3, 1, 4, 6}, true}, {"x/bias", []int{6}, true}}, 5 * 7 * 3 * 4 * 6},
		{nn.Conv{Kind: nn.Depthwise, Kernel: [2]int{3, 3}, Stride: 2},
			[]nn.Param{{"conv1/kernel", []int{3, 3, 4, 1}, true}}, 3 * 4 * 9 * 4},
		{nn.Conv{Name: "x", Kind: nn.Separable, Filters: 6, Kernel: [2]int{3, 3}},
			[]nn.Param{{"x/depthwise/kernel", []int{3, 3, 4, 1}, true}, {"x/pointwise/kernel", []int{1, 1, 4, 6}, true}}, 5 * 7 * (9*4 + 4*6)},
		{nn.Conv{Name: "x", Filters: 6, Kernel: [2]int{1, 1}, Norm: nn.BatchNorm{Eps: 1e-3, NoScale: true}},
			[]nn.Param{
				{"x/kernel", []int{1, 1, 4, 6}, true}, {"x/norm/beta", []int{6}, true},
				{"x/norm/moving_mean", []int{6}, false}, {"x/norm/moving_variance", []int{6}, false}}, 5 * 7 * 4 * 6},
		{nn.Norm{BatchNorm: norm}, []nn.Param{
			{"norm1/gamma", []int{4}, true}, {"norm1/beta", []int{4}, true},
			{"norm1/moving_mean", []int{4}, false}, {"norm1/moving_variance", []int{4}, false}}, 0},
		{nn.Dense{Units: 3}, []nn.Param{{"dense1/kernel", []int{140, 3}, true}, {"dense1/bias", []int{3}, true}}, 420},
		{nn.Dense{Name: "y", Units: 3, NoBias: true}, []nn.Param{{"y/kernel", []int{140, 3}, true}}, 420},
		{nn.Seq{nn.Act{Kind: nn.ReLU}, nn.Pool{Window: 2}, nn.GlobalPool{}, nn.Dropout{Rate: 0.5}, nn.Scale{}}, nil, 0},
	} {
		ps, err := nn.Params(c.layer, in)
		require.NoError(t, err)
		require.Equal(t, c.want, ps)
		macs, err := nn.MACs(c.layer, in)
		require.NoError(t, err)
		require.Equal(t, c.macs, macs)
	}
}

func TestUnnamedLayersAreNumberedPerBlock(t *testing.T) {
	conv := nn.Conv{Filters: 3, Kernel: [2]int{1, 1}}
	ps, err := nn.Params(nn.Seq{conv, nn.Block{Name: "a", Body: nn.Concat{conv, nn.Seq{conv}}}, conv}, nn.Shape{H: 2, W: 2, C: 3})
	require.NoError(t, err)
	var names []string
	for _, p := range ps {
		names = append(names, p.Name)
	}
	require.Equal(t, []string{"conv1/kernel", "a/conv1/kernel", "a/conv2/kernel", "conv2/kernel"}, names)
}

func TestBlocksComeInTheOrderOfComputation(t *testing.T) {
	m := network(t, "inception-v3")
	names, err := nn.Blocks(m.Body, m.Input.Shape())
	require.NoError(t, err)
	require.Equal(t, []string{"stem", "mixed0/branch1x1", "mixed0/branch5x5", "mixed0/branch3x3dbl", "mixed0/branch_pool", "mixed0"}, names[:6])
	require.Equal(t, "mixed10", names[len(names)-1])
}

func TestEveryNetworkCanBeCutAtEachOutermostBlock(t *testing.T) {
	for _, m := range networks(t) {
		whole, err := nn.Params(m.Body, m.Input.Shape())
		require.NoError(t, err)
		cuts := 0
		for _, l := range m.Body.(nn.Seq) {
			b, ok := l.(nn.Block)
			if !ok {
				continue
			}
			cuts++
			before, after, err := nn.Cut(m.Body, b.Name)
			require.NoError(t, err)
			ps, err := nn.Params(before, m.Input.Shape())
			require.NoError(t, err)
			mid, err := nn.OutShape(before, m.Input.Shape())
			require.NoError(t, err)
			rest, err := nn.Params(after, mid)
			require.NoError(t, err)
			require.Equal(t, whole, append(ps, rest...), "%s cut at %s", m.Name, b.Name)
		}
		require.Greater(t, cuts, 10, m.Name)
	}
}

func TestCutRefusesWhatWouldRenameParameters(t *testing.T) {
	conv := nn.Conv{Filters: 3, Kernel: [2]int{1, 1}}
	named := conv
	named.Name = "last"
	_, _, err := nn.Cut(nn.Seq{conv, nn.Block{Name: "a", Body: conv}, conv}, "a")
	require.ErrorContains(t, err, "conv2")
	_, _, err = nn.Cut(nn.Seq{conv, nn.Block{Name: "a", Body: conv}, named}, "a")
	require.NoError(t, err)
	_, _, err = nn.Cut(nn.Seq{nn.Block{Name: "a", Body: conv}}, "b")
	require.EqualError(t, err, `nn: there is no block "b" to cut at; there are [a]`)
}
