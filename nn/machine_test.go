package nn_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/nn"
)

// A trainer is a classifier's graph with loss and gradients.
type trainer struct {
	g     *gorgonia.ExprGraph
	graph *nn.Graph
	keep  gorgonia.Nodes // loss, output, gradients
}

func newTrainer(t testing.TB, l nn.Layer, in nn.Shape, w nn.Weights, n int) trainer {
	t.Helper()
	g, b := graph(t, l, in, w, n, training)
	labels := make([]float32, n)
	for i := range labels {
		labels[i] = float32(i % b.Output.Shape()[3])
	}
	cost, err := nn.CrossEntropy(b.Output, variable(g, "labels", labels, n), nil, 0.1)
	require.NoError(t, err)
	grads, err := nn.Grad(cost, b.Params...)
	require.NoError(t, err)
	return trainer{g, b, append(gorgonia.Nodes{cost, b.Output}, grads...)}
}

// tinyB0 is EfficientNet-B0 for ten classes on small pictures: batch norm,
// depthwise convolutions, squeeze-excite, dropout of both kinds.
func tinyB0(t testing.TB) (nn.Layer, nn.Shape, nn.Weights) {
	t.Helper()
	m, err := efficientnet.New("b0", 10)
	require.NoError(t, err)
	in := hwc(40, 40, 3)
	return m.Whole(), in, randomWeights(t, m.Whole(), in, 1)
}

func TestTheArenaIsFarSmallerThanAllOutputsTogether(t *testing.T) {
	l, in, w := tinyB0(t)
	g, b := graph(t, l, in, w, 2, nn.Options{})
	m := machine(t, g, b.Output)
	require.Less(t, m.Memory(), m.OutputBytes()/6)

	// Training has to keep what the gradients are computed from; gradients of
	// activations come and go.
	tr := newTrainer(t, l, in, w, 8)
	m = machine(t, tr.g, tr.keep...)
	require.Less(t, float64(m.Memory()), 0.6*float64(m.OutputBytes()))
}

func TestEveryRunGivesTheSameBits(t *testing.T) {
	l, in, w := tinyB0(t)
	tr := newTrainer(t, l, in, w, 2)
	m := machine(t, tr.g, tr.keep...)
	var want [][]float32
	for run := range 6 {
		if run > 2 {
			m.Poison()
		}
		tr.graph.SetStep(5)
		got := results(t, m, 1+run%3, tr.keep...)
		if run == 0 {
			want = got
		}
		require.Equal(t, want, got)
	}
	again := newTrainer(t, l, in, w, 2)
	again.graph.SetStep(5)
	require.Equal(t, want, results(t, machine(t, again.g, again.keep...), 0, again.keep...))
}

// Gorgonia's tape without our machine: every op has memory of its own.
func TestTheArenaChangesNothing(t *testing.T) {
	l, in, w := tinyB0(t)
	tr := newTrainer(t, l, in, w, 2)
	want := results(t, machine(t, tr.g, tr.keep...), 0, tr.keep...)
	tr = newTrainer(t, l, in, w, 2)
	m := gorgonia.NewTapeMachine(tr.g)
	defer m.Close()
	require.NoError(t, m.RunAll())
	for i, n := range tr.keep {
		require.Equal(t, want[i], values(n))
	}
}

func TestGraphsOverTheSameWeightsRunAtOnce(t *testing.T) {
	l, in := everything().Whole(), everything().Input.Shape()
	w := randomWeights(t, l, in, 1)
	var wg sync.WaitGroup
	got := make([][]float32, 4)
	for i := range got {
		wg.Go(func() {
			g := gorgonia.NewGraph()
			b, err := nn.Build(g, input(g, pictures(2, in), 2, in), l, w, nn.Options{Training: i%2 == 1, FrozenNorm: true, Seed: 1})
			if err != nil {
				t.Error(err)
				return
			}
			cost := gorgonia.Must(gorgonia.Sum(b.Output))
			grads, err := nn.Grad(cost, b.Params...)
			if err != nil {
				t.Error(err)
				return
			}
			m, err := nn.NewMachine(g, append(grads, b.Output)...)
			if err != nil {
				t.Error(err)
				return
			}
			for range 3 {
				b.SetStep(0)
				if err := m.Run(context.Background(), 2); err != nil {
					t.Error(err)
				}
			}
			got[i] = values(b.Output)
			_ = m.Close()
		})
	}
	wg.Wait()
	require.Equal(t, got[0], got[2])
	require.Equal(t, got[1], got[3])
	require.Equal(t, infer(t, l, in, w, 2, pictures(2, in)), got[0])
}

