package pretrained_test

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/internal/kernel/resize"
	"github.com/argus-go/argus/internal/npz"
	"github.com/argus-go/argus/internal/pretrained"
	"github.com/argus-go/argus/internal/shared"
	"github.com/argus-go/argus/nn"
	"github.com/argus-go/argus/resnet"
	"github.com/argus-go/argus/xception"
)

// small is the network of testdata/small.h5.
func small() nn.Model {
	return nn.Model{
		Name:  "small",
		Input: nn.Input{Size: 8, MinSize: 8, Mean: [3]float32{0.485 * 255, 0.456 * 255, 0.406 * 255}, Std: [3]float32{0.229 * 255, 0.224 * 255, 0.225 * 255}},
		Body: nn.Seq{
			nn.Conv{Name: "conv", Filters: 4, Kernel: [2]int{3, 3}, Norm: nn.BatchNorm{Eps: 1e-3}, Act: nn.ReLU},
			nn.GlobalPool{Kind: nn.Avg},
		},
		Top: nn.Dense{Name: "predictions", Units: 1000, Act: nn.Softmax},
	}
}

// A host serves a folder and counts requests.
type host struct {
	*httptest.Server
	requests atomic.Int32
}

func serve(t *testing.T, folder string) *host {
	h := &host{}
	files := http.FileServer(http.Dir(folder))
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.requests.Add(1)
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	t.Setenv("ARGUS_WEIGHTS", "")
	t.Setenv("ARGUS_CACHE", t.TempDir())
	return h
}

func hashed(t testing.TB, path string) pretrained.Hashed {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return pretrained.Hashed{Name: filepath.Base(path), Hash: fmt.Sprintf("%x", md5.Sum(b))}
}

func (h *host) weights(t *testing.T, folder, whole, body string) pretrained.Weights {
	return pretrained.Weights{
		From:  h.URL + "/",
		Whole: hashed(t, filepath.Join(folder, whole)), Body: hashed(t, filepath.Join(folder, body)),
		Source: "drawn", Licence: "CC0-1.0",
	}
}

func TestWeightsAreDownloadedOnceWithTheTopOrWithout(t *testing.T) {
	h := serve(t, "testdata")
	w := h.weights(t, "testdata", "small.h5", "small_notop.h5")
	b := pretrained.Backbone(small(), w, nil)
	require.Equal(t, nn.Origin{Source: "small, ImageNet; drawn; " + h.URL + "/small.h5", Licence: "CC0-1.0", Digest: "md5:" + w.Whole.Hash}, b.Origin)
	require.Equal(t, nn.Origin{Source: "small, ImageNet; drawn; " + h.URL + "/small_notop.h5", Licence: "CC0-1.0", Digest: "md5:" + w.Body.Hash}, b.Body.Origin)
	require.Zero(t, h.requests.Load(), "a backbone is lazy")

	var done, total int64
	whole, err := b.Weights(t.Context(), func(d, n int64) { done, total = d, n })
	require.NoError(t, err)
	require.NoError(t, whole.Check(small().Whole(), small().Input.Shape(), true))
	info, err := os.Stat("testdata/small.h5")
	require.NoError(t, err)
	require.Equal(t, [2]int64{info.Size(), info.Size()}, [2]int64{done, total})

	body, err := b.Body.Weights(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, body.Check(small().Body, small().Input.Shape(), true))
	require.Equal(t, whole["conv/kernel"], body["conv/kernel"])

	h.Close()
	again, err := pretrained.Backbone(small(), w, nil).Weights(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, whole, again)
	require.EqualValues(t, 2, h.requests.Load())
}

