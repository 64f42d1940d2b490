package nn_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/argus-go/argus/nn"
)

// crossEntropy is the definition.
func crossEntropy(logits, labels, weights []float32, smoothing float64) (sum float64) {
	n := len(labels)
	k := len(logits) / n
	for i, label := range labels {
		row, total := logits[i*k:(i+1)*k], 0.0
		for _, v := range row {
			total += math.Exp(float64(v))
		}
		for j, v := range row {
			target := smoothing / float64(k)
			if j == int(label) {
				target += 1 - smoothing
			}
			w := 1.0
			if weights != nil {
				w = float64(weights[i])
			}
			sum -= w * target * (float64(v) - math.Log(total)) / float64(n)
		}
	}
	return sum
}

func TestCrossEntropyAndItsGradientEqualTheDefinition(t *testing.T) {
	const n, k = 3, 4
	labels := []float32{2, 0, 3}
	for _, weights := range [][]float32{nil, {1, 0.5, 2}} {
		for _, smoothing := range []float32{0, 0.1} {
			logits := pictures(n, hwc(1, 1, k))
			g := gorgonia.NewGraph()
			x := input(g, logits, n, hwc(1, 1, k))
			var w *gorgonia.Node
			if weights != nil {
				w = variable(g, "weights", weights, n)
			}
			cost, err := nn.CrossEntropy(x, variable(g, "labels", labels, n), w, smoothing)
			require.NoError(t, err)
			twice := gorgonia.Must(gorgonia.Add(cost, cost)) // a gradient that is not 1
			grads, err := nn.Grad(twice, x)
			require.NoError(t, err)
			got := results(t, machine(t, g), 1, cost, grads[0])

			require.InDelta(t, crossEntropy(logits, labels, weights, float64(smoothing)), got[0][0], 1e-6)
			const step = 1e-3
			x2 := slices.Clone(logits)
			want, _ := differences(x2, step, func() float64 { return 2 * crossEntropy(x2, labels, weights, float64(smoothing)) })
			for i, d := range want {
				require.InDelta(t, d, got[1][i], 1e-4)
			}
		}
	}
}

func TestALabelThatIsNoClassIsAnErrorAndTheMachineGoesOn(t *testing.T) {
	g := gorgonia.NewGraph()
	x := input(g, pictures(2, hwc(1, 1, 3)), 2, hwc(1, 1, 3))
	labels := []float32{0, 3}
	cost, err := nn.CrossEntropy(x, variable(g, "labels", labels, 2), nil, 0)
	require.NoError(t, err)
	m := machine(t, g)
	for _, bad := range []float32{3, -1, 0.5, float32(math.NaN())} {
		labels[1] = bad
		require.ErrorContains(t, m.Run(context.Background(), 1), "must be a whole number in [0, 3)")
	}
	labels[1] = 2
	require.Positive(t, results(t, m, 1, cost)[0][0])
}

func TestCrossEntropySaysWhatDoesNotFit(t *testing.T) {
	g := gorgonia.NewGraph()
	logits := variable(g, "logits", make([]float32, 6), 2, 3)
	labels := variable(g, "labels", make([]float32, 2), 2)
	three := variable(g, "three", make([]float32, 3), 3)
	_, err := nn.CrossEntropy(logits, three, nil, 0)
	require.ErrorContains(t, err, "three is of shape (3), must be [2]")
	_, err = nn.CrossEntropy(logits, labels, three, 0)
	require.ErrorContains(t, err, "three is of shape (3), must be [2]")
	_, err = nn.CrossEntropy(logits, labels, nil, 1)
	require.ErrorContains(t, err, "smoothing is 1")
	_, err = nn.CrossEntropy(logits, gorgonia.NewVector(g, gorgonia.Float64, gorgonia.WithShape(2), gorgonia.WithName("doubles")), nil, 0)
	require.ErrorContains(t, err, "doubles is float64")
}

// As the two targets of blended rows have.
func TestATotalHasTheGradientsOfItsCosts(t *testing.T) {
	const n, k = 2, 3
	logits, first, second := pictures(n, hwc(1, 1, k)), []float32{2, 0}, []float32{1, 1}
	run := func(labels ...[]float32) (cost float32, dx []float32) {
		g := gorgonia.NewGraph()
		x := input(g, logits, n, hwc(1, 1, k))
		var costs gorgonia.Nodes
		for i, l := range labels {
			c, err := nn.CrossEntropy(x, variable(g, string(rune('a'+i)), l, n), nil, 0)
			require.NoError(t, err)
			costs = append(costs, c)
		}
		total, err := nn.Total(costs...)
		require.NoError(t, err)
		grads, err := nn.Grad(total, x)
		require.NoError(t, err)
		got := results(t, machine(t, g), 1, total, grads[0])
		return got[0][0], got[1]
	}
	a, da := run(first)
	b, db := run(second)
	sum, d := run(first, second)
	require.InDelta(t, a+b, sum, 1e-6)
	for i := range d {
		require.InDelta(t, da[i]+db[i], d[i], 1e-6)
	}
	_, err := nn.Total(variable(gorgonia.NewGraph(), "a", first, n))
	require.ErrorContains(t, err, "must be a float32 scalar")
}
