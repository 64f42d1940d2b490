package nn_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/nn"
	"github.com/argus-go/argus/resnet"
	"github.com/argus-go/argus/xception"
)

func freeze(t testing.TB, l nn.Layer, in nn.Shape, w nn.Weights) *nn.Plan {
	t.Helper()
	p, err := nn.Freeze(l, in, w)
	require.NoError(t, err)
	return p
}

func runPlan(t testing.TB, p *nn.Plan, threads, n int, x []float32) []float32 {
	t.Helper()
	y := make([]float32, n*p.Out.Size())
	require.NoError(t, p.Run(context.Background(), threads, n, x, y))
	return y
}

// requireSame holds the plan of l against its graph, for one picture and three,
// and a batch against its pictures alone.
func requireSame(t testing.TB, l nn.Layer, in nn.Shape, w nn.Weights, name string) {
	t.Helper()
	p := freeze(t, l, in, w)
	x := pictures(3, in)
	before := slices.Clone(x)
	batch := runPlan(t, p, 0, 3, x)
	require.Equal(t, before, x, "the input must stay")
	requireClose(t, infer(t, l, in, w, 3, x), batch, 1e-4, name)
	size := p.Out.Size()
	for i := range 3 {
		alone := runPlan(t, p, 1+i, 1, x[i*in.Size():][:in.Size()])
		requireClose(t, batch[i*size:][:size], alone, 1e-5, name+", alone")
	}
	one := x[:in.Size()]
	requireClose(t, infer(t, l, in, w, 1, one), runPlan(t, p, 0, 1, one), 1e-4, name)
}

// One network of each kind and of each tool of its kind; the others differ in
// numbers only.
func TestPlansOfTheNetworksEqualTheirGraphs(t *testing.T) {
	models := []nn.Model{inception.V3(10), xception.New(10), resnet.ResNet50(10), inception.ResNetV2(10)}
	for _, name := range []string{"b0", "v2-b0", "lite0", "v2-s"} {
		m, err := efficientnet.New(name, 10)
		require.NoError(t, err)
		models = append(models, m)
	}
	for _, m := range models {
		t.Run(m.Name, func(t *testing.T) {
			in := hwc(m.Input.MinSize, m.Input.MinSize+3, 3)
			requireSame(t, m.Whole(), in, randomWeights(t, m.Whole(), in, 3), m.Name)
		})
	}
}

func TestPlansOfRandomNetworksEqualTheirGraphs(t *testing.T) {
	for seed := range uint64(1000) {
		c := &composer{r: rand.New(rand.NewPCG(seed, 11))}
		in := hwc(1+c.r.IntN(6), 1+c.r.IntN(6), 1+c.r.IntN(5))
		if c.flat = c.r.IntN(4) == 0; c.flat {
			in.H, in.W = 1, 1
		}
		l := c.layer(3, in.C)
		w := randomWeights(t, l, in, seed)
		requireSame(t, l, in, w, fmt.Sprintf("seed %d: %#v", seed, l))
	}
}

// A composer makes up networks. They keep height and width.
type composer struct {
	r    *rand.Rand
	flat bool // pictures are 1×1: dense layers fit everywhere
}

func (c *composer) activation() nn.Activation {
	return nn.Activation(c.r.IntN(int(nn.Softmax))) // all but softmax
}

// layer has channels inputs and any number of outputs.
func (c *composer) layer(depth, channels int) nn.Layer {
	if depth == 0 {
		return c.leaf(channels)
	}
	switch c.r.IntN(7) {
	case 0:
		return nn.Concat(c.branches(depth-1, channels, c.layer))
	case 1, 2:
		return nn.Add{Branches: c.branches(depth-1, channels, c.keeping), Scale: float32(c.r.IntN(3)) / 2, Act: c.activation()}
	case 3:
		return nn.Block{Name: fmt.Sprint("b", c.r.Uint64()), Body: c.layer(depth-1, channels)}
	case 4:
		return nn.Gate{Body: nn.Seq{c.keeping(depth-1, channels), nn.GlobalPool{Kind: nn.Avg}, c.projection(channels)}}
	case 5:
		return c.keeping(depth, channels)
	}
	s := nn.Seq{}
	for range c.r.IntN(4) {
		s = append(s, c.keeping(depth-1, channels))
	}
	return append(s, c.layer(depth-1, channels))
}

