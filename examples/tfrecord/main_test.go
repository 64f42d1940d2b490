package main

import (
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus"
)

// tiles cuts photographs of the quickstart into a folder of three classes.
func tiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, material := range []string{"brick", "grass", "gravel"} {
		f, err := os.Open(filepath.Join("..", "quickstart", "photos", material+".png"))
		require.NoError(t, err)
		photo, err := png.Decode(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.NoError(t, os.Mkdir(filepath.Join(dir, material), 0o777))
		for i := range 20 {
			tile := image.Rect(0, 0, 64, 64).Add(image.Pt(64*(i%8), 64*(i/8)))
			out, err := os.Create(filepath.Join(dir, material, fmt.Sprintf("%02d.png", i)))
			require.NoError(t, err)
			require.NoError(t, png.Encode(out, photo.(interface {
				SubImage(image.Rectangle) image.Image
			}).SubImage(tile)))
			require.NoError(t, out.Close())
		}
	}
	return dir
}

func TestPhotographsBecomeShardsAndAModel(t *testing.T) {
	if testing.Short() {
		t.Skip("fits a network")
	}
	dir, photos := t.TempDir(), tiles(t)
	shards, model := filepath.Join(dir, "shards"), filepath.Join(dir, "photos.argus")
	require.NoError(t, run(t.Context(), photos, shards, model))
	clf, err := argus.LoadClassifier(model)
	require.NoError(t, err)
	require.Equal(t, []string{"brick", "grass", "gravel"}, clf.Classes())
	for _, name := range []string{"manifest.json", "train/00-*.tfrec", "val/00-*.tfrec", "test/00-*.tfrec"} {
		found, err := filepath.Glob(filepath.Join(shards, name))
		require.NoError(t, err)
		require.Len(t, found, 1, name)
	}
}
