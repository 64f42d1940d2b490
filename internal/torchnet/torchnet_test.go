package torchnet_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/internal/torchnet"
	"github.com/argus-go/argus/nn"
	"github.com/argus-go/argus/resnet"
	"github.com/argus-go/argus/xception"
)

// A listing is a file of which only names and shapes are known; its numbers are
// zeros.
type listing map[string][]int

func (l listing) Names() []string { return slices.Sorted(maps.Keys(l)) }

func (l listing) Shape(name string) ([]int, error) { return l[name], nil }

func (l listing) Float32(name string) ([]float32, []int, error) {
	n := 1
	for _, d := range l[name] {
		n *= d
	}
	return make([]float32, n), l[name], nil
}

// published are the tensors of torchvision's and timm's networks by name, from
// tools/torch/names.py.
func published(t testing.TB) map[string]struct {
	Eps     float32
	Tensors listing
} {
	b, err := os.ReadFile("testdata/names.json.gz")
	require.NoError(t, err)
	z, err := gzip.NewReader(bytes.NewReader(b))
	require.NoError(t, err)
	var all map[string]struct {
		Eps     float32
		Tensors listing
	}
	require.NoError(t, json.NewDecoder(z).Decode(&all))
	return all
}

// errRead stops a test before numbers are read.
var errRead = errors.New("reads no numbers")

type unread struct{ listing }

func (unread) Float32(string) ([]float32, []int, error) { return nil, nil, errRead }

func TestEveryTensorOfTorchvisionsAndTimmsNetworksHasItsPlace(t *testing.T) {
	all := published(t)
	for name, p := range all {
		t.Run(name, func(t *testing.T) {
			m := network(t, name)
			_, err := torchnet.Place(unread{p.Tensors}, m)
			require.ErrorIs(t, err, errRead)

			short := m
			short.Top = nil
			_, err = torchnet.Place(unread{p.Tensors}, short)
			require.ErrorIs(t, err, errRead)

			torchnet.Map(m.Body, func(l nn.Layer) nn.Layer {
				if c, ok := l.(nn.Conv); ok && c.Norm != (nn.BatchNorm{}) {
					require.Equal(t, p.Eps, c.Norm.Eps)
				}
				return l
			})
		})
	}
	for _, name := range efficientnet.TorchNames() {
		require.Contains(t, all, name)
	}
}

func TestNumbersOfAWholeNetworkAreTurned(t *testing.T) {
	tensors := published(t)["timm/tf_efficientnet_lite0"].Tensors
	m := network(t, "timm/tf_efficientnet_lite0")
	w, err := torchnet.Place(tensors, m)
	require.NoError(t, err)
	require.NoError(t, w.Check(m.Whole(), m.Input.Shape(), true))
	body := maps.Clone(tensors)
	delete(body, "classifier.weight")
	delete(body, "classifier.bias")
	w, err = torchnet.Place(body, m)
	require.NoError(t, err)
	require.NoError(t, w.Check(m.Body, m.Input.Shape(), true))
}

// tiny are the networks of tools/torch/names.py.
func tiny() map[string]nn.Model {
	norm := nn.BatchNorm{Eps: 1e-5}
	conv := func(name string, filters, kernel, stride int, act nn.Activation) nn.Conv {
		p := kernel / 2
		return nn.Conv{Name: name, Filters: filters, Kernel: [2]int{kernel, kernel}, Stride: stride, Pad: nn.Explicit, Pads: [4]int{p, p, p, p}, Norm: norm, Act: act}
	}
	deep := func(kernel, stride int) nn.Conv {
		c := conv("depthwise", 0, kernel, stride, nn.ReLU)
		c.Kind = nn.Depthwise
		return c
	}
	gate := func(c int) nn.Gate {
		point := func(name string, filters int, act nn.Activation) nn.Conv {
			return nn.Conv{Name: name, Filters: filters, Kernel: [2]int{1, 1}, Bias: true, Act: act}
		}
		return nn.Gate{Body: nn.Block{Name: "se", Body: nn.Seq{nn.GlobalPool{Kind: nn.Avg}, point("reduce", 2, nn.ReLU), point("expand", c, nn.Sigmoid)}}}
	}
	input := nn.Input{Size: 33}
	top := nn.Dense{Name: "predictions", Units: 4}
	return map[string]nn.Model{
		"tiny-resnet": {Name: "torchvision/resnet", Input: input, Top: top, Body: nn.Seq{
			nn.Block{Name: "stem", Body: nn.Seq{conv("conv", 5, 7, 2, nn.ReLU), nn.Pool{Kind: nn.Max, Window: 3, Stride: 2, Pad: nn.Explicit, Pads: [4]int{1, 1, 1, 1}}}},
			nn.Block{Name: "conv2_block1", Body: nn.Add{Act: nn.ReLU, Branches: []nn.Layer{
				conv("shortcut", 7, 1, 2, nn.Linear),
				nn.Seq{conv("conv1", 3, 1, 1, nn.ReLU), conv("conv2", 3, 3, 2, nn.ReLU), conv("conv3", 7, 1, 1, nn.Linear)},
			}}},
			nn.GlobalPool{Kind: nn.Avg},
		}},
		"tiny-efficientnet": {Name: "timm/efficientnet_", Input: input, Top: top, Body: nn.Seq{
			nn.Block{Name: "stem", Body: conv("conv", 8, 3, 2, nn.ReLU)},
			nn.Block{Name: "block1a", Body: nn.Add{Branches: []nn.Layer{nn.Seq{}, nn.Seq{deep(3, 1), gate(8), conv("project", 8, 1, 1, nn.Linear)}}}},
			nn.Block{Name: "block2a", Body: nn.Seq{conv("expand", 16, 1, 1, nn.ReLU), deep(5, 2), gate(16), conv("project", 16, 1, 1, nn.Linear)}},
			nn.Block{Name: "top", Body: conv("conv", 9, 1, 1, nn.ReLU)},
			nn.GlobalPool{Kind: nn.Avg},
		}},
	}
}

