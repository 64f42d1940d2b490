package argus

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/fileops"
	"github.com/argus-go/argus/nn"
)

// checkpointed are options under which every kind of state is there.
func checkpointed(dir string) FitOptions {
	return FitOptions{
		Seed: 3, Hidden: []int{6}, Norm: true, Epochs: 3, Batch: 9, Mixup: .2, Average: .9,
		Schedule:   Schedule{Kind: PlateauRate, Patience: 1, Factor: .5},
		FineTune:   FineTune{From: "mixed", Epochs: 2, Batch: 13, LearningRate: 1e-2, TrainNorm: true, Gradual: true, BlockDecay: .5},
		Checkpoint: Checkpoint{Dir: dir, Steps: 1},
	}
}

// timeless is the history without what differs between two runs.
func timeless(h *History) History {
	out := *h
	out.Seconds = FitSeconds{}
	out.Options.Checkpoint, out.Options.Logs = Checkpoint{}, Logs{}
	return out
}

func TestAFitStoppedAnywhereGoesOnAndEndsWithTheSameBits(t *testing.T) {
	data := rgb(t)
	want, whole := fittedTo(t, data, checkpointed(""))
	for stop := 1; stop < 31; stop += 3 { // of 21 steps of the head and 10 of tuning
		dir, left := t.TempDir(), stop
		c := tinyLearner(t, data.Classes())
		for run := 0; ; run++ {
			ctx, cancel := context.WithCancel(context.Background())
			h, err := c.Fit(ctx, data, checkpointed(dir), Hooks{Progress: func(p Progress) {
				if p.Stage == TrainStage || p.Stage == FineTuneStage {
					if left--; left == 0 {
						cancel()
					}
				}
			}})
			cancel()
			if err == nil {
				require.Equal(t, 1, run)
				require.Equal(t, timeless(whole), timeless(h))
				break
			}
			require.ErrorIs(t, err, context.Canceled)
			require.NotNil(t, h, "what happened so far")
			require.FileExists(t, filepath.Join(dir, checkpointFile))
		}
		require.Equal(t, want.now.Load().weights, c.now.Load().weights, "stopped at step %d", stop)
		require.NoFileExists(t, filepath.Join(dir, checkpointFile), "it has served")
	}
}

