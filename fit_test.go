package argus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"path"
	"runtime"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/bmp"

	"github.com/argus-go/argus/nn"
)

// swatch is a picture of one colour and noise.
func swatch(c color.RGBA, noise int, r *rand.Rand) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 10, 8))
	level := func(v uint8) uint8 { return uint8(min(max(int(v)+r.IntN(2*noise+1)-noise, 0), 255)) }
	for y := range 8 {
		for x := range 10 {
			m.SetRGBA(x, y, color.RGBA{level(c.R), level(c.G), level(c.B), 255})
		}
	}
	var b bytes.Buffer
	if err := bmp.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// swatches is a dataset of two or three classes that are easy to tell apart,
// with the given number of pictures of each class in each split.
func swatches(train, val, test int, classes ...string) fstest.MapFS {
	colours := []color.RGBA{{200, 90, 90, 255}, {90, 200, 90, 255}, {90, 90, 200, 255}}
	fsys, r := fstest.MapFS{}, rand.New(rand.NewPCG(1, 1))
	for _, part := range []struct {
		name string
		n    int
	}{{"train", train}, {"val", val}, {"test", test}} {
		for k, class := range classes {
			for i := range part.n {
				fsys[fmt.Sprintf("%s/%s/%03d.bmp", part.name, class, i)] = &fstest.MapFile{Data: swatch(colours[k], 60, r)}
			}
		}
	}
	return fsys
}

func open(t testing.TB, fsys fstest.MapFS) Dataset {
	t.Helper()
	d, err := OpenDatasetFS(fsys)
	require.NoError(t, err)
	return d
}

// rgb are the classes of most tests here.
func rgb(t testing.TB) Dataset { return open(t, swatches(20, 8, 8, "blue", "green", "red")) }

func tinyLearner(t testing.TB, classes []string) *Classifier {
	t.Helper()
	c, err := New(nn.Backbone{Model: tinyModel(), Weights: nn.Fixed(tinyWeights(t, 1))}, classes)
	require.NoError(t, err)
	return c
}

// fitted returns a classifier fitted to data.
func fittedTo(t testing.TB, data Dataset, o FitOptions) (*Classifier, *History) {
	t.Helper()
	c := tinyLearner(t, data.Classes())
	h, err := c.Fit(context.Background(), data, o)
	require.NoError(t, err)
	return c, h
}

func accuracy(t testing.TB, c *Classifier, data Dataset) *Report {
	t.Helper()
	r, err := c.Evaluate(context.Background(), data)
	require.NoError(t, err)
	return r
}

func TestFitLearnsWhatCanBeLearned(t *testing.T) {
	data := rgb(t)
	zero := float32(0)
	for name, o := range map[string]FitOptions{
		"defaults":      {},
		"hidden layers": {Hidden: []int{16, 8}, Act: nn.Swish, Dropout: &zero, LearningRate: 1e-2},
		"tuned":         {FineTune: FineTune{From: "mixed", Epochs: 4}},
		"smoothed":      {LabelSmoothing: .1, WeightDecay: .01, Batch: 7, LearningRate: 1e-2},
		"cropped":       {Preprocess: Preprocess{Size: 16, Fit: Crop}},
	} {
		t.Run(name, func(t *testing.T) {
			c, h := fittedTo(t, data, o)
			require.GreaterOrEqual(t, accuracy(t, c, data.Test()).Accuracy.Value, .95)
			require.Equal(t, map[Split][]int{TrainSplit: {20, 20, 20}, ValSplit: {8, 8, 8}}, h.Counts)
			require.Equal(t, 24, h.ValAccuracy.N)
			require.InDelta(t, h.Epochs[h.Best-1].ValAccuracy, h.ValAccuracy.Value, 1e-9)
			for _, e := range h.Epochs {
				require.GreaterOrEqual(t, e.ValLoss, h.Epochs[h.Best-1].ValLoss)
			}
			require.Less(t, h.Epochs[h.Best-1].TrainLoss, h.Epochs[0].TrainLoss)
			require.Same(t, h, c.Info().History)
		})
	}
}

func TestHistoryAndOptionsSurviveJSON(t *testing.T) {
	dropout := float32(0)
	_, h := fittedTo(t, rgb(t), FitOptions{Seed: 3, Epochs: 2, Hidden: []int{4}, Dropout: &dropout, CacheDir: t.TempDir(),
		FineTune: FineTune{From: "last", Epochs: 1}, ClassWeights: []float32{1, 2, 3}})
	b, err := json.Marshal(h)
	require.NoError(t, err)
	require.NotContains(t, string(b), t.TempDir()[:8], "a path of this machine is no part of the model")
	var back History
	require.NoError(t, json.Unmarshal(b, &back))
	back.Options.CacheDir, back.Options.CacheBytes = h.Options.CacheDir, h.Options.CacheBytes
	require.Equal(t, h, &back)
	require.Equal(t, []int{4}, back.Options.Hidden)
	require.Equal(t, 32, back.Options.Batch, "defaults are filled in")
	require.Equal(t, 24, back.Options.Preprocess.Size, "the network's")
	require.Len(t, back.Epochs, 3)
	require.Equal(t, FineTuneStage, back.Epochs[2].Stage)
}