func TestACancelledRunSaysSoAndTheNextOneWorks(t *testing.T) {
	l, in, w := tinyB0(t)
	g, b := graph(t, l, in, w, 1, nn.Options{})
	m := machine(t, g, b.Output)
	want := results(t, m, 1, b.Output)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, m.Run(ctx, 1), context.Canceled)
	// In the middle: the op that cancels stands between others.
	require.ErrorIs(t, m.Run(&countdown{Context: context.Background(), left: 40}, 1), context.Canceled)
	require.Equal(t, want, results(t, m, 1, b.Output))
}

// countdown is a context that is cancelled after a number of looks at it.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// Gorgonia's tape would compute one of two nodes of equal hash and use it for
// both, silently.
func TestNodesOfEqualHashAreAnError(t *testing.T) {
	const a, b = "v1122789", "v1339192" // found by trying
	g := gorgonia.NewGraph()
	x, y := variable(g, a, []float32{1}, 1), variable(g, b, []float32{2}, 1)
	require.Equal(t, x.Hashcode(), y.Hashcode())
	require.NotSame(t, x, y)
	gorgonia.Must(gorgonia.Add(x, y))
	_, err := nn.NewMachine(g)
	require.ErrorContains(t, err, a)
	require.ErrorContains(t, err, b)
	require.ErrorContains(t, err, "the same hash")
}

// Gorgonia's Reshape hands out the memory that it was given: what it reads must
// stay although nobody reads it by name any more.
func TestMemoryThatAForeignOpReadsStays(t *testing.T) {
	in := hwc(4, 4, 3)
	l := nn.Conv{Name: "c", Filters: 4, Kernel: [2]int{3, 3}}
	w := randomWeights(t, l, in, 1)
	g, b := graph(t, l, in, w, 1, nn.Options{})
	flat := gorgonia.Must(gorgonia.Reshape(b.Output, tensor.Shape{1, 1, 1, 64}))
	after, err := nn.Build(g, flat, nn.Seq{nn.Act{Kind: nn.Tanh}, nn.Act{Kind: nn.Tanh}, nn.Act{Kind: nn.Tanh}}, nil, nn.Options{})
	require.NoError(t, err)
	both := gorgonia.Must(gorgonia.Add(flat, after.Output))
	m := machine(t, g)
	m.Poison()
	got := results(t, m, 1, both)[0]
	want := infer(t, nn.Add{Branches: []nn.Layer{nn.Seq{}, nn.Seq{nn.Act{Kind: nn.Tanh}, nn.Act{Kind: nn.Tanh}, nn.Act{Kind: nn.Tanh}}}},
		hwc(1, 1, 64), nil, 1, infer(t, l, in, w, 1, pictures(1, in)))
	require.Equal(t, want, got)
}

func TestEqualOpsStayApart(t *testing.T) {
	in := hwc(2, 2, 3)
	g := gorgonia.NewGraph()
	x := input(g, pictures(1, in), 1, in)
	seen := map[int64]bool{}
	for range 50 {
		b, err := nn.Build(g, x, nn.Pool{Window: 2}, nil, nn.Options{})
		require.NoError(t, err)
		require.False(t, seen[b.Output.ID()])
		seen[b.Output.ID()] = true
	}
	machine(t, g)
}

func TestHashesArePredictedAsGorgoniaComputesThem(t *testing.T) {
	l, in, w := tinyB0(t)
	tr := newTrainer(t, l, in, w, 1)
	ours := 0
	for _, n := range tr.g.AllNodes() {
		if h, ok := nn.PredictedHash(n); ok {
			ours++
			require.Equal(t, n.Hashcode(), h, n.Op())
		}
	}
	require.Greater(t, ours, 500)
}

func TestMachineSaysWhatItCannotCompile(t *testing.T) {
	_, err := nn.NewMachine(gorgonia.NewGraph())
	require.ErrorContains(t, err, "empty graph")
}
