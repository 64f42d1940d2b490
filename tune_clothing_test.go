package argus_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/efficientnet/lite0"
)

// Twenty trials on 720 photographs, features in the cache: what is found, and
// where the time goes.
func BenchmarkTuneOnClothes(b *testing.B) {
	ctx, photos, cache := context.Background(), clothing(b), b.TempDir()
	clf, err := argus.New(lite0.Backbone(), photos.Classes())
	require.NoError(b, err)
	base := argus.FitOptions{CacheDir: cache}
	_, err = clf.Fit(ctx, photos, base)
	require.NoError(b, err)
	for b.Loop() {
		r, err := clf.Tune(ctx, photos, argus.TuneOptions{Base: base})
		require.NoError(b, err)
		require.True(b, r.Better)
		b.ReportMetric(r.Seconds.Total, "total-s")
		b.ReportMetric(r.Seconds.Trials, "trials-s")
		b.ReportMetric(r.Seconds.Propose*1e3, "proposals-ms")
		b.ReportMetric(r.Default.Loss, "loss-before")
		b.ReportMetric(r.Best.Loss, "loss-after")
	}
}
