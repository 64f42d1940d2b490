// Package train is the training loop: from labelled rows of values to the
// weights of the best epoch, by way of a compiled Gorgonia graph. A run can be
// stopped anywhere and continued from a [State]; it then ends with the same bits.
package train

import (
	"cmp"
	"fmt"
	"math"
)

// OptimizerKind names a rule by which weights follow gradients.
type OptimizerKind string

// The optimizers, as Keras computes them.
const (
	Adam    OptimizerKind = "adam"    // Kingma and Ba, arXiv:1412.6980; the default
	AdamW   OptimizerKind = "adamw"   // Loshchilov and Hutter, arXiv:1711.05101: Adam with WeightDecay, .004 by default
	SGD     OptimizerKind = "sgd"     // with Momentum
	RMSprop OptimizerKind = "rmsprop" // Hinton 2012
)

// Optimizer is a rule with its numbers; a zero stands for the default.
type Optimizer struct {
	Kind OptimizerKind `json:"kind,omitempty"` // default Adam
	// Momentum from 0 to below 1, of SGD, default .9 (negative: none), and of
	// RMSprop, default none.
	Momentum float32 `json:"momentum,omitempty"`
	Nesterov bool    `json:"nesterov,omitempty"` // momentum of SGD
	Beta1    float32 `json:"beta1,omitempty"`    // of Adam; default .9
	Beta2    float32 `json:"beta2,omitempty"`    // of Adam; default .999
	Rho      float32 `json:"rho,omitempty"`      // of RMSprop; default .9
	Epsilon  float32 `json:"epsilon,omitempty"`  // of Adam and RMSprop; default 1e-7
}

// Completed fills in the defaults and checks the rest.
func (o Optimizer) Completed() (Optimizer, error) {
	o.Kind = cmp.Or(o.Kind, Adam)
	switch o.Kind {
	case Adam, AdamW:
		o.Beta1, o.Beta2 = cmp.Or(o.Beta1, .9), cmp.Or(o.Beta2, .999)
		o.Epsilon = cmp.Or(o.Epsilon, 1e-7)
	case SGD:
		o.Momentum = cmp.Or(o.Momentum, .9)
	case RMSprop:
		o.Rho, o.Epsilon = cmp.Or(o.Rho, .9), cmp.Or(o.Epsilon, 1e-7)
	default:
		return o, fmt.Errorf("optimizer %q is none of %q", o.Kind, []OptimizerKind{Adam, AdamW, SGD, RMSprop})
	}
	for _, b := range []struct {
		name   string
		v      float32
		lowest float32
	}{{"momentum", o.Momentum, -1}, {"beta1", o.Beta1, 0}, {"beta2", o.Beta2, 0}, {"rho", o.Rho, 0}, {"epsilon", o.Epsilon, 0}} {
		if !(b.v >= b.lowest && b.v < 1) {
			return o, fmt.Errorf("%s of %s is %v, want %v or more and below 1", b.name, o.Kind, b.v, b.lowest)
		}
	}
	return o, nil
}

// ScheduleKind names how the learning rate goes over the training.
type ScheduleKind string

// The schedules.
const (
	Constant ScheduleKind = "constant" // the default
	Step     ScheduleKind = "step"     // × Factor after every Every epochs
	Cosine   ScheduleKind = "cosine"   // from 1 to Floor in half a wave: Loshchilov and Hutter, arXiv:1608.03983
	OneCycle ScheduleKind = "onecycle" // up from 1/25 in Warmup, then down to Floor: Smith and Topin, arXiv:1708.07120
	Plateau  ScheduleKind = "plateau"  // × Factor after Patience epochs without a lower validation loss
)

