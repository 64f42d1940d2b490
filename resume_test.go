package argus

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/augment"
	"github.com/argus-go/argus/internal/train"
)

// stopAt ends a Fit at the given step of a stage.
func stopAt(stage Stage, step int64, cancel func()) Hooks {
	return Hooks{Progress: func(p Progress) {
		if p.Stage == stage && p.Done == step {
			cancel()
		}
	}}
}

func TestEveryWayOfTrainingGoesOnWithTheSameBits(t *testing.T) {
	data := open(t, swatches(8, 4, 0, "blue", "green", "red"))
	tuned := FineTune{From: "mixed", Epochs: 2, Batch: 7, LearningRate: 1e-2}
	streamed := tuned
	streamed.MaxBytes = 1
	noise := augment.Default()
	stop := Hooks{Stop: func(e Epoch) bool { return e.Epoch == 2 }}
	for name, way := range map[string]struct {
		o     FitOptions
		hooks Hooks
	}{
		"drawn anew":             {o: FitOptions{Views: -1, Augment: noise, FineTune: tuned}},
		"streamed":               {o: FitOptions{Views: 1, Augment: noise, FineTune: streamed}},
		"streamed, drawn anew":   {o: FitOptions{Views: -1, Augment: noise, FineTune: streamed}},
		"gradients added up":     {o: FitOptions{Accumulate: 2, FineTune: tuned}},
		"head too weak":          {o: FitOptions{MinAccuracy: .999, LearningRate: 1e-6, FineTune: tuned}},
		"stages ended by a hook": {o: FitOptions{FineTune: tuned}, hooks: stop},
		"patience":               {o: FitOptions{Patience: 1, LearningRate: 1, FineTune: tuned}},
	} {
		t.Run(name, func(t *testing.T) {
			o := way.o
			o.Seed, o.Epochs, o.Batch = 5, 3, 9
			want := tinyLearner(t, data.Classes())
			whole, err := want.Fit(context.Background(), data, o, way.hooks)
			require.NoError(t, err)
			o.Checkpoint = Checkpoint{Dir: t.TempDir(), Steps: 1}
			for _, at := range []struct {
				stage Stage
				step  int64
			}{{TrainStage, 2}, {TrainStage, 6}, {FineTuneStage, 1}, {FineTuneStage, 5}} {
				ctx, cancel := context.WithCancel(context.Background())
				_, err := tinyLearner(t, data.Classes()).Fit(ctx, data, o, way.hooks, stopAt(at.stage, at.step, cancel))
				cancel()
				if err != nil {
					require.ErrorIs(t, err, context.Canceled)
				}
			}
			c := tinyLearner(t, data.Classes())
			h, err := c.Fit(context.Background(), data, o, way.hooks)
			require.NoError(t, err)
			require.Equal(t, timeless(whole), timeless(h))
			require.Equal(t, want.now.Load().weights, c.now.Load().weights)
		})
	}
}

func TestAFitGoesOnWithOtherThreadsAndFoldersAndItsTableStaysWhole(t *testing.T) {
	data, dir := open(t, swatches(8, 4, 0, "blue", "green", "red")), t.TempDir()
	o := checkpointed(filepath.Join(dir, "state"))
	o.Logs.CSV = filepath.Join(dir, "history.csv")
	ctx, cancel := context.WithCancel(context.Background())
	_, err := tinyLearner(t, data.Classes()).Fit(ctx, data, o, stopAt(FineTuneStage, 1, cancel))
	cancel()
	require.ErrorIs(t, err, context.Canceled)

	c := tinyLearner(t, data.Classes())
	c.Threads = 1
	o.CacheDir, o.SaveViews = filepath.Join(dir, "cache"), filepath.Join(dir, "views")
	stages := map[Stage]int{}
	h, err := c.Fit(context.Background(), data, o, Hooks{Progress: func(p Progress) { stages[p.Stage]++ }})
	require.NoError(t, err)
	require.Zero(t, stages[TrainStage], "the head was trained before")
	want, _ := fittedTo(t, data, checkpointed(""))
	require.Equal(t, want.now.Load().weights, c.now.Load().weights)

	file, err := os.Open(o.Logs.CSV)
	require.NoError(t, err)
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 1+len(h.Epochs), "with the epochs before it was stopped")
	require.Equal(t, "train", lines[1][0])
	require.Equal(t, "finetune", lines[len(lines)-1][0])
}

func TestTheBatchThatMemoryChoseIsKeptWhereAFitGoesOn(t *testing.T) {
	data, dir := open(t, swatches(8, 4, 0, "blue", "green", "red")), t.TempDir()
	o := FitOptions{Epochs: 1, FineTune: FineTune{From: "mixed", Epochs: 2}, Checkpoint: Checkpoint{Dir: dir}}
	ctx, cancel := context.WithCancel(context.Background())
	h, err := tinyLearner(t, data.Classes()).Fit(ctx, data, o, stopAt(FineTuneStage, 1, cancel))
	cancel()
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, defaultBatch, h.Options.FineTune.Batch, "as used")
	h, err = tinyLearner(t, data.Classes()).Fit(context.Background(), data, o)
	require.NoError(t, err, "which is no other option")
	require.Equal(t, defaultBatch, h.Options.FineTune.Batch)

	f := fit{c: tinyLearner(t, data.Classes()), history: &History{}}
	f.checkpoint = &checkpointer{from: &checkpointProgress{State: train.State{Batch: 3, Done: true, Scale: 1}}}
	require.NoError(t, f.begin(context.Background()))
	f.options, err = o.completed(tinyModel(), 3)
	require.NoError(t, err)
	p, err := f.prepare(context.Background(), data)
	require.NoError(t, err)
	j, err := f.tuneJob(nil, p)
	require.NoError(t, err)
	_, err = f.train(context.Background(), j, nil)
	require.NoError(t, err)
	require.Equal(t, 3, j.Batch)
}
