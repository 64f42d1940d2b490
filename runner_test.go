package argus

import (
	"context"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

// tinyModel has one of each layer that holds weights or holds layers, so that
// its file has them, too.
func tinyModel() nn.Model {
	conv := func(kind nn.ConvKind, filters, kernel, stride int, act nn.Activation) nn.Conv {
		return nn.Conv{Kind: kind, Filters: filters, Kernel: [2]int{kernel, kernel}, Stride: stride, Norm: nn.BatchNorm{Eps: 1e-3}, Act: act}
	}
	return nn.Model{
		Name:  "tiny",
		Input: nn.Input{Size: 24, MinSize: 8, Mean: [3]float32{127, 127, 127}, Std: [3]float32{128, 128, 128}},
		Body: nn.Seq{
			nn.Block{Name: "stem", Body: conv(nn.Full, 8, 3, 2, nn.ReLU6)},
			nn.Block{Name: "residual", Body: nn.Add{Branches: []nn.Layer{nn.Seq{}, nn.Seq{
				conv(nn.Full, 16, 1, 1, nn.Swish),
				conv(nn.Depthwise, 0, 3, 1, nn.Swish),
				nn.Gate{Body: nn.Block{Name: "se", Body: nn.Seq{nn.GlobalPool{Kind: nn.Avg}, nn.Conv{Filters: 16, Kernel: [2]int{1, 1}, Bias: true, Act: nn.Sigmoid}}}},
				conv(nn.Full, 8, 1, 1, nn.Linear),
			}}}},
			nn.Block{Name: "mixed", Body: nn.Concat{
				conv(nn.Separable, 8, 3, 2, nn.ReLU),
				nn.Pool{Window: 3, Stride: 2},
				nn.Seq{nn.Scale{Mul: []float32{.5}}, nn.Pool{Kind: nn.Avg, Window: 3, Stride: 2}, nn.Act{Kind: nn.Tanh}},
			}},
			nn.Block{Name: "last", Body: nn.Seq{nn.Norm{BatchNorm: nn.BatchNorm{Eps: 1e-3, NoScale: true}}, nn.GlobalPool{Kind: nn.Avg}}},
		},
		Top:  nn.Seq{nn.Dropout{Rate: .2}, nn.Dense{Name: "logits", Units: 3}, nn.Act{Kind: nn.Softmax}},
		Cuts: []string{"last", "mixed"},
	}
}

var tinyClasses = []string{"brick", "grass", "gravel"}

// tinyWeights are drawn so that features and answers differ from picture to
// picture.
func tinyWeights(t testing.TB, seed uint64) nn.Weights {
	t.Helper()
	m := tinyModel()
	w, err := nn.Init(m.Whole(), m.Input.Shape(), seed)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(seed, 1))
	for _, name := range slices.Sorted(maps.Keys(w)) {
		if strings.HasSuffix(name, "kernel") {
			continue
		}
		for i := range w[name].Data { // norms and biases that do something
			w[name].Data[i] += r.Float32()/5 - .1
		}
	}
	for i := range w["logits/kernel"].Data {
		w["logits/kernel"].Data[i] *= 8
	}
	return w
}

func tinyClassifier(t testing.TB) *Classifier {
	t.Helper()
	c, err := Pretrained(nn.Backbone{
		Model: tinyModel(), Weights: nn.Fixed(tinyWeights(t, 0)), Classes: tinyClasses,
		Origin: nn.Origin{Source: "drawn", Licence: "CC0-1.0"},
	})
	require.NoError(t, err)
	return c
}

func noise(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = 2*r.Float32() - 1
	}
	return x
}

func tinyRunner(t testing.TB) *runner {
	t.Helper()
	r, err := newRunner(tinyModel(), freezerOf(tinyWeights(t, 0)), 24, nil)
	require.NoError(t, err)
	return r
}

func TestAPictureInABatchGivesWhatItGivesAlone(t *testing.T) {
	ctx, r := context.Background(), tinyRunner(t)
	const n = 31 // one piece of every size
	in, f := r.body.In.Size(), r.body.Out.Size()
	x := noise(n*in, 7)
	features, err := r.features(ctx, 0, n, x)
	require.NoError(t, err)
	p, err := r.probabilities(ctx, 0, n, x)
	require.NoError(t, err)
	head, err := r.head(ctx, 0, n, features)
	require.NoError(t, err)
	require.InDeltaSlice(t, p, head, 1e-6, "the head on features is the whole network")
	require.NotEqual(t, features[:f], features[f:2*f])
	for i := range n {
		one, err := r.features(ctx, 1, 1, x[i*in:(i+1)*in])
		require.NoError(t, err)
		require.InDeltaSlice(t, one, features[i*f:(i+1)*f], 1e-5)
		one, err = r.probabilities(ctx, 1, 1, x[i*in:(i+1)*in])
		require.NoError(t, err)
		require.InDeltaSlice(t, one, p[i*3:(i+1)*3], 1e-5)
	}
}

