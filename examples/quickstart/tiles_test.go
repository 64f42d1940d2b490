package main

import (
	"image"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTilesCoverEachPhotographOnceAndSplitsAreRegionsApart(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, writeTiles(dir))
	for split, want := range map[string]int{"train": 32, "val": 8, "test": 24} {
		for _, material := range materials {
			files, err := filepath.Glob(filepath.Join(dir, split, material, "tile-*.png"))
			require.NoError(t, err)
			require.Len(t, files, want, "%s/%s", split, material)
		}
	}
	photo, err := openPhoto("gravel")
	require.NoError(t, err)
	require.Equal(t, image.Pt(tileSize*len(splitOfColumn), 512), photo.Bounds().Size())

	f, err := os.Open(filepath.Join(dir, "test", "gravel", "tile-6-2.png"))
	require.NoError(t, err)
	defer f.Close()
	got, _, err := image.Decode(f)
	require.NoError(t, err)
	require.Equal(t, image.Rect(0, 0, tileSize, tileSize), got.Bounds())
	for y := range tileSize {
		for x := range tileSize {
			require.Equal(t, photo.At(6*tileSize+x, 2*tileSize+y), got.At(x, y))
		}
	}
}
