package nn_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/argus-go/argus/nn"
)

// A gradCase is a layer whose gradients are compared with finite differences.
type gradCase struct {
	layer   nn.Layer
	in      nn.Shape
	options nn.Options
	step    float64 // of the differences; 0: 1e-2
	away    float32 // input values keep this far from 0, where the layer has a kink
}

var (
	training  = nn.Options{Training: true, Seed: 1}
	batchNorm = nn.BatchNorm{Eps: 1e-3}
)

func act(a nn.Activation) nn.Layer { return nn.Act{Kind: a} }

var gradCases = map[string]gradCase{
	"full convolution":      {layer: nn.Conv{Filters: 3, Kernel: [2]int{3, 2}, Stride: 2, Bias: true}, in: hwc(5, 4, 2)},
	"explicit padding":      {layer: nn.Conv{Filters: 3, Kernel: [2]int{3, 3}, Stride: 2, Pad: nn.Explicit, Pads: [4]int{1, 0, 2, 1}}, in: hwc(5, 4, 2)},
	"depthwise convolution": {layer: nn.Conv{Kind: nn.Depthwise, Kernel: [2]int{3, 3}, Stride: 2, Bias: true}, in: hwc(4, 5, 3)},
	"separable convolution": {layer: nn.Conv{Kind: nn.Separable, Filters: 4, Kernel: [2]int{3, 3}, Bias: true}, in: hwc(4, 3, 3)},
	"norm":                  {layer: nn.Norm{BatchNorm: batchNorm}, in: hwc(3, 2, 3)},
	"training norm":         {layer: nn.Norm{BatchNorm: batchNorm}, in: hwc(3, 2, 3), options: training},
	"frozen norm":           {layer: nn.Norm{BatchNorm: batchNorm}, in: hwc(3, 2, 3), options: nn.Options{Training: true, FrozenNorm: true}},
	"norm without gamma":    {layer: nn.Norm{BatchNorm: nn.BatchNorm{Eps: 1e-3, NoScale: true}}, in: hwc(3, 2, 3), options: training},
	"norm without both":     {layer: nn.Norm{BatchNorm: nn.BatchNorm{Eps: 1e-3, NoScale: true, NoCenter: true}}, in: hwc(3, 2, 3), options: training},
	"convolution with norm": {layer: nn.Conv{Filters: 3, Kernel: [2]int{3, 3}, Bias: true, Norm: batchNorm, Act: nn.Swish}, in: hwc(4, 3, 2), options: training},
	"squeeze-excite": {layer: nn.Gate{Body: nn.Seq{nn.GlobalPool{Kind: nn.Avg},
		nn.Conv{Filters: 2, Kernel: [2]int{1, 1}, Bias: true, Act: nn.Swish},
		nn.Conv{Filters: 4, Kernel: [2]int{1, 1}, Bias: true, Act: nn.Sigmoid}}}, in: hwc(3, 2, 4)},
	"swish":            {layer: act(nn.Swish), in: hwc(2, 2, 4)},
	"sigmoid":          {layer: act(nn.Sigmoid), in: hwc(2, 2, 4)},
	"tanh":             {layer: act(nn.Tanh), in: hwc(2, 2, 4)},
	"softmax":          {layer: act(nn.Softmax), in: hwc(1, 1, 5)},
	"relu":             {layer: act(nn.ReLU), in: hwc(2, 2, 4), away: 0.1},
	"relu6":            {layer: nn.Seq{nn.Scale{Mul: []float32{4}}, act(nn.ReLU6)}, in: hwc(2, 2, 4), step: 1e-3, away: 0.1},
	"average pool":     {layer: nn.Pool{Kind: nn.Avg, Window: 3, Stride: 2}, in: hwc(4, 5, 2)},
	"max pool":         {layer: nn.Pool{Kind: nn.Max, Window: 3, Stride: 2}, in: hwc(4, 5, 2), step: 1e-3},
	"valid max pool":   {layer: nn.Pool{Kind: nn.Max, Window: 2, Pad: nn.Valid}, in: hwc(3, 4, 2), step: 1e-3},
	"global average":   {layer: nn.GlobalPool{Kind: nn.Avg}, in: hwc(3, 2, 3)},
	"global maximum":   {layer: nn.GlobalPool{Kind: nn.Max}, in: hwc(3, 2, 3), step: 1e-3},
	"dropout":          {layer: nn.Dropout{Rate: 0.4}, in: hwc(2, 3, 4), options: training},
	"stochastic depth": {layer: nn.Add{Branches: []nn.Layer{nn.Seq{}, nn.Seq{act(nn.Tanh), nn.Dropout{Rate: 0.5, Path: true}}}}, in: hwc(2, 1, 3), options: training},
	"dense":            {layer: nn.Dense{Units: 4, Act: nn.Tanh}, in: hwc(2, 2, 3)},
	"dense, no bias":   {layer: nn.Dense{Units: 4, NoBias: true}, in: hwc(1, 1, 3)},
	"scaled sum": {layer: nn.Add{Branches: []nn.Layer{nn.Seq{}, nn.Conv{Filters: 2, Kernel: [2]int{1, 1}}, nn.Conv{Filters: 2, Kernel: [2]int{3, 1}}},
		Scale: 0.3, Act: nn.Tanh}, in: hwc(2, 3, 2)},
	"the same twice": {layer: nn.Seq{nn.Add{Branches: []nn.Layer{nn.Seq{}, nn.Seq{}}}, nn.Concat{nn.Seq{}, nn.Seq{}}}, in: hwc(2, 2, 2)},
	"concat": {layer: nn.Concat{nn.Conv{Filters: 2, Kernel: [2]int{1, 1}}, nn.Seq{}, nn.Conv{Filters: 3, Kernel: [2]int{1, 1}, Act: nn.Swish}, nn.Seq{}},
		in: hwc(2, 2, 3)},
	"scale": {layer: nn.Scale{Mul: []float32{2, -1, 0.5}, Add: []float32{1, 0, 3}}, in: hwc(2, 2, 3)},
	"blocks": {layer: nn.Seq{
		nn.Block{Name: "a", Body: nn.Conv{Filters: 4, Kernel: [2]int{3, 3}, Norm: batchNorm, Act: nn.Swish}},
		nn.Block{Name: "b", Body: nn.Seq{
			nn.Add{Branches: []nn.Layer{nn.Seq{}, nn.Conv{Kind: nn.Depthwise, Kernel: [2]int{3, 3}, Act: nn.Tanh}}},
			nn.GlobalPool{Kind: nn.Avg}, nn.Dense{Units: 3, Act: nn.Softmax}}}},
		in: hwc(4, 4, 2), options: training},
}

