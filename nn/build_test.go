package nn_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/argus-go/argus/nn"
)

// graph builds l over n pictures.
func graph(t testing.TB, l nn.Layer, in nn.Shape, w nn.Weights, n int, o nn.Options) (*gorgonia.ExprGraph, *nn.Graph) {
	t.Helper()
	g := gorgonia.NewGraph()
	b, err := nn.Build(g, input(g, pictures(n, in), n, in), l, w, o)
	require.NoError(t, err)
	return g, b
}

func TestParamsAreTheTrainableWeightsAndShareTheirMemory(t *testing.T) {
	l, in := everything().Whole(), everything().Input.Shape()
	w := randomWeights(t, l, in, 1)
	_, b := graph(t, l, in, w, 1, nn.Options{})
	ps, err := nn.Params(l, in)
	require.NoError(t, err)
	var want, got []string
	for _, p := range ps {
		if p.Trainable {
			want = append(want, p.Name)
		}
	}
	for _, n := range b.Params {
		got = append(got, n.Name())
		require.Same(t, &w[n.Name()].Data[0], &values(n)[0])
	}
	slices.Sort(want)
	slices.Sort(got)
	require.Equal(t, want, got)
}

func TestTapsAreBlocksAndLayersWithWeights(t *testing.T) {
	l := nn.Seq{
		nn.Block{Name: "stem", Body: nn.Conv{Filters: 4, Kernel: [2]int{3, 3}, Stride: 2}},
		nn.Block{Name: "body", Body: nn.Block{Name: "inner", Body: nn.GlobalPool{Kind: nn.Avg}}},
	}
	in := hwc(6, 6, 3)
	w := randomWeights(t, l, in, 1)
	g, b := graph(t, l, in, w, 2, nn.Options{})
	require.Len(t, b.Taps, 4)
	require.Same(t, b.Taps["stem"], b.Taps["stem/conv1"])
	require.Same(t, b.Output, b.Taps["body"])
	require.Same(t, b.Output, b.Taps["body/inner"])
	got := results(t, machine(t, g, b.Taps["stem"]), 1, b.Taps["stem"])[0]
	require.Equal(t, infer(t, l[0], in, w, 2, pictures(2, in)), got)
}

// Moving statistics follow Keras: momentum·moving + (1-momentum)·batch, the
// variance divided by the number of values.
func TestUpdateStatisticsFoldsTheBatchIntoTheMovingOnes(t *testing.T) {
	for momentum, factor := range map[float32]float64{0: 0.99, 0.9: 0.9} {
		l := nn.Norm{Name: "n", BatchNorm: nn.BatchNorm{Eps: 1e-3, Momentum: momentum}}
		in, n := hwc(2, 3, 2), 4
		w := randomWeights(t, l, in, 1)
		before := w.Clone()
		g, b := graph(t, l, in, w, n, training)
		m := machine(t, g)
		m.Poison()
		b.UpdateStatistics()
		require.Equal(t, before, w, "nothing has run")
		results(t, m, 1)
		require.Equal(t, before, w, "a run alone changes nothing")
		b.UpdateStatistics()
		x := pictures(n, in)
		for c := range in.C {
			var sum, square float64
			for i := c; i < len(x); i += in.C {
				sum += float64(x[i])
				square += float64(x[i]) * float64(x[i])
			}
			count := float64(len(x) / in.C)
			mean := sum / count
			for name, now := range map[string]float64{"n/moving_mean": mean, "n/moving_variance": square/count - mean*mean} {
				want := factor*float64(before[name].Data[c]) + (1-factor)*now
				require.InDelta(t, want, w[name].Data[c], 1e-6, name)
			}
		}
		after := w.Clone()
		b.UpdateStatistics()
		require.Equal(t, after, w, "a batch counts once")
	}
}

