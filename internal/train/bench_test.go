package train

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/nn"
)

// whole trains all of a network.
func whole(b testing.TB, m nn.Model, batch int) *Job {
	in := m.Input.Shape()
	j := &Job{
		Options: Options{Epochs: 1, Batch: batch, Accumulate: 1, TopK: 1, Rate: 1e-4, Schedule: Schedule{Kind: Constant}},
		Body:    m.Body, Head: nn.Dense{Name: "logits", Units: 10}, In: in, Classes: 10, TrainNorm: true,
		Train: drawn(batch, 10, in, 1), ClassWeights: []float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
	}
	var err error
	j.Optimizer, err = Optimizer{}.Completed()
	require.NoError(b, err)
	j.Weights, err = nn.Init(j.Layer(), in, 1)
	require.NoError(b, err)
	return j
}

// A full step: forward, backward and Adam, on all layers. The memory is what a run
// takes, known before.
func BenchmarkStep(b *testing.B) {
	b0, err := efficientnet.New("b0", 10)
	require.NoError(b, err)
	for _, m := range []nn.Model{b0, inception.V3(10)} {
		b.Run(m.Name+"/batch8", func(b *testing.B) {
			j := whole(b, m, 8)
			memory, err := j.Memory(8)
			require.NoError(b, err)
			s, err := j.stepper(8)
			require.NoError(b, err)
			s.resume(nil)
			rows := []int{0, 1, 2, 3, 4, 5, 6, 7}
			step := 0
			run := func() {
				require.NoError(b, s.step(context.Background(), 1, step, rows, true))
				step++
			}
			run() // which takes the memory
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				run()
			}
			b.ReportMetric(float64(memory)/1e6, "MB")
		})
	}
}
