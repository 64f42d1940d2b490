package argus

import (
	"context"
	"math/rand/v2"
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
		l, err := s.step(context.Background(), []int{6, 1, 3, 4})
		require.NoError(t, err)
		losses, weights = append(losses, l), append(weights, tr.weights)
	}
	require.InDelta(t, losses[0], losses[1], 1e-6)
	require.InDeltaSlice(t, weights[0]["logits/kernel"].Data, weights[1]["logits/kernel"].Data, 1e-6)
	require.InDeltaSlice(t, weights[0]["logits/bias"].Data, weights[1]["logits/bias"].Data, 1e-6)
}