func TestFrozenNormAndInferenceLeaveTheStatistics(t *testing.T) {
	l, in := nn.Norm{BatchNorm: batchNorm}, hwc(2, 2, 3)
	w := randomWeights(t, l, in, 1)
	before := w.Clone()
	var outputs [][]float32
	for _, o := range []nn.Options{{}, {Training: true, FrozenNorm: true}} {
		g, b := graph(t, l, in, w, 2, o)
		outputs = append(outputs, results(t, machine(t, g), 1, b.Output)...)
		b.UpdateStatistics()
	}
	require.Equal(t, before, w)
	require.Equal(t, outputs[0], outputs[1])
}

func TestDropoutMasksFollowStepSeedAndLayer(t *testing.T) {
	in, n := hwc(4, 4, 8), 8
	l := nn.Concat{nn.Dropout{Rate: 0.25}, nn.Dropout{Rate: 0.25}, nn.Dropout{Rate: 0.5, Path: true}}
	masks := func(seed uint64) (*nn.Machine, *nn.Graph) {
		g := gorgonia.NewGraph()
		ones := slices.Repeat([]float32{1}, n*in.Size())
		b, err := nn.Build(g, input(g, ones, n, in), l, nil, nn.Options{Training: true, Seed: seed})
		require.NoError(t, err)
		return machine(t, g), b
	}
	m, b := masks(1)
	run := func() []float32 { return results(t, m, 1, b.Output)[0] }
	first, second := run(), run()
	require.NotEqual(t, first, second)
	b.SetStep(0)
	require.Equal(t, first, run())
	require.Equal(t, second, run())
	other, b2 := masks(2)
	require.NotEqual(t, first, results(t, other, 1, b2.Output)[0])

	// Pixels are 8 of the first, 8 of the second, 8 of the third.
	same, dropped, values := 0, 0, n*in.Size()
	for i := range values {
		at := i/8*24 + i%8
		if first[at] == first[at+8] {
			same++
		}
		if first[at] == 0 {
			dropped++
		} else {
			require.InDelta(t, 1/0.75, first[at], 1e-6)
		}
		picture := i / in.Size() * 3 * in.Size()
		require.Equal(t, first[picture+16], first[at+16], "a path is dropped for whole pictures")
	}
	sd := math.Sqrt(0.25 * 0.75 * float64(values))
	require.InDelta(t, 0.25*float64(values), dropped, 5*sd)
	require.InDelta(t, (0.75*0.75+0.25*0.25)*float64(values), same, 5*sd*1.5)
}

func TestDropoutIsAbsentFromInference(t *testing.T) {
	in := hwc(2, 2, 2)
	g := gorgonia.NewGraph()
	x := input(g, pictures(1, in), 1, in)
	b, err := nn.Build(g, x, nn.Seq{nn.Dropout{Rate: 0.5}, nn.Dropout{Rate: 0.5, Path: true}}, nil, nn.Options{})
	require.NoError(t, err)
	require.Same(t, x, b.Output)
}

func TestTrainingSeesKernelsThatChange(t *testing.T) {
	l, in := nn.Conv{Name: "c", Filters: 3, Kernel: [2]int{3, 3}}, hwc(4, 4, 2)
	for _, o := range []nn.Options{{}, training} {
		w := randomWeights(t, l, in, 1)
		g, b := graph(t, l, in, w, 1, o)
		if !o.Training {
			_, err := nn.Grad(gorgonia.Must(gorgonia.Sum(b.Output)), b.Params...)
			require.NoError(t, err)
		}
		m := machine(t, g, b.Output)
		results(t, m, 1)
		for i := range w["c/kernel"].Data {
			w["c/kernel"].Data[i] *= 2
		}
		require.Equal(t, infer(t, l, in, w, 1, pictures(1, in)), results(t, m, 1, b.Output)[0])
	}
}

