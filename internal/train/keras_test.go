package train

import (
	"math"
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
