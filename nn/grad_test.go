package nn

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// A gradCase is a layer whose gradients are compared with finite differences.
type gradCase struct {
	layer   Layer
	in      Shape
	options Options
	step    float64 // of the differences; 0: 1e-2
	away    float32 // input values keep this far from 0, where the layer has a kink
}

var gradCases = map[string]gradCase{
	"full convolution":      {layer: Conv{Filters: 3, Kernel: [2]int{3, 2}, Stride: 2, Bias: true}, in: Shape{5, 4, 2}},
	"explicit padding":      {layer: Conv{Filters: 3, Kernel: [2]int{3, 3}, Stride: 2, Pad: Explicit, Pads: [4]int{1, 0, 2, 1}}, in: Shape{5, 4, 2}},
	"depthwise convolution": {layer: Conv{Kind: Depthwise, Kernel: [2]int{3, 3}, Stride: 2, Bias: true}, in: Shape{4, 5, 3}},
	"separable convolution": {layer: Conv{Kind: Separable, Filters: 4, Kernel: [2]int{3, 3}, Bias: true}, in: Shape{4, 3, 3}},
	"training norm":         {layer: Norm{BatchNorm: BatchNorm{Eps: 1e-3}}, in: Shape{3, 2, 3}, options: Options{Training: true}},
	"frozen norm":           {layer: Norm{BatchNorm: BatchNorm{Eps: 1e-3}}, in: Shape{3, 2, 3}, options: Options{Training: true, FrozenNorm: true}},
	"norm without gamma":    {layer: Norm{BatchNorm: BatchNorm{Eps: 1e-3, NoScale: true}}, in: Shape{3, 2, 3}, options: Options{Training: true}},
	"norm without both":     {layer: Norm{BatchNorm: BatchNorm{Eps: 1e-3, NoScale: true, NoCenter: true}}, in: Shape{3, 2, 3}, options: Options{Training: true}},
	"convolution with norm": {layer: Conv{Filters: 3, Kernel: [2]int{3, 3}, Bias: true, Norm: BatchNorm{Eps: 1e-3}, Act: Swish}, in: Shape{4, 3, 2}, options: Options{Training: true}},
	"squeeze-excite": {layer: Gate{Seq{GlobalPool{Kind: Avg},
		Conv{Filters: 2, Kernel: [2]int{1, 1}, Bias: true, Act: Swish},
		Conv{Filters: 4, Kernel: [2]int{1, 1}, Bias: true, Act: Sigmoid}}}, in: Shape{3, 2, 4}},
	"swish":            {layer: Act{Swish}, in: Shape{2, 2, 4}},
	"sigmoid":          {layer: Act{Sigmoid}, in: Shape{2, 2, 4}},
	"tanh":             {layer: Act{Tanh}, in: Shape{2, 2, 4}},
	"softmax":          {layer: Act{Softmax}, in: Shape{1, 1, 5}},
	"relu":             {layer: Act{ReLU}, in: Shape{2, 2, 4}, away: 0.1},
	"relu6":            {layer: Seq{Scale{Mul: []float32{7}}, Act{ReLU6}}, in: Shape{2, 2, 4}, away: 0.1},
	"average pool":     {layer: Pool{Kind: Avg, Window: 3, Stride: 2}, in: Shape{4, 5, 2}},
	"max pool":         {layer: Pool{Kind: Max, Window: 3, Stride: 2}, in: Shape{4, 5, 2}, step: 1e-3},
	"valid max pool":   {layer: Pool{Kind: Max, Window: 2, Pad: Valid}, in: Shape{3, 4, 2}, step: 1e-3},
	"global average":   {layer: GlobalPool{Kind: Avg}, in: Shape{3, 2, 3}},
	"global maximum":   {layer: GlobalPool{Kind: Max}, in: Shape{3, 2, 3}, step: 1e-3},
	"dropout":          {layer: Dropout{Rate: 0.4}, in: Shape{2, 3, 4}, options: Options{Training: true, Seed: 1}},
	"stochastic depth": {layer: Add{Branches: []Layer{Seq{}, Seq{Act{Tanh}, Dropout{Rate: 0.5, Path: true}}}}, in: Shape{2, 1, 3}, options: Options{Training: true, Seed: 2}},
	"dense":            {layer: Dense{Units: 4, Act: Tanh}, in: Shape{2, 2, 3}},
	"dense, no bias":   {layer: Dense{Units: 4, NoBias: true}, in: Shape{1, 1, 3}},
	"scaled sum": {layer: Add{Branches: []Layer{Seq{}, Conv{Filters: 2, Kernel: [2]int{1, 1}}, Conv{Filters: 2, Kernel: [2]int{3, 1}}}, Scale: 0.3, Act: Tanh},
		in: Shape{2, 3, 2}},
	"sum of twice the same": {layer: Add{Branches: []Layer{Seq{}, Seq{}}}, in: Shape{2, 2, 2}},
	"concat": {layer: Concat{Conv{Filters: 2, Kernel: [2]int{1, 1}}, Seq{}, Conv{Filters: 3, Kernel: [2]int{1, 1}, Act: Swish}, Seq{}},
		in: Shape{2, 2, 3}},
	"scale": {layer: Scale{Mul: []float32{2, -1, 0.5}, Add: []float32{1, 0, 3}}, in: Shape{2, 2, 3}},
	"blocks": {layer: Seq{Block{"a", Conv{Filters: 4, Kernel: [2]int{3, 3}, Norm: BatchNorm{Eps: 1e-3}, Act: Swish}},
		Block{"b", Seq{Add{Branches: []Layer{Seq{}, Conv{Kind: Depthwise, Kernel: [2]int{3, 3}, Act: Tanh}}}, GlobalPool{Kind: Avg}, Dense{Units: 3, Act: Softmax}}}},
		in: Shape{4, 4, 2}, options: Options{Training: true}},
}

