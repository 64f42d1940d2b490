package argus

import (
	"context"
	"fmt"
	"maps"
	"math"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/shared"
)

func openSplit(t *testing.T, fsys fstest.MapFS, o SplitOptions) Dataset {
	t.Helper()
	d, err := OpenDatasetFS(fsys)
	require.NoError(t, err)
	d, err = d.Split(t.Context(), o)
	require.NoError(t, err)
	return d
}

func splitsByPath(d Dataset) map[string]Split {
	splits := map[string]Split{}
	for _, s := range d.All() {
		splits[s.Path] = s.Split
	}
	return splits
}

func TestSplitDividesEachClassNearTheFractions(t *testing.T) {
	d := openSplit(t, flat(0, 400, "a", "b", "c"), SplitOptions{})
	for _, part := range []Dataset{d.Val(), d.Test()} {
		for _, n := range part.Counts() {
			require.InDelta(t, 60, n, 4*math.Sqrt(400*.15*.85)) // four standard deviations
		}
	}
	require.Equal(t, 1200, d.Train().Len()+d.Val().Len()+d.Test().Len())
}

func TestSplitIsTheSameEveryTimeAndAnotherForAnotherSeed(t *testing.T) {
	fsys := flat(0, 60, "a", "b")
	one := splitsByPath(openSplit(t, fsys, SplitOptions{Seed: 1}))
	require.Equal(t, one, splitsByPath(openSplit(t, fsys, SplitOptions{Seed: 1})))
	require.NotEqual(t, one, splitsByPath(openSplit(t, fsys, SplitOptions{Seed: 2})))
}

func TestAddedFilesMoveNoneOfTheOthers(t *testing.T) {
	fsys := flat(0, 100, "a", "b")
	before := splitsByPath(openSplit(t, fsys, SplitOptions{}))
	maps.Copy(fsys, flat(100, 150, "a", "b", "c"))
	after := splitsByPath(openSplit(t, fsys, SplitOptions{}))
	for path, split := range before {
		require.Equal(t, split, after[path], path)
	}
	require.Len(t, after, 650)
}

func TestIdenticalFilesShareASplit(t *testing.T) {
	fsys := flat(0, 100, "a", "b")
	for i := range 100 { // the other class's picture under another name
		fsys[fmt.Sprintf("b/copy%d.png", i)] = fsys[fmt.Sprintf("a/%d.png", i)]
	}
	d := openSplit(t, fsys, SplitOptions{})
	byContent := map[string]Split{}
	for _, s := range d.All() {
		content := string(fsys[s.Path].Data)
		if other, ok := byContent[content]; ok {
			require.Equal(t, other, s.Split, s.Path)
		}
		byContent[content] = s.Split
	}
	require.Len(t, byContent, 200)
}

func TestEverySplitHasEveryClassHoweverSmall(t *testing.T) {
	for seed := range uint64(50) {
		d := openSplit(t, flat(0, 3, "a", "b", "c", "d"), SplitOptions{Seed: seed})
		for _, part := range []Dataset{d.Train(), d.Val(), d.Test()} {
			require.Equal(t, []int{1, 1, 1, 1}, part.Counts())
		}
	}
}

func TestSplitKeepsTheSplitsThatAreThere(t *testing.T) {
	whole, err := OpenDataset(shared.Path(t, "data/clothing5"))
	require.NoError(t, err)
	noVal := whole.Filter(func(s Sample) bool { return s.Split != ValSplit })
	d, err := noVal.Split(t.Context(), SplitOptions{Val: .2})
	require.NoError(t, err)
	require.Equal(t, paths(whole.Test()), paths(d.Test()))
	require.Equal(t, 600, d.Train().Len()+d.Val().Len())
	for _, n := range d.Val().Counts() {
		require.InDelta(t, 24, n, 4*math.Sqrt(120*.2*.8))
	}
	require.Zero(t, noVal.Val().Len(), "the dataset it came from is as it was")
	same, err := whole.Split(t.Context(), SplitOptions{})
	require.NoError(t, err)
	require.Equal(t, splitsByPath(whole), splitsByPath(same))
}

func TestANegativeFractionLeavesTheSplitOut(t *testing.T) {
	d := openSplit(t, flat(0, 50, "a", "b"), SplitOptions{Test: -1})
	require.Zero(t, d.Test().Len())
	require.NotZero(t, d.Val().Len())
	d = openSplit(t, flat(0, 50, "a", "b"), SplitOptions{Test: -1, Val: -1})
	require.Equal(t, 100, d.Train().Len())
}

func TestSplitErrors(t *testing.T) {
	d, err := OpenDatasetFS(flat(0, 2, "a", "b"))
	require.NoError(t, err)
	_, err = d.Split(t.Context(), SplitOptions{})
	require.ErrorContains(t, err, `class "a" has 2 different pictures`)
	require.ErrorContains(t, err, "3 splits")
	for _, o := range []SplitOptions{{Val: 1}, {Test: math.NaN()}, {Val: .5, Test: .5}} {
		_, err = d.Split(t.Context(), o)
		require.ErrorContains(t, err, "fraction")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.Split(ctx, SplitOptions{Val: .4, Test: -1})
	require.ErrorIs(t, err, context.Canceled)
}

func TestAGroupIsNotDivided(t *testing.T) {
	fsys := flat(0, 200, "a", "b")
	group := func(s Sample) string { return s.Path[len(s.Path)-6:] } // some of each class
	d := openSplit(t, fsys, SplitOptions{Group: group, Val: .3, Test: .3})
	of := map[string]Split{}
	for _, s := range d.All() {
		if known, ok := of[group(s)]; ok {
			require.Equal(t, known, s.Split, s.Path)
		}
		of[group(s)] = s.Split
	}
	require.Greater(t, len(of), 9)
	require.Less(t, len(of), 200)
	none := openSplit(t, fsys, SplitOptions{Group: func(Sample) string { return "" }})
	require.Equal(t, splitsByPath(openSplit(t, fsys, SplitOptions{})), splitsByPath(none))
}
