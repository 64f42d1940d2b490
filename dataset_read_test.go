package argus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/augment"
	"github.com/argus-go/argus/internal/picture"
	"github.com/argus-go/argus/internal/shared"
)

func testPreprocess() Preprocess {
	return Preprocess{Size: 32, Mean: [3]float32{127, 127, 127}, Std: [3]float32{128, 128, 128}}
}

func samplesOf(t testing.TB, fsys fstest.MapFS) []Sample {
	d, err := OpenDatasetFS(fsys)
	require.NoError(t, err)
	return d.samples
}

// readAll copies what run gives and checks its order.
func readAll(t testing.TB, r *reader, samples []Sample) []readSample {
	var all []readSample
	err := r.run(t.Context(), samples, func(i int, got readSample) error {
		require.Equal(t, len(all), i)
		got.Views = slices.Clone(got.Views)
		for k := range got.Views {
			got.Views[k].Square = bytes.Clone(got.Views[k].Square)
		}
		all = append(all, got)
		return nil
	})
	require.NoError(t, err)
	require.Len(t, all, len(samples))
	return all
}

func TestAnyNumberOfThreadsReadsTheSamePixelsInOrder(t *testing.T) {
	d, err := OpenDataset(shared.Path(t, "data/clothing5"))
	require.NoError(t, err)
	var samples []Sample
	for i, s := range d.Val().All() {
		if i%4 == 0 {
			samples = append(samples, s)
		}
	}
	one := readAll(t, &reader{Preprocess: testPreprocess(), Threads: 1}, samples)
	for i, got := range one {
		require.NoError(t, got.Err)
		data, err := os.ReadFile(shared.Path(t, "data/clothing5/"+samples[i].Path))
		require.NoError(t, err)
		require.EqualValues(t, sha256.Sum256(data), got.Views[0].Hash)
		img, err := picture.Decode(data, Limits{})
		require.NoError(t, err)
		want := make([]uint8, 3*32*32)
		testPreprocess().square(want, img)
		require.Equal(t, want, got.Views[0].Square)
	}
	for _, threads := range []int{2, 7, 1000} {
		require.Equal(t, one, readAll(t, &reader{Preprocess: testPreprocess(), Threads: threads}, samples))
	}
}

// claiming is a PNG of a few bytes that claims the given size.
func claiming(w, h uint32) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		panic(err)
	}
	data := b.Bytes()
	binary.BigEndian.PutUint32(data[16:], w)
	binary.BigEndian.PutUint32(data[20:], h)
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	return data
}

func TestBrokenPicturesAreListedWithReasonsAndStopNothing(t *testing.T) {
	photo, err := os.ReadFile(shared.Path(t, "data/photos/rocket.jpg"))
	require.NoError(t, err)
	fsys := tree("good/1.png", "good/2.png")
	bad := map[string]struct {
		data []byte
		want string
	}{
		"bad/cut.jpg":   {photo[:len(photo)/2], "damaged: jpeg: "},
		"bad/text.jpg":  {[]byte("I am a text"), `not a picture: starts with "I am a t"`},
		"bad/empty.png": {nil, "not a picture: empty"},
		"bad/bomb.png":  {claiming(50000, 50000), "too many pixels: png: size is 50000×50000, limit is 100000000 pixels"},
		"bad/bomb.gif":  {[]byte("GIF89a\xff\xff\xff\xff\x00\x00\x00\x2c\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02\x44\x01\x00\x3b\x00\x00\x00\x00\x00"), "65535×65535"},
		"bad/long.jpg":  {make([]byte, 300_000), "too many bytes: file has 300000, limit is 250000"},
	}
	for path, b := range bad {
		fsys[path] = &fstest.MapFile{Data: b.data}
	}
	samples := samplesOf(t, fsys)
	delete(fsys, "good/1.png") // after the folder was listed
	good := 0
	for i, got := range readAll(t, &reader{Preprocess: testPreprocess(), Threads: 3, Limits: Limits{Bytes: 250_000}}, samples) {
		path := samples[i].Path
		switch want, isBad := bad[path]; {
		case isBad:
			require.ErrorContains(t, got.Err, want.want, path)
			require.Equal(t, BadPicture{path, got.Err.Error()}, got.bad(samples[i]))
			require.Nil(t, got.Views)
		case path == "good/1.png":
			require.ErrorContains(t, got.Err, "file does not exist")
		default:
			require.NoError(t, got.Err)
			good++
		}
	}
	require.Equal(t, 1, good)
}

