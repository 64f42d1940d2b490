package scrape

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClustersAreBroughtIntoOneSplit(t *testing.T) {
	s := newSite(t)
	results := s.results(0, 12)
	results[1].Page = results[0].Page // bound to each other
	folder := t.TempDir()
	o := Options{Folder: folder, Download: quick(), Sources: []Source{list{"x", map[string][]Result{"a": results[:4], "b": results[4:9], "c": results[9:]}, nil}}}
	terms := []Term{{Query: "a", Class: "cat", Count: 4, Split: Train}, {Query: "b", Class: "cat", Count: 5, Split: Test}, {Query: "c", Class: "dog", Count: 3, Split: Val}}
	_, err := Run(t.Context(), terms, o)
	require.NoError(t, err)
	at := map[string]string{} // URL → path
	read := func() {
		for _, p := range requireSound(t, folder) {
			at[p.URL] = p.Path
		}
	}
	read()
	path := func(n int) string { return at[results[n].URL] }
	groups := map[string]string{
		path(0): "a", path(4): "a", // with 1, for it is of one page: two in train, one in test
		path(2): "b", path(5): "b", // one each: train
		path(6): "c", path(7): "c", path(3): "c", path(9): "c", // most of them in test, over two classes
		path(10): "d", "test/cat/unknown.jpg": "e", path(11): "e",
	}
	before := files(t, folder)
	moved, err := Regroup(t.Context(), folder, groups)
	require.NoError(t, err)
	require.Len(t, moved, 4)
	was := map[string]string{}
	for url, p := range at {
		was[url] = p
	}
	read()
	for n, want := range map[int]Split{0: Train, 1: Train, 4: Train, 2: Train, 5: Train, 3: Test, 6: Test, 7: Test, 9: Test, 8: Test, 10: Val, 11: Val} {
		require.Equal(t, string(want), filepath.Dir(filepath.Dir(path(n))), n)
		require.Equal(t, before[was[results[n].URL]], files(t, folder)[path(n)])
		require.Contains(t, files(t, folder)[AttributionFile], path(n))
	}
	again, err := Regroup(t.Context(), folder, nil)
	require.NoError(t, err)
	require.Empty(t, again)

	// A rerun knows them where they are now.
	summary, err := Run(t.Context(), terms, o)
	require.NoError(t, err)
	require.Zero(t, summary.New)

	// A move of which only the line was written is made by whoever comes next.
	for old, now := range moved {
		require.NoError(t, os.Rename(filepath.Join(folder, now), filepath.Join(folder, old)))
	}
	_, err = Regroup(t.Context(), folder, nil)
	require.NoError(t, err)
	for old, now := range moved {
		require.Contains(t, files(t, folder), now)
		require.NotContains(t, files(t, folder), old)
	}
	requireSound(t, folder)
}
