package argus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/argus-go/argus/internal/kernel/loss"
	"github.com/argus-go/argus/internal/kernel/optim"
	"github.com/argus-go/argus/internal/parallel"
	"github.com/argus-go/argus/nn"
)

// ErrDiverged says that the training loss became infinite or NaN: the learning
// rate is too high, or the weights or pictures are unusable.
var ErrDiverged = errors.New("training diverged")

// A trainer trains layers, from rows to logits, by Adam on the softmax
// cross-entropy, and keeps the weights of the best epoch.
type trainer struct {
	stage      Stage
	layer      nn.Layer
	in         nn.Shape
	classes    int
	train, val rows
	weights    nn.Weights // worked on
	perClass   []float32  // weights of the loss

	batch, epochs, patience int
	rate, decay, smoothing  float32
	seed                    uint64
	threads                 int

	epoch    func(Epoch)
	progress func(done, total int)
}

// best is the weights of the epoch with the lowest validation loss so far.
type best struct {
	number  int // of the epoch, counted over all stages
	loss    float64
	right   int // of the validation pictures
	weights nn.Weights
}

// run trains until the epochs are over or the validation loss has not fallen
// below b's for t.patience of them. It returns the better of b and the best of
// its own, which number on from done.
func (t *trainer) run(ctx context.Context, b best, done int) (best, error) {
	n := len(t.train.samples)
	steps := (n + t.batch - 1) / t.batch
	s, err := t.stepper((n + steps - 1) / steps)
	if err != nil {
		return b, err
	}
	defer s.machine.Close()
	since := 0
	for e := 1; e <= t.epochs; e++ {
		order := t.order(e)
		sum := 0.0
		for k := range steps {
			lo, hi := k*n/steps, (k+1)*n/steps
			l, err := s.step(ctx, order[lo:hi])
			if err != nil {
				return b, err
			}
			if math.IsNaN(l) || math.IsInf(l, 0) {
				return b, fmt.Errorf("%w: the loss is %v in epoch %d, step %d, at learning rate %v", ErrDiverged, l, e, k+1, t.rate)
			}
			sum += l * float64(hi-lo)
			t.progress((e-1)*steps+k+1, t.epochs*steps)
		}
		l, right, err := t.validate(ctx)
		if err != nil {
			return b, err
		}
		t.epoch(Epoch{t.stage, e, sum / float64(n), l, float64(right) / float64(len(t.val.samples)), t.rate})
		if since++; l < b.loss {
			b, since = best{done + e, l, right, t.weights.Clone()}, 0
		}
		if t.patience > 0 && since >= t.patience {
			break
		}
	}
	t.progress(t.epochs*steps, t.epochs*steps)
	return b, nil
}

// order is the training rows in the order of an epoch.
func (t *trainer) order(epoch int) []int {
	return rand.New(rand.NewPCG(t.seed, uint64(epoch))).Perm(len(t.train.samples))
}

// validate returns the loss of the validation rows, weighted by class, and how
// many are told right.
func (t *trainer) validate(ctx context.Context) (float64, int, error) {
	plan, err := nn.Freeze(t.layer, t.in, t.weights)
	if errors.Is(err, nn.ErrWeights) {
		err = fmt.Errorf("%w: %w", ErrDiverged, err)
	}
	if err != nil {
		return 0, 0, err
	}
	logits, err := runnerOf(plan).features(ctx, t.threads, len(t.val.samples), t.val.x)
	if err != nil {
		return 0, 0, err
	}
	n := len(t.val.samples)
	labels, weights := make([]int, n), make([]float32, n)
	total, right := 0.0, 0
	for i, s := range t.val.samples {
		labels[i], weights[i] = s.Label, t.perClass[s.Label]
		total += float64(weights[i])
		if argmax(logits[i*t.classes:][:t.classes]) == s.Label {
			right++
		}
	}
	l := loss.CrossEntropy(nil, n, t.classes, logits, labels, weights, 0, nil) * float64(n) / total
	if math.IsNaN(l) || math.IsInf(l, 0) {
		return 0, 0, fmt.Errorf("%w: the validation loss is %v at learning rate %v", ErrDiverged, l, t.rate)
	}
	return l, right, nil
}