func TestACheckpointOfAnotherTrainingIsAnError(t *testing.T) {
	data, dir := rgb(t), t.TempDir()
	c := tinyLearner(t, data.Classes())
	ctx, cancel := context.WithCancel(context.Background())
	_, err := c.Fit(ctx, data, checkpointed(dir), Hooks{Progress: func(p Progress) {
		if p.Stage == TrainStage && p.Done == 4 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	path := filepath.Join(dir, checkpointFile)
	file, err := os.ReadFile(path)
	require.NoError(t, err)

	other := checkpointed(dir)
	other.Seed++
	_, err = c.Fit(context.Background(), data, other)
	require.ErrorIs(t, err, ErrCheckpoint)
	require.ErrorContains(t, err, "is of another training: the pictures, the network or the options differ; remove it to begin anew")
	_, err = c.Fit(context.Background(), open(t, swatches(19, 8, 8, "blue", "green", "red")), checkpointed(dir))
	require.ErrorIs(t, err, ErrCheckpoint, "fewer pictures")
	network, err := New(nn.Backbone{Model: tinyModel(), Weights: nn.Fixed(tinyWeights(t, 2))}, data.Classes())
	require.NoError(t, err)
	_, err = network.Fit(context.Background(), data, checkpointed(dir))
	require.ErrorIs(t, err, ErrCheckpoint, "other weights")

	for _, at := range []int{9, len(file) / 2, len(file) - 1} {
		broken := bytes.Clone(file)
		broken[at] ^= 1
		require.NoError(t, os.WriteFile(path, broken, 0o666))
		_, err = c.Fit(context.Background(), data, checkpointed(dir))
		require.ErrorIs(t, err, ErrCheckpoint, "byte %d", at)
	}
	require.NoError(t, os.WriteFile(path, file[:len(file)-7], 0o666))
	_, err = c.Fit(context.Background(), data, checkpointed(dir))
	require.ErrorIs(t, err, ErrCheckpoint, "cut off")
}

func TestACheckpointThatCannotBeWrittenSaysWhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	c := tinyLearner(t, []string{"blue", "green", "red"})
	_, err := c.Fit(context.Background(), rgb(t), FitOptions{Checkpoint: Checkpoint{Dir: filepath.Join(file, "dir")}})
	require.ErrorContains(t, err, "argus: fit: checkpoint: mkdir "+file)
}

// ARGUS_CRASHES=all tries every crash after every operation.
func TestAFitAfterACrashAtAnyOperationEndsWithTheSameBits(t *testing.T) {
	data, dir := rgb(t), t.TempDir()
	want, _ := fittedTo(t, data, checkpointed(""))
	ops, err := fileops.Record(dir)
	require.NoError(t, err)
	o := checkpointed(dir)
	o.Checkpoint.Steps, o.Checkpoint.sys = 4, ops
	fittedTo(t, data, o)
	n := ops.Len()
	require.Greater(t, n, 30)
	crashes := 0
	for _, crash := range fileops.Crashes() {
		for i := range n + 1 {
			if os.Getenv("ARGUS_CRASHES") != "all" && i%53 != 13*int(crash) {
				continue
			}
			crashes++
			dir := t.TempDir()
			require.NoError(t, ops.Restore(dir, i, crash))
			c, _ := fittedTo(t, data, checkpointed(dir))
			require.Equal(t, want.now.Load().weights, c.now.Load().weights, "%d operations, crash %d", i, crash)
		}
	}
	t.Logf("%d operations, %d crashes", n, crashes)
}

func TestAFullDiskEndsFitAndKeepsTheCheckpointBefore(t *testing.T) {
	data, dir := rgb(t), t.TempDir()
	want, _ := fittedTo(t, data, checkpointed(""))
	ops, err := fileops.Record(dir)
	require.NoError(t, err)
	full := errors.New("no space left on device")
	ops.Fail = func(i int) error {
		if i > 40 {
			return full
		}
		return nil
	}
	o := checkpointed(dir)
	o.Checkpoint.sys = ops
	c := tinyLearner(t, data.Classes())
	_, err = c.Fit(context.Background(), data, o)
	require.ErrorIs(t, err, full)
	require.ErrorContains(t, err, "argus: fit: checkpoint "+filepath.Join(dir, checkpointFile))
	_, err = c.Fit(context.Background(), data, checkpointed(dir))
	require.NoError(t, err)
	require.Equal(t, want.now.Load().weights, c.now.Load().weights)
}

// killedFit names the folder of a process that the test below kills.
const killedFit = "ARGUS_TEST_FIT"

// ARGUS_KILLS says how often it is killed.
func TestAKilledFitGoesOnAndEndsWithTheSameBits(t *testing.T) {
	data := rgb(t)
	if dir := os.Getenv(killedFit); dir != "" {
		c := tinyLearner(t, data.Classes())
		_, err := c.Fit(context.Background(), data, checkpointed(filepath.Join(dir, "state")), Hooks{Progress: func(p Progress) {
			if p.Stage != FeaturesStage {
				time.Sleep(2 * time.Millisecond)
			}
		}})
		require.NoError(t, err)
		require.NoError(t, c.Save(filepath.Join(dir, "model.argus")))
		return
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	want, _ := fittedTo(t, data, checkpointed(""))
	kills := 3
	if n, err := strconv.Atoi(os.Getenv("ARGUS_KILLS")); err == nil {
		kills = n
	}
	dir, killed, ended := t.TempDir(), 0, 0
	for i := 0; killed < kills || ended == 0; i++ {
		require.Less(t, i, 20*kills+20)
		cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), killedFit+"="+dir)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		require.NoError(t, cmd.Start())
		after := time.Duration(40+i*37%160) * time.Millisecond
		if killed >= kills {
			after = time.Minute
		}
		timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if err != nil {
			require.Equal(t, -1, cmd.ProcessState.ExitCode(), "%s", &out) // by the signal
			killed++
			continue
		}
		ended++
		got, err := LoadClassifier(filepath.Join(dir, "model.argus"))
		require.NoError(t, err)
		weights, err := got.now.Load().all()
		require.NoError(t, err)
		require.Equal(t, want.now.Load().weights, weights)
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, os.Mkdir(dir, 0o777))
	}
	t.Logf("%d kills, %d trainings ended", killed, ended)
}

func TestLogsSayHowEveryEpochWent(t *testing.T) {
	dir := t.TempDir()
	o := checkpointed("")
	o.Logs = Logs{TensorBoard: filepath.Join(dir, "board"), CSV: filepath.Join(dir, "history.csv")}
	_, h := fittedTo(t, rgb(t), o)
	require.Empty(t, h.LogError)
	text, err := os.ReadFile(o.Logs.CSV)
	require.NoError(t, err)
	lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, "stage,epoch,train_loss,val_loss,val_accuracy,val_top_k,learning_rate,blue,green,red", strings.Join(lines[0], ","))
	require.Len(t, lines, 1+len(h.Epochs))
	for i, e := range h.Epochs {
		require.Equal(t, []string{string(e.Stage), fmt.Sprint(e.Epoch)}, lines[i+1][:2])
		loss, err := strconv.ParseFloat(lines[i+1][3], 64)
		require.NoError(t, err)
		require.InEpsilon(t, e.ValLoss, loss, 1e-6)
	}
	files, err := filepath.Glob(o.Logs.TensorBoard + "/events.out.tfevents.*")
	require.NoError(t, err)
	require.Len(t, files, 1)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o666))
	c := tinyLearner(t, []string{"blue", "green", "red"})
	for _, l := range []Logs{{TensorBoard: filepath.Join(dir, "file", "x")}, {CSV: filepath.Join(dir, "absent", "x.csv")}} {
		_, err = c.Fit(context.Background(), rgb(t), FitOptions{Logs: l})
		require.ErrorContains(t, err, "argus: fit: logs: ")
	}
}
