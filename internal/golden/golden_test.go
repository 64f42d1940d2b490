package golden

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/nn"
	"github.com/argus-go/argus/resnet"
	"github.com/argus-go/argus/xception"
)

// tolerance is relative to the root mean square of a layer's output.
const tolerance = 1e-4

// quick are the goldens that run without ARGUS_GOLDEN=all: one of each kind.
var quick = []string{"inception-v3_99x110", "xception_99x110", "resnet50_99x110", "resnet50v2_99x110", "efficientnet-b0_99x110", "efficientnet-v2-b0_99x110"}

// goldens calls f for the files to test.
func goldens(t *testing.T, f func(t *testing.T, g Golden, m nn.Model)) {
	paths, err := filepath.Glob("testdata/*.npz")
	require.NoError(t, err)
	ran := 0
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".npz")
		if os.Getenv("ARGUS_GOLDEN") != "all" && !slices.Contains(quick, name) {
			continue
		}
		ran++
		t.Run(name, func(t *testing.T) {
			g, err := Load(path)
			require.NoError(t, err)
			f(t, g, model(t, g.Network))
		})
	}
	require.GreaterOrEqual(t, ran, len(quick))
}

func model(t *testing.T, name string) nn.Model {
	for _, m := range []nn.Model{
		inception.V3(1000), inception.ResNetV2(1000), xception.New(1000),
		resnet.ResNet50(1000), resnet.ResNet101(1000), resnet.ResNet152(1000),
		resnet.ResNet50V2(1000), resnet.ResNet101V2(1000), resnet.ResNet152V2(1000),
	} {
		if m.Name == name {
			return m
		}
	}
	m, err := efficientnet.New(strings.TrimPrefix(name, "efficientnet-"), 1000)
	require.NoError(t, err)
	return m
}

// worst collects relative differences.
type worst struct {
	difference float64
	where      string
	seen       int
}

func (w *worst) see(difference float64, where string) {
	w.seen++
	if !(difference <= w.difference) {
		w.difference, w.where = difference, where
	}
}

func (w *worst) require(t *testing.T, what string, tolerance float64) {
	t.Helper()
	t.Logf("%s: %.1e at %s", what, w.difference, w.where)
	require.Positive(t, w.seen, "nothing was compared")
	require.LessOrEqual(t, w.difference, tolerance, "%s: %s", what, w.where)
}

// stat is that of one picture's output.
func stat(y []float32) (s Stat) {
	sum, square := 0.0, 0.0
	for _, v := range y {
		sum += float64(v)
	}
	mean := sum / float64(len(y))
	for _, v := range y {
		square += (float64(v) - mean) * (float64(v) - mean)
	}
	s[0], s[1] = float32(mean), float32(math.Sqrt(square/float64(len(y))))
	for j := range 8 {
		s[2+j] = y[(2*j+1)*len(y)/16]
	}
	return s
}

// compare holds the output y of n pictures against tap i.
func (g *Golden) compare(w *worst, i, n int, y []float32) {
	size := len(y) / n
	for picture := range n {
		want := g.Stat(i, picture)
		w.compare(want, y[picture*size:][:size], want.rms(), fmt.Sprintf("%s, picture %d of %d", g.Taps[i], picture, n))
	}
}

// compare holds y against its golden, relative to rms.
func (w *worst) compare(want Stat, y []float32, rms float64, where string) {
	got := stat(y)
	for j := range want {
		d := math.Abs(float64(want[j]) - float64(got[j]))
		w.see(d/rms, fmt.Sprintf("%s, number %d: %v, Keras has %v", where, j, got[j], want[j]))
	}
}

func (s Stat) rms() float64 { return math.Hypot(float64(s[0]), float64(s[1])) }

// compareTop holds the probabilities of n pictures against Keras' by their
// logarithms, relative to the root mean square of these.
func (g *Golden) compareTop(w *worst, n int, y []float32) {
	size := len(y) / n
	for picture := range n {
		want := g.Top[picture*TopSize:][:TopSize]
		square := 0.0
		for _, p := range want {
			square += math.Pow(math.Log(float64(p)), 2) / TopSize
		}
		for j, p := range want {
			got := y[picture*size+j]
			w.see(math.Abs(math.Log(float64(got/p)))/math.Sqrt(square), fmt.Sprintf("probability %d, picture %d of %d: %v, Keras has %v", j, picture, n, got, p))
		}
	}
}

// batches are the sizes of batches that are run.
func (g *Golden) batches() []int { return slices.Compact([]int{1, g.N}) }

