package argus

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

func TestFeaturesAreKeptForTheSameNetworkAndPreprocessingOnly(t *testing.T) {
	data, dir := rgb(t), t.TempDir()
	seconds := func(seed uint64, o FitOptions) float64 {
		c, err := New(nn.Backbone{Model: tinyModel(), Weights: nn.Fixed(tinyWeights(t, seed))}, data.Classes())
		require.NoError(t, err)
		o.CacheDir, o.Epochs = dir, 1
		h, err := c.Fit(context.Background(), data, o)
		require.NoError(t, err)
		require.Empty(t, h.CacheError)
		return h.Seconds.Features
	}
	require.NotZero(t, seconds(1, FitOptions{}))
	require.Zero(t, seconds(1, FitOptions{Seed: 3, Hidden: []int{4}}))
	require.NotZero(t, seconds(2, FitOptions{}), "other weights")
	require.NotZero(t, seconds(1, FitOptions{Preprocess: Preprocess{Filter: Bicubic}}), "other pixels")
	require.NotZero(t, seconds(1, FitOptions{Preprocess: Preprocess{Size: 16}}), "another size")
	require.Zero(t, seconds(1, FitOptions{}), "still there")
}

func TestCachedFeaturesGiveTheSameBits(t *testing.T) {
	data, dir := rgb(t), t.TempDir()
	o := FitOptions{Epochs: 3, FineTune: FineTune{From: "mixed", Epochs: 1}}
	fresh, _ := fittedTo(t, data, o)
	o.CacheDir = dir
	written, _ := fittedTo(t, data, o)
	read, _ := fittedTo(t, data, o)
	require.Equal(t, fresh.now.Load().weights, written.now.Load().weights)
	require.Equal(t, fresh.now.Load().weights, read.now.Load().weights)
	first, second := accuracy(t, read, data.Test()), accuracy(t, read, data.Test())
	require.NotZero(t, first.Seconds.Features)
	require.Zero(t, second.Seconds.Features, "Evaluate uses the cache, too")
	require.Equal(t, accuracy(t, fresh, data.Test()).Outcomes, second.Outcomes)
}

func TestACacheThatCannotBeWrittenIsToldAndHarmless(t *testing.T) {
	data, dir := rgb(t), t.TempDir()
	c := tinyLearner(t, data.Classes())
	h, err := c.Fit(context.Background(), data, FitOptions{CacheDir: dir, Epochs: 1}, Hooks{Progress: func(p Progress) {
		if p.Stage == FeaturesStage && p.Done == 1 {
			require.NoError(t, os.RemoveAll(dir))
		}
	}})
	require.NoError(t, err)
	require.NotEmpty(t, h.CacheError)
	_, err = c.Predict(context.Background(), scene(9, 9, 1))
	require.NoError(t, err)
}

// Under -race: the cache is asked while broken pictures are being listed.
func TestBrokenPicturesAndCachedOnesGoTogether(t *testing.T) {
	fsys := swatches(60, 0, 0, "a", "b")
	for i := range 30 {
		name := fmt.Sprintf("train/a/%03d.bmp", 2*i)
		fsys[name].Data = fsys[name].Data[:50]
	}
	data := open(t, fsys)
	c := tinyLearner(t, data.Classes())
	s, err := c.snapshot(t.Context())
	require.NoError(t, err)
	dir, again := t.TempDir(), rows{}
	for range 2 {
		x := c.newExtractor(s.runner, s.prep, Limits{})
		x.reader.Threads = 4
		require.NoError(t, x.openCache(dir, 0, s.model.Body, s))
		before := again
		again, err = x.run(t.Context(), data.samples)
		require.NoError(t, err)
		require.NoError(t, x.cacheErr)
		require.Len(t, again.bad, 30)
		require.Len(t, again.samples, 90)
		if before.x != nil {
			require.Equal(t, before.x, again.x)
		}
	}
}

func TestRowsOfBrokenPicturesAreLeftOut(t *testing.T) {
	fsys := swatches(20, 0, 0, "a", "b") // more than a batch
	for _, name := range []string{"train/a/000.bmp", "train/a/017.bmp", "train/b/019.bmp"} {
		fsys[name].Data = fsys[name].Data[:50]
	}
	data := open(t, fsys)
	c := tinyLearner(t, data.Classes())
	s, err := c.snapshot(context.Background())
	require.NoError(t, err)
	got, err := c.newExtractor(s.runner, s.prep, Limits{}).run(context.Background(), data.samples)
	require.NoError(t, err)
	require.Len(t, got.bad, 3)
	require.Len(t, got.samples, 37)
	require.Len(t, got.x, 37*got.dim)
	for i, sample := range got.samples {
		alone, err := c.newExtractor(s.runner, s.prep, Limits{}).run(context.Background(), []Sample{sample})
		require.NoError(t, err)
		require.InDeltaSlice(t, alone.x, got.row(i), 1e-5, sample.Path)
	}
}
