package argus

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/hpo"
	"github.com/argus-go/argus/nn"
)

// quick is a search that takes little time.
func quick(trials int) TuneOptions {
	return TuneOptions{Trials: trials, Base: FitOptions{Epochs: 6}}
}

func tuned(t testing.TB, data Dataset, o TuneOptions, hooks ...TuneHooks) *TuneReport {
	t.Helper()
	r, err := tinyLearner(t, data.Classes()).Tune(context.Background(), data, o, hooks...)
	require.NoError(t, err)
	return r
}

func TestTuneFindsOptionsThatFitGivesTheSameResultWith(t *testing.T) {
	data := rgb(t)
	c := tinyLearner(t, data.Classes())
	o := quick(12)
	o.Base.LearningRate, o.Prune = 1e-4, NoPruning // too low, to be beaten
	r, err := c.Tune(context.Background(), data, o)
	require.NoError(t, err)
	require.True(t, r.Better)
	require.Less(t, r.Best.Value, r.Default.Value)
	require.Len(t, r.Trials, 12)
	for _, one := range r.Trials {
		require.Empty(t, one.Err)
		require.GreaterOrEqual(t, one.Value, r.Best.Value)
	}
	_, err = c.Predict(context.Background(), nil)
	require.ErrorIs(t, err, ErrNotFitted, "the classifier is as before")

	h, err := c.Fit(context.Background(), data, r.Options)
	require.NoError(t, err)
	require.Equal(t, r.Best.Loss, h.Epochs[h.Best-1].ValLoss)
	require.Equal(t, r.Best.Accuracy, h.ValAccuracy)
	require.Equal(t, r.Options.LearningRate, c.Info().Fit.LearningRate, "the model file has them")
}

func TestTheSameSearchGivesTheSameTrials(t *testing.T) {
	data := rgb(t)
	values := func(seed uint64) (out []string) {
		o := quick(6)
		o.Base.Seed = seed
		for _, one := range tuned(t, data, o).Trials {
			out = append(out, fmt.Sprint(one.Point, one.Value))
		}
		return out
	}
	require.Equal(t, values(1), values(1))
	require.NotEqual(t, values(1), values(2))
}

func TestPicturesAreReadOnceForAllTrials(t *testing.T) {
	data := rgb(t)
	var features int64
	tuned(t, data, quick(3), TuneHooks{Progress: func(p Progress) {
		if p.Stage == FeaturesStage {
			features++
		}
	}})
	require.EqualValues(t, data.Train().Len()+data.Val().Len(), features)
}

func TestWhereNothingIsBetterTheBaselineIsTheResult(t *testing.T) {
	space, err := hpo.NewSpace(hpo.LogReal("learning_rate", 1e-12, 1e-11))
	require.NoError(t, err)
	o := quick(2)
	o.Space.Space = space
	r := tuned(t, rgb(t), o)
	require.False(t, r.Better)
	require.Equal(t, r.Options.LearningRate, o.Base.LearningRate)
	require.Greater(t, r.Best.Value, r.Default.Value)
}

func TestTheClassicSpaceIsSearchedFromItsFirstPoint(t *testing.T) {
	space := ClassicSpace()
	o := quick(5)
	o.Space = space
	o.Base.FineTune = FineTune{From: "last", Epochs: 2}
	r := tuned(t, rgb(t), o)
	require.Equal(t, space.First[0], r.Trials[0].Point)
	first := r.Trials[0].Options
	require.Equal(t, 5, first.Epochs)
	require.Equal(t, []int{1024}, first.Hidden)
	require.Equal(t, float32(1e-4), first.LearningRate)
	require.Zero(t, *first.Dropout)
	require.Equal(t, nn.ReLU, first.Act)
	require.Nil(t, first.ClassWeights)
	require.Equal(t, 5+2, r.Trials[0].Epochs, "the head, then the block")
	for _, one := range r.Trials {
		require.Equal(t, one.Point.Bool("fine_tune"), one.Options.FineTune.From != "")
		require.Len(t, one.Options.Hidden, one.Point.Int("layers"))
		if !one.Point.Bool("class_weights") {
			require.Equal(t, []float32{1, 1, 1}, one.Options.ClassWeights)
		}
	}
	o.Space = ClassicRecordSpace()
	o.Trials = 2
	r = tuned(t, rgb(t), o)
	require.Equal(t, []int{1024}, r.Trials[0].Options.Hidden)
	require.Equal(t, float32(1e-3), r.Trials[0].Options.L2)
}

func TestTrialsThatFailAreRecordedAndTheSearchGoesOn(t *testing.T) {
	space, err := hpo.NewSpace(hpo.LogReal("learning_rate", 1e-3, 1e30), hpo.Categorical("act", "relu", "nonsense"), hpo.Int("layers", 1, 1))
	require.NoError(t, err)
	o := quick(12)
	o.Space.Space = space
	r := tuned(t, rgb(t), o)
	failed := 0
	for _, one := range r.Trials {
		if one.Err != "" {
			failed++
		}
	}
	require.Positive(t, failed)
	require.Less(t, failed, 12)
	require.Empty(t, r.Best.Err)
}

