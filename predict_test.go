package argus

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet/lite0"
	"github.com/argus-go/argus/internal/kernel/gemm/guard"
	"github.com/argus-go/argus/internal/picture"
	"github.com/argus-go/argus/internal/shared"
	"github.com/argus-go/argus/nn"
)

// scene is a picture that differs for every n.
func scene(w, h, n int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{uint8(x * (n + 3)), uint8(y * (5 * n)), uint8((x + y) * n), 255})
		}
	}
	return m
}

func scenes(n int) []image.Image {
	imgs := make([]image.Image, n)
	for i := range imgs {
		imgs[i] = scene(20+i, 50-i, i)
	}
	return imgs
}

func pngOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}

func TestPredictSortsAllClassesByProbability(t *testing.T) {
	c := tinyClassifier(t)
	best := map[string]bool{}
	for i, img := range scenes(12) {
		got, err := c.Predict(context.Background(), img)
		require.NoError(t, err)
		require.Len(t, got, 3)
		sum, labels := 0., []string{}
		for k, p := range got {
			sum += p.Probability
			labels = append(labels, p.Label)
			require.True(t, k == 0 || got[k-1].Probability >= p.Probability, "picture %d: %v", i, got)
		}
		require.InDelta(t, 1, sum, 1e-6)
		require.ElementsMatch(t, tinyClasses, labels)
		best[got[0].Label] = true
	}
	require.Greater(t, len(best), 1, "the pictures do not all get one answer")
}

func TestEqualProbabilitiesStayInClassOrder(t *testing.T) {
	require.Equal(t, []Prediction{{"b", .5}, {"a", .25}, {"c", .25}}, ranked([]string{"a", "b", "c"}, []float32{.25, .5, .25}))
}

func TestAnImageAReaderAndAFileGiveTheSame(t *testing.T) {
	ctx, c, img := context.Background(), tinyClassifier(t), scene(40, 30, 2)
	want, err := c.Predict(ctx, img)
	require.NoError(t, err)
	data := pngOf(t, img)
	got, err := c.PredictReader(ctx, bytes.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, want, got)
	path := filepath.Join(t.TempDir(), "scene.png")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	got, err = c.PredictFile(ctx, path)
	require.NoError(t, err)
	require.Equal(t, want, got)
	batch, err := c.PredictBatch(ctx, []image.Image{img, scene(9, 9, 1), img})
	require.NoError(t, err)
	require.Len(t, batch, 3)
	requireNear(t, want, batch[0])
	requireNear(t, want, batch[2])
}

func requireNear(t testing.TB, want, got []Prediction) {
	t.Helper()
	require.Len(t, got, len(want))
	at := map[string]float64{}
	for _, p := range got {
		at[p.Label] = p.Probability
	}
	for _, p := range want {
		require.InDelta(t, p.Probability, at[p.Label], 1e-5, p.Label)
	}
}

func TestBatchesOfAnySizeGiveOneAnswerAPicture(t *testing.T) {
	ctx, c, imgs := context.Background(), tinyClassifier(t), scenes(35)
	for _, n := range []int{0, 1, 2, 15, 16, 17, 35} {
		batch, err := c.PredictBatch(ctx, imgs[:n])
		require.NoError(t, err)
		require.Len(t, batch, n)
		for i, got := range batch {
			want, err := c.Predict(ctx, imgs[i])
			require.NoError(t, err)
			requireNear(t, want, got)
		}
	}
}

func TestEmbedIsTheBodysOutput(t *testing.T) {
	ctx, img := context.Background(), scene(40, 30, 2)
	c := tinyClassifier(t)
	v, err := c.Embed(ctx, img)
	require.NoError(t, err)
	s := c.now.Load()
	rgb, err := picture.FromImage(img, Limits{})
	require.NoError(t, err)
	x := make([]float32, s.prep.squareLen())
	s.prep.floats(x, squareOf(s.prep, rgb))
	want := make([]float32, s.runner.body.Out.Size())
	require.NoError(t, s.runner.body.Run(ctx, 1, 1, x, want))
	require.Equal(t, want, v)

	headless, err := New(nn.Backbone{Model: tinyModel(), Weights: nn.Fixed(tinyWeights(t, 0)), Classes: tinyClasses}, []string{"a", "b"})
	require.NoError(t, err)
	again, err := headless.Embed(ctx, img)
	require.NoError(t, err)
	require.Equal(t, v, again, "Embed needs no head")
}