func TestGradientsEqualFiniteDifferences(t *testing.T) {
	for name, c := range gradCases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c, 3)
			for _, diff := range []func(*gorgonia.Node, ...*gorgonia.Node) (gorgonia.Nodes, error){Grad, gorgonia.Grad} {
				_ = diff
			}
			grads, err := Grad(b.cost, b.wrt...)
			require.NoError(t, err)
			m, err := NewMachine(b.g, append(grads, b.graph.Output)...)
			require.NoError(t, err)
			m.env.poison = true
			b.checkDifferences(t, m, grads, c)
		})
	}
}

// A bench is a graph of one layer with a cost: the sum of the output's products
// with fixed random numbers.
type bench struct {
	g          *gorgonia.ExprGraph
	graph      *Graph
	weights    Weights
	x, cost    *gorgonia.Node
	wrt        gorgonia.Nodes // x and the parameters
	projection []float32
}

func newBench(t *testing.T, c gradCase, n int) *bench {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 9))
	w := randomWeights(t, c.layer, c.in, 5)
	b := &bench{g: gorgonia.NewGraph(), weights: w}
	x := normal(r, n*c.in.Size())
	for i := range x {
		if c.away > 0 {
			x[i] += float32(math.Copysign(float64(c.away), float64(x[i])))
		}
	}
	b.x = variable(b.g, "x", x, n, c.in.H, c.in.W, c.in.C)
	var err error
	b.graph, err = Build(b.g, b.x, c.layer, w, c.options)
	require.NoError(t, err)
	b.projection = normal(r, b.graph.Output.Shape().TotalSize())
	p := variable(b.g, "projection", b.projection, b.graph.Output.Shape()...)
	b.cost = gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.HadamardProd(b.graph.Output, p))))
	b.wrt = append(gorgonia.Nodes{b.x}, b.graph.Params...)
	return b
}

// loss runs m at dropout step 0 and sums up in float64.
func (b *bench) loss(t *testing.T, m *Machine) (sum float64) {
	t.Helper()
	b.graph.SetStep(0)
	require.NoError(t, m.Run(context.Background(), 1))
	for i, v := range values(b.graph.Output) {
		sum += float64(v) * float64(b.projection[i])
	}
	return sum
}

func (b *bench) checkDifferences(t *testing.T, m *Machine, grads gorgonia.Nodes, c gradCase) {
	t.Helper()
	h := c.step
	if h == 0 {
		h = 1e-2
	}
	b.loss(t, m)
	var got [][]float32
	for _, g := range grads {
		got = append(got, slices.Clone(values(g)))
	}
	for k, v := range b.wrt {
		data, want, largest := values(v), []float64{}, 0.0
		for i := range data {
			old := data[i]
			up, down := old+float32(h), old-float32(h)
			data[i] = up
			plus := b.loss(t, m)
			data[i] = down
			minus := b.loss(t, m)
			data[i] = old
			want = append(want, (plus-minus)/float64(up-down))
			largest = max(largest, math.Abs(want[i]))
		}
		for i, d := range want {
			require.InDelta(t, d, got[k][i], 1e-2*max(largest, 1e-2), "%s[%d]", v.Name(), i)
		}
	}
}

// randomWeights are Init's with statistics, gammas and biases that are not
// trivial.
func randomWeights(t testing.TB, l Layer, in Shape, seed uint64) Weights {
	t.Helper()
	w, err := Init(l, in, seed)
	require.NoError(t, err)
	ps, err := Params(l, in)
	require.NoError(t, err)
	for _, p := range ps {
		r := rand.New(rand.NewPCG(seed, hashName(p.Name)))
		if len(p.Shape) > 1 {
			continue
		}
		for i := range w[p.Name].Data {
			w[p.Name].Data[i] = w[p.Name].Data[i]*float32(0.5+r.Float64()) + 0.2*float32(r.NormFloat64())*(1-w[p.Name].Data[i])
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

func variable(g *gorgonia.ExprGraph, name string, data []float32, shape ...int) *gorgonia.Node {
	return gorgonia.NewTensor(g, tensor.Float32, len(shape), gorgonia.WithName(name), gorgonia.WithShape(shape...),
		gorgonia.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))))
}

// values is the memory of n's value.
func values(n *gorgonia.Node) []float32 {
	v, err := floats(n.Value(), max(1, n.Shape().TotalSize()))
	if err != nil {
		panic(fmt.Sprint(n, err))
	}
	return v
}
