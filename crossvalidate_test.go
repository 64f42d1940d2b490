package argus

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCrossValidationJudgesEveryPictureOnceByATrainingWithoutIt(t *testing.T) {
	data := rgb(t)
	for name, o := range map[string]FitOptions{
		"head":  {LearningRate: 1e-2, Epochs: 8},
		"tuned": {LearningRate: 1e-2, Epochs: 8, FineTune: FineTune{From: "last", Epochs: 1}},
		"views": {LearningRate: 1e-2, Epochs: 8, Views: 2},
	} {
		t.Run(name, func(t *testing.T) {
			c := tinyLearner(t, data.Classes())
			r, err := c.CrossValidate(context.Background(), data, 4, o)
			require.NoError(t, err)
			require.Equal(t, 84, r.N, "without the test pictures")
			require.GreaterOrEqual(t, r.Accuracy.Value, .95)
			var paths []string
			for _, o := range r.Outcomes {
				paths = append(paths, o.Path)
			}
			slices.Sort(paths)
			require.Len(t, slices.Compact(paths), 84)
			require.Len(t, r.Folds, 4)
			right := 0.
			for _, f := range r.Folds {
				require.Equal(t, 84, f.Train+f.Val)
				require.Equal(t, 21, f.Val)
				right += f.Accuracy.Value * 21
			}
			require.InDelta(t, r.Accuracy.Value*84, right, 1e-9)
			_, err = c.Predict(context.Background(), nil)
			require.ErrorIs(t, err, ErrNotFitted, "the classifier is as before")
			again, err := c.CrossValidate(context.Background(), data, 4, o)
			require.NoError(t, err)
			require.Equal(t, r.Outcomes, again.Outcomes)
		})
	}
}

func TestCrossValidationWantsEveryClassInEveryFold(t *testing.T) {
	data := open(t, swatches(3, 0, 2, "blue", "red"))
	c := tinyLearner(t, data.Classes())
	_, err := c.CrossValidate(context.Background(), data, 4, FitOptions{})
	require.EqualError(t, err, `argus: cross-validate: class "blue" has 3 usable pictures, want at least one in each of 4 folds`)
	_, err = c.CrossValidate(context.Background(), data, 1, FitOptions{})
	require.EqualError(t, err, "argus: cross-validate: 1 folds, want 2 or more")
}

func TestFindLRSuggestsARateThatTrains(t *testing.T) {
	data := rgb(t)
	for _, o := range []FitOptions{{}, {FineTune: FineTune{From: "last"}}} {
		c := tinyLearner(t, data.Classes())
		r, err := c.FindLR(context.Background(), data, o)
		require.NoError(t, err)
		require.InDelta(t, 1e-7, r.Points[0].Rate, 1e-9)
		require.Greater(t, len(r.Points), 50)
		require.True(t, slices.IsSortedFunc(r.Points, func(a, b RatePoint) int { return int((a.Rate - b.Rate) * 1e9) }))
		require.Greater(t, r.Suggested, float32(1e-4))
		require.Less(t, r.Suggested, float32(5))
	}
	good, err := tinyLearner(t, data.Classes()).FindLR(context.Background(), data, FitOptions{})
	require.NoError(t, err)
	_, h := fittedTo(t, data, FitOptions{LearningRate: good.Suggested, Epochs: 5})
	require.GreaterOrEqual(t, h.ValAccuracy.Value, .9)
}

func TestOptimizersAndSchedulesTrainFromThePublicOptions(t *testing.T) {
	data := rgb(t)
	for _, o := range []FitOptions{
		{Optimizer: Optimizer{Kind: SGD, Nesterov: true}, Schedule: Schedule{Kind: OneCycleRate}},
		{Optimizer: Optimizer{Kind: AdamW}, Schedule: Schedule{Kind: CosineRate, Warmup: .1}, LearningRate: 1e-2},
		{Optimizer: Optimizer{Kind: RMSprop}, ClipNorm: 1, L2: 1e-4, Balanced: true},
		{Hidden: []int{16}, Norm: true, Mixup: .2, Accumulate: 2, LearningRate: 1e-2},
		{LearningRate: 1e-2, Average: .9, Schedule: Schedule{Kind: StepRate}},
		{LearningRate: 1e-2, FineTune: FineTune{Blocks: 1, Epochs: 2}, CutMix: 1},
	} {
		c, h := fittedTo(t, data, o)
		require.GreaterOrEqual(t, accuracy(t, c, data.Test()).Accuracy.Value, .9, "%+v", o)
		require.NotEmpty(t, h.Options.Optimizer.Kind)
	}
}

func TestAWeakHeadIsNotTuned(t *testing.T) {
	_, h := fittedTo(t, rgb(t), FitOptions{Epochs: 1, Optimizer: Optimizer{Kind: SGD}, LearningRate: 1e-44, MinAccuracy: .9, FineTune: FineTune{From: "last", Epochs: 1}})
	require.Len(t, h.Epochs, 1)
	require.Contains(t, h.Stopped, "below the minimum of 0.900")
}

func TestAHookCanStopAStage(t *testing.T) {
	c := tinyLearner(t, []string{"blue", "green", "red"})
	h, err := c.Fit(context.Background(), rgb(t), FitOptions{}, Hooks{Stop: func(e Epoch) bool { return e.Epoch == 3 }})
	require.NoError(t, err)
	require.Len(t, h.Epochs, 3)
}

func TestFineTuningBeginsAtTheNetworksOwnCuts(t *testing.T) {
	data := rgb(t)
	c := tinyLearner(t, data.Classes())
	_, err := c.Fit(context.Background(), data, FitOptions{FineTune: FineTune{Blocks: 3}})
	require.ErrorContains(t, err, "argus: fit: fine-tuning: begins at the last 3 blocks; tiny says where the last")
	_, err = c.Fit(context.Background(), data, FitOptions{FineTune: FineTune{Blocks: 1, From: "last"}})
	require.ErrorContains(t, err, `fine-tuning: begins at "last" and at the last 1 blocks, want one of both`)
}

func TestASearchOrACrossValidationThatIsCancelledSaysSo(t *testing.T) {
	data := rgb(t)
	o := FitOptions{Epochs: 3, FineTune: FineTune{From: "mixed", Epochs: 2}}
	for _, stage := range []Stage{FeaturesStage, TrainStage, FineTuneStage} {
		for name, work := range map[string]func(context.Context, *Classifier, Hooks) error{
			"search": func(ctx context.Context, c *Classifier, h Hooks) error {
				_, err := c.FindLR(ctx, data, o, h)
				return err
			},
			"folds": func(ctx context.Context, c *Classifier, h Hooks) error {
				_, err := c.CrossValidate(ctx, data, 3, o, h)
				return err
			},
		} {
			c := tinyLearner(t, data.Classes())
			ctx, cancel := context.WithCancel(context.Background())
			err := work(ctx, c, stopAt(stage, 1, cancel))
			cancel()
			require.ErrorIs(t, err, context.Canceled, "%s, %s", name, stage)
			require.ErrorContains(t, err, "argus: ")
			_, err = c.Predict(context.Background(), scene(9, 9, 1))
			require.ErrorIs(t, err, ErrNotFitted)
		}
	}
}
