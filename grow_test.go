package argus

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// stored counts the feature vectors on disk.
func stored(t *testing.T, dir string) (n int) {
	files, err := filepath.Glob(filepath.Join(dir, cacheFolder, "*"+segmentSuffix))
	require.NoError(t, err)
	for _, path := range files {
		f, err := os.Open(path)
		require.NoError(t, err)
		header := make([]byte, segmentHeader)
		_, err = f.Read(header)
		require.NoError(t, err)
		n += int(header[12]) + int(header[13])<<8
		require.NoError(t, f.Close())
	}
	return n
}

func TestAModelGrowsByAClassWithoutComputingOldFeaturesAgain(t *testing.T) {
	files := swatches(20, 8, 8, "blue", "green", "red")
	two := fstest.MapFS{}
	for path, f := range files {
		if !bytes.Contains([]byte(path), []byte("red")) {
			two[path] = f
		}
	}
	small, all, dir := open(t, two), open(t, files), t.TempDir()
	o := FitOptions{Epochs: 20, LearningRate: 1e-2, CacheDir: dir, Preprocess: Preprocess{Size: 16, Fit: Crop}}
	c, _ := fittedTo(t, small, o)
	require.Equal(t, 2*28, stored(t, dir))

	var file bytes.Buffer
	_, err := c.WriteTo(&file)
	require.NoError(t, err)
	later, err := ReadClassifier(&file)
	require.NoError(t, err)
	grown, err := later.WithClasses(context.Background(), all.Classes())
	require.NoError(t, err)
	_, err = grown.Predict(context.Background(), image.NewGray(image.Rect(0, 0, 9, 9)))
	require.ErrorIs(t, err, ErrNotFitted)
	o.Preprocess = Preprocess{} // as before
	h, err := grown.Fit(context.Background(), all, o)
	require.NoError(t, err)
	require.Equal(t, Crop, h.Options.Preprocess.Fit)
	require.Equal(t, 3*28, stored(t, dir), "only the new pictures were computed")
	require.GreaterOrEqual(t, accuracy(t, grown, all.Test()).Accuracy.Value, .95)
	require.Equal(t, []string{"blue", "green"}, later.Classes())
}

func TestUncertainPicturesAreThoseBetweenTheClassesAndDiffer(t *testing.T) {
	data := open(t, swatches(20, 8, 8, "blue", "red"))
	c, _ := fittedTo(t, data, FitOptions{LearningRate: 1e-2})
	r := rand.New(rand.NewPCG(5, 5))
	pool := fstest.MapFS{}
	for i := range 30 {
		name := string(rune('a'+i%26)) + string(rune('a'+i/26))
		pool["clear/"+name+".bmp"] = &fstest.MapFile{Data: swatch(color.RGBA{220, 20, 20, 255}, 30, r)}
		pool["clear/b"+name+".bmp"] = &fstest.MapFile{Data: swatch(color.RGBA{20, 20, 220, 255}, 30, r)}
	}
	pool["broken.bmp"] = &fstest.MapFile{Data: []byte("no picture")}
	pictures, err := OpenPicturesFS(pool)
	require.NoError(t, err)
	require.Equal(t, 61, pictures.Len())
	all, err := c.Uncertain(context.Background(), pictures, 60)
	require.NoError(t, err)
	require.Len(t, all, 60, "without the broken one")
	for _, u := range all {
		require.LessOrEqual(t, u.Entropy, all[0].Entropy)
		require.InDelta(t, 1, u.Best.Probability+u.Other.Probability, 1e-6)
		p, err := c.PredictReader(context.Background(), bytes.NewReader(pool[u.Path].Data))
		require.NoError(t, err)
		require.InDelta(t, entropy([]float32{float32(p[0].Probability), float32(p[1].Probability)}), u.Entropy, 1e-5)
	}
	pool["copy.bmp"] = pool[all[0].Path]
	pictures, err = OpenPicturesFS(pool)
	require.NoError(t, err)
	got, err := c.Uncertain(context.Background(), pictures, 5)
	require.NoError(t, err)
	require.Len(t, got, 5)
	twins := 0
	for _, u := range got {
		if u.Path == all[0].Path || u.Path == "copy.bmp" {
			twins++
		}
	}
	require.Equal(t, 1, twins, "the same picture teaches nothing twice")
	for n, want := range map[int]int{0: 0, -1: 0, math.MaxInt: 61} {
		some, err := c.Uncertain(context.Background(), pictures, n)
		require.NoError(t, err)
		require.Len(t, some, want, "%d wanted", n)
	}
}

func TestSimilarFindsThePictureItself(t *testing.T) {
	data := rgb(t)
	c := tinyLearner(t, data.Classes()) // without a head
	x, err := c.Index(context.Background(), data.Test())
	require.NoError(t, err)
	for _, s := range data.Test().samples {
		b, err := fs.ReadFile(s.fsys, s.Path)
		require.NoError(t, err)
		img, _, err := image.Decode(bytes.NewReader(b))
		require.NoError(t, err)
		got, err := x.Similar(context.Background(), img, 4)
		require.NoError(t, err)
		require.Len(t, got, 4)
		require.Equal(t, s.Path, got[0].Path)
		require.InDelta(t, 1, got[0].Similarity, 1e-5)
		for i := range got[1:] {
			require.LessOrEqual(t, got[i+1].Similarity, got[i].Similarity)
		}
	}
}

func TestOpenPicturesWantsPictures(t *testing.T) {
	_, err := OpenPicturesFS(fstest.MapFS{"readme.txt": {Data: []byte("hello")}})
	require.EqualError(t, err, "argus: dataset .: there is no picture among its 1 files")
	_, err = OpenPictures(filepath.Join(t.TempDir(), "absent"))
	require.ErrorContains(t, err, "argus: dataset: stat ")
}