func TestSkippedPicturesAreHashedButNotDecoded(t *testing.T) {
	fsys := flat(0, 20, "a", "b")
	samples := samplesOf(t, fsys)
	var asked atomic.Int64
	r := &reader{Preprocess: testPreprocess(), Threads: 2, Skip: func(i, _ int, hash contentHash) bool {
		asked.Add(1)
		return i%2 == 0
	}}
	for i, got := range readAll(t, r, samples) {
		require.EqualValues(t, sha256.Sum256(fsys[samples[i].Path].Data), got.Views[0].Hash)
		require.Equal(t, i%2 == 0, got.Views[0].Square == nil)
	}
	require.EqualValues(t, 40, asked.Load())
	require.Positive(t, r.times().Read)
	require.Positive(t, r.times().Decode)
	require.Positive(t, r.times().Resize)
}

func TestManyViewsAreReadAheadNoFurtherThanMemoryAllows(t *testing.T) {
	samples := samplesOf(t, flat(0, 10, "a", "b"))
	const views, square = 50, 3 * 32 * 32
	for name, c := range map[string]struct{ ahead, most int }{
		"by default, by threads": {0, 16 * views},
		"three samples'":         {3*views*square + 1, 3 * views},
		"less than one's":        {square, views},
	} {
		var made, most atomic.Int64 // squares
		r := &reader{Preprocess: testPreprocess(), Threads: 4, Ahead: c.ahead, Augment: augment.Default(),
			Views: func(Sample) []int { return slices.Repeat([]int{1}, views) },
			Made: func(Sample, []uint8) error {
				now := made.Add(1)
				for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
				}
				return nil
			}}
		seen := 0
		require.NoError(t, r.run(t.Context(), samples, func(int, readSample) error {
			// The reader is faster.
			require.Eventually(t, func() bool { return most.Load() >= min(int64(c.most), 3*views) }, time.Minute, time.Millisecond, name)
			made.Add(-views)
			seen++
			return nil
		}))
		require.Equal(t, len(samples), seen)
		require.LessOrEqual(t, most.Load(), int64(c.most), name)
	}
}

func TestReadingEndsOnCancelOrErrorAndLeavesNoGoroutine(t *testing.T) {
	samples := samplesOf(t, flat(0, 500, "a", "b"))
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	r := &reader{Preprocess: testPreprocess(), Threads: 4}
	err := r.run(ctx, samples, func(i int, _ readSample) error {
		if seen++; i == 10 {
			cancel()
		}
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 11, seen)

	stop := errors.New("enough")
	err = r.run(t.Context(), samples, func(i int, _ readSample) error {
		if i == 5 {
			return stop
		}
		return nil
	})
	require.Equal(t, stop, err)

	late, cancelLate := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancelLate()
	require.ErrorIs(t, r.run(late, samples, func(int, readSample) error { return nil }), context.DeadlineExceeded)
	require.NoError(t, r.run(t.Context(), nil, nil))
	// A goroutine that was waited for may take a moment to be gone.
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
}

func TestGateNeverLetsThroughMoreThanItHolds(t *testing.T) {
	const room = 10
	g := newGate(room)
	var now, most atomic.Int64
	done := make(chan bool)
	for k := range 8 {
		go func() {
			for i := range 200 {
				n := 1 + (k*7+i*3)%room
				g.take(n)
				if sum := now.Add(int64(n)); sum > most.Load() {
					most.Store(sum)
				}
				runtime.Gosched()
				now.Add(-int64(n))
				g.give(n)
			}
			done <- true
		}()
	}
	for range 8 {
		<-done
	}
	require.LessOrEqual(t, most.Load(), int64(room))
	require.Equal(t, room, g.free)
}

func BenchmarkRead(b *testing.B) {
	d, err := OpenDataset(shared.Path(b, "data/clothing5"))
	require.NoError(b, err)
	p := testPreprocess()
	p.Size = 224
	samples := d.Test().samples
	for threads := 1; threads <= runtime.GOMAXPROCS(0); threads *= 2 {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			r := &reader{Preprocess: p, Threads: threads}
			for b.Loop() {
				if err := r.run(b.Context(), samples, func(int, readSample) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			n := float64(b.N * len(samples))
			b.ReportMetric(n/b.Elapsed().Seconds(), "pictures/s")
			b.ReportMetric(r.times().Decode.Seconds()*1000/n, "ms-decode")
			b.ReportMetric(r.times().Resize.Seconds()*1000/n, "ms-resize")
		})
	}
}
