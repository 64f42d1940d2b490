package argus

import (
	"compress/gzip"
	"context"
	"image"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/internal/npz"
	"github.com/argus-go/argus/internal/shared"
	"github.com/argus-go/argus/nn"
	"github.com/argus-go/argus/resnet"
	"github.com/argus-go/argus/xception"
)

// kerasFile is a file that tools/golden/keras_files.py wrote, with what Keras
// makes of some pictures.
type kerasFile struct {
	path     string
	pictures []image.Image
	y, f     []float32 // probabilities and features, row by row
	scaling  Scaling
}

func openKerasFile(t testing.TB, path string) kerasFile {
	t.Helper()
	arrays, err := npz.Open(path + ".npz")
	require.NoError(t, err)
	array := func(name string) []float32 {
		v, err := arrays[name].Float32()
		require.NoError(t, err, name)
		return v
	}
	k := kerasFile{path: path, y: array("y"), f: array("f"), scaling: Scaling(array("scaling")[0])}
	shape := arrays["x"].Shape
	x := arrays["x"].Bytes
	for i := range shape[0] {
		img := image.NewRGBA(image.Rect(0, 0, shape[2], shape[1]))
		for p := range shape[1] * shape[2] {
			copy(img.Pix[4*p:], x[3*(i*shape[1]*shape[2]+p):][:3])
			img.Pix[4*p+3] = 255
		}
		k.pictures = append(k.pictures, img)
	}
	return k
}

// equals holds a classifier's answers against Keras': probabilities to 1e-4,
// features to 1e-4 of their root mean square.
func (k kerasFile) equals(t testing.TB, c *Classifier) {
	t.Helper()
	ctx := context.Background()
	answers, err := c.PredictBatch(ctx, k.pictures)
	require.NoError(t, err)
	classes := len(k.y) / len(k.pictures)
	at := map[string]int{}
	for i, name := range c.Classes() {
		at[name] = i
	}
	require.Len(t, at, classes)
	worst, worstF := 0.0, 0.0
	for i, answer := range answers {
		for _, p := range answer {
			worst = max(worst, math.Abs(p.Probability-float64(k.y[i*classes+at[p.Label]])))
		}
		f, err := c.Embed(ctx, k.pictures[i])
		require.NoError(t, err)
		want := k.f[i*len(f):][:len(f)]
		rms, most := 0.0, 0.0
		for j, v := range want {
			rms += float64(v) * float64(v)
			most = max(most, math.Abs(float64(v-f[j])))
		}
		worstF = max(worstF, most/math.Sqrt(rms/float64(len(f))))
	}
	require.Len(t, k.f, len(k.pictures)*c.now.Load().runner.body.Out.C)
	t.Logf("%s: probabilities differ by %.1e, features by %.1e of their rms", filepath.Base(k.path), worst, worstF)
	require.Less(t, worst, 1e-4)
	require.Less(t, worstF, 1e-4)
}

func labelsFor(k kerasFile) []string {
	labels := make([]string, len(k.y)/len(k.pictures))
	for i := range labels {
		labels[i] = "class " + string(rune('a'+i))
	}
	return labels
}

// unpacked puts the small Keras files of testdata, with their references, into a
// folder.
func unpacked(t testing.TB) (files []string) {
	t.Helper()
	packed, err := filepath.Glob("testdata/keras/*.gz")
	require.NoError(t, err)
	require.NotEmpty(t, packed)
	dir := t.TempDir()
	for _, path := range packed {
		f, err := os.Open(path)
		require.NoError(t, err)
		z, err := gzip.NewReader(f)
		require.NoError(t, err)
		b, err := io.ReadAll(z)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		to := filepath.Join(dir, strings.TrimSuffix(filepath.Base(path), ".gz"))
		require.NoError(t, os.WriteFile(to, b, 0o600))
		reference, err := os.ReadFile(strings.TrimSuffix(path, ".gz") + ".npz")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to+".npz", reference, 0o600))
		files = append(files, to)
	}
	return files
}

func isWeightsOnly(path string) bool {
	return strings.HasSuffix(path, ".weights.h5") || strings.HasPrefix(filepath.Base(path), "weights-")
}

func TestModelsOfKeras1To3PredictAsTheyDidThere(t *testing.T) {
	for _, path := range unpacked(t) {
		if isWeightsOnly(path) {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			k := openKerasFile(t, path)
			c, err := ImportKeras(path, labelsFor(k), k.scaling.Preprocess())
			require.NoError(t, err)
			k.equals(t, c)

			saved := filepath.Join(t.TempDir(), "model.argus")
			require.NoError(t, c.Save(saved))
			again, err := LoadClassifier(saved)
			require.NoError(t, err)
			k.equals(t, again)
		})
	}
}

