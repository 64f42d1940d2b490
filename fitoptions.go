package argus

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/argus-go/argus/augment"
	"github.com/argus-go/argus/internal/train"
	"github.com/argus-go/argus/nn"
)

// FitOptions says how Fit trains. The zero value is the good default; a pointer
// is there where zero is a choice of its own.
type FitOptions struct {
	// Seed of the hidden layers' first weights, of shuffling, of dropout and of
	// what is mixed.
	Seed uint64 `json:"seed,omitempty"`

	// Hidden is the units of up to three layers between the features and the
	// classes, none by default, and Act their activation, ReLU by default. With
	// Norm each has a batch norm before its activation.
	Hidden []int         `json:"hidden,omitempty"`
	Act    nn.Activation `json:"act,omitempty"`
	Norm   bool          `json:"norm,omitempty"`
	// Dropout before each layer of the head, from 0 to below 1. Default .5.
	Dropout *float32 `json:"dropout,omitempty"`

	Epochs int `json:"epochs,omitempty"` // at most; default 60
	Batch  int `json:"batch,omitempty"`  // pictures a step; default 32
	// Accumulate adds up the gradients of so many steps before the weights
	// change, which a cancelled Fit does first; default 1.
	Accumulate int `json:"accumulate,omitempty"`
	// LearningRate is 3e-3 by default, with hidden layers 1e-3; for SGD ten times
	// that.
	LearningRate float32   `json:"learning_rate,omitempty"`
	Optimizer    Optimizer `json:"optimizer"`
	Schedule     Schedule  `json:"schedule"`

	// WeightDecay, decoupled (arXiv:1711.05101), of kernels; default 0, of AdamW
	// .004.
	WeightDecay float32 `json:"weight_decay,omitempty"`
	// L2 adds L2·Σw² of the kernels to the loss, as Keras' regularizer; default 0.
	L2 float32 `json:"l2,omitempty"`
	// ClipNorm is the most that the norm of all gradients together may be;
	// default any.
	ClipNorm float32 `json:"clip_norm,omitempty"`
	// Average is the momentum of a moving average of the weights over the steps,
	// .99 for example, which is then validated and used; default none.
	Average float32 `json:"average,omitempty"`
	// LabelSmoothing from 0 to below 1 (arXiv:1512.00567); default 0.
	LabelSmoothing float32 `json:"label_smoothing,omitempty"`
	// Mixup blends pictures, or their features, and their labels by shares drawn
	// from Beta(Mixup, Mixup) (arXiv:1710.09412); default none. CutMix pastes
	// rectangles (arXiv:1905.04899) in fine-tuning, where there are rows and
	// columns; where both are set each batch has one of them.
	Mixup  float32 `json:"mixup,omitempty"`
	CutMix float32 `json:"cutmix,omitempty"`
	// ClassWeights, one per class in label order, weigh the training loss. By
	// default n/(k·nᶜ), where class c has nᶜ of the n pictures and there are k
	// classes, so that rare classes count as much as frequent ones.
	ClassWeights []float32 `json:"class_weights,omitempty"`
	// Balanced draws each class as often as the others instead: the default
	// weights are then 1.
	Balanced bool `json:"balanced,omitempty"`

	// Patience is the number of epochs without a lower validation loss after
	// which training stops; default 10, negative: never.
	Patience int `json:"patience,omitempty"`
	// MinAccuracy is the validation accuracy that the head must reach for
	// fine-tuning to begin.
	MinAccuracy float64 `json:"min_accuracy,omitempty"`
	// TopK is how many guesses Epoch.ValTopK gives; default 5, or 2 where there
	// are no more classes than that.
	TopK int `json:"top_k,omitempty"`

	// FineTune trains part of the body, too, after the head.
	FineTune FineTune `json:"fine_tune"`

	// Augment makes more of the training pictures: Views versions of each, beside
	// the picture itself, which are made once and whose features are kept in CacheDir.
	// With a negative Views all is drawn anew in every epoch; features are
	// then computed in every epoch, too. An Augment alone means 4 Views, Views alone
	// mean augment.Default(). The default is neither.
	Augment augment.Augmentor `json:"augment,omitzero"`
	Views   int               `json:"views,omitempty"`
	// SaveViews, if set, is a folder where Fit writes the versions it makes, as
	// class/picture-version.png at the network's size. Those in CacheDir are not made.
	SaveViews string `json:"-"`

	// Preprocess, stored in the model, holds in Evaluate and Predict as well.
	Preprocess Preprocess `json:"preprocess"`
	Limits     Limits     `json:"limits"`
	// Provenance is JSON that the model file keeps: where the pictures come from
	// and under which licences, a scrape.Summary for example.
	Provenance json.RawMessage `json:"provenance,omitempty"`
	// Strict makes a broken picture fatal, instead of listed in History.Bad.
	Strict bool `json:"strict,omitempty"`

	// CacheDir, if set, is a folder where features are kept from one Fit or
	// Evaluate of this classifier to the next, CacheBytes at most (default
	// 1 GiB). It is no part of the model.
	CacheDir   string `json:"-"`
	CacheBytes int64  `json:"-"`
	// Checkpoint keeps the state of training, and Logs says how it goes. Neither
	// is part of the model.
	Checkpoint Checkpoint `json:"-"`
	Logs       Logs       `json:"-"`
}

