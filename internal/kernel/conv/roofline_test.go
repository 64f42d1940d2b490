package conv

import (
	"fmt"
	"math"
	"testing"

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
	var works []work
	for _, net := range networks {
		works = append(works, prepareAll(net.layers, "direct", n)...)
	}
	seconds, peak := inTurn(b, works)
	stream := bandwidth()
	if peak == 0 {
		b.Skip("the peak of this processor is not known")
	}
	ofPeak, ofRoof, below := 0.0, 0.0, 0
	for i, w := range works {
		speed := w.flop / seconds[i]
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

// moved is how many bytes a layer reads and writes at least.
func moved(l layer, n int) float64 {
	s := l.shape()
	return 4 * float64(n*s.H*s.W*s.Cin+n*s.OutH*s.OutW*s.Cout+s.KH*s.KW*s.Cin*s.Cout)
}

// bandwidth is how many bytes a second one core reads and writes in copying more than
// the caches hold: the median of some times.
func bandwidth() float64 {
	const bytes = 128 << 20
	from, to := make([]byte, bytes), make([]byte, bytes)
	for i := range from { // pages that nobody has written are all the same one
		from[i] = 1
	}
	copy(to, from)
	var speeds []float64
	for range 5 {
		start := threadTime()
		copy(to, from)
		speeds = append(speeds, 2*bytes/(threadTime()-start).Seconds())
	}
	return median(speeds)
}