// Schedule multiplies the learning rate; a zero stands for the default.
type Schedule struct {
	Kind ScheduleKind `json:"kind,omitempty"`
	// Warmup is the part of all steps, from 0 to below 1, in which the rate
	// grows in a line from near 0; default 0, with OneCycle .3, where it grows
	// in half a cosine wave.
	Warmup float64 `json:"warmup,omitempty"`
	Floor  float64 `json:"floor,omitempty"`  // least multiple of Cosine, OneCycle (default 1e-5) and Plateau
	Factor float64 `json:"factor,omitempty"` // of Step and Plateau; default .1
	Every  int     `json:"every,omitempty"`  // epochs, of Step; default a third of all
	// Patience of Plateau in epochs; default 3.
	Patience int `json:"patience,omitempty"`
}

// Completed fills in the defaults and checks the rest.
func (s Schedule) Completed(epochs int) (Schedule, error) {
	s.Kind = cmp.Or(s.Kind, Constant)
	switch s.Kind {
	case Constant, Cosine:
	case Step:
		s.Factor, s.Every = cmp.Or(s.Factor, .1), cmp.Or(s.Every, max(1, (epochs+2)/3))
	case OneCycle:
		s.Warmup, s.Floor = cmp.Or(s.Warmup, .3), cmp.Or(s.Floor, 1e-5)
	case Plateau:
		s.Factor, s.Patience = cmp.Or(s.Factor, .1), cmp.Or(s.Patience, 3)
	default:
		return s, fmt.Errorf("schedule %q is none of %q", s.Kind, []ScheduleKind{Constant, Step, Cosine, OneCycle, Plateau})
	}
	for _, b := range []struct {
		name string
		v    float64
	}{{"warmup", s.Warmup}, {"floor", s.Floor}, {"factor", s.Factor}} {
		if !(b.v >= 0 && b.v < 1) {
			return s, fmt.Errorf("%s of schedule %s is %v, want 0 or more and below 1", b.name, s.Kind, b.v)
		}
	}
	if s.Every < 0 || s.Patience < 0 {
		return s, fmt.Errorf("schedule %s has every %d and patience %d, want none below 0", s.Kind, s.Every, s.Patience)
	}
	return s, nil
}

// at is the multiple of the learning rate at an update from 0, of all there may
// be, perEpoch of them in an epoch.
func (s Schedule) at(update, all, perEpoch int) float64 {
	warm := s.Warmup * float64(all)
	x := float64(update) + 1
	if s.Kind == OneCycle {
		if x < warm {
			return wave(1./25, 1, x/warm)
		}
		return wave(1, s.Floor, (x-warm)/max(1, float64(all)-warm))
	}
	if x < warm {
		return x / warm
	}
	switch s.Kind {
	case Cosine:
		return wave(1, s.Floor, (x-1-warm)/max(1, float64(all)-warm))
	case Step:
		return math.Pow(s.Factor, float64(update/perEpoch/s.Every))
	}
	return 1
}

// wave goes from a to b in half a cosine wave while t goes from 0 to 1.
func wave(a, b, t float64) float64 { return b + (a-b)*(1+math.Cos(math.Pi*min(1, max(0, t))))/2 }

// Options say how to train; zero means zero.
type Options struct {
	Epochs     int // at most
	Batch      int // rows a step
	Accumulate int // steps whose gradients make one update; 0 stands for 1
	Patience   int // epochs without a lower validation loss before the end; 0: never
	TopK       int // of the validation metric; 0 stands for 1

	Rate      float32
	Optimizer Optimizer // complete
	Schedule  Schedule  // complete

	WeightDecay float32 // of kernels, decoupled
	L2          float32 // of kernels, in the loss: L2·Σw²
	ClipNorm    float32 // the most that the norm of all gradients together may be; 0: any
	EMA         float32 // momentum of the moving average of the weights that is validated and kept; 0: none
	Smoothing   float32 // of labels
	Mixup       float32 // α of Beta(α, α): Zhang et al., arXiv:1710.09412; 0: none
	CutMix      float32 // α likewise: Yun et al., arXiv:1905.04899; 0: none
	Balanced    bool    // each class is drawn as often as the others
	Seed        uint64
}