func TestSmallNetworksGiveWhatTorchGives(t *testing.T) {
	for name, m := range tiny() {
		t.Run(name, func(t *testing.T) {
			w := load(t, torchnet.LoadSafetensors, "testdata/"+name+".safetensors", m)
			require.Equal(t, w, load(t, torchnet.LoadTorch, "testdata/"+name+".pth", m))
			raw := floats(t, "testdata/"+name+".bin")
			n := m.Input.Shape().Size()
			require.Less(t, distance(run(t, m.Whole(), w, m.Input.Shape(), raw[:n]), raw[n:]), 1e-5)
		})
	}
}

func TestFilesThatDoNotFitAreRefusedWithAllTheirFaults(t *testing.T) {
	m := tiny()["tiny-resnet"]
	file := listing{
		"conv1.weight": {5, 3, 7, 7}, "bn1.weight": {5}, "bn1.bias": {5}, "bn1.running_mean": {5}, "bn1.num_batches_tracked": {},
		"layer1.0.conv1.weight": {3, 5, 1, 1}, "layer1.0.bn1.weight": {3}, "layer1.0.bn1.bias": {3}, "layer1.0.bn1.running_mean": {3}, "layer1.0.bn1.running_var": {3},
		"layer1.0.conv2.weight": {3, 3, 3, 1}, "layer1.0.bn2.weight": {3}, "layer1.0.bn2.bias": {3}, "layer1.0.bn2.running_mean": {3}, "layer1.0.bn2.running_var": {3},
		"layer1.0.conv3.weight": {7, 3, 1, 1}, "layer1.0.bn3.weight": {7}, "layer1.0.bn3.bias": {7}, "layer1.0.bn3.running_mean": {7}, "layer1.0.bn3.running_var": {7},
		"layer1.0.downsample.0.weight": {7, 5, 1, 1}, "layer1.0.downsample.1.weight": {7}, "layer1.0.downsample.1.bias": {7},
		"layer1.0.downsample.1.running_mean": {7}, "layer1.0.downsample.1.running_var": {7},
		"layer1.1.conv1.weight": {3, 7, 1, 1},
		"fc.weight":             {7, 4}, "fc.bias": {4},
	}
	_, err := torchnet.Place(unread{file}, m)
	require.ErrorIs(t, err, nn.ErrWeights)
	require.EqualError(t, err, `torchnet: weights do not fit the network:
	bn1.running_var: missing, stem/conv/norm/moving_variance wants [5]
	fc.weight: shape [7 4], predictions/kernel wants [4 7]
	layer1.0.conv2.weight: shape [3 3 3 1], conv2_block1/conv2/kernel wants [3 3 3 3]
	layer1.1.conv1.weight: the network has no such tensor`)

	for i := range 30 {
		file[fmt.Sprintf("more.%d", i)] = []int{1}
	}
	_, err = torchnet.Place(unread{file}, m)
	require.ErrorContains(t, err, "and 14 more")
}

