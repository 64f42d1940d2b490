package argus

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

func TestFineTuningTrainsFromTheBlockOnAndKeepsStatistics(t *testing.T) {
	data := rgb(t)
	o := FitOptions{Epochs: 3, LearningRate: 1e-3, FineTune: FineTune{From: "mixed", Epochs: 3, LearningRate: 1e-2}}
	c, h := fittedTo(t, data, o)
	require.Greater(t, h.Best, 3, "tuning helps here")
	pretrained := tinyWeights(t, 1)
	changed := 0
	for name, w := range c.now.Load().weights {
		old, inBody := pretrained[name]
		switch {
		case !inBody:
			require.True(t, strings.HasPrefix(name, "classifier/"), name)
		case strings.HasPrefix(name, "mixed/") && strings.HasSuffix(name, "/kernel"):
			require.NotEqual(t, old, w, name)
			changed++
		case strings.HasPrefix(name, "stem/"), strings.HasPrefix(name, "residual/"), strings.Contains(name, "/moving_"):
			require.Equal(t, old, w, name)
		}
	}
	require.Equal(t, 2, changed)
	require.Equal(t, tinyWeights(t, 1), pretrained)

	o.FineTune = FineTune{}
	frozen, _ := fittedTo(t, data, o)
	require.Less(t, accuracy(t, c, data.Val()).Loss, accuracy(t, frozen, data.Val()).Loss)
}

func TestFineTuningThatDoesNotHelpIsNotUsed(t *testing.T) {
	data := rgb(t)
	o := FitOptions{Epochs: 30, LearningRate: 1e-2, FineTune: FineTune{From: "stem", Epochs: 2, LearningRate: 2}}
	c, h := fittedTo(t, data, o)
	require.Len(t, h.Epochs, 32)
	require.LessOrEqual(t, h.Best, 30)
	for name, w := range c.now.Load().weights {
		if old, inBody := tinyWeights(t, 1)[name]; inBody {
			require.Equal(t, old, w, name)
		}
	}
}

func TestFineTuningThatDivergesLeavesTheBestWeightsBefore(t *testing.T) {
	data, dir := rgb(t), t.TempDir()
	o := FitOptions{Epochs: 8, LearningRate: 1e-2, Checkpoint: Checkpoint{Dir: dir, Steps: 1}}
	head, whole := fittedTo(t, data, o)
	want, err := head.Predict(context.Background(), scene(9, 9, 1))
	require.NoError(t, err)

	o.FineTune = FineTune{From: "stem", Epochs: 3, LearningRate: 3e38}
	c := tinyLearner(t, data.Classes())
	h, err := c.Fit(context.Background(), data, o)
	require.ErrorIs(t, err, ErrDiverged)
	require.ErrorContains(t, err, fmt.Sprintf("the classifier keeps the weights of epoch %d of 8", whole.Best))
	require.Equal(t, whole.Best, h.Best)
	require.Equal(t, whole.ValAccuracy, h.ValAccuracy)
	got, err := c.Predict(context.Background(), scene(9, 9, 1))
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoFileExists(t, filepath.Join(dir, checkpointFile), "going on from it would lead to the same")

	c = tinyLearner(t, data.Classes())
	h, err = c.Fit(context.Background(), data, FitOptions{Epochs: 40, LearningRate: 1e3, L2: 1, Optimizer: Optimizer{Kind: SGD, Momentum: -1}})
	require.ErrorIs(t, err, ErrDiverged, "weights grow by a factor in every step")
	require.NotEmpty(t, h.Epochs)
	require.Positive(t, h.Best)
	require.Equal(t, c.now.Load().info.History, h)
}

func TestTheHeadHasDropoutBeforeEachOfItsLayers(t *testing.T) {
	dropout := float32(.25)
	head, err := headOf(tinyModel().Body, tinyModel().Input.Shape(), FitOptions{Hidden: []int{5, 4}, Act: nn.Tanh, Dropout: &dropout}, 3)
	require.NoError(t, err)
	require.Equal(t, nn.Block{Name: "classifier", Body: nn.Seq{
		nn.Dropout{Rate: .25}, nn.Dense{Units: 5, Act: nn.Tanh},
		nn.Dropout{Rate: .25}, nn.Dense{Units: 4, Act: nn.Tanh},
		nn.Dropout{Rate: .25}, nn.Dense{Name: "logits", Units: 3},
	}}, head)
}

func TestTheHeadsNameIsNoneOfTheBodys(t *testing.T) {
	body := nn.Seq{nn.Block{Name: "classifier", Body: nn.Conv{Filters: 2, Kernel: [2]int{1, 1}}}, nn.Block{Name: "classifier2", Body: nn.GlobalPool{}}}
	dropout := float32(.5)
	head, err := headOf(body, nn.Shape{H: 4, W: 4, C: 3}, FitOptions{Dropout: &dropout}, 2)
	require.NoError(t, err)
	require.Equal(t, "classifier3", head.(nn.Block).Name)
	require.NoError(t, nn.Model{Name: "m", Input: nn.Input{Size: 4}, Body: body, Top: topOf(head)}.Check())
}

func TestUnusualOptionsTrain(t *testing.T) {
	data := open(t, swatches(5, 3, 0, "blue", "green", "red"))
	for name, o := range map[string]FitOptions{
		"more blocks than epochs":      {FineTune: FineTune{From: "stem", Gradual: true, BlockDecay: .5}},
		"a batch of one":               {Batch: 1, FineTune: FineTune{From: "mixed", Batch: 1, TrainNorm: true}},
		"a batch of all":               {Batch: 1000, FineTune: FineTune{From: "mixed", Batch: 1000}},
		"fewer steps than are added":   {Batch: 4, Accumulate: 100, FineTune: FineTune{From: "last"}},
		"blends, weighed and smoothed": {Mixup: .4, CutMix: 1, LabelSmoothing: .1, ClassWeights: []float32{1, 5, .1}, FineTune: FineTune{From: "mixed"}},
		"balanced and weighed":         {Balanced: true, ClassWeights: []float32{1, 2, 3}, Average: .999},
		"drawn anew, features alone":   {Views: -1, Hidden: []int{4, 3, 2}, Norm: true},
	} {
		t.Run(name, func(t *testing.T) {
			o.Epochs, o.FineTune.Epochs, o.Average = 2, 2, .9
			_, h := fittedTo(t, data, o)
			for _, e := range h.Epochs {
				require.Greater(t, e.TrainLoss, 0.)
				require.Less(t, e.ValLoss, 10.)
				require.Greater(t, e.LearningRate, float32(0))
			}
			require.Len(t, h.Epochs, map[bool]int{false: 2, true: 4}[o.FineTune.From != ""])
		})
	}
}