func TestARunnerEqualsItsPlans(t *testing.T) {
	ctx, r := context.Background(), tinyRunner(t)
	const n = 5
	x := noise(n*r.body.In.Size(), 3)
	features, y := make([]float32, n*r.body.Out.Size()), make([]float32, n*3)
	require.NoError(t, r.body.Run(ctx, 1, n, x, features))
	require.NoError(t, r.top.Run(ctx, 1, n, features, y))
	got, err := r.probabilities(ctx, 0, n, x)
	require.NoError(t, err)
	require.InDeltaSlice(t, y, got, 1e-6)
	sum := float32(0)
	for _, p := range y[:3] {
		sum += p
	}
	require.InDelta(t, 1, sum, 1e-6)
}

func TestManyCallersOfARunnerAtOnceGetWhatOneGets(t *testing.T) {
	r := tinyRunner(t)
	const callers, most = 64, 19
	in := r.body.In.Size()
	x := noise(most*in, 5)
	want, err := r.probabilities(context.Background(), 1, most, x)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for k := range callers {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			n := k%most + 1
			if k%8 == 0 { // these are cancelled and must not matter to the others
				go cancel()
			}
			got, err := r.probabilities(ctx, 1+k%2, n, x[:n*in])
			if k%8 == 0 && err != nil {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("caller %d: %v", k, err)
				}
				return
			}
			if err != nil || !near(got, want[:3*n], 1e-5) {
				t.Errorf("caller %d with %d pictures: %v, %v, want %v", k, n, got, err, want[:3*n])
			}
		})
	}
	wg.Wait()
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestACancelledRunEndsWithTheContextsError(t *testing.T) {
	r := tinyRunner(t)
	ctx := cancelled()
	for _, n := range []int{0, 1, 20} {
		_, err := r.features(ctx, 0, n, make([]float32, n*r.body.In.Size()))
		require.ErrorIs(t, err, context.Canceled, "%d pictures", n)
	}
}

func TestAMachineWorksOnAfterACancelledRun(t *testing.T) {
	r := tinyRunner(t)
	x := noise(r.body.In.Size(), 1)
	want, err := r.features(context.Background(), 0, 1, x)
	require.NoError(t, err)
	kept := r.idle[bodyWay][len(pieces)-1].machines
	require.Len(t, kept, 1)
	for range 3 {
		ctx, cancel := context.WithCancel(context.Background())
		err = r.run(ctx, bodyWay, 0, 1, make([]float32, len(want)), func(int, []float32) { cancel() })
		require.ErrorIs(t, err, context.Canceled)
		got, err := r.features(context.Background(), 0, 1, x)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, kept, r.idle[bodyWay][len(pieces)-1].machines, "the same machine")
	}
}

func TestRunnersRefuseWhatDoesNotFit(t *testing.T) {
	m, w := tinyModel(), tinyWeights(t, 0)
	_, err := newRunner(m, freezerOf(w), 7, nil)
	require.ErrorContains(t, err, "pictures of 7 pixels, the network wants at least 8")
	_, err = newRunner(m, freezerOf(w), 32, tinyRunner(t).body)
	require.ErrorContains(t, err, "24×24×3")
	m.Top = nn.Dense{Name: "logits", Units: 3}
	_, err = newRunner(m, freezerOf(w), 24, nil)
	require.ErrorContains(t, err, "softmax")
	_, err = tinyRunner(t).features(context.Background(), 0, 2, make([]float32, 7))
	require.ErrorContains(t, err, "2 inputs have 7 values, want 3456")
}

func TestARunnerSharesAPlanOfTheBody(t *testing.T) {
	whole := tinyRunner(t)
	m := tinyModel()
	r, err := newRunner(m, freezerOf(tinyWeights(t, 0)), 24, whole.body)
	require.NoError(t, err)
	require.Same(t, whole.body, r.body)
}

func TestARunnerKeepsABoundedNumberOfMachines(t *testing.T) {
	var l freeList
	require.Nil(t, l.take())
	for range 5 {
		l.give(&machine{}, 3)
	}
	require.Len(t, l.machines, 3)
	require.NotNil(t, l.take())
	require.Len(t, l.machines, 2)
}

func near(a, b []float32, tolerance float64) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Abs(float64(x-y)) <= tolerance })
}