// FineTune says which part of the body is trained after the head. The pictures'
// activations before it are computed once. From the first block on it trains
// the whole network, from nothing where its weights are random ([nn.Init]).
type FineTune struct {
	// From is the block to begin with, or Keras' name of one. Blocks does without
	// a name: 1 for the network's last block, or stage, 2 for the last two
	// (nn.Model.Cuts). Without either only the head is trained.
	From   string `json:"from,omitempty"`
	Blocks int    `json:"blocks,omitempty"`

	Epochs       int      `json:"epochs,omitempty"`        // at most; default 10
	Batch        int      `json:"batch,omitempty"`         // pictures a step; default 16, or fewer where memory is short
	LearningRate float32  `json:"learning_rate,omitempty"` // default a tenth of the head's
	Schedule     Schedule `json:"schedule"`
	// BlockDecay is the learning rate of each block as a part of that of the
	// block after it (arXiv:1801.06146); default 1. Gradual trains one block more
	// in every epoch, from the last.
	BlockDecay float32 `json:"block_decay,omitempty"`
	Gradual    bool    `json:"gradual,omitempty"`
	// TrainNorm makes batch norms of the trained blocks, those included that
	// Gradual trains later, use and follow the batches' own statistics, instead of
	// keeping the pretrained ones.
	TrainNorm bool `json:"train_norm,omitempty"`
	// MaxBytes bounds the activations before the first block that are kept in
	// memory; default 2 GB. Those that take more are computed anew in every epoch.
	MaxBytes int64 `json:"max_bytes,omitempty"`
}

// Optimizers and schedules, see their fields.
type (
	Optimizer     = train.Optimizer
	OptimizerKind = train.OptimizerKind
	Schedule      = train.Schedule
	ScheduleKind  = train.ScheduleKind
)

// The optimizers, as Keras computes them, and the schedules of the learning rate.
const (
	Adam    = train.Adam
	AdamW   = train.AdamW
	SGD     = train.SGD
	RMSprop = train.RMSprop

	ConstantRate = train.Constant
	StepRate     = train.Step
	CosineRate   = train.Cosine
	OneCycleRate = train.OneCycle
	PlateauRate  = train.Plateau
)

// completed fills in the defaults and checks the rest. Options that stay zero
// are of no concern.
func (o FitOptions) completed(model nn.Model, classes int) (_ FitOptions, err error) {
	o.Hidden = slices.Clone(o.Hidden)
	o.ClassWeights = slices.Clone(o.ClassWeights)
	rate := float32(3e-3)
	if len(o.Hidden) > 0 {
		rate = 1e-3
		o.Act = cmp.Or(o.Act, nn.ReLU)
	}
	dropout := float32(.5)
	if o.Dropout != nil {
		dropout = *o.Dropout
	}
	o.Dropout = &dropout
	if o.Optimizer, err = o.Optimizer.Completed(); err != nil {
		return o, err
	}
	switch o.Optimizer.Kind {
	case SGD:
		rate *= 10
	case AdamW:
		o.WeightDecay = cmp.Or(o.WeightDecay, .004)
	}
	o.Epochs = cmp.Or(o.Epochs, 60)
	o.Batch = cmp.Or(o.Batch, 32)
	o.Accumulate = cmp.Or(o.Accumulate, 1)
	o.LearningRate = cmp.Or(o.LearningRate, rate)
	o.Patience = cmp.Or(o.Patience, 10)
	o.TopK = min(cmp.Or(o.TopK, 5), max(2, classes-1))
	if o.Views != 0 && len(o.Augment.Steps) == 0 {
		o.Augment = augment.Default()
	}
	if o.Views == 0 && len(o.Augment.Steps) > 0 {
		o.Views = 4
	}
	if o.Schedule, err = o.Schedule.Completed(o.Epochs); err != nil {
		return o, err
	}
	if o.FineTune, err = o.FineTune.completed(model, o.LearningRate); err != nil {
		return o, fmt.Errorf("fine-tuning: %w", err)
	}
	return o, o.check(classes)
}