func (c *composer) branches(depth, channels int, f func(depth, channels int) nn.Layer) (ls []nn.Layer) {
	for range 1 + c.r.IntN(3) {
		ls = append(ls, f(depth, channels))
	}
	return ls
}

// keeping has as many outputs as inputs.
func (c *composer) keeping(depth, channels int) nn.Layer {
	switch c.r.IntN(5) {
	case 0:
		return nn.Seq{}
	case 1:
		return nn.Seq{c.layer(depth, channels), c.projection(channels)}
	case 4:
		return nn.Seq{nn.Add{Branches: c.branches(max(0, depth-1), channels, c.keeping)}, act(c.activation())}
	case 2:
		return nn.Seq{c.unary(channels), c.unary(channels)}
	}
	return c.unary(channels)
}

func (c *composer) projection(filters int) nn.Layer {
	if c.flat && c.r.IntN(2) > 0 {
		return nn.Seq{nn.Dense{Units: filters, NoBias: c.r.IntN(2) > 0}, act(c.activation())}
	}
	return nn.Conv{Filters: filters, Kernel: [2]int{1, 1}, Bias: c.r.IntN(2) > 0, Act: c.activation()}
}

func (c *composer) norm() nn.BatchNorm {
	return nn.BatchNorm{Eps: 1e-3, NoScale: c.r.IntN(2) > 0, NoCenter: c.r.IntN(2) > 0}
}

// unary is a single layer that keeps its channels.
func (c *composer) unary(channels int) nn.Layer {
	switch c.r.IntN(8) {
	case 0:
		return nn.Act{Kind: nn.Softmax}
	case 1:
		return nn.Pool{Kind: nn.PoolKind(c.r.IntN(2)), Window: 2 + c.r.IntN(2)}
	case 2:
		return nn.Norm{BatchNorm: c.norm()}
	case 3:
		return nn.Scale{Mul: normal(c.r, channels), Add: normal(c.r, c.r.IntN(2))}
	case 4:
		return nn.Dropout{Rate: 0.5}
	case 5:
		return nn.Conv{Kind: nn.Depthwise, Kernel: [2]int{3, 1 + c.r.IntN(3)}, Norm: c.norm(), Act: c.activation()}
	}
	return nn.Act{Kind: c.activation()}
}

// leaf is a convolution.
func (c *composer) leaf(channels int) nn.Layer {
	l := nn.Conv{Filters: 1 + c.r.IntN(5), Kernel: [2]int{1 + c.r.IntN(3), 1 + c.r.IntN(3)}, Bias: c.r.IntN(2) > 0, Act: c.activation()}
	if c.r.IntN(2) > 0 {
		l.Norm = c.norm()
	}
	if c.r.IntN(3) == 0 {
		l.Kind = nn.Separable
	}
	if l.Norm == (nn.BatchNorm{}) && c.r.IntN(2) > 0 {
		return nn.Seq{l, act(c.activation())}
	}
	return l
}

func TestAPlanGivesTheSameBitsOnAnyThreads(t *testing.T) {
	l, in, w := tinyB0(t)
	p := freeze(t, l, in, w)
	x := pictures(2, in)
	want := runPlan(t, p, 1, 2, x)
	for _, threads := range []int{2, 3, 0} {
		require.Equal(t, want, runPlan(t, p, threads, 2, x))
	}
}

func TestAPlanServesManyGoroutines(t *testing.T) {
	l, in := everything().Whole(), everything().Input.Shape()
	p := freeze(t, l, in, randomWeights(t, l, in, 1))
	var want [4][]float32
	for n := range want {
		want[n] = runPlan(t, p, 1, n, pictures(n, in))
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			n := i % len(want)
			y := make([]float32, n*p.Out.Size())
			if err := p.Run(context.Background(), 2, n, pictures(n, in), y); err != nil || !slices.Equal(want[n], y) {
				t.Error(n, err)
			}
		})
	}
	wg.Wait()
}