func TestATuneThatWasCancelledGoesOnFromItsJournal(t *testing.T) {
	data := rgb(t)
	o := quick(6)
	o.Journal = filepath.Join(t.TempDir(), "journal")
	ctx, cancel := context.WithCancel(context.Background())
	var before []string
	_, err := tinyLearner(t, data.Classes()).Tune(ctx, data, o, TuneHooks{Trial: func(p TuneProgress) {
		before = append(before, fmt.Sprint(p.Trial.Point, p.Trial.Value))
		if p.Done == 3 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	r := tuned(t, data, o)
	require.Len(t, r.Trials, 6)
	for i, one := range r.Trials {
		require.Equal(t, i < 3, one.Earlier)
		if i < 3 {
			require.Equal(t, before[i], fmt.Sprint(one.Point, one.Value))
		}
	}
	whole := tuned(t, data, quick(6))
	for i := range r.Trials {
		require.Equal(t, whole.Trials[i].Point, r.Trials[i].Point, "as if there had been no crash")
	}
	h, err := tinyLearner(t, data.Classes()).Fit(context.Background(), data, r.Options)
	require.NoError(t, err)
	require.LessOrEqual(t, h.Epochs[h.Best-1].ValLoss, r.Best.Value)
	_, err = os.Stat(o.Journal)
	require.NoError(t, err)
}

func TestTuneTellsHowFarItIs(t *testing.T) {
	var last TuneProgress
	r := tuned(t, rgb(t), quick(4), TuneHooks{Trial: func(p TuneProgress) {
		require.Equal(t, last.Done+1, p.Done)
		require.Equal(t, 4, p.Total)
		require.LessOrEqual(t, p.Best.Value, p.Trial.Value)
		require.Equal(t, p.Done == 4, p.Left == 0)
		last = p
	}})
	require.Equal(t, 4, last.Done)
	require.Equal(t, min(r.Best.Value, r.Default.Value), last.Best.Value)
}

func TestTuneRefusesWhatMakesNoSense(t *testing.T) {
	data := rgb(t)
	space := func(p hpo.Param) TuneSpace {
		s, err := hpo.NewSpace(p)
		require.NoError(t, err)
		return TuneSpace{Space: s}
	}
	for want, o := range map[string]TuneOptions{
		`argus: tune: there is no option "depth", want some of accumulate, act,`: {Space: space(hpo.Int("depth", 1, 2))},
		`argus: tune: option batch is of kind real in the space, want int`:       {Space: space(hpo.Real("batch", 1, 2))},
		`argus: tune: there are -1 trials, want 1 or more`:                       {Trials: -1},
		`argus: tune: views are drawn anew in every epoch`:                       {Base: FitOptions{Views: -1}},
		`argus: tune: objective is "speed", want loss or error`:                  {Objective: "speed"},
		`argus: tune: prune is "all", want median, halving or none`:              {Prune: "all"},
		`hpo: method is "guess", want gp, tpe or random`:                         {Search: hpo.Options{Method: "guess"}},
		`argus: tune: all 2 trials failed; the first: `:                          {Trials: 2, Space: space(hpo.Int("epochs", -3, -2)), Base: FitOptions{Epochs: 1}},
		`argus: tune: epochs is -1, want 1 or more and below +Inf`:               {Base: FitOptions{Epochs: -1}},
	} {
		_, err := tinyLearner(t, data.Classes()).Tune(context.Background(), data, o)
		require.ErrorContains(t, err, want)
	}
}

func TestPruningEndsWhatIsWorseThanTheOthers(t *testing.T) {
	for _, rule := range []Pruning{MedianPruning, Halving, NoPruning} {
		p, err := newPruner(rule)
		require.NoError(t, err)
		run := func(level float64, epochs int) int {
			w := p.trial()
			defer w.end()
			for e := range epochs {
				if w.hopeless(level + 1/float64(e+1)) {
					return e + 1
				}
			}
			return epochs
		}
		for k := range 8 {
			run(float64(k%4), 12)
		}
		require.Equal(t, 12, run(-1, 12), "the best goes on")
		require.Equal(t, map[Pruning]int{MedianPruning: 5, Halving: 3, NoPruning: 12}[rule], run(9, 12), rule)
		require.Equal(t, 2, run(9, 2), "what is short ends by itself")
	}
}

func TestParametersOfSpacesSetTheOptionsTheyName(t *testing.T) {
	base := FitOptions{Hidden: []int{7, 8}, Act: nn.Tanh}
	for want, p := range map[string]hpo.Point{
		"[7 8]":   {"dropout": .5},
		"[]":      {"layers": 0},
		"[9 9]":   {"hidden": 9},
		"[9 5]":   {"hidden": 9, "hidden2": 5},
		"[9 5 5]": {"hidden": 9, "hidden2": 5, "layers": 3},
		"[7 8 8]": {"layers": 3},
	} {
		o, err := base.at(p, 3)
		require.NoError(t, err)
		require.Equal(t, want, fmt.Sprint(o.Hidden), "%v", p)
	}
	require.Equal(t, []int{7, 8}, base.Hidden)
	o, err := FitOptions{}.at(hpo.Point{"fine_tune": true, "optimizer": "sgd", "schedule": "cosine", "fine_tune_epochs": 3, "act": "swish", "hidden": 4}, 3)
	require.NoError(t, err)
	require.Equal(t, FineTune{Blocks: 1, Epochs: 3}, o.FineTune)
	require.Equal(t, SGD, o.Optimizer.Kind)
	require.Equal(t, CosineRate, o.Schedule.Kind)
	require.Equal(t, nn.Swish, o.Act)
	o, err = FitOptions{FineTune: FineTune{From: "x"}}.at(hpo.Point{"fine_tune": false}, 3)
	require.NoError(t, err)
	require.Zero(t, o.FineTune)
	require.True(t, slices.IsSorted(TuneParams()))
}

func TestAPanicInATrialIsAFailure(t *testing.T) {
	tn := tuner{fit: fit{c: tinyLearner(t, []string{"a", "b"})}} // nothing is prepared
	got := tn.trial(context.Background(), hpo.Point{})
	require.Contains(t, got.Err, "panic: ")
}
