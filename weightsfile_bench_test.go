package argus

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/nn"
)

// BenchmarkInceptionV3FromH5 reads ARGUS_INCEPTION_H5, InceptionV3 with or
// without top as Keras saves it to .h5 (keras_files.py large writes one), found in
// the page cache. It wants under 0.3 s, and all that is allocated on the way, the
// weights included, to be at most 1.2 times the file.
func BenchmarkInceptionV3FromH5(b *testing.B) {
	path := os.Getenv("ARGUS_INCEPTION_H5")
	if path == "" {
		b.Skip("ARGUS_INCEPTION_H5 is not set")
	}
	info, err := os.Stat(path)
	require.NoError(b, err)
	read := func() nn.Weights {
		w, err := BackboneFrom(inception.V3(1000), path).Weights(context.Background(), nil)
		require.NoError(b, err)
		return w
	}
	read() // into the page cache
	b.SetBytes(info.Size())
	best := time.Hour
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := 0
	for b.Loop() {
		start := time.Now()
		w := read()
		best = min(best, time.Since(start))
		runtime.KeepAlive(w)
		n++
	}
	runtime.ReadMemStats(&after)
	memory := float64(after.TotalAlloc-before.TotalAlloc) / float64(n) / float64(info.Size())
	b.ReportMetric(memory, "files/op")
	b.ReportMetric(best.Seconds(), "best-s")
	require.Less(b, best, 300*time.Millisecond)
	require.Less(b, memory, 1.2)
}
