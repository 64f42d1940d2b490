package argus

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet/lite0"
	"github.com/argus-go/argus/internal/shared"
)

// flipped gives a twentieth of the labels another class.
func flipped(d Dataset, seed uint64) (out Dataset, flips map[string]bool) {
	rng := rand.New(rand.NewPCG(seed, 5))
	out, flips = d, map[string]bool{}
	out.samples = slices.Clone(d.samples)
	for _, i := range rng.Perm(len(out.samples))[:len(out.samples)/20] {
		s := &out.samples[i]
		s.Label = (s.Label + 1 + rng.IntN(len(d.classes)-1)) % len(d.classes)
		flips[s.Path] = true
	}
	return out, flips
}

func TestFlippedLabelsAreTheFirstToBeDoubted(t *testing.T) {
	photos, err := OpenDataset(shared.Path(t, "data/clothing5"))
	require.NoError(t, err)
	clf, err := New(lite0.Backbone(), photos.Classes())
	require.NoError(t, err)
	cache := t.TempDir()
	for seed := uint64(1); seed <= 3; seed++ {
		train, flips := flipped(photos.Train(), seed)
		r, err := clf.Mislabels(context.Background(), train, DoubtOptions{CacheDir: cache, Seed: seed})
		require.NoError(t, err)
		require.Len(t, r.Ranked, 600)
		found, suspects := 0, 0
		for i, m := range r.Ranked {
			if flips[m.Path] && i < len(r.Ranked)/10 {
				found++
			}
			if flips[m.Path] && m.Suspect {
				suspects++
			}
		}
		t.Logf("seed %d: %d of %d flips in the first tenth; %d suspects, %d of them flips", seed, found, len(flips), r.Suspects, suspects)
		require.GreaterOrEqual(t, float64(found), .9*float64(len(flips)), "seed %d", seed)
	}
}

// toy is a dataset of plain colours, and a classifier for it.
func toy(t *testing.T) (*Classifier, Dataset) {
	t.Helper()
	fsys := fstest.MapFS{}
	rng := rand.New(rand.NewPCG(2, 2))
	for i := range 24 {
		class, red := "blue", uint8(rng.IntN(60))
		if i%2 == 0 {
			class, red = "red", 255-red
		}
		m := image.NewRGBA(image.Rect(0, 0, 40, 40))
		for k := range 1600 {
			copy(m.Pix[4*k:], []uint8{red, uint8(rng.IntN(40)), 255 - red, 255})
		}
		var b bytes.Buffer
		require.NoError(t, png.Encode(&b, m))
		fsys[fmt.Sprintf("%s/%02d.png", class, i)] = &fstest.MapFile{Data: b.Bytes()}
	}
	fsys["red/broken.png"] = &fstest.MapFile{Data: []byte("x")}
	d, err := OpenDatasetFS(fsys)
	require.NoError(t, err)
	clf, err := New(lite0.Backbone(), d.Classes())
	require.NoError(t, err)
	return clf, d
}

var small = DoubtOptions{Preprocess: Preprocess{Size: 32}}

func TestALabelThatIsWrongIsTheFirstAndOthersAreNotSuspect(t *testing.T) {
	clf, d := toy(t)
	d.samples[3].Label = 1 - d.samples[3].Label
	r, err := clf.Mislabels(t.Context(), d, small)
	require.NoError(t, err)
	require.Len(t, r.Ranked, 24)
	require.Equal(t, []string{"red/broken.png"}, []string{r.Bad[0].Path})
	first := r.Ranked[0]
	require.Equal(t, d.samples[3].Path, first.Path)
	require.Equal(t, [2]string{"red", "blue"}, [2]string{first.Label, first.Likely})
	require.True(t, first.Suspect)
	require.Equal(t, 1, r.Suspects)
	require.True(t, slices.IsSortedFunc(r.Ranked, func(a, b Mislabel) int { return cmp.Compare(a.Margin, b.Margin) }))
	again, err := clf.Mislabels(t.Context(), d, small)
	require.NoError(t, err)
	require.Equal(t, r, again)

	sheet, err := r.Sheet(t.Context(), d, 8)
	require.NoError(t, err)
	require.Equal(t, image.Rect(0, 0, 8+6*168, 8+2*196), sheet.Rect)
	require.Equal(t, uint8(255), sheet.RGBAAt(10, 300).A)
	_, err = r.Sheet(t.Context(), d.Filter(func(s Sample) bool { return s.Path != first.Path }), 8)
	require.ErrorContains(t, err, first.Path)
}

