package argus_test

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/augment"
	"github.com/argus-go/argus/efficientnet/lite0"
)

// manyPhotographs writes n distinct photographs: those of clothing5, each copy with a
// few pixels changed.
func manyPhotographs(t *testing.T, n int) string {
	dir := t.TempDir()
	data := clothing(t).Train()
	var originals []argus.Sample
	for _, s := range data.All() {
		originals = append(originals, s)
	}
	for i := range n {
		s := originals[i*7919%len(originals)] // a prime: all classes soon
		file, err := s.Open()
		require.NoError(t, err)
		photo, err := jpeg.Decode(file)
		require.NoError(t, err)
		require.NoError(t, file.Close())
		m := image.NewRGBA(photo.Bounds())
		draw.Draw(m, m.Rect, photo, m.Rect.Min, draw.Src)
		for k := range 9 {
			m.Set(k%3, k/3, color.RGBA{uint8(i), uint8(i >> 8), uint8(40 * k), 255})
		}
		folder := filepath.Join(dir, "train", data.Classes()[s.Label])
		require.NoError(t, os.MkdirAll(folder, 0o777))
		f, err := os.Create(filepath.Join(folder, fmt.Sprintf("%06d.jpg", i)))
		require.NoError(t, err)
		require.NoError(t, jpeg.Encode(f, m, &jpeg.Options{Quality: 90}))
		require.NoError(t, f.Close())
	}
	return dir
}

// make photographs: ten thousand of them in 600 MB.
func TestManyPhotographsAreAugmentedAndLearntFromInBoundedMemory(t *testing.T) {
	n := 40
	if s := os.Getenv("ARGUS_PHOTOGRAPHS"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(t, err)
	}
	dir := manyPhotographs(t, n)
	debug.FreeOSMemory()
	data, err := argus.OpenDataset(dir)
	require.NoError(t, err)
	c, err := argus.New(lite0.Backbone(), data.Classes())
	require.NoError(t, err)

	var began, quarter time.Time
	var guess time.Duration // of the whole stage, made at a quarter of it
	var took time.Duration
	h, err := c.Fit(t.Context(), data, argus.FitOptions{Epochs: 2, Augment: augment.Default(), Views: 1}, argus.Hooks{Progress: func(p argus.Progress) {
		if p.Stage != argus.FeaturesStage {
			return
		}
		if began.IsZero() {
			began = time.Now()
		}
		if quarter.IsZero() && 4*p.Done >= p.Total {
			quarter = time.Now()
			guess = time.Duration(float64(quarter.Sub(began)) * float64(p.Total) / float64(p.Done))
		}
		if p.Done == p.Total {
			took = time.Since(began)
		}
	}})
	require.NoError(t, err)
	require.Empty(t, h.Bad)
	require.Len(t, h.Epochs, 2)
	peak, ok := peakMemory()
	t.Logf("%d photographs: features took %v, %v were expected at a quarter; peak %d MB", n, took, guess, peak>>20)
	if n >= 10_000 && ok {
		require.Less(t, peak, int64(600_000_000))
		require.InEpsilon(t, float64(took), float64(guess), .4)
	}
}

// peakMemory is the most that this process had in memory at a time, in bytes.
func peakMemory() (int64, bool) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, false
	}
	kilobytes, err := strconv.ParseInt(fields[0], 10, 64)
	return kilobytes << 10, err == nil
}