func TestGradientsEqualFiniteDifferences(t *testing.T) {
	for name, c := range gradCases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c)
			grads, err := nn.Grad(b.cost, b.wrt...)
			require.NoError(t, err)
			m := machine(t, b.g, append(grads, b.graph.Output)...)
			m.Poison()
			b.checkDifferences(t, m, grads, c.step)
		})
	}
}

// Gorgonia's own differentiation and tape, without our machine and its arena.
func TestGorgoniaDifferentiatesAndRunsOurOps(t *testing.T) {
	for name, c := range gradCases {
		t.Run(name, func(t *testing.T) {
			ours := newBench(t, c)
			grads, err := nn.Grad(ours.cost, ours.wrt...)
			require.NoError(t, err)
			want := results(t, machine(t, ours.g, grads...), 1, append(grads, ours.cost)...)

			theirs := newBench(t, c)
			grads, err = gorgonia.Grad(theirs.cost, theirs.wrt...)
			require.NoError(t, err)
			m := gorgonia.NewTapeMachine(theirs.g)
			defer m.Close()
			require.NoError(t, m.RunAll())
			for i, g := range append(grads, theirs.cost) {
				requireClose(t, want[i], values(g), 1e-6, g.Name())
			}
		})
	}
}

// Where only some weights are trained, no gradient is computed for others.
func TestGradLeavesOutWhatNobodyNeeds(t *testing.T) {
	for name, c := range gradCases {
		b := newBench(t, c)
		all, err := nn.Grad(b.cost, b.wrt...)
		require.NoError(t, err, name)
		want := results(t, machine(t, b.g, all...), 1, all...)
		for i := range b.wrt {
			one := newBench(t, c)
			g, err := nn.Grad(one.cost, one.wrt[i])
			require.NoError(t, err, name)
			require.Equal(t, want[i], results(t, machine(t, one.g, g...), 1, g...)[0], "%s: %s", name, one.wrt[i].Name())
			require.LessOrEqual(t, len(one.g.AllNodes()), len(b.g.AllNodes()), name)
		}
	}
}

func TestTheFirstConvolutionNeedsNoGradientOfThePicture(t *testing.T) {
	b := newBench(t, gradCases["full convolution"])
	_, err := nn.Grad(b.cost, b.graph.Params...)
	require.NoError(t, err)
	var names []string
	for _, n := range b.g.AllNodes() {
		if n.Op() != nil {
			names = append(names, n.Op().String())
		}
	}
	require.Contains(t, names, "conv1/dkernel")
	require.NotContains(t, names, "conv1/dx")
}

