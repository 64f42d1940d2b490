package conv

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/argus-go/argus/internal/kernel/gemm"
	"github.com/argus-go/argus/internal/parallel"
)

// A work is one of the three products of a layer, ready to run.
type work struct {
	layer layer
	flop  float64
	run   func()
}

var passes = []string{"forward", "input", "kernel"}

// prepare makes a layer's forward pass or a gradient on n pictures; direct is forward
// without Winograd's forms.
func prepare(l layer, pass string, crew *parallel.Crew, n int) work {
	s := l.shape()
	ones := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = 1
		}
		return v
	}
	x, y := ones(n*s.H*s.W*s.Cin), ones(n*s.OutH*s.OutW*s.Cout)
	k, bias := ones(s.KH*s.KW*s.Cin*s.Cout), ones(s.Cout)
	c := New(s, k)
	if pass == "direct" {
		c = newDirect(s, k)
	}
	w := work{l, float64(n) * s.FLOP(), nil}
	switch pass {
	case "forward", "direct":
		w.run = func() { c.Run(crew, n, x, y, s.Cout, gemm.Epilogue{Bias: bias, Hi: float32(math.Inf(1))}) }
	case "input":
		w.run = func() { BackwardInput(crew, s, n, k, y, x) }
	case "kernel":
		w.run = func() { BackwardKernel(crew, c.Shape, n, x, y, k) }
	}
	return w
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// BenchmarkNetwork runs every layer of the networks in turn on one core, and
// reports the geometric mean of the layers' shares of the peak, and the speed
// of all together; each by the medians over the rounds, in time on the
// processor where the system tells it.
func BenchmarkNetwork(b *testing.B) {
	for _, name := range gemm.Implementations() {
		for _, net := range networks {
			for _, pass := range passes {
				for _, n := range []int{1, 16} {
					b.Run(fmt.Sprintf("%s/%s/%s/batch%d", name, net.name, pass, n), func(b *testing.B) {
						defer gemm.Use(name)()
						benchNetwork(b, net.layers, pass, n)
					})
				}
			}
		}
	}
}

func benchNetwork(b *testing.B, layers []layer, pass string, n int) {
	works := prepareAll(layers, pass, n)
	seconds, peak := inTurn(b, works)
	logs, flop, sum := 0.0, 0.0, 0.0
	for i, w := range works {
		logs += math.Log(w.flop / seconds[i] / max(peak, 1))
		flop += w.flop * float64(w.layer.times)
		sum += seconds[i] * float64(w.layer.times)
	}
	b.ReportMetric(flop/sum/1e9, "GFLOP/s")
	if peak > 0 {
		b.ReportMetric(peak/1e9, "peak-GFLOP/s")
		b.ReportMetric(100*math.Exp(logs/float64(len(works))), "geomean-%peak")
	}
}

// prepareAll prepares the layers for one thread, but for squeeze-excite, which
// multiplies a row by a small matrix.
func prepareAll(layers []layer, pass string, n int) (works []work) {
	for _, l := range layers {
		if l.h > 1 {
			w := prepare(l, pass, nil, n)
			w.run()
			works = append(works, w)
		}
	}
	return works
}

// inTurn runs one work after the other, and returns the median seconds of each and the
// median peak.
func inTurn(b *testing.B, works []work) (seconds []float64, peak float64) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	rounds, peaks := make([][]float64, len(works)), []float64(nil)
	for b.Loop() {
		for i, w := range works {
			start := threadTime()
			w.run()
			rounds[i] = append(rounds[i], (threadTime() - start).Seconds())
			peaks = append(peaks, gemm.Peak())
		}
	}
	for _, r := range rounds {
		seconds = append(seconds, median(r))
	}
	return seconds, median(peaks)
}

// BenchmarkLayer runs one layer at a time, for -bench with a pattern.
func BenchmarkLayer(b *testing.B) {
	for _, net := range networks {
		for _, l := range net.layers {
			for _, pass := range passes {
				b.Run(fmt.Sprintf("%s/%dx%dx%d_%dx%d_%d_%d/%s", net.name, l.h, l.w, l.cin, l.kh, l.kw, l.stride, l.cout, pass), func(b *testing.B) {
					crew := parallel.Begin(1)
					defer crew.End()
					w := prepare(l, pass, crew, 1)
					for b.Loop() {
						w.run()
					}
					b.ReportMetric(w.flop*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}
