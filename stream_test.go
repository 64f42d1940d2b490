package argus

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

func TestActivationsThatAreNotKeptTrainTheSame(t *testing.T) {
	data := rgb(t)
	for _, views := range []int{0, 2, -1} {
		o := FitOptions{Epochs: 3, LearningRate: 1e-3, Views: views, FineTune: FineTune{From: "mixed", Epochs: 2, LearningRate: 1e-2}}
		_, kept := fittedTo(t, data, o)
		o.FineTune.MaxBytes = 1000
		c, streamed := fittedTo(t, data, o)
		require.Equal(t, len(kept.Epochs), len(streamed.Epochs))
		for i, e := range kept.Epochs {
			require.InDelta(t, e.TrainLoss, streamed.Epochs[i].TrainLoss, 1e-4, "%d views, epoch %d", views, i)
			require.InDelta(t, e.ValLoss, streamed.Epochs[i].ValLoss, 1e-4, "%d views, epoch %d", views, i)
		}
		require.GreaterOrEqual(t, accuracy(t, c, data.Test()).Accuracy.Value, .6)
	}
	c := tinyLearner(t, data.Classes())
	_, err := c.CrossValidate(context.Background(), data, 3, FitOptions{FineTune: FineTune{From: "mixed", MaxBytes: 1000}})
	require.ErrorContains(t, err, "argus: cross-validate: fine-tuning from \"mixed\" keeps ")
}

func TestANetworkIsTrainedFromNothing(t *testing.T) {
	data, m := rgb(t), tinyModel()
	weights, err := nn.Init(m.Body, m.Input.Shape(), 7)
	require.NoError(t, err)
	c, err := New(nn.Backbone{Model: m, Weights: nn.Fixed(weights)}, data.Classes())
	require.NoError(t, err)
	h, err := c.Fit(context.Background(), data, FitOptions{
		Epochs:   1,
		FineTune: FineTune{From: "stem", TrainNorm: true, Epochs: 12, LearningRate: 1e-2, Schedule: Schedule{Kind: OneCycleRate}},
	})
	require.NoError(t, err)
	require.GreaterOrEqual(t, h.ValAccuracy.Value, .95)
	require.GreaterOrEqual(t, accuracy(t, c, data.Test()).Accuracy.Value, .95)
	require.NotEqual(t, weights["stem/conv1/norm/moving_mean"], c.now.Load().weights["stem/conv1/norm/moving_mean"])
}