func TestAPlanKeepsItsOwnWeights(t *testing.T) {
	l, in := everything().Whole(), everything().Input.Shape()
	w := randomWeights(t, l, in, 1)
	p := freeze(t, l, in, w)
	x := pictures(1, in)
	want := runPlan(t, p, 1, 1, x)
	for _, v := range w {
		clear(v.Data)
	}
	require.Equal(t, want, runPlan(t, p, 1, 1, x))
}

func TestAPlanNeedsFarLessMemoryThanItsGraphHasOutputs(t *testing.T) {
	l, in, w := tinyB0(t)
	g, b := graph(t, l, in, w, 1, nn.Options{})
	outputs := machine(t, g, b.Output).OutputBytes()
	p := freeze(t, l, in, w)
	require.Less(t, p.Memory(1), outputs/9)
	require.LessOrEqual(t, p.Memory(4), 4*p.Memory(1))
}

func TestAPlanSaysWhatDoesNotFit(t *testing.T) {
	l, in := nn.Dense{Name: "d", Units: 2}, hwc(1, 1, 3)
	w := randomWeights(t, l, in, 1)
	_, err := nn.Freeze(l, in, nn.Weights{"d/kernel": w["d/kernel"]})
	require.ErrorIs(t, err, nn.ErrWeights)
	p := freeze(t, l, in, w)
	ctx := context.Background()
	require.ErrorContains(t, p.Run(ctx, 1, 2, make([]float32, 3), make([]float32, 4)), "input has 3 values and output 4, want 6 and 4")
	require.ErrorContains(t, p.Run(ctx, 1, 2, make([]float32, 6), make([]float32, 3)), "input has 6 values and output 3, want 6 and 4")
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, p.Run(cancelled, 1, 1, make([]float32, 3), make([]float32, 2)), context.Canceled)
}

// A frozen body as one node, and a head after it that learns.
func TestAPlanIsANodeOfAGraph(t *testing.T) {
	body, head := nn.Block{Name: "body", Body: everything().Body}, nn.Block{Name: "head", Body: nn.Dense{Units: 3}}
	in := everything().Input.Shape()
	l := nn.Seq{body, head}
	w := randomWeights(t, l, in, 1)
	g := gorgonia.NewGraph()
	x := input(g, pictures(2, in), 2, in)
	features, err := freeze(t, body, in, w).Apply(x)
	require.NoError(t, err)
	b, err := nn.Build(g, features, head, w, training)
	require.NoError(t, err)
	cost := gorgonia.Must(gorgonia.Sum(b.Output))
	grads, err := nn.Grad(cost, b.Params...)
	require.NoError(t, err)
	m := machine(t, g, append(grads, b.Output)...)
	m.Poison()
	got := results(t, m, 0, b.Output, grads[1])
	requireClose(t, infer(t, l, in, w, 2, pictures(2, in)), got[0], 1e-4, "output")
	require.Equal(t, []float32{2, 2, 2}, got[1], "the bias's gradient: as many as pictures")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, m.Run(ctx, 1), context.Canceled)
	_, err = freeze(t, body, in, w).Apply(variable(g, "small", make([]float32, 3), 1, 1, 1, 3))
	require.ErrorContains(t, err, "small is float32 of shape (1, 1, 1, 3), must be float32 of shape [N,32,32,3]")
}

func TestCancellingReachesIntoAPlan(t *testing.T) {
	l, in, w := tinyB0(t)
	g := gorgonia.NewGraph()
	_, err := freeze(t, l, in, w).Apply(input(g, pictures(1, in), 1, in))
	require.NoError(t, err)
	// The machine and the op look three times, the plan before every step.
	require.ErrorIs(t, machine(t, g).Run(&countdown{Context: context.Background(), left: 5}, 1), context.Canceled)
}