func TestAClassifierOfOwnClassesDownloadsTheBodyAlone(t *testing.T) {
	h := serve(t, "testdata")
	w := h.weights(t, "testdata", "small.h5", "small_notop.h5")
	w.Whole.Hash = fmt.Sprintf("%x", sha256.Sum256(nil)) // would be refused
	c, err := argus.New(pretrained.Backbone(small(), w, nil), []string{"a", "b"})
	require.NoError(t, err)
	_, err = c.PredictFile(t.Context(), "../../examples/quickstart/photos/grass.png")
	require.ErrorIs(t, err, argus.ErrNotFitted)
	require.Equal(t, "md5:"+w.Body.Hash, c.Info().Origin.Digest)
	require.EqualValues(t, 1, h.requests.Load())

	p, err := argus.Pretrained(pretrained.Backbone(small(), w, nil))
	require.NoError(t, err)
	_, err = p.PredictFile(t.Context(), "../../examples/quickstart/photos/grass.png")
	require.ErrorContains(t, err, "weights of small: fetch: small.h5: ")
	require.ErrorContains(t, err, "not the published file")
}

func TestOptionsNameACacheAndAMirror(t *testing.T) {
	h := serve(t, "testdata")
	w := h.weights(t, "testdata", "small.h5", "small_notop.h5")
	h.Close()
	cache := t.TempDir()
	_, err := pretrained.Backbone(small(), w, []nn.Download{{Cache: cache}}).Weights(cancelled(), nil)
	require.ErrorIs(t, err, context.Canceled)

	folder, err := filepath.Abs("testdata")
	require.NoError(t, err)
	_, err = pretrained.Backbone(small(), w, []nn.Download{{Mirror: folder}}).Weights(t.Context(), nil)
	require.NoError(t, err)

	mirror := httptest.NewServer(http.FileServer(http.Dir("testdata")))
	defer mirror.Close()
	_, err = pretrained.Backbone(small(), w, []nn.Download{{Cache: cache, Mirror: mirror.URL}}).Weights(t.Context(), nil)
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(cache, "weights", w.Whole.Hash[:8], "small.h5"))
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestAFileThatIsNotTheNetworksIsRefused(t *testing.T) {
	h := serve(t, "testdata")
	w := h.weights(t, "testdata", "small_notop.h5", "small.h5") // the wrong way round
	b := pretrained.Backbone(small(), w, nil)
	_, err := b.Weights(t.Context(), nil)
	require.ErrorIs(t, err, nn.ErrWeights)
	require.ErrorContains(t, err, "predictions/kernel: missing")
	_, err = b.Body.Weights(t.Context(), nil)
	require.ErrorIs(t, err, nn.ErrWeights)

	other := small()
	other.Input.Std = [3]float32{0.229 * 0.229 * 255, 0.224 * 0.224 * 255, 0.225 * 0.225 * 255}
	_, err = pretrained.Backbone(other, h.weights(t, "testdata", "small.h5", "small_notop.h5"), nil).Weights(t.Context(), nil)
	require.ErrorContains(t, err, "normalization: mean [0.485 0.456 0.406] and variance [0.229 0.224 0.225]")
}

func TestARealFileComesThroughTheNetwork(t *testing.T) {
	path := shared.Path(t, "weights/efficientnetlite0.h5")
	h := serve(t, filepath.Dir(path))
	m := efficientnet.Lite0(1000)
	b := pretrained.Backbone(m, h.weights(t, filepath.Dir(path), filepath.Base(path), filepath.Base(path)), nil)
	for range 2 {
		w, err := b.Weights(t.Context(), nil)
		require.NoError(t, err)
		require.NoError(t, w.Check(m.Whole(), m.Input.Shape(), true))
	}
	require.EqualValues(t, 1, h.requests.Load())
}

func efficientNet(t testing.TB, name string) nn.Model {
	m, err := efficientnet.New(name, 1000)
	require.NoError(t, err)
	return m
}