func TestShuffledLabelsAreNotLearned(t *testing.T) {
	fsys, r := fstest.MapFS{}, rand.New(rand.NewPCG(4, 4))
	for _, part := range []string{"train", "val", "test"} {
		for i := range 100 {
			c := color.RGBA{uint8(60 + r.IntN(140)), 128, uint8(60 + r.IntN(140)), 255}
			fsys[fmt.Sprintf("%s/%c/%03d.bmp", part, 'a'+r.IntN(2), i)] = &fstest.MapFile{Data: swatch(c, 50, r)}
		}
	}
	data := open(t, fsys)
	c, _ := fittedTo(t, data, FitOptions{})
	got := accuracy(t, c, data.Test()).Accuracy
	require.Less(t, got.Value, .7, "labels are drawn: %v", got)
}

func TestClassWeightsHelpTheRareClass(t *testing.T) {
	fsys, r := fstest.MapFS{}, rand.New(rand.NewPCG(6, 6))
	for _, part := range []string{"train", "val", "test"} {
		for class, n := range map[string]int{"common": 120, "rare": 8} {
			if part == "test" {
				n = 40
			}
			for i := range n {
				red := 110 + r.IntN(60) // the classes overlap
				if class == "rare" {
					red += 20
				}
				fsys[fmt.Sprintf("%s/%s/%03d.bmp", part, class, i)] = &fstest.MapFile{Data: swatch(color.RGBA{uint8(red), 100, 100, 255}, 20, r)}
			}
		}
	}
	data := open(t, fsys)
	balanced, _ := fittedTo(t, data, FitOptions{LearningRate: 3e-2})
	alike, h := fittedTo(t, data, FitOptions{LearningRate: 3e-2, ClassWeights: []float32{1, 1}})
	require.Equal(t, []float32{1, 1}, h.Options.ClassWeights)
	with, without := accuracy(t, balanced, data.Test()).PerClass[1].Recall, accuracy(t, alike, data.Test()).PerClass[1].Recall
	require.Greater(t, with, without+.3)
}

func TestBalancedWeightsGiveEachClassTheSameShare(t *testing.T) {
	require.Equal(t, []float32{.5, 1.5, 0, .75}, balanced([]int{6, 2, 0, 4}))
}

func TestTrainingStopsWhereValidationDoesNotImprove(t *testing.T) {
	data := rgb(t)
	_, h := fittedTo(t, data, FitOptions{LearningRate: .5, Patience: 3})
	require.Len(t, h.Epochs, h.Best+3)
	require.Less(t, len(h.Epochs), 60)
	_, h = fittedTo(t, data, FitOptions{LearningRate: .5, Patience: -1})
	require.Len(t, h.Epochs, 60)
}

func TestTheBestEpochIsTheOneUsed(t *testing.T) {
	data := rgb(t)
	o := FitOptions{LearningRate: .5, Patience: 4}
	c, h := fittedTo(t, data, o)
	require.Less(t, h.Best, len(h.Epochs))
	o.Epochs = h.Best
	short, _ := fittedTo(t, data, o)
	require.Equal(t, short.now.Load().weights, c.now.Load().weights)
}

func TestFitGivesTheSameBitsOnAnyNumberOfCores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	data := rgb(t)
	o := FitOptions{Seed: 5, Epochs: 5, Hidden: []int{8}, FineTune: FineTune{From: "mixed", Epochs: 2, LearningRate: 1e-2}}
	weights := func(procs int, o FitOptions) nn.Weights {
		runtime.GOMAXPROCS(procs)
		c, h := fittedTo(t, data, o)
		require.Len(t, h.Epochs, 7)
		return c.now.Load().weights
	}
	one := weights(1, o)
	for _, procs := range []int{1, 2, 3} {
		require.Equal(t, one, weights(procs, o), "on %d cores", procs)
	}
	o.Seed++
	require.NotEqual(t, one, weights(1, o))
}

func TestTheSeedChoosesTheFirstWeightsAndTheLastLayerStartsFromZero(t *testing.T) {
	data, zero := rgb(t), float32(0)
	const rate = 1e-4
	weights := func(seed uint64) nn.Weights { // after one step of Adam, which moves each by about the rate
		c, _ := fittedTo(t, data, FitOptions{Seed: seed, Hidden: []int{4}, Epochs: 1, Batch: 1000, Dropout: &zero, LearningRate: rate})
		return c.now.Load().weights
	}
	a, b := weights(1), weights(2)
	most := 0.
	for i, v := range a["classifier/dense1/kernel"].Data {
		most = max(most, math.Abs(float64(v-b["classifier/dense1/kernel"].Data[i])))
	}
	require.Greater(t, most, .1)
	for _, v := range a["classifier/logits/kernel"].Data {
		require.InDelta(t, 0, v, 2*rate)
	}
}