func TestWhatIsOfAnotherClassIsAnOutlier(t *testing.T) {
	clf, d := toy(t)
	d.samples[3].Label = 1 - d.samples[3].Label
	r, err := clf.Outliers(t.Context(), d, small)
	require.NoError(t, err)
	require.Len(t, r.Ranked, 24)
	require.Equal(t, d.samples[3].Path, r.Ranked[0].Path)
	require.Greater(t, r.Ranked[0].Distance, 2.)
	require.NotEqual(t, r.Ranked[0].Path, r.Ranked[0].Nearest)
	sheet, err := r.Sheet(t.Context(), d, 2)
	require.NoError(t, err)
	require.Equal(t, 8+2*168, sheet.Rect.Dx())
}

func TestDoubtsWantClassesWithPictures(t *testing.T) {
	clf, d := toy(t)
	few := d.Filter(func(s Sample) bool { return s.Label == 0 || s.Path == "red/00.png" })
	_, err := clf.Mislabels(t.Context(), few, small)
	require.EqualError(t, err, `argus: mislabels: class "red" has 1 usable pictures, want 2 or more`)
	_, err = clf.Mislabels(t.Context(), d, DoubtOptions{Folds: 1})
	require.ErrorContains(t, err, "1 folds")
	_, err = clf.Mislabels(t.Context(), d, DoubtOptions{L2: -1})
	require.ErrorContains(t, err, "l2 is -1")
	_, err = clf.Outliers(t.Context(), d, DoubtOptions{Neighbours: -1})
	require.ErrorContains(t, err, "-1 neighbours")
	other, err := New(lite0.Backbone(), []string{"x", "y"})
	require.NoError(t, err)
	_, err = other.Outliers(t.Context(), d, small)
	require.ErrorContains(t, err, `"x"`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = clf.Mislabels(ctx, d, small)
	require.ErrorIs(t, err, context.Canceled)
}

// The minimum is where the gradient is zero; so it is told apart from a step short of it.
func TestTheRegressionIsAtItsMinimum(t *testing.T) {
	const n, dim, classes, l2 = 60, 7, 3, 1e-2
	rng := rand.New(rand.NewPCG(8, 8))
	r := rows{dim: dim, x: make([]float32, n*dim), samples: make([]Sample, n)}
	labels := make([]int, n)
	for i := range labels {
		labels[i] = rng.IntN(classes)
		for j := range dim {
			r.row(i)[j] = float32(rng.NormFloat64()) + float32(labels[i]*j)/3
		}
	}
	r.centre()
	m, err := logistic(t.Context(), r.x, labels, dim, classes, l2)
	require.NoError(t, err)
	loss := func() (sum float64) {
		p := make([]float32, classes)
		for i, label := range labels {
			m.probabilities(r.row(i), p)
			sum -= math.Log(float64(p[label])) / n
		}
		for _, w := range m.kernel {
			sum += l2 / 2 * float64(w) * float64(w)
		}
		return sum
	}
	least := loss()
	require.Less(t, least, .9*math.Log(classes))
	for _, weights := range [][]float32{m.kernel, m.bias} {
		for i := range weights {
			for _, step := range []float32{-.05, .05} {
				weights[i] += step
				require.Greater(t, loss(), least)
				weights[i] -= step
			}
		}
	}
}