// TestFeaturesEqualThoseOfKeras runs the files that tools/golden/keras_published.py
// writes: the body on the pixels that Keras saw, and the whole on the
// photograph itself.
func TestFeaturesEqualThoseOfKeras(t *testing.T) {
	folder := os.Getenv("ARGUS_KERAS_PUBLISHED")
	if folder == "" {
		t.Skip("ARGUS_KERAS_PUBLISHED names no folder that tools/golden/keras_published.py wrote")
	}
	for name, m := range map[string]nn.Model{
		"inception-v3":            inception.V3(1000),
		"inception-resnet-v2":     inception.ResNetV2(1000),
		"xception":                xception.New(1000),
		"resnet50":                resnet.ResNet50(1000),
		"efficientnet-b0":         efficientNet(t, "b0"),
		"efficientnet-b0-package": efficientNet(t, "b0"),
		"efficientnet-v2-b0":      efficientNet(t, "v2-b0"),
		"efficientnet-v2-s":       efficientNet(t, "v2-s"),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(folder, name+".npz")
			if _, err := os.Stat(path); err != nil {
				t.Skip("not written")
			}
			reference, err := npz.Open(path)
			require.NoError(t, err)
			h := serve(t, folder)
			b := pretrained.Backbone(m, h.weights(t, folder, name+".h5", name+"_notop.h5"), nil)

			pixels := reference["pixels"].Bytes
			x := make([]float32, len(pixels))
			mean := m.Input.Mean
			if m.Input.BGR {
				mean[0], mean[2] = mean[2], mean[0]
			}
			std := m.Input.Std
			if std == [3]float32{} {
				std = [3]float32{1, 1, 1}
			}
			resize.ToFloat(x, pixels, mean, std, m.Input.BGR)
			w, err := b.Body.Weights(t.Context(), nil)
			require.NoError(t, err)
			plan, err := nn.Freeze(m.Body, m.Input.Shape(), w)
			require.NoError(t, err)
			got := make([]float32, plan.Out.Size())
			require.NoError(t, plan.Run(t.Context(), 0, 1, x, got))
			want, err := reference["features"].Float32()
			require.NoError(t, err)
			worst := worstOverRMS(got, want)
			t.Logf("features: %.1e of rms", worst)
			require.Less(t, worst, 1e-4)

			c, err := argus.Pretrained(b)
			require.NoError(t, err)
			predictions, err := c.PredictFile(t.Context(), filepath.Join(folder, "photo.png"))
			require.NoError(t, err)
			top, err := reference["top"].Float32()
			require.NoError(t, err)
			index := map[string]int{}
			for i, label := range c.Classes() {
				index[label] = i
			}
			worst = 0
			for _, p := range predictions {
				worst = max(worst, math.Abs(p.Probability-float64(top[index[p.Label]])))
			}
			t.Logf("probabilities of the photograph: within %.1e; the highest is %.3f", worst, predictions[0].Probability)
			require.Less(t, worst, 1e-5)
			require.Equal(t, slices.Index(top, slices.Max(top)), index[predictions[0].Label])
		})
	}
}

// worstOverRMS is the largest difference as a part of the values' size.
func worstOverRMS(got, want []float32) float64 {
	var worst, square float64
	for i := range want {
		worst = max(worst, math.Abs(float64(got[i]-want[i])))
		square += float64(want[i]) * float64(want[i])
	}
	return worst / math.Sqrt(square/float64(len(want)))
}

// BenchmarkInceptionV3FromTheCache loads 87 MB of weights that are verified.
func BenchmarkInceptionV3FromTheCache(b *testing.B) {
	folder := os.Getenv("ARGUS_KERAS_PUBLISHED")
	if folder == "" {
		b.Skip("ARGUS_KERAS_PUBLISHED names no folder that tools/golden/keras_published.py wrote")
	}
	files := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer files.Close()
	w := pretrained.Weights{From: files.URL + "/", Body: hashed(b, filepath.Join(folder, "inception-v3_notop.h5"))}
	load := pretrained.Backbone(inception.V3(1000), w, []nn.Download{{Cache: b.TempDir()}}).Body.Weights
	_, err := load(b.Context(), nil)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		_, err := load(b.Context(), nil)
		require.NoError(b, err)
	}
}
