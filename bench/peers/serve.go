package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/argus-go/argus/internal/safetensors"
	"github.com/argus-go/argus/internal/train"
	"github.com/argus-go/argus/nn"
)

func now() time.Time { return time.Now() }

// A side is one way to use a network.
type side interface {
	// check is how far the results are from those in the file (inference), or the
	// losses of the first steps (training).
	check(batch int) ([]float64, error)
	// times is how many seconds each of count calls took.
	times(batch, count int) ([]float64, error)
}

// serve answers lines of "check BATCH", "time BATCH COUNT", "describe", and
// "profile FILE", which begins a profile or ends it, each with a line of JSON.
func serve(folder, name, mode string, in io.Reader, out io.Writer) error {
	s, macs, err := newSide(folder, name, mode)
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // what reading the network left
	lines := bufio.NewScanner(in)
	reply := json.NewEncoder(out)
	if err := reply.Encode(map[string]any{"library": "argus", "version": runtime.Version(), "macs": macs}); err != nil {
		return err
	}
	for lines.Scan() {
		var answer any
		var batch, count int
		command, rest, _ := strings.Cut(lines.Text(), " ")
		_, _ = fmt.Sscan(rest, &batch, &count)
		switch command {
		case "check":
			answer, err = s.check(batch)
		case "time":
			answer, err = s.times(batch, count)
		case "profile":
			answer, err = rest, profile(rest)
		default:
			err = fmt.Errorf("there is no command %q", command)
		}
		if err != nil {
			return err
		}
		if err := reply.Encode(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

var profiling bool

// profile begins a CPU profile into a file, or ends it.
func profile(path string) error {
	if profiling {
		pprof.StopCPUProfile()
		profiling = false
		return nil
	}
	f, err := os.Create(path)
	if err == nil {
		profiling = true
		err = pprof.StartCPUProfile(f)
	}
	return err
}

func newSide(folder, name, mode string) (side, int, error) {
	suffix := map[string]string{"infer": "", "gorgonia": "", "train": ".train", "check": ".check"}
	base, ok := suffix[mode]
	if !ok {
		return nil, 0, fmt.Errorf("mode %q is none of infer, gorgonia, train, check", mode)
	}
	b, err := os.ReadFile(filepath.Join(folder, name+base+".json"))
	if err != nil {
		return nil, 0, err
	}
	var m nn.Model
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, 0, err
	}
	macs, err := nn.MACs(m.Whole(), m.Input.Shape())
	if err != nil {
		return nil, 0, err
	}
	w, err := readTensors(filepath.Join(folder, name+".safetensors"))
	if err != nil {
		return nil, 0, err
	}
	x, y := w["x"].Data, w["y"].Data
	delete(w, "x")
	delete(w, "y")
	switch mode {
	case "gorgonia":
		s, err := newStock(m, w, x, y)
		return s, macs, err
	case "infer":
		p, err := nn.Freeze(m.Whole(), m.Input.Shape(), w)
		return &inference{p, x, y}, macs, err
	}
	return newTraining(m, w, x), macs, nil
}

func readTensors(path string) (nn.Weights, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	w := nn.Weights{}
	for _, name := range f.Names() {
		data, shape, err := f.Float32(name)
		if err != nil {
			return nil, err
		}
		w[name] = nn.Tensor{Shape: shape, Data: data}
	}
	return w, nil
}

type inference struct {
	plan *nn.Plan
	x, y []float32
}

func (s *inference) run(n int, out []float32) error {
	return s.plan.Run(context.Background(), 0, n, s.x[:n*s.plan.In.Size()], out)
}

func (s *inference) check(n int) ([]float64, error) {
	out := make([]float32, n*classes)
	if err := s.run(n, out); err != nil {
		return nil, err
	}
	return []float64{distance(out, s.y)}, nil
}

// distance is the largest difference of got from as many of want, relative to the
// largest of these.
func distance(got, want []float32) float64 {
	most, far := 0., 0.
	for i, v := range got {
		most, far = max(most, math.Abs(float64(want[i]))), max(far, math.Abs(float64(v-want[i])))
	}
	return far / most
}

func (s *inference) times(n, count int) ([]float64, error) {
	out, seconds := make([]float32, n*classes), make([]float64, count)
	for i := range seconds {
		start := now()
		if err := s.run(n, out); err != nil {
			return nil, err
		}
		seconds[i] = time.Since(start).Seconds()
	}
	return seconds, nil
}

// training lets a job of internal/train run as far as it is asked to: a step
// begins when its rows are read and ends when the state has moved on.
type training struct {
	job   train.Job
	batch int
	x     []float32
	begin chan struct{}
	end   chan step
	began time.Time
	rows  []int   // of this step
	sum   float64 // of the losses of all rows until now
	fail  chan error
}

type step struct{ seconds, loss float64 }

const learningRate = 1e-5

func newTraining(m nn.Model, w nn.Weights, x []float32) *training {
	ones := make([]float32, classes)
	for i := range ones {
		ones[i] = 1
	}
	s := &training{x: x, begin: make(chan struct{}), end: make(chan step), fail: make(chan error, 1)}
	adam, _ := train.Optimizer{Kind: train.Adam}.Completed()
	constant, _ := train.Schedule{}.Completed(1)
	s.job = train.Job{
		Options: train.Options{Epochs: 1, Rate: learningRate, Optimizer: adam, Schedule: constant},
		Body:    m.Body, Head: m.Top, In: m.Input.Shape(), Classes: classes, Weights: w, TrainNorm: true,
		Train: s, Val: never{}, ClassWeights: ones,
		Progress: func(int, int) {}, Epoch: func(train.Epoch) bool { return true },
		SaveSteps: 1,
		Save: func(t *train.State) error {
			loss := (t.Sum - s.sum) / float64(s.batch)
			s.sum = t.Sum
			s.end <- step{time.Since(s.began).Seconds(), loss}
			return nil
		},
	}
	return s
}

// Len, Label and Read make it Rows that are the same pictures in every step.
func (s *training) Len() int { return s.batch * 10_000 }

// Label is known to peers.py, too. It goes by the place in the step; outside of
// one it is any class.
func (s *training) Label(row int) int { return max(0, slices.Index(s.rows, row)) * 37 % classes }

// Read waits until a step is wanted.
func (s *training) Read(_ context.Context, _ int, rows []int, dst []float32) error {
	<-s.begin
	s.began, s.rows = now(), rows
	copy(dst, s.x)
	return nil
}

// never is validation, which a job must have, though this one's epoch does not end.
type never struct{}

func (never) Len() int      { return 1 }
func (never) Label(int) int { return 0 }

func (never) Read(context.Context, int, []int, []float32) error {
	return errors.New("nothing is validated")
}

func (s *training) steps(batch, count int) ([]step, error) {
	if s.batch == 0 {
		s.batch, s.job.Batch = batch, batch
		go func() {
			_, err := s.job.Run(context.Background(), nil)
			s.fail <- err
		}()
	}
	if batch != s.batch {
		return nil, fmt.Errorf("training has batch %d, not %d", s.batch, batch)
	}
	out := make([]step, count)
	for i := range out {
		select {
		case s.begin <- struct{}{}:
			out[i] = <-s.end
		case err := <-s.fail:
			return nil, err
		}
	}
	return out, nil
}

func (s *training) check(batch int) ([]float64, error) {
	done, err := s.steps(batch, 3)
	losses := make([]float64, len(done))
	for i, d := range done {
		losses[i] = d.loss
	}
	return losses, err
}

func (s *training) times(batch, count int) ([]float64, error) {
	done, err := s.steps(batch, count)
	seconds := make([]float64, len(done))
	for i, d := range done {
		seconds[i] = d.seconds
	}
	return seconds, err
}