func TestWithoutAHeadPredictSaysToCallFit(t *testing.T) {
	c, err := New(nn.Backbone{Model: tinyModel(), Weights: nn.Fixed(tinyWeights(t, 0)), Classes: tinyClasses}, []string{"a", "b"})
	require.NoError(t, err)
	_, err = c.Predict(context.Background(), scene(8, 8, 1))
	require.ErrorIs(t, err, ErrNotFitted)
	require.ErrorContains(t, err, "call Fit first")
	_, err = c.PredictBatch(context.Background(), scenes(2))
	require.ErrorIs(t, err, ErrNotFitted)
	require.ErrorIs(t, c.Save(filepath.Join(t.TempDir(), "x")), ErrNotFitted)
}

func TestPicturesThatCannotBeUsedAreErrorsThatSayWhy(t *testing.T) {
	ctx, c, dir := context.Background(), tinyClassifier(t), t.TempDir()
	var whole bytes.Buffer
	require.NoError(t, jpeg.Encode(&whole, scene(64, 64, 3), nil))
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"cut.jpg":  {whole.Bytes()[:whole.Len()/2], "damaged: jpeg"},
		"text.jpg": {[]byte("this is not a photograph"), "not a picture"},
		"none.jpg": {nil, "not a picture"},
		"bomb.gif": {[]byte("GIF89a\xff\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02D\x01\x00;"), "too many pixels"},
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, test.data, 0o600))
		_, err := c.PredictFile(ctx, path)
		require.ErrorContains(t, err, "argus: predict "+path+": "+test.want)
		var reason *picture.Error
		require.ErrorAs(t, err, &reason)
		_, err = c.PredictReader(ctx, bytes.NewReader(test.data))
		require.ErrorContains(t, err, "argus: predict: "+test.want)
	}
	_, err := c.PredictFile(ctx, filepath.Join(dir, "absent.jpg"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, 1, strings.Count(err.Error(), "absent.jpg"), "%v", err)
	_, err = c.Predict(ctx, nil)
	require.ErrorContains(t, err, "nil")
	_, err = c.PredictBatch(ctx, []image.Image{scene(8, 8, 1), image.NewRGBA(image.Rect(0, 0, 0, 5))})
	require.ErrorContains(t, err, "argus: predict: picture 1: damaged: image: size is 0×5")
	_, err = c.PredictBatch(ctx, append(scenes(20), nil))
	require.ErrorContains(t, err, "picture 20: ")
}

func TestPredictKeepsTheLimitsOfFit(t *testing.T) {
	c := tinyClassifier(t)
	_, err := c.Predict(context.Background(), scene(40, 30, 2))
	require.NoError(t, err)
	s := *c.now.Load()
	s.info.Fit = &FitOptions{Limits: Limits{Pixels: 1199}}
	c.now.Store(&s)
	_, err = c.Predict(context.Background(), scene(40, 30, 2))
	require.ErrorContains(t, err, "too many pixels: image: size is 40×30, limit is 1199")
	_, err = c.Embed(context.Background(), scene(40, 30, 2))
	require.ErrorContains(t, err, "argus: embed: too many pixels")
}

func TestACancelledPredictEndsWithTheContextsError(t *testing.T) {
	c := tinyClassifier(t)
	_, err := c.Predict(cancelled(), scene(8, 8, 1))
	require.ErrorIs(t, err, context.Canceled)
	_, err = c.PredictBatch(cancelled(), scenes(20))
	require.ErrorIs(t, err, context.Canceled)
	_, err = c.Embed(cancelled(), scene(8, 8, 1))
	require.ErrorIs(t, err, context.Canceled)
}

func TestManyGoroutinesPredictAsOneDoes(t *testing.T) {
	manyPredictAsOne(t, tinyClassifier(t), scenes(19))
}

// TestManyGoroutinesPredictOnLite0AsOneDoes is too slow for the race detector,
// which sees the same code with the small network.
func TestManyGoroutinesPredictOnLite0AsOneDoes(t *testing.T) {
	if guard.Race {
		t.Skip("the small network is enough for the race detector")
	}
	c, err := Pretrained(lite0.Backbone())
	require.NoError(t, err)
	manyPredictAsOne(t, c, scenes(3))
}