func argmax(x []float32) int {
	at := 0
	for i, v := range x {
		if v > x[at] {
			at = i
		}
	}
	return at
}

// A stepper is a trainer's compiled graph of one batch size. A batch that is
// not full ends in rows that weigh nothing.
type stepper struct {
	*trainer
	machine            *nn.Machine
	cost               *gorgonia.Node
	x, labels, weights []float32 // the graph's inputs
	params             []trained
	steps              int // so far
}

// trained is a tensor that is trained, with the state of Adam.
type trained struct {
	w, m, v []float32
	grad    *gorgonia.Node
	decay   float32
}

func (t *trainer) stepper(batch int) (*stepper, error) {
	s := &stepper{
		trainer: t,
		x:       make([]float32, batch*t.in.Size()),
		labels:  make([]float32, batch),
		weights: make([]float32, batch),
	}
	g := gorgonia.NewGraph()
	input := func(name string, data []float32, shape ...int) *gorgonia.Node {
		value := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
		return gorgonia.NewTensor(g, tensor.Float32, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name), gorgonia.WithValue(value))
	}
	x := input("x", s.x, batch, t.in.H, t.in.W, t.in.C)
	graph, err := nn.Build(g, x, t.layer, t.weights, nn.Options{Training: true, FrozenNorm: true, Seed: t.seed})
	if err != nil {
		return nil, err
	}
	if s.cost, err = nn.CrossEntropy(graph.Output, input("labels", s.labels, batch), input("weights", s.weights, batch), t.smoothing); err != nil {
		return nil, err
	}
	grads, err := nn.Grad(s.cost, graph.Params...)
	if err != nil {
		return nil, err
	}
	for i, p := range graph.Params {
		w := t.weights[p.Name()].Data
		decay := float32(0)
		if strings.HasSuffix(p.Name(), "/kernel") {
			decay = t.decay
		}
		s.params = append(s.params, trained{w, make([]float32, len(w)), make([]float32, len(w)), grads[i], decay})
	}
	s.machine, err = nn.NewMachine(g, append(grads, s.cost)...)
	return s, err
}

// step trains on the given rows and returns their loss, weighted by class.
func (s *stepper) step(ctx context.Context, order []int) (float64, error) {
	size := s.in.Size()
	clear(s.weights)
	clear(s.labels)
	fill := float32(len(s.weights)) / float32(len(order)) // the loss is a mean over all rows of the graph
	for k, i := range order {
		copy(s.x[k*size:][:size], s.train.row(i))
		label := s.train.samples[i].Label
		s.labels[k], s.weights[k] = float32(label), s.perClass[label]*fill
	}
	s.steps++
	if err := s.machine.Run(ctx, s.threads); err != nil {
		return 0, err
	}
	l, err := scalar(s.cost)
	if err != nil || math.IsNaN(l) || math.IsInf(l, 0) {
		return l, err
	}
	crew := parallel.Begin(s.threads)
	defer crew.End()
	for _, p := range s.params {
		g, ok := p.grad.Value().Data().([]float32)
		if !ok {
			return 0, fmt.Errorf("gradient of %s is no float32 tensor", p.grad.Name())
		}
		adam := optim.Adam{LearningRate: s.rate, Beta1: .9, Beta2: .999, Epsilon: 1e-7, WeightDecay: p.decay}
		adam.Step(crew, s.steps, p.w, g, p.m, p.v)
	}
	return l, nil
}

// scalar is the value of a node of one number.
func scalar(n *gorgonia.Node) (float64, error) {
	switch v := n.Value().Data().(type) {
	case float32:
		return float64(v), nil
	case []float32:
		if len(v) == 1 {
			return float64(v[0]), nil
		}
	}
	return 0, fmt.Errorf("the cost is %v, want one float32", n.Value())
}
