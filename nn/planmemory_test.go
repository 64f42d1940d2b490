package nn_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

// requireMemory wants a plan to give the bits that it gives with every buffer
// in memory of its own, however many pictures each block takes at a time and on any
// threads, and neither to read what no step wrote nor to change its input.
func requireMemory(t *testing.T, l nn.Layer, in nn.Shape, msg string) {
	t.Helper()
	w := randomWeights(t, l, in, 5)
	r := rand.New(rand.NewPCG(6, 7))
	n := 1 + r.IntN(9)
	x := normal(r, n*in.Size())
	given := slices.Clone(x)
	var want []float32
	for i := range 4 {
		p := freeze(t, l, in, w)
		if i > 0 {
			var err error
			p, err = nn.FreezeIn(l, in, w, func() int { return r.IntN(4) })
			require.NoError(t, err)
		} else {
			want = make([]float32, n*p.Out.Size())
			require.NoError(t, p.Apart().RunPoisoned(1, n, x, want), msg)
			require.Equal(t, given, x, msg)
			for i, v := range want {
				require.True(t, v == v, "%s: value %d is NaN", msg, i)
			}
		}
		got := make([]float32, len(want))
		require.NoError(t, p.RunPoisoned(i, n, x, got), msg)
		require.Equal(t, want, got, msg)
		require.Equal(t, given, x, msg)
	}
}

func TestBuffersThatShareMemoryAreNeverInUseTogether(t *testing.T) {
	for seed := range uint64(1000) {
		c := &composer{r: rand.New(rand.NewPCG(seed, 12))}
		in := hwc(1+c.r.IntN(6), 1+c.r.IntN(6), 1+c.r.IntN(5))
		requireMemory(t, c.layer(4, in.C), in, fmt.Sprint("seed ", seed))
	}
}

func TestOddNetworksKeepTheirValuesApart(t *testing.T) {
	const c = 5
	conv := func(filters int, a nn.Activation) nn.Conv {
		return nn.Conv{Filters: filters, Kernel: [2]int{3, 3}, Norm: nn.BatchNorm{Eps: 1e-3}, Act: a}
	}
	sep := nn.Conv{Kind: nn.Separable, Filters: c, Kernel: [2]int{3, 3}, Bias: true}
	deep := nn.Conv{Kind: nn.Depthwise, Kernel: [2]int{3, 3}, Act: nn.Swish}
	norm := nn.Norm{BatchNorm: nn.BatchNorm{Eps: 1e-3}}
	scale := nn.Scale{Mul: []float32{1, -2, 3, 4, 5}, Add: []float32{0.5}}
	relu, softmax := nn.Act{Kind: nn.ReLU}, nn.Act{Kind: nn.Softmax}
	avg, drop := nn.GlobalPool{Kind: nn.Avg}, nn.Dropout{Rate: 0.5}
	gate := nn.Gate{Body: nn.Seq{avg, conv(c, nn.Sigmoid)}}
	for name, l := range map[string]nn.Layer{
		"nothing":                         nn.Seq{},
		"dropout alone":                   drop,
		"dropout and a linear activation": nn.Seq{drop, nn.Act{}},
		"concat in concat":                nn.Concat{nn.Concat{relu, nn.Seq{}, nn.Concat{conv(3, nn.Swish), drop}}, nn.Seq{}, nn.Concat{sep}},
		"concat of one":                   nn.Seq{nn.Concat{nn.Seq{}}, scale, nn.Concat{relu}},
		"gate first in a residual":        nn.Seq{relu, nn.Add{Branches: []nn.Layer{nn.Seq{}, nn.Seq{gate, conv(c, nn.Linear)}}, Act: nn.Swish}},
		"gate alone in a residual":        nn.Add{Branches: []nn.Layer{nn.Seq{}, gate}, Scale: 0.3},
		"gate of its own input":           nn.Seq{avg, nn.Gate{Body: nn.Seq{}}, nn.Gate{Body: relu}},
		"add of adds": nn.Seq{conv(c, nn.Linear), nn.Add{Branches: []nn.Layer{
			nn.Add{Branches: []nn.Layer{nn.Seq{}, conv(c, nn.Linear)}, Act: nn.ReLU},
			nn.Add{Branches: []nn.Layer{scale, nn.Seq{}, softmax}, Scale: 0.5},
		}, Scale: -2, Act: nn.Tanh}},
		"add of one, and of itself":         nn.Seq{relu, nn.Add{Branches: []nn.Layer{nn.Seq{}}}, scale, nn.Add{Branches: []nn.Layer{nn.Seq{}, nn.Seq{}}}},
		"branches that change shared input": nn.Seq{conv(c, nn.Linear), nn.Concat{relu, nn.Seq{scale, relu}, nn.Seq{norm, gate}, nn.Seq{softmax, scale}, deep, nn.Seq{}}},
		"features in a concat":              nn.Concat{avg, nn.Seq{conv(4, nn.Swish), nn.GlobalPool{}}, nn.Dense{Units: 3, Act: nn.Softmax}, nn.Seq{avg, softmax}},
		"two means of one depthwise":        nn.Seq{deep, nn.Add{Branches: []nn.Layer{avg, nn.Seq{avg, nn.Act{Kind: nn.Sigmoid}}}}},
		"activation before separable": nn.Add{Branches: []nn.Layer{
			nn.Conv{Name: "shortcut", Filters: c, Kernel: [2]int{1, 1}, Stride: 2},
			nn.Seq{relu, sep, relu, sep, nn.Pool{Window: 3, Stride: 2}},
		}},
		"residuals in a concat": nn.Concat{
			nn.Add{Branches: []nn.Layer{relu, nn.Seq{deep, sep}}, Act: nn.ReLU6},
			nn.Add{Branches: []nn.Layer{nn.Seq{}, sep}, Act: nn.Softmax},
			nn.Add{Branches: []nn.Layer{sep, relu, gate}, Act: nn.Swish},
		},
	} {
		requireMemory(t, l, hwc(5, 4, c), name)
		w := randomWeights(t, l, hwc(5, 4, c), 5)
		requireSame(t, l, hwc(5, 4, c), w, name)
	}
}

// A sum takes the place of its addend where nobody else reads that.
func TestResidualsNeedNoMemoryForTheirSums(t *testing.T) {
	conv := nn.Conv{Filters: 16, Kernel: [2]int{3, 3}, Act: nn.ReLU}
	last := nn.Conv{Filters: 16, Kernel: [2]int{1, 1}}
	block := nn.Add{Branches: []nn.Layer{nn.Seq{}, nn.Seq{conv, last}}, Act: nn.ReLU}
	l, in := nn.Seq{conv, block, block, block, nn.GlobalPool{Kind: nn.Avg}}, hwc(8, 8, 16)
	p := freeze(t, l, in, randomWeights(t, l, in, 1))
	require.Equal(t, 2*4*in.Size(), p.Memory(1))
}