// manyPredictAsOne has 64 goroutines predict batches of different sizes, some of
// them cancelled, and compares with one goroutine's answers.
func manyPredictAsOne(t *testing.T, c *Classifier, imgs []image.Image) {
	var want [][]Prediction
	for _, img := range imgs {
		one, err := c.Predict(context.Background(), img)
		require.NoError(t, err)
		want = append(want, one)
	}
	got, errs := make([][][]Prediction, 64), make([]error, 64)
	var wg sync.WaitGroup
	for k := range got {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if cancelledCaller(k) {
				go cancel()
			}
			n := k%len(imgs) + 1
			if n > 1 {
				got[k], errs[k] = c.PredictBatch(ctx, imgs[:n])
				return
			}
			one, err := c.Predict(ctx, imgs[0])
			got[k], errs[k] = [][]Prediction{one}, err
		})
	}
	wg.Wait()
	for k, answers := range got {
		if cancelledCaller(k) && errors.Is(errs[k], context.Canceled) {
			continue
		}
		require.NoError(t, errs[k])
		for i, answer := range answers {
			requireNear(t, want[i], answer)
		}
	}
}

func cancelledCaller(k int) bool { return k%8 == 5 }

func TestPretrainedLite0TellsThePhotographs(t *testing.T) {
	c, err := Pretrained(lite0.Backbone())
	require.NoError(t, err)
	for file, want := range map[string]string{"coffee.png": "espresso", "chelsea.png": "Egyptian cat"} {
		got, err := c.PredictFile(context.Background(), shared.Path(t, "data/photos/"+file))
		require.NoError(t, err)
		require.Len(t, got, 1000)
		require.Equal(t, want, got[0].Label, "%s: %v", file, got[:3])
	}
}

func TestAnIdleClassifierHasNoGoroutines(t *testing.T) {
	c, before := tinyClassifier(t), runtime.NumGoroutine()
	for range 20 {
		_, err := c.PredictBatch(context.Background(), scenes(19))
		require.NoError(t, err)
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
}

// Who waits longest for a core is next.
func TestCallersAtTheSameTimeGetAsMuchDoneAsEachOther(t *testing.T) {
	c := tinyClassifier(t)
	var done [7]int
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for i := range done {
		wg.Go(func() {
			img := scene(40, 30, i)
			for {
				if _, err := c.Predict(ctx, img); err != nil {
					return
				}
				done[i]++
			}
		})
	}
	wg.Wait()
	require.Greater(t, 2*slices.Min(done[:]), slices.Max(done[:]), "%v", done)
}

// Helpers are goroutines of their own.
func TestThreadsCapACall(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	stacks := make([]byte, 1<<20)
	hired := func() int { // runtime.NumGoroutine also counts some that have ended
		return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "parallel.(*Crew).hire in")
	}
	helpers := func(threads int) int {
		c := tinyClassifier(t)
		c.Threads = threads
		require.Eventually(t, func() bool { return hired() == 0 }, 10*time.Second, time.Millisecond)
		stop, most := make(chan struct{}), make(chan int)
		go func() {
			for n := 0; ; n = max(n, hired()) {
				select {
				case <-stop:
					most <- n
					return
				default:
					runtime.Gosched()
				}
			}
		}()
		for range 100 {
			_, err := c.PredictBatch(context.Background(), scenes(19))
			require.NoError(t, err)
		}
		close(stop)
		return <-most
	}
	require.Zero(t, helpers(1))
	require.GreaterOrEqual(t, helpers(0), 2)
}

func TestPredictAllocatesLittle(t *testing.T) {
	if guard.Race {
		t.Skip("the race detector drops pooled memory")
	}
	c := tinyClassifier(t)
	c.Threads = 1
	img := scene(24, 24, 3)
	predict := func() {
		_, err := c.Predict(context.Background(), img)
		require.NoError(t, err)
	}
	predict()
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			predict()
		}
	})
	decode := int64(3 * 24 * 24)
	require.Less(t, result.AllocedBytesPerOp(), decode+10_000)
	t.Log(result.AllocedBytesPerOp(), result.AllocsPerOp())
}
