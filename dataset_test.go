package argus

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/bmp"

	"github.com/argus-go/argus/internal/shared"
)

// bmpOf is a small picture that differs for every n: BMP, as it is the cheapest
// to write, and readers look at content, not at names.
func bmpOf(n int) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 6, 5))
	for i := range m.Pix {
		m.Pix[i] = 255
	}
	m.Set(1, 1, color.RGBA{uint8(n), uint8(n >> 8), uint8(n >> 16), 255})
	var b bytes.Buffer
	if err := bmp.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// tree is a file system of small pictures, each different.
func tree(names ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i, name := range names {
		fsys[name] = &fstest.MapFile{Data: bmpOf(i)}
	}
	return fsys
}

func paths(d Dataset) []string {
	var p []string
	for _, s := range d.All() {
		p = append(p, s.Path)
	}
	return p
}

func TestClassFoldersWithSplits(t *testing.T) {
	for _, val := range []string{"val", "valid", "Validation"} {
		d, err := OpenDatasetFS(tree("train/b/1.jpg", "train/a/2.JPEG", "train/a/deep/er/3.webp", val+"/a/4.png", "test/b/5.tif",
			"train/a/notes.txt", "train/a/.hidden.jpg", "train/.git/x.jpg", "docs/readme.md"))
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b"}, d.Classes())
		require.Equal(t, []string{"train/a/2.JPEG", "train/a/deep/er/3.webp", "train/b/1.jpg", val + "/a/4.png", "test/b/5.tif"}, paths(d))
		require.Equal(t, []int{3, 2}, d.Counts())
		require.Equal(t, []int{2, 1}, d.Train().Counts())
		require.Equal(t, []int{1, 0}, d.Val().Counts())
		require.Equal(t, []int{0, 1}, d.Test().Counts())
		require.Equal(t, d.Classes(), d.Test().Classes())
		require.Equal(t, 5, d.Len())
	}
}

func TestClassFoldersWithoutSplits(t *testing.T) {
	d, err := OpenDatasetFS(tree("собака/1.jpg", "猫/1.gif", "car/1.bmp", "train/1.jfif", "train/old/2.jpe", "loose.jpg"))
	require.NoError(t, err)
	require.Equal(t, []string{"car", "train", "собака", "猫"}, d.Classes(), "sorted; train with pictures is a class")
	require.Equal(t, []int{1, 2, 1, 1}, d.Counts())
	require.Zero(t, d.Train().Len())
	for _, s := range d.All() {
		require.Empty(t, s.Split)
	}
}

func TestADatasetCannotBeChangedFromOutside(t *testing.T) {
	d, err := OpenDatasetFS(tree("a/1.jpg", "b/1.jpg"))
	require.NoError(t, err)
	d.Classes()[0] = "z"
	for _, s := range d.All() {
		s.Label = 9
	}
	require.Equal(t, []string{"a", "b"}, d.Classes())
	require.Equal(t, []int{1, 1}, d.Counts())
}

func TestBadTreesAreErrorsThatNameFolderAndReason(t *testing.T) {
	for name, c := range map[string]struct {
		fsys fs.FS
		want []string
	}{
		"empty":                  {fstest.MapFS{}, []string{"it is empty"}},
		"no class folders":       {tree("1.txt", "2.txt", "3.jpg"), []string{"no class folders", "found 3 files, 1 of them pictures"}},
		"one class":              {tree("cat/1.jpg"), []string{`one class, "cat"`}},
		"one class in train":     {tree("train/cat/1.jpg", "test/cat/1.jpg"), []string{`one class, "cat"`}},
		"class without pictures": {tree("a/1.jpg", "b/1.txt", "b/2.txt"), []string{"class b has no pictures", "found 2 files, none"}},
		"class without train pictures": {tree("train/a/1.jpg", "train/b/x.txt", "train/c/1.jpg", "val/b/1.jpg"),
			[]string{"class train/b has no pictures", "found 1 files, none"}},
		"class only in test":    {tree("train/a/1.jpg", "train/b/1.jpg", "test/c/1.jpg"), []string{"test/c", `no class "c"`}},
		"no train":              {tree("val/a/1.jpg", "test/a/1.jpg"), []string{"no folder train"}},
		"train without classes": {tree("train/1.jpg", "test/1.jpg"), []string{"train has no class folders", "found 1 files, 1 of them"}},
		"val twice":             {tree("train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "valid/a/1.jpg"), []string{"val", "valid", "both mean val"}},
		"a fourth split":        {tree("train/a/1.jpg", "train/b/1.jpg", "more/a/1.jpg"), []string{"more", "1 pictures"}},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := OpenDatasetFS(c.fsys)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.Zero(t, d.Len())
		})
	}
}

func TestAPathThatIsNoFolderIsAnError(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	_, err := OpenDataset(gone)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, gone)
	file := filepath.Join(t.TempDir(), "file.jpg")
	require.NoError(t, os.WriteFile(file, bmpOf(1), 0o600))
	_, err = OpenDataset(file)
	require.ErrorContains(t, err, file+": is a file")
	_, err = OpenDataset(t.TempDir())
	require.ErrorContains(t, err, "it is empty")
}

func TestSymbolicLinksAreFollowedButNotRoundInCircles(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	for i, name := range []string{"a/1.png", "b/1.png"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), bmpOf(i), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "2.png"), bmpOf(2), 0o600))
	if err := os.Symlink(elsewhere, filepath.Join(dir, "c")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	require.NoError(t, os.Symlink("..", filepath.Join(dir, "a", "loop")))
	require.NoError(t, os.Symlink("self", filepath.Join(dir, "a", "self")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "b", "broken.jpg")))
	d, err := OpenDataset(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"a/1.png", "b/1.png", "b/broken.jpg", "c/2.png"}, paths(d))
}

func TestRealPhotographsOpen(t *testing.T) {
	d, err := OpenDataset(shared.Path(t, "data/clothing5"))
	require.NoError(t, err)
	require.Equal(t, []string{"outwear", "pants", "shoes", "shorts", "t-shirt"}, d.Classes())
	for n, part := range map[int]Dataset{120: d.Train(), 24: d.Val(), 30: d.Test()} {
		require.Equal(t, slices.Repeat([]int{n}, 5), part.Counts())
	}
}

// flat is a tree of classes with n pictures each, pictures numbered from first.
func flat(first, n int, classes ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for c, class := range classes {
		for i := first; i < first+n; i++ {
			fsys[fmt.Sprintf("%s/%d.png", class, i)] = &fstest.MapFile{Data: bmpOf(c<<16 | i)}
		}
	}
	return fsys
}

func TestAQuarantineIsNoClass(t *testing.T) {
	fsys := flat(0, 3, "a", "b")
	fsys["quarantine/leak/a/x.jpg"] = &fstest.MapFile{Data: []byte("x")}
	d, err := OpenDatasetFS(fsys)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "quarantine"}, d.Classes(), "a class may be called so")
	fsys["quarantine/manifest.jsonl"] = &fstest.MapFile{}
	d, err = OpenDatasetFS(fsys)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, d.Classes())
}
