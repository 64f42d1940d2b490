package nn_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/argus-go/argus/nn"
)

func hwc(h, w, c int) nn.Shape { return nn.Shape{H: h, W: w, C: c} }

// randomWeights are Init's with statistics, gammas and biases that are not
// trivial.
func randomWeights(t testing.TB, l nn.Layer, in nn.Shape, seed uint64) nn.Weights {
	t.Helper()
	w, err := nn.Init(l, in, seed)
	require.NoError(t, err)
	ps, err := nn.Params(l, in)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(seed, 1))
	for _, p := range ps {
		if len(p.Shape) > 1 {
			continue
		}
		data := w[p.Name].Data // zeros or ones
		for i, v := range data {
			data[i] = v*float32(0.5+r.Float64()) + (1-v)*float32(0.2*r.NormFloat64())
		}
	}
	return w
}

func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func pictures(n int, in nn.Shape) []float32 {
	return normal(rand.New(rand.NewPCG(3, uint64(n))), n*in.Size())
}

func variable(g *gorgonia.ExprGraph, name string, data []float32, shape ...int) *gorgonia.Node {
	return gorgonia.NewTensor(g, tensor.Float32, len(shape), gorgonia.WithName(name), gorgonia.WithShape(shape...),
		gorgonia.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))))
}

// input is a variable for n pictures.
func input(g *gorgonia.ExprGraph, data []float32, n int, in nn.Shape) *gorgonia.Node {
	return variable(g, "x", data, n, in.H, in.W, in.C)
}

// values is the memory of n's value.
func values(n *gorgonia.Node) []float32 {
	if v, ok := n.Value().Data().(float32); ok {
		return []float32{v}
	}
	return n.Value().Data().([]float32)
}

// results runs m and copies what the nodes hold.
func results(t testing.TB, m *nn.Machine, threads int, nodes ...*gorgonia.Node) (out [][]float32) {
	t.Helper()
	require.NoError(t, m.Run(context.Background(), threads))
	for _, n := range nodes {
		out = append(out, slices.Clone(values(n)))
	}
	return out
}

func machine(t testing.TB, g *gorgonia.ExprGraph, keep ...*gorgonia.Node) *nn.Machine {
	t.Helper()
	m, err := nn.NewMachine(g, keep...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

// infer runs l as a graph without training.
func infer(t testing.TB, l nn.Layer, in nn.Shape, w nn.Weights, n int, x []float32) []float32 {
	t.Helper()
	g := gorgonia.NewGraph()
	b, err := nn.Build(g, input(g, x, n, in), l, w, nn.Options{})
	require.NoError(t, err)
	m := machine(t, g, b.Output)
	m.Poison()
	return results(t, m, 0, b.Output)[0]
}

// requireClose compares with a tolerance relative to want's root mean square, or
// to a thousandth where all values nearly cancel out.
func requireClose(t testing.TB, want, got []float32, tolerance float64, message string) {
	t.Helper()
	require.Len(t, got, len(want), message)
	square, worst, at := 0.0, 0.0, 0
	for i, v := range want {
		square += float64(v) * float64(v)
		if d := math.Abs(float64(got[i]) - float64(v)); !(d <= worst) {
			worst, at = d, i
		}
	}
	rms := math.Sqrt(square / float64(len(want)))
	require.LessOrEqual(t, worst, tolerance*max(rms, 1e-3), "%s: value %d is %v, want %v", message, at, got[at], want[at])
}
