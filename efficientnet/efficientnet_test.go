package efficientnet

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

func TestNewOfAnUnknownNameListsTheKnown(t *testing.T) {
	_, err := New("b8", 10)
	require.ErrorContains(t, err, `"b8"`)
	for _, name := range Names() {
		require.ErrorContains(t, err, name)
	}
}

func TestLite0IsTheNetworkOfThatName(t *testing.T) {
	m, err := New("lite0", 10)
	require.NoError(t, err)
	require.Equal(t, m, Lite0(10))
}

func TestChannelsScaleToMultiplesOfEight(t *testing.T) {
	for _, c := range []struct {
		width float64
		tenth bool
		in    int
		want  int
	}{
		{1, true, 32, 32},
		{1.1, true, 32, 32},   // 35.2: nearest
		{1.2, true, 16, 24},   // 19.2: 16 would be more than 10 % below
		{1.2, false, 16, 16},  // 19.2: nearest
		{1.8, true, 80, 144},  // 144 exactly
		{0.1, true, 16, 8},    // never under 8
		{2, true, 1280, 2560}, // exactly
	} {
		v := variant{width: c.width, family: family{tenth: c.tenth}}
		require.Equal(t, c.want, v.channels(c.in), "%d × %v", c.in, c.width)
	}
}

// As in Keras: 0.2·b/blocks, and only where the block keeps its shape.
func TestStochasticDepthGrowsBlockByBlock(t *testing.T) {
	m, err := New("b0", 10)
	require.NoError(t, err)
	rates := map[string]float32{}
	for _, l := range m.Body.(nn.Seq) {
		b, ok := l.(nn.Block)
		if !ok {
			continue
		}
		if add, ok := b.Body.(nn.Add); ok {
			inner := add.Branches[1].(nn.Seq)
			d := inner[len(inner)-1].(nn.Dropout)
			require.True(t, d.Path)
			rates[b.Name] = d.Rate
		}
	}
	require.Equal(t, map[string]float32{
		"block2b": 0.2 * 2 / 16, "block3b": 0.2 * 4 / 16, "block4b": 0.2 * 6 / 16, "block4c": 0.2 * 7 / 16, "block5b": 0.2 * 9 / 16,
		"block5c": 0.2 * 10 / 16, "block6b": 0.2 * 12 / 16, "block6c": 0.2 * 13 / 16, "block6d": 0.2 * 14 / 16,
	}, rates)
}

func TestInputsAreThoseOfThePublishedWeights(t *testing.T) {
	white := func(name string) (v [3]float64) {
		m, err := New(name, 10)
		require.NoError(t, err)
		for c := range v {
			v[c] = float64((255 - m.Input.Mean[c]) / m.Input.Std[c])
		}
		return v
	}
	imagenet := []float64{(1 - .485) / .229, (1 - .456) / .224, (1 - .406) / .225}
	for name, want := range map[string][]float64{
		"b0": imagenet, "v2-b3": imagenet, "lite0": {1, 1, 1}, "v2-s": {127. / 128, 127. / 128, 127. / 128},
	} {
		got := white(name)
		require.InDeltaSlice(t, want, got[:], 1e-6, name)
	}
}
