package loss

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/parallel"
)

// definition is the sum over -t·log softmax, naively in float64.
func definition(n, classes int, x []float64, labels []int32, weights []float32, smoothing float64) float64 {
	total := 0.0
	for i := range n {
		row, sum := x[i*classes:(i+1)*classes], 0.0
		for _, v := range row {
			sum += math.Exp(v)
		}
		for k, v := range row {
			t := smoothing / float64(classes)
			if k == int(labels[i]) {
				t += 1 - smoothing
			}
			w := 1.0
			if weights != nil {
				w = float64(weights[i])
			}
			total -= w * t * math.Log(math.Exp(v)/sum)
		}
	}
	return total / float64(n)
}

func TestLossAndGradientEqualTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, classes := range []int{1, 2, 5, 33} {
		for _, smoothing := range []float32{0, .1} {
			for _, weights := range [][]float32{nil, {1, 0, .5, 3}} {
				const n = 4
				x, wide, labels := make([]float32, n*classes), make([]float64, n*classes), make([]int32, n)
				for i := range x {
					x[i] = float32(3 * r.NormFloat64())
					wide[i] = float64(x[i])
				}
				for i := range labels {
					labels[i] = int32(r.IntN(classes))
				}
				f := func() float64 { return definition(n, classes, wide, labels, weights, float64(smoothing)) }
				dx := make([]float32, len(x))
				require.InDelta(t, f(), CrossEntropy(nil, n, classes, x, labels, weights, smoothing, dx), 1e-7)
				for i := range x {
					const h = 1e-5
					at := wide[i]
					wide[i] = at + h
					up := f()
					wide[i] = at - h
					slope := (up - f()) / (2 * h)
					wide[i] = at
					require.InDelta(t, slope, float64(dx[i]), 1e-6)
				}
				floats := make([]float32, n)
				for i, l := range labels {
					floats[i] = float32(l)
				}
				require.Equal(t, CrossEntropy(nil, n, classes, x, labels, weights, smoothing, nil),
					CrossEntropy(nil, n, classes, x, floats, weights, smoothing, x))
				require.Equal(t, dx, x)
			}
		}
	}
}

// Keras 3: CategoricalCrossentropy(from_logits=True, label_smoothing=0.1) of
// logits [1 2 3], label 2, is log Σe^x - Σ t·x.
func TestKerasSmoothing(t *testing.T) {
	lse := math.Log(math.Exp(1) + math.Exp(2) + math.Exp(3))
	want := lse - (.1/3*1 + .1/3*2 + (.9+.1/3)*3)
	require.InDelta(t, want, CrossEntropy(nil, 1, 3, []float32{1, 2, 3}, []int{2}, nil, .1, nil), 1e-7)
}

func TestHugeAndInfiniteLogitsStayFiniteWhereTheLossIs(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		x         []float32
		label     int
		smoothing float32
		want      float64
		dx        []float32
	}{
		{[]float32{3e38, -3e38}, 0, 0, 0, []float32{0, 0}},
		{[]float32{1000, 0}, 1, 0, 1000, []float32{1, -1}},
		{[]float32{0, -inf}, 0, 0, 0, []float32{0, 0}},
		{[]float32{-inf, 5, 5}, 1, 0, math.Ln2, []float32{0, -.5, .5}},
		{[]float32{0, -inf}, 1, 0, math.Inf(1), []float32{1, -1}},
		{[]float32{0, -inf}, 0, .1, math.Inf(1), nil},
		{[]float32{nan, 0}, 1, 0, math.NaN(), []float32{nan, nan}},
	} {
		dx := make([]float32, len(c.x))
		got := CrossEntropy(nil, 1, len(c.x), c.x, []int{c.label}, nil, c.smoothing, dx)
		if math.IsNaN(c.want) {
			require.True(t, math.IsNaN(got))
			require.True(t, dx[0] != dx[0] && dx[1] != dx[1])
			continue
		}
		require.True(t, got == c.want || math.Abs(got-c.want) < 1e-9, "%v: %v", c, got)
		if c.dx != nil {
			require.InDeltaSlice(t, c.dx, dx, 1e-7)
		}
	}
}

func TestARowOfWeightZeroIsNotLookedAt(t *testing.T) {
	nan := float32(math.NaN())
	dx := []float32{9, 9, 9, 9}
	got := CrossEntropy(nil, 2, 2, []float32{0, 0, nan, nan}, []int{0, 1}, []float32{1, 0}, 0, dx)
	require.InDelta(t, math.Ln2/2, got, 1e-12)
	require.Equal(t, []float32{-.25, .25, 0, 0}, dx)
}

func TestALabelOutsideTheClassesPanics(t *testing.T) {
	x := make([]float32, 2)
	require.Panics(t, func() { CrossEntropy(nil, 1, 2, x, []int{2}, nil, 0, nil) })
	require.Panics(t, func() { CrossEntropy(nil, 1, 2, x, []int{-1}, nil, 0, nil) })
	require.Panics(t, func() { CrossEntropy(nil, 1, 2, x, []float32{.5}, nil, 0, nil) })
}

func TestResultsDoNotDependOnTheCrew(t *testing.T) {
	const n, classes = 301, 7
	x, labels := make([]float32, n*classes), make([]int, n)
	for i := range x {
		x[i] = float32(i*i%101) / 7
	}
	a, b := make([]float32, len(x)), make([]float32, len(x))
	crew := parallel.Begin(4)
	defer crew.End()
	require.Equal(t, CrossEntropy(nil, n, classes, x, labels, nil, .1, a), CrossEntropy(crew, n, classes, x, labels, nil, .1, b))
	require.Equal(t, a, b)
}