func TestGradWithRespectToATap(t *testing.T) {
	c := gradCases["blocks"]
	b := newBench(t, c)
	tap := b.graph.Taps["a"]
	grads, err := nn.Grad(b.cost, tap, b.x)
	require.NoError(t, err)
	require.Equal(t, tap.Shape(), grads[0].Shape())

	// The rest of the network on its own, from the tap's values.
	m := machine(t, b.g, append(grads, tap)...)
	got := results(t, m, 1, grads[0], tap)
	rest, _ := c.layer.(nn.Seq)
	g := gorgonia.NewGraph()
	x := variable(g, "tap", got[1], tap.Shape()...)
	graph, err := nn.Build(g, x, rest[1], b.weights, c.options)
	require.NoError(t, err)
	p := variable(g, "projection", b.projection, graph.Output.Shape()...)
	want, err := nn.Grad(gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.HadamardProd(graph.Output, p)))), x)
	require.NoError(t, err)
	requireClose(t, results(t, machine(t, g, want...), 1, want...)[0], got[0], 1e-6, "tap")
}

func TestGradSaysWhatItCannotDifferentiate(t *testing.T) {
	b := newBench(t, gradCases["dense"])
	_, err := nn.Grad(b.graph.Output, b.x)
	require.ErrorContains(t, err, "must be a float32 scalar")

	stranger := newBench(t, gradCases["dense"])
	_, err = nn.Grad(b.cost, stranger.x)
	require.ErrorContains(t, err, "not in the graph")

	alone := variable(b.g, "alone", []float32{1}, 1)
	_, err = nn.Grad(b.cost, alone)
	require.ErrorContains(t, err, "does not depend on alone")

	in := hwc(2, 2, 3)
	plan, err := nn.Freeze(nn.Dense{Units: 4}, in, randomWeights(t, nn.Dense{Units: 4}, in, 1))
	require.NoError(t, err)
	g := gorgonia.NewGraph()
	x := input(g, make([]float32, in.Size()), 1, in)
	y, err := plan.Apply(x)
	require.NoError(t, err)
	cost := gorgonia.Must(gorgonia.Sum(y))
	_, err = nn.Grad(cost, x)
	require.ErrorContains(t, err, "does not depend on x through ops that have a gradient")
	_, err = y.Op().(gorgonia.SDOp).SymDiff(gorgonia.Nodes{x}, y, cost)
	require.ErrorContains(t, err, "plan has no gradient")
}

// A bench is a graph of one layer over three pictures with a cost: the sum of
// the output's products with fixed random numbers.
type bench struct {
	g          *gorgonia.ExprGraph
	graph      *nn.Graph
	weights    nn.Weights
	x, cost    *gorgonia.Node
	wrt        gorgonia.Nodes // x and the parameters
	projection []float32
}

func newBench(t testing.TB, c gradCase) *bench {
	t.Helper()
	const n = 3
	b := &bench{g: gorgonia.NewGraph(), weights: randomWeights(t, c.layer, c.in, 5)}
	x := pictures(n, c.in)
	for i, v := range x {
		if c.away > 0 {
			x[i] += float32(math.Copysign(float64(c.away), float64(v)))
		}
	}
	b.x = input(b.g, x, n, c.in)
	var err error
	b.graph, err = nn.Build(b.g, b.x, c.layer, b.weights, c.options)
	require.NoError(t, err)
	out := b.graph.Output.Shape()
	b.projection = normal(rand.New(rand.NewPCG(7, 9)), out.TotalSize())
	p := variable(b.g, "projection", b.projection, out...)
	b.cost = gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.HadamardProd(b.graph.Output, p))))
	b.wrt = append(gorgonia.Nodes{b.x}, b.graph.Params...)
	return b
}

// loss runs m at dropout step 0 and sums up in float64.
func (b *bench) loss(t testing.TB, m *nn.Machine) (sum float64) {
	b.graph.SetStep(0)
	require.NoError(t, m.Run(context.Background(), 1))
	for i, v := range values(b.graph.Output) {
		sum += float64(v) * float64(b.projection[i])
	}
	return sum
}

func (b *bench) checkDifferences(t testing.TB, m *nn.Machine, grads gorgonia.Nodes, step float64) {
	t.Helper()
	if step == 0 {
		step = 1e-2
	}
	b.loss(t, m)
	var got [][]float32
	for _, g := range grads {
		got = append(got, slices.Clone(values(g)))
	}
	for k, v := range b.wrt {
		want, largest := differences(values(v), step, func() float64 { return b.loss(t, m) })
		for i, d := range want {
			require.InDelta(t, d, got[k][i], 1e-2*max(largest, 1e-2), "%s[%d]", v.Name(), i)
		}
	}
}

// differences are the central differences of f in each of x.
func differences(x []float32, step float64, f func() float64) (d []float64, largest float64) {
	for i, old := range x {
		up, down := old+float32(step), old-float32(step)
		x[i] = up
		plus := f()
		x[i] = down
		minus := f()
		x[i] = old
		d = append(d, (plus-minus)/float64(up-down))
		largest = max(largest, math.Abs(d[i]))
	}
	return d, largest
}
