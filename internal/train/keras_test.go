package train

import (
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/npz"
	"github.com/argus-go/argus/nn"
)

// The goldens are made by tools/golden/keras_optimizers.py.
func TestOptimizersFollowKerasOverFiftySteps(t *testing.T) {
	const steps, n, rate = 50, 6, .01
	golden, err := npz.Open("testdata/optimizers.npz")
	require.NoError(t, err)
	for name, o := range map[string]Options{
		"sgd":              {Optimizer: Optimizer{Kind: SGD, Momentum: -1}},
		"momentum":         {Optimizer: Optimizer{Kind: SGD}},
		"nesterov":         {Optimizer: Optimizer{Kind: SGD, Nesterov: true}},
		"adam":             {},
		"adamw":            {Optimizer: Optimizer{Kind: AdamW}, WeightDecay: .04},
		"rmsprop":          {Optimizer: Optimizer{Kind: RMSprop}},
		"rmsprop momentum": {Optimizer: Optimizer{Kind: RMSprop, Rho: .8, Momentum: .9}},
		"clipped":          {ClipNorm: .5},
		"averaged":         {EMA: .9},
		"cosine":           {Optimizer: Optimizer{Kind: SGD, Momentum: -1}, Schedule: Schedule{Kind: Cosine, Floor: .1}},
	} {
		t.Run(name, func(t *testing.T) {
			o.Rate, o.Epochs, o.Batch, o.Accumulate = rate, steps, 1, 1
			o.Optimizer, err = o.Optimizer.Completed()
			require.NoError(t, err)
			o.Schedule, err = o.Schedule.Completed(steps)
			require.NoError(t, err)
			w := make([]float32, n)
			for i := range w {
				w[i] = float32(-1 + 2*float64(i)/(n-1))
			}
			j := &Job{Options: o, Weights: nn.Weights{"kernel": {Shape: []int{n}, Data: w}}, Train: &table{labels: []int{0}}}
			s := &stepper{Job: j, params: []param{{name: "kernel", w: w, decays: true, group: Group{Rate: 1}}}}
			s.resume(nil)
			want, err := golden[name].Float32()
			require.NoError(t, err)
			var average []float32
			if o.EMA > 0 {
				average, err = golden[name+"+average"].Float32()
				require.NoError(t, err)
			}
			require.Len(t, want, steps*n)
			for step := range steps {
				g := make([]float32, n)
				for i := range n - 1 {
					g[i] = float32(math.Sin(1.7*float64(step)+float64(i)) * math.Pow(10, float64(i-3)))
				}
				s.update(nil, step+1, [][]float32{g})
				require.InDeltaSlice(t, want[step*n:][:n], w, 1e-5, "step %d", step)
				if o.EMA > 0 {
					require.InDeltaSlice(t, average[step*n:][:n], s.state.Average["kernel"].Data, 1e-5, "step %d", step)
				}
			}
		})
	}
}

// sines is sin(step·1), sin(step·2), … times scale, as in tools/golden/keras_fit.py.
func sines(n int, step, scale float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.Sin(step*float64(i+1)) * scale)
	}
	return x
}

func waves(n int, step float64) *table {
	const channels, size = 3, 8 * 8 * 3
	t := &table{size: size, x: sines(n*size, step, .5)}
	for i := range n {
		t.labels = append(t.labels, i%3)
		for k := 0; k < size; k += channels {
			t.x[i*size+k] += float32(i%3-1) * .5
		}
	}
	return t
}

func TestHeadAndFineTuningFollowTheLossesOfKeras(t *testing.T) {
	in := nn.Shape{H: 8, W: 8, C: 3}
	conv := func(name string, filters int) nn.Conv {
		return nn.Conv{Name: name, Filters: filters, Kernel: [2]int{3, 3}, Stride: 2, Norm: nn.BatchNorm{Eps: 1e-3}, Act: nn.Swish}
	}
	body := nn.Seq{conv("conv0", 6), conv("conv1", 8), nn.GlobalPool{Kind: nn.Avg}}
	head := nn.Dense{Name: "logits", Units: 3}
	weights, err := nn.Init(nn.Seq{body, head}, in, 1)
	require.NoError(t, err)
	copy(weights["conv0/kernel"].Data, sines(9*3*6, .7, .5))
	copy(weights["conv1/kernel"].Data, sines(9*6*8, 1.7, .5))
	copy(weights["logits/kernel"].Data, sines(8*3, 1.3, .5))
	rows, val := waves(24, .37), waves(12, .91)

	j := job(t, 24)
	j.Batch, j.ClassWeights = 8, []float32{1, 1, 1}
	orders := ""
	for e := 1; e <= 3; e++ {
		orders += fmt.Sprintln(strings.Trim(fmt.Sprint(j.order(e)), "[]"))
	}
	golden, err := os.ReadFile("testdata/orders.txt")
	require.NoError(t, err)
	require.Equal(t, string(golden), orders, "the order that Keras trained in")
	want, err := npz.Open("testdata/fit.npz")
	require.NoError(t, err)

	plan, err := nn.Freeze(body, in, weights)
	require.NoError(t, err)
	features := func(from *table) *table {
		x := make([]float32, 8*len(from.labels))
		require.NoError(t, plan.Run(context.Background(), 0, len(from.labels), from.x, x))
		return &table{size: 8, x: x, labels: from.labels}
	}
	follow := func(stage string) {
		losses, err := want[stage].Float32()
		require.NoError(t, err)
		j.Epoch = func(e Epoch) bool {
			require.InEpsilon(t, losses[2*e.Number-2], e.TrainLoss, 1e-3, "%s, epoch %d", stage, e.Number)
			require.InEpsilon(t, losses[2*e.Number-1], e.ValLoss, 1e-3, "%s, epoch %d", stage, e.Number)
			return false
		}
		_, err = j.Run(context.Background(), nil)
		require.NoError(t, err)
	}
	j.Head, j.In, j.Train, j.Val = head, plan.Out, features(rows), features(val)
	j.Weights, err = weights.Of(head, plan.Out)
	require.NoError(t, err)
	follow("head")
	j.Body, j.In, j.Train, j.Val, j.Weights = body, in, rows, val, weights
	j.Rate, j.Epochs = 1e-3, 2
	follow("tuned")
}