func TestWeightsOfANetworkThatComputesOtherwiseAreRefused(t *testing.T) {
	all := published(t)
	b0, err := efficientnet.New("b0", 1000)
	require.NoError(t, err)
	for _, c := range []struct {
		file string
		m    nn.Model
		want string
	}{
		{"torchvision/resnet50", resnet.ResNet50(1000), `does not compute as "resnet50" does: make the network with resnet.Torch50`},
		{"torchvision/inception_v3", inception.V3(1000), "inception.TorchV3"},
		{"timm/inception_resnet_v2", inception.ResNetV2(1000), "inception.TorchResNetV2"},
		{"timm/legacy_xception", xception.New(1000), "xception.Torch"},
		{"torchvision/efficientnet_b0", b0, "efficientnet.Torch"},
		{"torchvision/efficientnet_b0", network(t, "timm/efficientnet_b0"), "torchvision's EfficientNet"},
		{"timm/tf_efficientnet_b0", b0, `"timm/efficientnet_b0" or "timm/tf_efficientnet_b0": files of the two cannot be told apart`},
		{"timm/tf_efficientnet_b0", network(t, "torchvision/efficientnet_b0"), "timm's EfficientNet"},
		{"torchvision/resnet50", network(t, "timm/tf_efficientnet_b0"), "ResNet"},
	} {
		_, err := torchnet.Place(unread{all[c.file].Tensors}, c.m)
		require.ErrorIs(t, err, nn.ErrWeights, c.file)
		require.ErrorContains(t, err, c.want)
	}
	_, err = torchnet.Place(unread{listing{"x": {1}}}, b0)
	require.ErrorContains(t, err, `neither the names of "efficientnet-b0" nor those of a network of torchvision or timm`)
	for name := range all { // each other network's file, where the family is the same
		if name != "torchvision/resnet50" && name != "timm/resnet50" {
			_, err := torchnet.Place(unread{all[name].Tensors}, resnet.Torch50(1000))
			require.ErrorIs(t, err, nn.ErrWeights, name)
		}
	}
}

func TestAFileMayHaveTheModelsOwnNames(t *testing.T) {
	m := tiny()["tiny-resnet"]
	params, err := nn.Params(m.Whole(), m.Input.Shape())
	require.NoError(t, err)
	file := listing{}
	for _, p := range params {
		file[p.Name] = p.Shape
	}
	w, err := torchnet.Place(file, m)
	require.NoError(t, err)
	require.NoError(t, w.Check(m.Whole(), m.Input.Shape(), true))
	file["stem/extra"] = []int{1}
	delete(file, "predictions/bias")
	_, err = torchnet.Place(file, m)
	require.EqualError(t, err, `torchnet: weights do not fit the network:
	predictions/bias: missing, predictions/bias wants [4]
	stem/extra: the network has no such tensor`)
}

func TestNumbersThatAreNoWeightsAreRefused(t *testing.T) {
	m := tiny()["tiny-resnet"]
	b, err := os.ReadFile("testdata/tiny-resnet.safetensors")
	require.NoError(t, err)
	at := len(b) - 4
	copy(b[at:], []byte{0, 0, 0xc0, 0x7f})
	_, err = torchnet.LoadSafetensors(bytes.NewReader(b), int64(len(b)), m)
	require.ErrorIs(t, err, nn.ErrWeights)
	require.ErrorContains(t, err, "NaN")
}

// The counts of facts/counts.md: torchvision's own, less AuxLogits, and GMACs.
func TestTorchvisionsCountsHold(t *testing.T) {
	for _, c := range []struct {
		name       string
		parameters int
		gmacs      float64
	}{
		{"resnet50", 25557032, 4.089}, {"resnet101", 44549160, 7.801}, {"inception_v3", 27161264 - 3326696, 5.713},
		{"efficientnet_b0", 5288548, .386}, {"efficientnet_b1", 7794184, .687}, {"efficientnet_b2", 9109994, 1.088}, {"efficientnet_b3", 12233232, 1.827},
		{"efficientnet_b4", 19341616, 4.394}, {"efficientnet_b5", 30389784, 10.266}, {"efficientnet_b6", 43040704, 19.068}, {"efficientnet_b7", 66347960, 37.746},
		{"efficientnet_v2_s", 21458488, 8.366}, {"efficientnet_v2_m", 54139356, 24.582}, {"efficientnet_v2_l", 118515272, 56.08},
	} {
		m := network(t, "torchvision/"+c.name)
		ps, err := nn.Params(m.Whole(), m.Input.Shape())
		require.NoError(t, err)
		n := 0
		for _, p := range ps {
			if p.Trainable {
				n += p.Size()
			}
		}
		require.Equal(t, c.parameters, n, c.name)
		macs, err := nn.MACs(m.Whole(), m.Input.Shape())
		require.NoError(t, err)
		require.InEpsilon(t, c.gmacs, float64(macs)/1e9, .01, c.name)
	}
}

// Aliases are no part of the JSON form.
func TestTorchsNetworksComeBackFromJSON(t *testing.T) {
	for name := range published(t) {
		m := network(t, name)
		require.NoError(t, m.Check())
		text, err := json.Marshal(m)
		require.NoError(t, err)
		var back nn.Model
		require.NoError(t, json.Unmarshal(text, &back))
		m.Aliases = nil
		require.Equal(t, m, back, name)
	}
}

// FuzzLoad wants no panic, and of what is loaded that it fits.
func FuzzLoad(f *testing.F) {
	m := tiny()["tiny-resnet"]
	for _, name := range []string{"tiny-resnet.safetensors", "tiny-resnet.pth"} {
		b, err := os.ReadFile("testdata/" + name)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, size := bytes.NewReader(b), int64(len(b))
		for _, load := range []loader{torchnet.LoadSafetensors, torchnet.LoadTorch} {
			if w, err := load(r, size, m); err == nil {
				require.NoError(t, w.Check(m.Whole(), m.Input.Shape(), true))
			}
		}
	})
}
