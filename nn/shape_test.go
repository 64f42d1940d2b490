package nn_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

func TestEveryNetworkMakesSense(t *testing.T) {
	for _, m := range append(networks(t), everything()) {
		require.NoError(t, m.Check())
		require.Positive(t, m.Input.MinSize, m.Name)
	}
}

func TestEveryNetworkTakesAnySizeFromItsSmallest(t *testing.T) {
	for _, m := range networks(t) {
		want, err := nn.OutShape(m.Body, m.Input.Shape())
		require.NoError(t, err)
		for d := range 40 {
			for _, in := range []nn.Shape{
				{H: m.Input.MinSize + d, W: m.Input.MinSize + d, C: 3},
				{H: m.Input.MinSize, W: m.Input.MinSize + 7*d, C: 3},
			} {
				got, err := nn.OutShape(m.Body, in)
				require.NoError(t, err, "%s on %v", m.Name, in)
				require.Equal(t, want, got, "%s on %v", m.Name, in)
			}
		}
	}
}

// Under Keras' smallest sizes Inception and Xception have nothing to slide over.
func TestTooSmallAnInputIsAnErrorThatNamesTheLayer(t *testing.T) {
	_, err := nn.OutShape(network(t, "inception-v3").Body, nn.Shape{H: 74, W: 74, C: 3})
	require.ErrorContains(t, err, "mixed8")
}

// Shapes as in the papers and in Keras' model.summary().
func TestBlocksHaveTheShapesOfThePapers(t *testing.T) {
	for name, want := range map[string]map[string]nn.Shape{
		"inception-resnet-v2": {
			"stem": {35, 35, 192}, "mixed_5b": {35, 35, 320}, "block35_10": {35, 35, 320}, "mixed_6a": {17, 17, 1088},
			"block17_20": {17, 17, 1088}, "mixed_7a": {8, 8, 2080}, "block8_10": {8, 8, 2080}, "conv_7b": {8, 8, 1536},
		},
		"resnet152": {
			"stem": {56, 56, 64}, "conv2_block3": {56, 56, 256}, "conv3_block8": {28, 28, 512},
			"conv4_block36": {14, 14, 1024}, "conv5_block3": {7, 7, 2048},
		},
		"xception":        {"block1": {147, 147, 64}, "block4": {19, 19, 728}, "block14": {10, 10, 2048}},
		"efficientnet-b3": {"stem": {150, 150, 40}, "block7b": {10, 10, 384}, "top": {10, 10, 1536}},
		"efficientnet-b5": {"stem": {228, 228, 48}, "top": {15, 15, 2048}},
	} {
		m := network(t, name)
		at := m.Input.Shape()
		got := map[string]nn.Shape{}
		for _, l := range m.Body.(nn.Seq) {
			var err error
			at, err = nn.OutShape(l, at)
			require.NoError(t, err)
			if b, ok := l.(nn.Block); ok && want[b.Name] != (nn.Shape{}) {
				got[b.Name] = at
			}
		}
		require.Equal(t, want, got, name)
	}
}

func TestPaddingSaysHowLargeTheOutputIs(t *testing.T) {
	for _, c := range []struct {
		pad      nn.Padding
		pads     [4]int
		stride   int
		h, w     int
		outH, w2 int
	}{
		{nn.Same, [4]int{}, 0, 7, 8, 7, 8},
		{nn.Same, [4]int{}, 2, 7, 8, 4, 4},
		{nn.Same, [4]int{}, 9, 7, 8, 1, 1},
		{nn.Valid, [4]int{}, 1, 7, 8, 5, 6},
		{nn.Valid, [4]int{}, 2, 7, 8, 3, 3},
		{nn.Explicit, [4]int{1, 0, 2, 2}, 1, 7, 8, 6, 10},
		{nn.Explicit, [4]int{0, 1, 1, 1}, 2, 8, 8, 4, 4},
	} {
		in := nn.Shape{H: c.h, W: c.w, C: 2}
		for _, l := range []nn.Layer{
			nn.Conv{Kind: nn.Depthwise, Kernel: [2]int{3, 3}, Stride: c.stride, Pad: c.pad, Pads: c.pads},
			nn.Pool{Window: 3, Stride: c.stride, Pad: c.pad, Pads: c.pads},
		} {
			out, err := nn.OutShape(l, in)
			require.NoError(t, err)
			require.Equal(t, nn.Shape{H: c.outH, W: c.w2, C: 2}, out, "%+v", c)
		}
	}
}

