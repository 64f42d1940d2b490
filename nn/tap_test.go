package nn_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

// forked has its taps in sequences, blocks, a sum, a concat and a gate.
var forked = nn.Seq{
	nn.Block{Name: "stem", Body: nn.Seq{
		nn.Conv{Filters: 4, Kernel: [2]int{3, 3}, Stride: 2, Act: nn.ReLU},
		nn.Conv{Filters: 5, Kernel: [2]int{1, 1}, Norm: nn.BatchNorm{Eps: 1e-3}},
	}},
	nn.Block{Name: "body", Body: nn.Seq{
		nn.Add{Act: nn.ReLU, Branches: []nn.Layer{nn.Seq{}, nn.Seq{
			nn.Conv{Name: "wide", Filters: 8, Kernel: [2]int{1, 1}, Act: nn.Swish},
			nn.Gate{Body: nn.Block{Name: "se", Body: nn.Seq{nn.GlobalPool{Kind: nn.Avg}, nn.Conv{Filters: 8, Kernel: [2]int{1, 1}, Bias: true, Act: nn.Sigmoid}}}},
			nn.Conv{Name: "narrow", Filters: 5, Kernel: [2]int{1, 1}},
		}}},
		nn.Concat{nn.Block{Name: "left", Body: nn.Conv{Filters: 2, Kernel: [2]int{3, 3}}}, nn.Pool{Kind: nn.Max, Window: 3, Stride: 1, Pad: nn.Same}},
		nn.Norm{BatchNorm: nn.BatchNorm{Eps: 1e-3}},
	}},
	nn.GlobalPool{Kind: nn.Avg},
	nn.Dense{Units: 3},
}

func TestTheNetworkUntilATapGivesWhatTheTapDoes(t *testing.T) {
	in := hwc(9, 11, 3)
	w := randomWeights(t, forked, in, 1)
	g, b := graph(t, forked, in, w, 2, nn.Options{})
	require.Len(t, b.Taps, 12)
	for name, tap := range b.Taps {
		part, err := nn.Until(forked, name)
		require.NoError(t, err, name)
		want := results(t, machine(t, g, tap), 1, tap)[0]
		require.Equal(t, want, infer(t, part, in, w, 2, pictures(2, in)), name)
	}
}

func TestUntilSaysWhichTapIsNotThere(t *testing.T) {
	for _, name := range []string{"", "seq", "gate", "stem/conv3", "body/wide/x"} {
		_, err := nn.Until(forked, name)
		require.EqualError(t, err, `nn: there is no block or layer "`+name+`" to end at`)
	}
	_, err := nn.Model{Name: "m", Body: forked}.Until("block9")
	require.EqualError(t, err, `model "m": nn: there is no block or layer "block9" to end at`)
}

func TestAModelUntilAnAliasHasTheAveragesOfThatTapAsFeatures(t *testing.T) {
	m := nn.Model{
		Name: "m", Input: nn.Input{Size: 9}, Body: nn.Seq{forked[0], forked[1], forked[2]}, Top: forked[3],
		Cuts: []string{"body", "stem"}, Aliases: map[string]string{"stem_conv2_bn": "stem/conv2"},
	}
	short, err := m.Until("stem_conv2_bn")
	require.NoError(t, err)
	require.NoError(t, short.Check())
	require.Nil(t, short.Top)
	require.Equal(t, []string{"stem"}, short.Cuts, "where the body ends before a cut there is none")
	in := m.Input.Shape()
	out, err := nn.OutShape(short.Body, in)
	require.NoError(t, err)
	require.Equal(t, hwc(1, 1, 5), out)
	w := randomWeights(t, forked, in, 1)
	part, err := nn.Until(forked, "stem/conv2")
	require.NoError(t, err)
	require.Equal(t,
		infer(t, nn.Seq{part, nn.GlobalPool{Kind: nn.Avg}}, in, w, 2, pictures(2, in)),
		infer(t, short.Body, in, w, 2, pictures(2, in)))
}

func TestABackboneUntilATapTakesTheSmallerFile(t *testing.T) {
	m := nn.Model{Name: "m", Input: nn.Input{Size: 32}, Body: forked, Top: nn.Dense{Name: "predictions", Units: 3}}
	body := nn.Backbone{Model: m, Origin: nn.Origin{Source: "body.h5"}, Weights: nn.Fixed(nn.Weights{})}
	body.Model.Top = nil
	for want, b := range map[string]nn.Backbone{
		"body.h5":  {Model: m, Origin: nn.Origin{Source: "whole.h5"}, Body: &body},
		"whole.h5": {Model: m, Origin: nn.Origin{Source: "whole.h5"}},
	} {
		short, err := b.Until("stem/conv2")
		require.NoError(t, err)
		require.Equal(t, want, short.Origin.Source)
		require.Nil(t, short.Body)
		require.Equal(t, "m until stem/conv2", short.Model.Name)
	}
}
