package tfrecord

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/fileops"
)

// withoutSplits are the pictures of train, as a set that is yet to be divided.
func withoutSplits(in pictures) pictures {
	in.files = slices.DeleteFunc(slices.Clone(in.files), func(f string) bool { return !strings.HasPrefix(f, "train/") })
	return in
}

// everything is the pictures of all splits by class, sorted.
func everything(t testing.TB, s *Set) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for key, list := range content(t, s) {
		_, class, _ := strings.Cut(key, "/")
		all[class] = append(all[class], list...)
	}
	for _, list := range all {
		slices.Sort(list)
	}
	return all
}

func inSplit(t testing.TB, s *Set, split string) int {
	t.Helper()
	n := 0
	for img := range s.Images() {
		if img.Split == split {
			n++
		}
	}
	return n
}

func TestSplitMovesAStablePartToVal(t *testing.T) {
	in := withoutSplits(album(t, 60))
	for _, o := range []SplitOptions{{Fraction: .25}, {Fraction: .25, Records: true}} {
		for _, manifest := range []bool{true, false} {
			for _, c := range []Compression{None, GZIP} {
				name := fmt.Sprintf("records %v, manifest %v, %s", o.Records, manifest, c)
				dir := t.TempDir()
				_, err := WriteImages(t.Context(), in, dir, ImageOptions{Shards: 8, Compression: c})
				require.NoError(t, err)
				read := SetOptions{}
				if !manifest {
					require.NoError(t, os.Remove(filepath.Join(dir, ManifestName)))
					read.Classes = in.classes
				}
				before := opened(t, os.DirFS(dir), read)
				require.Equal(t, before.Len(), inSplit(t, before, "train"))
				want := everything(t, before)

				require.NoError(t, Split(t.Context(), Folder(dir), o), name)
				after := opened(t, os.DirFS(dir), read)
				require.Equal(t, want, everything(t, after), name)
				part := float64(inSplit(t, after, "val")) / float64(after.Len())
				require.InDelta(t, .25, part, .12, name)
				files := tree(t, dir)
				for file := range files {
					require.NotContains(t, file, ".staged")
					require.NotContains(t, file, ".part")
					require.NotEqual(t, splitJournal, file)
				}
				report, err := Verify(t.Context(), os.DirFS(dir), VerifyOptions{})
				require.NoError(t, err)
				require.Empty(t, report.Problems, name)

				require.NoError(t, Split(t.Context(), Folder(dir), o))
				require.Equal(t, files, tree(t, dir), "%s: again", name)
				if manifest {
					_, err = WriteImages(t.Context(), in, dir, ImageOptions{Shards: 8, Compression: c})
					require.ErrorIs(t, err, ErrOtherSet)
				}
			}
		}
	}
}

func TestSplitByRecordKeepsCopiesTogether(t *testing.T) {
	in := withoutSplits(album(t, 20))
	in.files = append(in.files, in.files...)
	dir := t.TempDir()
	_, err := WriteImages(t.Context(), in, dir, ImageOptions{Shards: 5})
	require.NoError(t, err)
	require.NoError(t, Split(t.Context(), Folder(dir), SplitOptions{Fraction: .5, Records: true}))
	where := map[string]string{}
	for key, list := range content(t, opened(t, os.DirFS(dir), SetOptions{})) {
		split, _, _ := strings.Cut(key, "/")
		for _, picture := range list {
			require.Contains(t, []string{"", split}, where[picture])
			where[picture] = split
		}
	}
}

func TestAnInterruptedSplitIsFinishedByTheNext(t *testing.T) {
	in, crashes := withoutSplits(album(t, 16)), 0
	for _, o := range []SplitOptions{{Fraction: .4}, {Fraction: .4, Records: true}} {
		for _, manifest := range []bool{true, false} {
			dir := t.TempDir()
			_, err := WriteImages(t.Context(), in, dir, ImageOptions{Shards: 4})
			require.NoError(t, err)
			if !manifest {
				require.NoError(t, os.Remove(filepath.Join(dir, ManifestName)))
			}
			old := everything(t, opened(t, os.DirFS(dir), SetOptions{Classes: in.classes}))
			ops, err := fileops.Record(dir)
			require.NoError(t, err)
			require.NoError(t, Split(t.Context(), folder{dir, ops}, o))
			want := tree(t, dir)
			n := ops.Len()
			require.Greater(t, n, 8)
			for _, crash := range fileops.Crashes() {
				for i := range n + 1 {
					if os.Getenv("ARGUS_CRASHES") != "all" && i%8 != 2*int(crash) {
						continue
					}
					crashes++
					dir := t.TempDir()
					require.NoError(t, ops.Restore(dir, i, crash))
					if s, err := OpenSet(t.Context(), os.DirFS(dir), SetOptions{Classes: in.classes}); err == nil {
						require.Equal(t, old, everything(t, s), "%d of %d operations, crash %d", i, n, crash)
					}
					require.NoError(t, Split(t.Context(), folder{dir, unsynced{}}, o))
					require.Equal(t, want, tree(t, dir), "%d of %d operations, crash %d, %+v, manifest %v", i, n, crash, o, manifest)
				}
			}
		}
	}
	t.Logf("%d crashes", crashes)
}

func TestWhatCannotBeDividedIsNamed(t *testing.T) {
	in := withoutSplits(album(t, 6))
	dir := t.TempDir()
	_, err := WriteImages(t.Context(), in, dir, ImageOptions{Shards: 1})
	require.NoError(t, err)
	for want, o := range map[string]SplitOptions{
		"fraction is 1,":                         {Fraction: 1},
		"fraction is -0.1,":                      {Fraction: -.1},
		"there is one shard, train/00-5.tfrec: ": {},
	} {
		require.ErrorContains(t, Split(t.Context(), Folder(dir), o), "tfrecord: split: "+want)
	}
	require.ErrorContains(t, Split(t.Context(), Folder(t.TempDir()), SplitOptions{}), "no shards")
	none := filepath.Join(dir, "none")
	require.ErrorIs(t, Split(t.Context(), Folder(none), SplitOptions{}), fs.ErrNotExist)
	require.NoDirExists(t, none)
}

func TestAFalseJournalReachesNothingOutsideTheSet(t *testing.T) {
	for _, journal := range []string{
		`{"removes": ["../keep"]}`, `{"moves": [["../keep", "a"]]}`, `{"moves": [["set", "../keep"]]}`, `{"removes": ["."]}`,
		`{"manifest": {"format": 1, "shards": [{"name": "../keep"}]}}`, `{"manifest": {}}`, `{`,
	} {
		dir := t.TempDir()
		set := filepath.Join(dir, "set")
		require.NoError(t, os.Mkdir(set, 0o777))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "keep"), []byte("kept"), 0o666))
		require.NoError(t, os.WriteFile(filepath.Join(set, splitJournal), []byte(journal), 0o666))
		before := tree(t, dir)
		require.ErrorContains(t, Split(t.Context(), Folder(set), SplitOptions{}), "tfrecord: split: .split.json: ", journal)
		require.Equal(t, before, tree(t, dir))
	}
}
