package argus

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

// toTrain is a trainer of a dense layer on n drawn rows of 3 classes.
func toTrain(t *testing.T, n int) *trainer {
	layer := nn.Dense{Name: "logits", Units: 3}
	in := nn.Shape{H: 1, W: 1, C: 5}
	w, err := nn.Init(layer, in, 1)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(2, 2))
	all := rows{dim: 5}
	for range n {
		all.samples = append(all.samples, Sample{Label: r.IntN(3)})
		for range 5 {
			all.x = append(all.x, r.Float32())
		}
	}
	return &trainer{layer: layer, in: in, classes: 3, train: all, val: all, weights: w, perClass: []float32{.5, 1, 2}, rate: 1e-2}
}

func TestABatchThatIsNotFullTrainsAsOneOfItsOwnSize(t *testing.T) {
	losses, weights := []float64{}, []nn.Weights{}
	for _, batch := range []int{4, 7} {
		tr := toTrain(t, 7)
		s, err := tr.stepper(batch)
		require.NoError(t, err)
		for i := range s.x { // as an earlier batch may have left them
			s.x[i] = 7
		}
		for i := range s.weights {
			s.weights[i] = 7
		}
		l, err := s.step(context.Background(), []int{6, 1, 3, 4})
		require.NoError(t, err)
		losses, weights = append(losses, l), append(weights, tr.weights)
	}
	require.InDelta(t, losses[0], losses[1], 1e-6)
	require.InDeltaSlice(t, weights[0]["logits/kernel"].Data, weights[1]["logits/kernel"].Data, 1e-6)
	require.InDeltaSlice(t, weights[0]["logits/bias"].Data, weights[1]["logits/bias"].Data, 1e-6)
}

func TestAStepIsAdamOnTheWeightedSmoothedCrossEntropy(t *testing.T) {
	tr := toTrain(t, 6)
	tr.decay, tr.smoothing = .5, .1
	before := tr.weights.Clone()
	s, err := tr.stepper(6)
	require.NoError(t, err)
	got, err := s.step(context.Background(), []int{0, 1, 2, 3, 4, 5})
	require.NoError(t, err)

	w, bias := before["logits/kernel"].Data, before["logits/bias"].Data
	loss, dw, db := 0., make([]float64, len(w)), make([]float64, 3)
	for i, sample := range tr.train.samples {
		x, weight := tr.train.row(i), float64(tr.perClass[sample.Label])/6
		for k, p := range softmax(x, w, bias) {
			target := .1 / 3
			if k == sample.Label {
				target += .9
			}
			loss -= weight * target * math.Log(p)
			db[k] += weight * (p - target)
			for j, v := range x {
				dw[3*j+k] += weight * (p - target) * float64(v)
			}
		}
	}
	require.InDelta(t, loss, got, 1e-6)
	// Adam's first step is the rate in the direction of the gradient.
	step := func(g float64) float64 { return 1e-2 * g / (math.Abs(g) + 1e-7/math.Sqrt(1e-3)) }
	for i, g := range dw {
		require.InDelta(t, float64(w[i])*(1-1e-2*.5)-step(g), tr.weights["logits/kernel"].Data[i], 1e-5)
	}
	for k, g := range db {
		require.InDelta(t, float64(bias[k])-step(g), tr.weights["logits/bias"].Data[k], 1e-5, "no decay of a bias")
	}
}

func softmax(x, w, bias []float32) []float64 {
	p, sum := make([]float64, len(bias)), 0.
	for k := range p {
		z := float64(bias[k])
		for j, v := range x {
			z += float64(v) * float64(w[j*len(bias)+k])
		}
		p[k] = math.Exp(z)
		sum += p[k]
	}
	for k := range p {
		p[k] /= sum
	}
	return p
}

func TestValidationWeighsTheClassesToo(t *testing.T) {
	tr := toTrain(t, 40)
	tr.smoothing = .3 // is for training only
	got, right, err := tr.validate(context.Background())
	require.NoError(t, err)
	loss, total, want := 0., 0., 0
	for i, sample := range tr.val.samples {
		p := softmax(tr.val.row(i), tr.weights["logits/kernel"].Data, tr.weights["logits/bias"].Data)
		loss -= float64(tr.perClass[sample.Label]) * math.Log(p[sample.Label])
		total += float64(tr.perClass[sample.Label])
		if slices.Max(p) == p[sample.Label] {
			want++
		}
	}
	require.InDelta(t, loss/total, got, 1e-6)
	require.Equal(t, want, right)
}

func TestNormsTrainOnTheirMovingStatistics(t *testing.T) {
	tr := toTrain(t, 6)
	tr.layer = nn.Seq{nn.Norm{Name: "norm", BatchNorm: nn.BatchNorm{Eps: 1e-3}}, tr.layer}
	var err error
	tr.weights, err = nn.Init(tr.layer, tr.in, 1)
	require.NoError(t, err)
	tr.perClass = []float32{1, 1, 1}
	want, _, err := tr.validate(context.Background())
	require.NoError(t, err)
	s, err := tr.stepper(6)
	require.NoError(t, err)
	got, err := s.step(context.Background(), []int{0, 1, 2, 3, 4, 5})
	require.NoError(t, err)
	require.InDelta(t, want, got, 1e-6, "as in inference")
	require.Equal(t, make([]float32, 5), tr.weights["norm/moving_mean"].Data)
	require.NotEqual(t, make([]float32, 5), tr.weights["norm/beta"].Data)
}

func TestEveryEpochAndSeedHasAnOrderOfItsOwn(t *testing.T) {
	a, b := toTrain(t, 50), toTrain(t, 50)
	b.seed = 1
	require.Equal(t, a.order(1), a.order(1))
	require.NotEqual(t, a.order(1), a.order(2))
	require.NotEqual(t, a.order(1), b.order(1))
	sorted := slices.Sorted(slices.Values(a.order(3)))
	for i, k := range sorted {
		require.Equal(t, i, k)
	}
}

func TestTheSeedChoosesWhatIsDroppedOut(t *testing.T) {
	losses := map[float64]bool{}
	for _, seed := range []uint64{1, 2, 1} {
		tr := toTrain(t, 6)
		tr.layer, tr.seed = nn.Seq{nn.Dropout{Rate: .5}, tr.layer}, seed
		s, err := tr.stepper(6)
		require.NoError(t, err)
		l, err := s.step(context.Background(), []int{0, 1, 2, 3, 4, 5})
		require.NoError(t, err)
		losses[l] = true
	}
	require.Len(t, losses, 2)
}