func TestACancelledFitChangesNothing(t *testing.T) {
	data := rgb(t)
	c, _ := fittedTo(t, data, FitOptions{Epochs: 3})
	before, goroutines := c.now.Load(), runtime.NumGoroutine()
	for name, stop := range map[string]func(Progress) bool{
		"features":  func(p Progress) bool { return p.Stage == FeaturesStage && p.Done == 10 },
		"train":     func(p Progress) bool { return p.Stage == TrainStage && p.Done == 5 },
		"fine-tune": func(p Progress) bool { return p.Stage == FineTuneStage && p.Done == 1 },
	} {
		ctx, cancel := context.WithCancel(context.Background())
		_, err := c.Fit(ctx, data, FitOptions{Seed: 9, FineTune: FineTune{From: "last"}}, Hooks{Progress: func(p Progress) {
			if stop(p) {
				cancel()
			}
		}})
		require.ErrorIs(t, err, context.Canceled, name)
		require.ErrorContains(t, err, "argus: fit:", name)
		require.Same(t, before, c.now.Load(), name)
		cancel()
	}
	for range 1000 { // a goroutine that is done takes a moment to go
		if runtime.NumGoroutine() <= goroutines {
			break
		}
		time.Sleep(time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
	_, err := c.Fit(context.Background(), data, FitOptions{Epochs: 1})
	require.NoError(t, err, "the next one works")
}

func TestPredictAnswersFromTheOldWeightsWhileFitWorks(t *testing.T) {
	ctx, data := context.Background(), rgb(t)
	c, _ := fittedTo(t, data, FitOptions{Epochs: 2})
	img := scene(30, 20, 3)
	before, err := c.Predict(ctx, img)
	require.NoError(t, err)
	asked := 0
	_, err = c.Fit(ctx, data, FitOptions{Epochs: 4, LearningRate: .1}, Hooks{Epoch: func(Epoch) {
		during, err := c.Predict(ctx, img)
		require.NoError(t, err)
		require.Equal(t, before, during)
		asked++
	}})
	require.NoError(t, err)
	require.Equal(t, 4, asked)
	after, err := c.Predict(ctx, img)
	require.NoError(t, err)
	require.NotEqual(t, before, after)
}

func TestBrokenPicturesAreListedAndLeftOut(t *testing.T) {
	fsys := swatches(6, 3, 3, "a", "b")
	whole := fsys["train/a/000.bmp"].Data
	fsys["train/a/text.jpg"] = &fstest.MapFile{Data: []byte("this is no picture")}
	fsys["train/b/cut.bmp"] = &fstest.MapFile{Data: whole[:60]}
	fsys["val/b/huge.png"] = &fstest.MapFile{Data: claiming(50000, 50000)}
	fsys["test/b/empty.png"] = &fstest.MapFile{}
	data := open(t, fsys)
	c, h := fittedTo(t, data, FitOptions{Epochs: 1})
	var bad []string
	for _, b := range h.Bad {
		bad = append(bad, b.Path)
		require.NotEmpty(t, b.Reason)
	}
	require.Equal(t, []string{"train/a/text.jpg", "train/b/cut.bmp", "val/b/huge.png"}, bad)
	require.Equal(t, map[Split][]int{TrainSplit: {6, 6}, ValSplit: {3, 3}}, h.Counts)

	r := accuracy(t, c, data.Test())
	require.Equal(t, 6, r.N)
	require.Len(t, r.Bad, 1)
	require.Equal(t, "test/b/empty.png", r.Bad[0].Path)

	_, err := c.Fit(context.Background(), data, FitOptions{Strict: true})
	require.ErrorContains(t, err, "train/a/text.jpg")
}

func TestFitRefusesWhatItCannotLearnFrom(t *testing.T) {
	broken := func(match string) Dataset {
		fsys := swatches(4, 2, 2, "a", "b")
		for name := range fsys {
			if ok, _ := path.Match(match, name); ok {
				fsys[name] = &fstest.MapFile{Data: []byte("no picture")}
			}
		}
		return open(t, fsys)
	}
	good := open(t, swatches(4, 2, 2, "a", "b"))
	half := float32(1.5)
	for want, c := range map[string]struct {
		data Dataset
		o    FitOptions
	}{
		`classes are ["a" "b"], those of dataset . are ["b" "c"]`:                                           {data: open(t, swatches(1, 1, 1, "b", "c"))},
		"no training pictures among its 2: divide it with Split":                                            {data: open(t, tree("a/1.jpg", "b/1.jpg"))},
		"no training pictures among its 4":                                                                  {data: good.Test()},
		`class "b" of dataset . has no usable training picture; 4 are broken, the first is train/b/000.bmp`: {data: broken("train/b/*")},
		"no usable validation picture; 4 are broken":                                                        {data: broken("val/*/*")},
		`class "a" has 1 different pictures, want one or more for each`:                                     {data: open(t, tree("train/a/1.jpg", "train/b/1.jpg"))},
		"norm wants batches of 2 or more":                                                                   {data: good, o: FitOptions{Hidden: []int{2}, Norm: true, Batch: 1}},
		"4 hidden layers, want at most 3":                                                                   {data: good, o: FitOptions{Hidden: []int{1, 2, 3, 4}}},
		"hidden layer 2 has 0 units":                                                                        {data: good, o: FitOptions{Hidden: []int{1, 0}}},
		"act is softmax":                                                                                    {data: good, o: FitOptions{Hidden: []int{1}, Act: nn.Softmax}},
		"dropout is 1.5":                                                                                    {data: good, o: FitOptions{Dropout: &half}},
		"epochs is -1":                                                                                      {data: good, o: FitOptions{Epochs: -1}},
		"batch is -2":                                                                                       {data: good, o: FitOptions{Batch: -2}},
		"learning rate is -0.5, want above 0":                                                               {data: good, o: FitOptions{LearningRate: -.5}},
		"label smoothing is 1":                                                                              {data: good, o: FitOptions{LabelSmoothing: 1}},
		"there are 1 class weights for 2 classes":                                                           {data: good, o: FitOptions{ClassWeights: []float32{1}}},
		"weight of class 1 is 0":                                                                            {data: good, o: FitOptions{ClassWeights: []float32{1, 0}}},
		`no block "block9"`:                                                                                 {data: good, o: FitOptions{FineTune: FineTune{From: "block9"}}},
		"size is -3":                                                                                        {data: good, o: FitOptions{Preprocess: Preprocess{Size: -3}}},
	} {
		t.Run(want, func(t *testing.T) {
			clf := tinyLearner(t, []string{"a", "b"})
			_, err := clf.Fit(context.Background(), c.data, c.o)
			require.ErrorContains(t, err, want)
			require.Regexp(t, "^argus: (fit|dataset|preprocess)", err)
			require.NotContains(t, err.Error()[5:], "argus: ")
			_, err = clf.Predict(context.Background(), scene(9, 9, 1))
			require.ErrorIs(t, err, ErrNotFitted)
		})
	}
}

func TestTrainingThatDivergesIsAnErrorAndLosesNothing(t *testing.T) {
	data := rgb(t)
	c, _ := fittedTo(t, data, FitOptions{Epochs: 1})
	before := c.now.Load()
	_, err := c.Fit(context.Background(), data, FitOptions{LearningRate: 3e38})
	require.ErrorIs(t, err, ErrDiverged)
	require.Same(t, before, c.now.Load())
}

func TestAMissingValidationSplitIsHeldOutOfTraining(t *testing.T) {
	data := open(t, swatches(40, 0, 10, "a", "b"))
	c, h := fittedTo(t, data, FitOptions{Seed: 1, Epochs: 2})
	sum := func(v []int) int { return v[0] + v[1] }
	require.Equal(t, 80, sum(h.Counts[TrainSplit])+sum(h.Counts[ValSplit]), "the test pictures are not looked at")
	require.InDelta(t, 12, sum(h.Counts[ValSplit]), 9)
	again, other := fittedTo(t, data, FitOptions{Seed: 2, Epochs: 2})
	require.Equal(t, h.Counts, other.Counts, "the same ones whatever the seed")
	require.NotEqual(t, c.now.Load().weights, again.now.Load().weights)
}

func TestProgressGrowsToItsTotalInEveryStage(t *testing.T) {
	data := rgb(t)
	c := tinyLearner(t, data.Classes())
	last := map[Stage]Progress{}
	var order []Stage
	_, err := c.Fit(context.Background(), data, FitOptions{LearningRate: .5, Patience: 2, FineTune: FineTune{From: "last", Epochs: 2}}, Hooks{}, Hooks{Progress: func(p Progress) {
		if _, seen := last[p.Stage]; !seen {
			order = append(order, p.Stage)
		}
		require.Greater(t, p.Done, last[p.Stage].Done-1)
		require.LessOrEqual(t, p.Done, p.Total)
		last[p.Stage] = p
	}})
	require.NoError(t, err)
	require.Equal(t, []Stage{FeaturesStage, TrainStage, FineTuneStage}, order)
	for _, p := range last {
		require.Equal(t, p.Total, p.Done)
	}
}