func (f FineTune) completed(model nn.Model, rate float32) (_ FineTune, err error) {
	if f.Blocks != 0 {
		if f.From != "" {
			return f, fmt.Errorf("begins at %q and at the last %d blocks, want one of both", f.From, f.Blocks)
		}
		if f.Blocks < 0 || f.Blocks > len(model.Cuts) {
			return f, fmt.Errorf("begins at the last %d blocks; %s says where the last %d begin", f.Blocks, model.Name, len(model.Cuts))
		}
		f.From, f.Blocks = model.Cuts[f.Blocks-1], 0
	}
	if f.From == "" {
		return f, nil
	}
	if tap, ok := model.Aliases[f.From]; ok {
		f.From = tap
	}
	f.Epochs = cmp.Or(f.Epochs, 10)
	f.LearningRate = cmp.Or(f.LearningRate, rate/10)
	f.BlockDecay = cmp.Or(f.BlockDecay, 1)
	f.MaxBytes = cmp.Or(f.MaxBytes, 2e9)
	f.Schedule, err = f.Schedule.Completed(f.Epochs)
	return f, err
}

func (o FitOptions) check(classes int) error {
	if len(o.Hidden) > 3 {
		return fmt.Errorf("there are %d hidden layers, want at most 3", len(o.Hidden))
	}
	for i, units := range o.Hidden {
		if units < 1 {
			return fmt.Errorf("hidden layer %d has %d units, want 1 or more", i+1, units)
		}
	}
	if o.Norm && len(o.Hidden) > 0 && (o.Batch == 1 || o.FineTune.Batch == 1) {
		return fmt.Errorf("norm wants batches of 2 or more: the variance of one picture is 0")
	}
	if o.Act < nn.Linear || o.Act >= nn.Softmax {
		return fmt.Errorf("act is %v, want relu, relu6, swish, sigmoid or tanh", o.Act)
	}
	if o.ClassWeights != nil && len(o.ClassWeights) != classes {
		return fmt.Errorf("there are %d class weights for %d classes", len(o.ClassWeights), classes)
	}
	if err := o.Augment.Check(); err != nil {
		return err
	}
	if o.Provenance != nil && !json.Valid(o.Provenance) {
		return fmt.Errorf("provenance is no JSON: %.40q", o.Provenance)
	}
	if o.Views > maxViews {
		return fmt.Errorf("there are %d views of a picture, want at most %d", o.Views, maxViews)
	}
	type bound struct {
		name   string
		value  float64
		lo, hi float64 // lo itself is allowed
	}
	inf, above := math.Inf(1), math.SmallestNonzeroFloat64
	bounds := []bound{
		{"dropout", float64(*o.Dropout), 0, 1},
		{"epochs", float64(o.Epochs), 1, inf},
		{"batch", float64(o.Batch), 1, inf},
		{"accumulate", float64(o.Accumulate), 1, inf},
		{"learning rate", float64(o.LearningRate), above, inf},
		{"weight decay", float64(o.WeightDecay), 0, inf},
		{"l2", float64(o.L2), 0, inf},
		{"clip norm", float64(o.ClipNorm), 0, inf},
		{"average", float64(o.Average), 0, 1},
		{"label smoothing", float64(o.LabelSmoothing), 0, 1},
		{"mixup", float64(o.Mixup), 0, inf},
		{"cutmix", float64(o.CutMix), 0, inf},
		{"min accuracy", o.MinAccuracy, 0, 1},
		{"top k", float64(o.TopK), 1, inf},
		{"fine-tuning epochs", float64(o.FineTune.Epochs), 0, inf},
		{"fine-tuning batch", float64(o.FineTune.Batch), 0, inf},
		{"fine-tuning learning rate", float64(o.FineTune.LearningRate), 0, inf},
		{"fine-tuning block decay", float64(o.FineTune.BlockDecay), 0, inf},
		{"checkpoint steps", float64(o.Checkpoint.Steps), 0, inf},
		{"checkpoint interval", float64(o.Checkpoint.Every), 0, inf},
	}
	for i, w := range o.ClassWeights {
		bounds = append(bounds, bound{fmt.Sprintf("weight of class %d", i), float64(w), above, inf})
	}
	for _, b := range bounds {
		if !(b.value >= b.lo && b.value < b.hi) {
			from := fmt.Sprintf("%v or more", b.lo)
			if b.lo == above {
				from = "above 0"
			}
			return fmt.Errorf("%s is %v, want %s and below %v", b.name, b.value, from, b.hi)
		}
	}
	return nil
}