func TestGraphsEqualKerasLayerByLayer(t *testing.T) {
	goldens(t, func(t *testing.T, g Golden, m nn.Model) {
		in := nn.Shape{H: g.H, W: g.W, C: 3}
		weights, err := Weights(m.Whole(), in, g.Exponents)
		require.NoError(t, err)
		l, weights, blocks := tapped(t, m.Whole(), in, weights)
		require.Len(t, blocks, len(g.Taps))
		for _, n := range g.batches() {
			var layers, top worst
			for first := 0; first < len(blocks); {
				first = g.runGraph(t, l, weights, blocks, first, n, Pictures(m.Input, n, in.H, in.W), &layers, &top)
			}
			layers.require(t, fmt.Sprintf("batch of %d, %d layers", n, len(blocks)), tolerance)
			top.require(t, fmt.Sprintf("batch of %d, top", n), tolerance)
		}
	})
}

// keptBytes is how much of a graph's outputs is kept at a time: those of
// EfficientNet-B7 for three pictures take 10 GB.
const keptBytes = 2 << 30

// runGraph compares the outputs of blocks from the first on, as many as may be
// kept, and returns which is next.
func (g *Golden) runGraph(t *testing.T, l nn.Layer, w nn.Weights, blocks []string, first, n int, x []float32, layers, top *worst) int {
	graph := gorgonia.NewGraph()
	b, err := nn.Build(graph, variable(graph, "x", x, n, g.H, g.W, 3), l, w, nn.Options{})
	require.NoError(t, err)
	keep, bytes := gorgonia.Nodes{b.Output}, 0
	for _, block := range blocks[first:] {
		tap := b.Taps[block]
		if bytes += 4 * tap.Shape().TotalSize(); bytes > keptBytes && len(keep) > 1 {
			break
		}
		keep = append(keep, tap)
	}
	machine, err := nn.NewMachine(graph, keep...)
	require.NoError(t, err)
	defer machine.Close()
	require.NoError(t, machine.Run(context.Background(), 0))
	for i, tap := range keep[1:] {
		g.compare(layers, first+i, n, tap.Value().Data().([]float32))
	}
	g.compareTop(top, n, b.Output.Value().Data().([]float32))
	return first + len(keep) - 1
}

func variable(g *gorgonia.ExprGraph, name string, data []float32, shape ...int) *gorgonia.Node {
	return gorgonia.NewTensor(g, tensor.Float32, len(shape), gorgonia.WithName(name), gorgonia.WithShape(shape...),
		gorgonia.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))))
}

// A plan has no taps, so every part of the network is a plan of its own here, its
// input what the part before gave; and one more is the whole.
func TestPlansEqualKerasBlockByBlock(t *testing.T) {
	goldens(t, func(t *testing.T, g Golden, m nn.Model) {
		in := nn.Shape{H: g.H, W: g.W, C: 3}
		weights, err := Weights(m.Whole(), in, g.Exponents)
		require.NoError(t, err)
		inputs := map[int][]float32{} // of the next part, by the size of the batch
		whole, err := nn.Freeze(m.Whole(), in, weights)
		require.NoError(t, err)
		for _, n := range g.batches() {
			var top worst
			inputs[n] = Pictures(m.Input, n, in.H, in.W)
			g.compareTop(&top, n, run(t, whole, n, inputs[n]))
			top.require(t, fmt.Sprintf("batch of %d, top", n), tolerance)
		}
		blocks := map[int]*worst{}
		ends := ends(t, m.Body, in)
		for i, l := range m.Body.(nn.Seq) { // one at a time: each holds the memory that it ran in
			part, err := nn.Freeze(l, in, weights)
			require.NoError(t, err)
			for _, n := range g.batches() {
				inputs[n] = run(t, part, n, inputs[n])
				if blocks[n] == nil {
					blocks[n] = &worst{}
				}
				g.compare(blocks[n], ends[i], n, inputs[n])
			}
			in = part.Out
		}
		for n, w := range blocks {
			w.require(t, fmt.Sprintf("batch of %d, %d blocks", n, len(ends)), tolerance)
		}
	})
}

func run(t *testing.T, p *nn.Plan, n int, x []float32) []float32 {
	y := make([]float32, n*p.Out.Size())
	require.NoError(t, p.Run(context.Background(), 0, n, x, y))
	return y
}

// ends says which tap is the output of each layer of body's sequence.
func ends(t *testing.T, body nn.Layer, in nn.Shape) (ends []int) {
	order := taps(t, body, in) // as in the whole: the top has none
	count := 0
	for _, l := range body.(nn.Seq) {
		count += len(taps(t, l, in))
		ends = append(ends, slices.Index(order, count-1))
		out, err := nn.OutShape(l, in)
		require.NoError(t, err)
		in = out
	}
	require.NotContains(t, ends, -1)
	return ends
}