func TestScalingsAreThoseOfKeras(t *testing.T) {
	for s, want := range map[Scaling][]float32{
		ScaleUnit:      {10. / 255, 20. / 255, 200. / 255},
		ScaleSymmetric: {10/127.5 - 1, 20/127.5 - 1, 200/127.5 - 1},
		ScaleTorch:     {(10./255 - .485) / .229, (20./255 - .456) / .224, (200./255 - .406) / .225},
		ScaleCaffe:     {200 - 103.939, 20 - 116.779, 10 - 123.68},
		ScaleRaw:       {10, 20, 200},
	} {
		p := s.Preprocess()
		got := make([]float32, 3)
		p.floats(got, []uint8{10, 20, 200})
		require.InDeltaSlice(t, want, got, 1e-5, s.String())
		p.Size = 9
		require.Equal(t, p, preprocessOf(inputOf(p)), s.String())
	}
	require.Zero(t, Scaling(0).Preprocess())
	require.Zero(t, Scaling(77).Preprocess())
	require.Equal(t, "Scaling(77)", Scaling(77).String())
}

func TestTheScalingOfAnImportMustBeChosen(t *testing.T) {
	path := unpacked(t)[0]
	_, err := ImportKeras(path, []string{"a", "b", "c"}, Preprocess{})
	for _, s := range []string{"the file does not say how the network was fed", "ScaleUnit", "ScaleSymmetric", "ScaleTorch", "ScaleCaffe", "ScaleRaw"} {
		require.ErrorContains(t, err, s)
	}
	_, err = ImportKeras(path, []string{"a", "b"}, ScaleUnit.Preprocess())
	require.ErrorContains(t, err, "the network tells 3 classes apart, the file names 2")
	_, err = ImportKeras(path, []string{"a", "b", "c"}, Preprocess{Size: -1, Std: [3]float32{1, 1, 1}})
	require.ErrorContains(t, err, "size is -1")
	_, err = ImportKeras(filepath.Join(t.TempDir(), "none.h5"), []string{"a", "b", "c"}, ScaleUnit.Preprocess())
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = ImportKeras(shared.Path(t, "weights/efficientnetlite0.h5"), []string{"a", "b"}, ScaleUnit.Preprocess())
	require.ErrorContains(t, err, "the file holds weights but no model")
}

func TestAnImportedModelIsFittedFurther(t *testing.T) {
	for _, path := range unpacked(t) {
		if filepath.Base(path) != "nested-keras2.h5" {
			continue
		}
		data := rgb(t)
		c, err := ImportKeras(path, data.Classes(), ScaleUnit.Preprocess())
		require.NoError(t, err)
		blocks, err := nn.Blocks(c.now.Load().model.Body, nn.Shape{H: 20, W: 20, C: 3})
		require.NoError(t, err)
		require.Equal(t, []string{"stem", "mixed0", "block2b", "add_2", "block35_1"}, blocks)
		before := accuracy(t, c, data.Test()).Accuracy.Value
		h, err := c.Fit(context.Background(), data, FitOptions{Epochs: 40, LearningRate: 0.02, Batch: 8, FineTune: FineTune{From: "mixed0", Epochs: 15, LearningRate: 0.005}})
		require.NoError(t, err)
		require.Positive(t, h.Best)
		after := accuracy(t, c, data.Test()).Accuracy.Value
		require.Greater(t, after, max(before, 0.9))
	}
}

// kerasNetworks are the networks of the large weight files.
var kerasNetworks = map[string]func() nn.Model{
	"inception-v3":        func() nn.Model { return inception.V3(1000) },
	"inception-resnet-v2": func() nn.Model { return inception.ResNetV2(1000) },
	"resnet50":            func() nn.Model { return resnet.ResNet50(1000) },
	"xception":            func() nn.Model { return xception.New(1000) },
	"efficientnet-lite1":  func() nn.Model { m, _ := efficientnet.New("lite1", 1000); return m },
	"efficientnet-lite2":  func() nn.Model { m, _ := efficientnet.New("lite2", 1000); return m },
}

// TestLargeKerasFiles is for make keras: ARGUS_KERAS_FILES is a folder that
// tools/golden/keras_files.py large has filled.
func TestLargeKerasFiles(t *testing.T) {
	dir := os.Getenv("ARGUS_KERAS_FILES")
	if dir == "" {
		t.Skip("ARGUS_KERAS_FILES is not set: see make keras")
	}
	references, err := filepath.Glob(filepath.Join(dir, "*.npz"))
	require.NoError(t, err)
	require.NotEmpty(t, references)
	for _, reference := range references {
		path := strings.TrimSuffix(reference, ".npz")
		t.Run(filepath.Base(path), func(t *testing.T) {
			k := openKerasFile(t, path)
			if !isWeightsOnly(path) {
				c, err := ImportKeras(path, labelsFor(k), k.scaling.Preprocess())
				require.NoError(t, err)
				k.equals(t, c)
				return
			}
			for name, network := range kerasNetworks {
				if !strings.HasPrefix(filepath.Base(path), "weights-"+name+"-") {
					continue
				}
				b := BackboneFrom(network(), path)
				b.Classes = labelsFor(k)
				c, err := Pretrained(b)
				require.NoError(t, err)
				k.equals(t, c)
			}
		})
	}
}
