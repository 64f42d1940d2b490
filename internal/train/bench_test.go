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
	return jobOn(b, m.Body, m.Input.Shape(), batch)
}

// jobOn trains a body and a head on random rows.
func jobOn(b testing.TB, body nn.Layer, in nn.Shape, batch int) *Job {
	j := &Job{
		Options: Options{Epochs: 1, Batch: batch, Accumulate: 1, TopK: 1, Rate: 1e-4, Schedule: Schedule{Kind: Constant}},
		Body:    body, Head: nn.Dense{Name: "logits", Units: 10}, In: in, Classes: 10, TrainNorm: true,
		Train: drawn(batch, 10, in, 1), ClassWeights: []float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
	}
	var err error
	j.Optimizer, err = Optimizer{}.Completed()
	require.NoError(b, err)
	j.Weights, err = nn.Init(j.Layer(), in, 1)
	require.NoError(b, err)
	return j
}

// tuned trains what comes from a block on.
func tuned(b testing.TB, m nn.Model, from string, batch int) *Job {
	before, after, err := nn.Cut(m.Body, from)
	require.NoError(b, err)
	in, err := nn.OutShape(before, m.Input.Shape())
	require.NoError(b, err)
	return jobOn(b, after, in, batch)
}

// A step of the last blocks on kept activations, as the old system tuned them and
// as bench/rotation does.
func BenchmarkTuneStep(b *testing.B) {
	lite0, err := efficientnet.New("lite0", 10)
	require.NoError(b, err)
	v3 := inception.V3(10)
	v3.Top = nil
	lite0.Top = nil
	for _, of := range []struct {
		nn.Model
		from  string
		batch int
	}{{v3, "mixed9", 20}, {lite0, "block6a", 32}} {
		b.Run(of.Name+"/"+of.from, func(b *testing.B) { bench(b, tuned(b, of.Model, of.from, of.batch), of.batch) })
	}
}

// bench times steps of a job.
func bench(b *testing.B, j *Job, batch int) {
	memory, err := j.Memory(batch)
	require.NoError(b, err)
	s, err := j.stepper(batch)
	require.NoError(b, err)
	s.resume(nil)
	rows := make([]int, batch)
	for i := range rows {
		rows[i] = i
	}
	step := 0
	run := func() {
		require.NoError(b, s.step(context.Background(), 1, step, rows, true))
		step++
	}
	run() // which takes the memory
	run()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		run()
	}
	b.ReportMetric(float64(memory)/1e6, "MB")
}

// A full step: forward, backward and Adam, on all layers. The memory is what a run
// takes, known before.
func BenchmarkStep(b *testing.B) {
	b0, err := efficientnet.New("b0", 10)
	require.NoError(b, err)
	for _, m := range []nn.Model{b0, inception.V3(10)} {
		b.Run(m.Name+"/batch8", func(b *testing.B) { bench(b, whole(b, m, 8), 8) })
	}
}