func TestBuildSaysWhatDoesNotFit(t *testing.T) {
	l, in := nn.Dense{Name: "d", Units: 2}, hwc(1, 1, 3)
	w := randomWeights(t, l, in, 1)
	g := gorgonia.NewGraph()
	x := input(g, make([]float32, 3), 1, in)

	_, err := nn.Build(gorgonia.NewGraph(), x, l, w, nn.Options{})
	require.ErrorContains(t, err, "input x is in another graph")
	_, err = nn.Build(g, variable(g, "flat", make([]float32, 3), 1, 3), l, w, nn.Options{})
	require.ErrorContains(t, err, "input flat is float32 of shape (1, 3), must be float32 of shape [N,H,W,C]")
	_, err = nn.Build(g, x, l, nn.Weights{"d/kernel": w["d/kernel"]}, nn.Options{})
	require.ErrorIs(t, err, nn.ErrWeights)
	require.ErrorContains(t, err, "d/bias")
	_, err = nn.Build(g, x, nn.Seq{nil}, w, nn.Options{})
	require.ErrorContains(t, err, "nil")

	_, err = nn.Build(g, x, l, w, nn.Options{})
	require.NoError(t, err)
	_, err = nn.Build(g, x, l, w, nn.Options{})
	require.NoError(t, err, "the same weights may serve twice")
	_, err = nn.Build(g, x, l, w.Clone(), nn.Options{})
	require.ErrorContains(t, err, "already has a variable d/kernel")
}

func TestEveryLayerRefusesAGraphWithOtherWeights(t *testing.T) {
	for name, c := range gradCases {
		b := newBench(t, c)
		_, err := nn.Build(b.g, b.x, c.layer, b.weights.Clone(), c.options)
		if len(b.graph.Params) > 0 {
			require.ErrorContains(t, err, "with other values", name)
		} else {
			require.NoError(t, err, name)
		}
	}
}

func TestAnInputOfAnotherBatchSizeIsAnError(t *testing.T) {
	l, in := nn.Conv{Filters: 2, Kernel: [2]int{1, 1}}, hwc(2, 2, 3)
	g := gorgonia.NewGraph()
	x := gorgonia.NewTensor(g, gorgonia.Float32, 4, gorgonia.WithShape(2, 2, 2, 3), gorgonia.WithName("x"))
	b, err := nn.Build(g, x, l, randomWeights(t, l, in, 1), nn.Options{})
	require.NoError(t, err)
	m := machine(t, g, b.Output)
	require.ErrorContains(t, m.Run(context.Background(), 1), "node x has no value")
	require.Error(t, gorgonia.Let(x, variable(gorgonia.NewGraph(), "y", make([]float32, 12), 1, 2, 2, 3).Value()))
}

// Gorgonia's Transpose may leave rows apart in memory.
func TestInputsOfAnyLayoutAreReadRowByRow(t *testing.T) {
	l, in := nn.Conv{Filters: 2, Kernel: [2]int{3, 1}}, hwc(3, 4, 2)
	w := randomWeights(t, l, in, 1)
	x := pictures(1, in)
	turned := make([]float32, len(x)) // [1,W,H,C]
	for h := range in.H {
		for v := range in.W {
			copy(turned[(v*in.H+h)*in.C:][:in.C], x[(h*in.W+v)*in.C:])
		}
	}
	view := tensor.New(tensor.WithShape(1, in.W, in.H, in.C), tensor.WithBacking(turned))
	require.NoError(t, view.T(0, 2, 1, 3))
	g := gorgonia.NewGraph()
	node := gorgonia.NewTensor(g, tensor.Float32, 4, gorgonia.WithName("x"), gorgonia.WithShape(1, in.H, in.W, in.C))
	require.NoError(t, gorgonia.Let(node, view))
	b, err := nn.Build(g, node, l, w, nn.Options{})
	require.NoError(t, err)
	require.Equal(t, infer(t, l, in, w, 1, x), results(t, machine(t, g), 1, b.Output)[0])
}
