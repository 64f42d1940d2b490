package argus

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/augment"
)

func mirrored() augment.Augmentor {
	return augment.Augmentor{Seed: 3, Steps: []augment.Step{{Op: augment.FlipLeftRight{}}, {Op: augment.Brightness{By: .3}}}}
}

func TestViewsAreMoreRowsOfTheTrainingPictures(t *testing.T) {
	data, dir := rgb(t), t.TempDir()
	o := FitOptions{Epochs: 2, Augment: mirrored(), Views: 3, CacheDir: dir, SaveViews: filepath.Join(dir, "made")}
	c := tinyLearner(t, data.Classes())
	first, err := c.Fit(context.Background(), data, o)
	require.NoError(t, err)
	require.Equal(t, data.Train().Counts(), first.Counts[TrainSplit], "pictures are counted, not views")
	made, err := filepath.Glob(filepath.Join(dir, "made", "*", "*.png"))
	require.NoError(t, err)
	require.Len(t, made, 3*data.Train().Len())

	// What was saved is what the augmentor makes of the picture's square.
	sample := data.Train().samples[0]
	prep := c.now.Load().prep
	r := &reader{Preprocess: prep, Threads: 1, Augment: mirrored(), Views: func(Sample) []int { return []int{0, 2} }}
	got := readAll(t, r, []Sample{sample})[0]
	p, err := mirrored().ApplyRGB(&augment.RGB{W: prep.Size, H: prep.Size, Pix: got.Views[0].Square}, augment.Key{Content: got.Views[0].Hash, Epoch: 2})
	require.NoError(t, err)
	require.Equal(t, p.Pix, got.Views[1].Square)
	found := false
	for _, name := range made {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		img, err := png.Decode(bytes.NewReader(data))
		require.NoError(t, err)
		rgba := p.RGBA()
		same := true
		for y := range prep.Size {
			for x := range prep.Size {
				same = same && img.At(x, y) == rgba.At(x, y)
			}
		}
		found = found || same
	}
	require.True(t, found)

	again, err := tinyLearner(t, data.Classes()).Fit(context.Background(), data, o)
	require.NoError(t, err)
	require.Zero(t, again.Seconds.Features, "views are cached")
	require.Equal(t, first.Epochs, again.Epochs)
	o.Augment.Seed++
	other, err := tinyLearner(t, data.Classes()).Fit(context.Background(), data, o)
	require.NoError(t, err)
	require.NotZero(t, other.Seconds.Features, "other views")
}

func TestAnyNumberOfThreadsDrawsTheSameViewsAndNewOnesEachEpoch(t *testing.T) {
	data := rgb(t)
	for _, o := range []FitOptions{
		{Views: 2, Epochs: 3},
		{Views: -1, Epochs: 3, Augment: mirrored()},
		{Views: -1, Epochs: 2, Augment: mirrored(), FineTune: FineTune{From: "mixed", Epochs: 2}},
	} {
		var histories []*History
		for _, threads := range []int{1, 5} {
			c := tinyLearner(t, data.Classes())
			c.Threads = threads
			h, err := c.Fit(context.Background(), data, o)
			require.NoError(t, err)
			histories = append(histories, h)
		}
		require.Equal(t, histories[0].Epochs, histories[1].Epochs)
		require.NotEmpty(t, histories[0].Options.Augment.Steps)
		still := o
		still.Views, still.Augment = 0, augment.Augmentor{}
		h, err := tinyLearner(t, data.Classes()).Fit(context.Background(), data, still)
		require.NoError(t, err)
		require.NotEqual(t, histories[0].Epochs, h.Epochs)
	}
}

func TestTheAugmentorIsInTheModelFile(t *testing.T) {
	data := rgb(t)
	c, _ := fittedTo(t, data, FitOptions{Epochs: 1, Augment: mirrored()})
	path := filepath.Join(t.TempDir(), "m.argus")
	require.NoError(t, c.Save(path))
	back, err := LoadClassifier(path)
	require.NoError(t, err)
	o := back.Info().Fit
	require.Equal(t, mirrored(), o.Augment)
	require.Equal(t, 4, o.Views)
	_, err = back.Fit(context.Background(), data, *o)
	require.NoError(t, err)
}

func TestAugmentorsThatCannotBeUsedAreRefused(t *testing.T) {
	data := rgb(t)
	fail := augment.Func("fail", func(*rand.Rand, image.Image) image.Image { return image.NewGray(image.Rect(0, 0, 5, 4)) })
	for want, o := range map[string]FitOptions{
		"rotate: degrees is 300":                       {Augment: augment.Augmentor{Steps: []augment.Step{{Op: augment.Rotate{Degrees: 300}}}}},
		"there are 5000 views":                         {Views: 5000},
		"augmented picture is 5×4, want the network's": {Augment: augment.Augmentor{Steps: []augment.Step{{Op: fail}}}},
	} {
		o.Epochs, o.Strict = 1, true
		_, err := tinyLearner(t, data.Classes()).Fit(context.Background(), data, o)
		require.ErrorContains(t, err, want)
	}
	_, err := tinyLearner(t, data.Classes()).Fit(context.Background(), data, FitOptions{Epochs: 1, Views: 1, SaveViews: "views_test.go"})
	var pathErr *os.PathError
	require.True(t, errors.As(err, &pathErr), "%v", err)
}
