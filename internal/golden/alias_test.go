package golden

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/argus-go/argus/nn"
)

func TestAliasesAreTheOutputsOfTheKerasLayersOfThatName(t *testing.T) {
	goldens(t, func(t *testing.T, g Golden, m nn.Model) {
		in := nn.Shape{H: g.H, W: g.W, C: 3}
		weights, err := Weights(m.Whole(), in, g.Exponents)
		require.NoError(t, err)
		graph := gorgonia.NewGraph()
		x := Pictures(m.Input, 1, in.H, in.W)
		b, err := nn.Build(graph, variable(graph, "x", x, 1, in.H, in.W, in.C), m.Body, weights, nn.Options{})
		require.NoError(t, err)
		names := map[string]string{}
		for _, block := range mustBlocks(t, m.Body, in) { // Inception names its outputs as Keras does
			if slices.Contains(g.Taps, block) {
				names[block] = block
			}
		}
		for alias, tap := range m.Aliases {
			require.Contains(t, g.Taps, alias, "Keras has no such layer, or it is no tap")
			names[alias] = tap
		}
		var keep gorgonia.Nodes
		for _, tap := range names {
			require.Contains(t, b.Taps, tap)
			keep = append(keep, b.Taps[tap])
		}
		machine, err := nn.NewMachine(graph, append(keep, b.Output)...)
		require.NoError(t, err)
		defer machine.Close()
		require.NoError(t, machine.Run(context.Background(), 0))
		var w worst
		for name, tap := range names {
			g.compare(&w, slices.Index(g.Taps, name), 1, b.Taps[tap].Value().Data().([]float32))
		}
		w.require(t, fmt.Sprintf("%d names", len(names)), tolerance)
	})
}

func mustBlocks(t *testing.T, l nn.Layer, in nn.Shape) []string {
	blocks, err := nn.Blocks(l, in)
	require.NoError(t, err)
	return blocks
}

// The old system's cuts: keras_apps.md counts layers, these are the blocks there.
func TestANetworkCanBeCutWhereFineTuningBegins(t *testing.T) {
	goldens(t, func(t *testing.T, g Golden, m nn.Model) {
		require.Len(t, m.Cuts, 2)
		in := nn.Shape{H: g.H, W: g.W, C: 3}
		size := -1
		for _, cut := range m.Cuts {
			_, after, err := nn.Cut(m.Body, cut)
			require.NoError(t, err)
			before, err := m.Until(cut)
			require.NoError(t, err)
			require.NoError(t, before.Check())
			blocks := mustBlocks(t, m.Body, in)
			require.Greater(t, len(blocks)-slices.Index(blocks, cut), size, "%s trains more than the cut before", cut)
			size = len(blocks) - slices.Index(blocks, cut)
			require.NotEmpty(t, after)
		}
	})
}
