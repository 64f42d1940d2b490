package conv

import (
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/argus-go/argus/internal/kernel/gemm"
)

// BenchmarkRoofline runs the distinct layers of all networks forward as sums of
// products, in turn on one core, and reports the geometric mean of their speeds as a share of
// what the machine allows (Williams, Waterman, Patterson 2009): the lower of the
// peak of multiply-adds and of intensity × bandwidth. Intensity is operations per
// byte of input, weights and output, each moved once; a turn moves far more than the
// caches hold, so the bandwidth is memory's.
func BenchmarkRoofline(b *testing.B) {
	for _, name := range gemm.Implementations() {
		for _, n := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/batch%d", name, n), func(b *testing.B) {
				defer gemm.Use(name)()
				benchRoofline(b, n)
			})
		}
	}
}

func benchRoofline(b *testing.B, n int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var works []work
	for _, net := range networks {
		for _, l := range net.layers {
			if l.h > 1 {
				works = append(works, prepareDirect(l, n))
			}
		}
	}
	seconds := make([][]float64, len(works))
	var peaks, bandwidths []float64
	for b.Loop() {
		for i, w := range works {
			start := threadTime()
			w.run()
			seconds[i] = append(seconds[i], (threadTime() - start).Seconds())
			peaks = append(peaks, gemm.Peak())
		}
		bandwidths = append(bandwidths, bandwidth())
	}
	peak, stream := median(peaks), median(bandwidths)
	if peak == 0 {
		b.Skip("the peak of this processor is not known")
	}
	ofPeak, ofRoof, below := 0.0, 0.0, 0
	for i, w := range works {
		speed := w.flop / median(seconds[i])
		roof := w.flop / moved(w.layer, n) * stream
		if roof < peak {
			below++
		}
		ofPeak += math.Log(speed / peak)
		ofRoof += math.Log(speed / min(peak, roof))
	}
	mean := func(logs float64) float64 { return 100 * math.Exp(logs/float64(len(works))) }
	b.ReportMetric(peak/1e9, "peak-GFLOP/s")
	b.ReportMetric(stream/1e9, "GB/s")
	b.ReportMetric(float64(below), "layers-below-peak")
	b.ReportMetric(mean(ofPeak), "geomean-%peak")
	b.ReportMetric(mean(ofRoof), "geomean-%roofline")
}

// prepareDirect is prepare for the forward pass without Winograd's forms.
func prepareDirect(l layer, n int) work {
	s := l.shape()
	x, y := make([]float32, n*s.H*s.W*s.Cin), make([]float32, n*s.OutH*s.OutW*s.Cout)
	for i := range x {
		x[i] = 1
	}
	c := newDirect(s, make([]float32, s.KH*s.KW*s.Cin*s.Cout))
	ep := gemm.Epilogue{Bias: make([]float32, s.Cout), Hi: float32(math.Inf(1))}
	run := func() { c.Run(nil, n, x, y, s.Cout, ep) }
	run()
	return work{l, float64(n) * s.FLOP(), run}
}

// moved is how many bytes a layer reads and writes at least.
func moved(l layer, n int) float64 {
	s := l.shape()
	return 4 * float64(n*s.H*s.W*s.Cin+n*s.OutH*s.OutW*s.Cout+s.KH*s.KW*s.Cin*s.Cout)
}

// bandwidth is how many bytes a second one core reads and writes in copying more than
// the caches hold.
func bandwidth() float64 {
	const bytes = 128 << 20
	from, to := make([]byte, bytes), make([]byte, bytes)
	for i := range from { // pages that nobody has written are all the same one
		from[i] = 1
	}
	copy(to, from)
	start := time.Now()
	copy(to, from)
	return 2 * bytes / time.Since(start).Seconds()
}