// What is wrong with each layer, on an input of 8×8×4.
func TestLayersThatMakeNoSenseAreErrors(t *testing.T) {
	one := [2]int{1, 1}
	for text, l := range map[string]nn.Layer{
		"is nil":                       nil,
		`in "a" is nil`:                nn.Block{Name: "a", Body: nil},
		"has no name":                  nn.Block{Body: nn.Seq{}},
		"two layers are called a":      nn.Seq{nn.Block{Name: "a", Body: nn.Seq{}}, nn.Dense{Name: "a", Units: 1}},
		`"a/b" cannot be`:              nn.Dense{Name: "a/b", Units: 1},
		`"a\n" cannot be`:              nn.Dense{Name: "a\n", Units: 1},
		`"\xff" cannot be`:             nn.Dense{Name: "\xff", Units: 1},
		"concat has no branches":       nn.Concat{},
		"concat: branch 1 gives 1×1×4": nn.Concat{nn.Seq{}, nn.GlobalPool{}},
		"add has no branches":          nn.Add{},
		"add: branch 1 gives 1×1×4":    nn.Add{Branches: []nn.Layer{nn.Seq{}, nn.GlobalPool{}}},
		"no activation 7":              nn.Add{Branches: []nn.Layer{nn.Seq{}}, Act: 7},
		"no activation -1":             nn.Act{Kind: -1},
		"no activation 8":              nn.Dense{Units: 1, Act: 8},
		"no activation 9":              nn.Conv{Filters: 1, Kernel: one, Act: 9},
		"no convolution 3":             nn.Conv{Filters: 1, Kernel: one, Kind: 3},
		"no padding 3":                 nn.Conv{Filters: 1, Kernel: one, Pad: 3},
		"no pool 2":                    nn.Pool{Window: 2, Kind: 2},
		"no pool 3":                    nn.GlobalPool{Kind: 3},
		"gate: its body gives 8×8×4":   nn.Gate{Body: nn.Seq{}},
		"conv1: Filters is 0":          nn.Conv{Kernel: one},
		"conv1: Filters is -1":         nn.Conv{Kernel: one, Filters: -1},
		"Filters is 4, must be 0":      nn.Conv{Kernel: one, Filters: 4, Kind: nn.Depthwise},
		"kernel [0 1]":                 nn.Conv{Kernel: [2]int{0, 1}, Filters: 1},
		"stride -1":                    nn.Conv{Kernel: one, Filters: 1, Stride: -1},
		"larger than the 8":            nn.Conv{Kernel: [2]int{9, 1}, Filters: 1, Pad: nn.Valid},
		"this is same":                 nn.Pool{Window: 3, Pads: [4]int{1}},
		"padding 3 and 0":              nn.Pool{Window: 3, Pad: nn.Explicit, Pads: [4]int{3}},
		"padding -1 and 0":             nn.Pool{Window: 3, Pad: nn.Explicit, Pads: [4]int{-1}},
		"must be at most":              nn.Pool{Window: 3, Stride: math.MaxInt},
		"window 9223372036854775807":   nn.Pool{Window: math.MaxInt},
		"window 0":                     nn.Pool{},
		"conv1/kernel: [2048 2048 4 1": nn.Conv{Kernel: [2]int{1 << 11, 1 << 11}, Filters: 1 << 14},
		"4096×4096 over 8×8 pixels":    nn.Conv{Kernel: [2]int{1 << 12, 1 << 12}, Filters: 1},
		"conv1: 8×8×8388608":           nn.Conv{Kernel: one, Filters: 1 << 23},
		"dense1/kernel: [256 4194304]": nn.Dense{Units: 1 << 22},
		"dense1: 0 units":              nn.Dense{},
		"dense1: -5 units":             nn.Dense{Units: -5},
		"norm1: eps is 0":              nn.Norm{},
		"norm1: eps is NaN":            nn.Norm{BatchNorm: nn.BatchNorm{Eps: float32(math.NaN())}},
		"norm1: momentum is 1":         nn.Norm{BatchNorm: nn.BatchNorm{Eps: 1, Momentum: 1}},
		"conv1: eps is -1":             nn.Conv{Kernel: one, Filters: 1, Norm: nn.BatchNorm{Eps: -1}},
		"dropout rate is 1":            nn.Dropout{Rate: 1},
		"dropout rate is NaN":          nn.Dropout{Rate: float32(math.NaN())},
		"3 numbers for 4 channels":     nn.Scale{Mul: make([]float32, 3)},
		"5 numbers for 4 channels":     nn.Scale{Add: make([]float32, 5)},
	} {
		_, err := nn.OutShape(l, nn.Shape{H: 8, W: 8, C: 4})
		require.ErrorContains(t, err, text)
		_, err = nn.Params(l, nn.Shape{H: 8, W: 8, C: 4})
		require.ErrorContains(t, err, text)
		_, err = nn.Init(l, nn.Shape{H: 8, W: 8, C: 4}, 1)
		require.ErrorContains(t, err, text)
	}
}

func TestInputsThatMakeNoSenseAreErrors(t *testing.T) {
	for _, in := range []nn.Shape{{}, {-1, 1, 1}, {1, 0, 1}, {1 << 20, 1 << 20, 3}, {math.MaxInt, math.MaxInt, math.MaxInt}} {
		_, err := nn.OutShape(nn.Act{}, in)
		require.ErrorContains(t, err, "is not a shape", in)
	}
}

func TestModelsThatMakeNoSenseAreErrors(t *testing.T) {
	pool := nn.GlobalPool{}
	in := nn.Input{Size: 8}
	for text, m := range map[string]nn.Model{
		`model "a" has no body`:            {Name: "a", Input: in},
		"input size is 0":                  {Body: pool},
		"input size is 8, must be at leas": {Body: pool, Input: nn.Input{Size: 8, MinSize: 9}},
		"the body ends in 8×8×3":           {Body: nn.Seq{}, Input: in},
		"dropout rate":                     {Body: pool, Top: nn.Dropout{Rate: 2}, Input: in},
		"two layers are called a":          {Body: nn.Dense{Name: "a", Units: 1}, Top: nn.Dense{Name: "a", Units: 1}, Input: in},
		"would not be called [dense2]":     {Body: nn.Dense{Units: 1}, Top: nn.Dense{Units: 1}, Input: in},
	} {
		require.ErrorContains(t, m.Check(), text)
	}
}
