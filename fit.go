package argus

import (
	"github.com/argus-go/argus/nn"
)

// FitOptions says how Fit trains. The zero value is the good default; a pointer
// is there where zero is a choice of its own.
type FitOptions struct {
	// Seed of the first weights, of shuffling, of dropout and of a held-out
	// validation split.
	Seed uint64 `json:"seed,omitempty"`

	// Hidden is the units of up to three layers between the features and the
	// classes, none by default, and Act their activation, ReLU by default.
	Hidden []int         `json:"hidden,omitempty"`
	Act    nn.Activation `json:"act,omitempty"`
	// Dropout before each layer of the head, from 0 to below 1. Default .2.
	Dropout *float32 `json:"dropout,omitempty"`

	Epochs       int     `json:"epochs,omitempty"`        // at most; default 60
	Batch        int     `json:"batch,omitempty"`         // pictures a step; default 32
	LearningRate float32 `json:"learning_rate,omitempty"` // of Adam (arXiv:1412.6980); default 1e-3
	// WeightDecay, decoupled (arXiv:1711.05101), of the head's kernels.
	WeightDecay *float32 `json:"weight_decay,omitempty"`
	// LabelSmoothing from 0 to below 1 (arXiv:1512.00567).
	LabelSmoothing *float32 `json:"label_smoothing,omitempty"`
	// ClassWeights, one per class in label order, weigh the training loss. By
	// default n/(k·nᶜ), where class c has nᶜ of the n pictures and there are k
	// classes, so that rare classes count as much as frequent ones.
	ClassWeights []float32 `json:"class_weights,omitempty"`
	// Patience is the number of epochs without a lower validation loss after
	// which training stops; default 10, negative: never.
	Patience int `json:"patience,omitempty"`

	// FineTune trains part of the body, too, after the head.
	FineTune FineTune `json:"fine_tune"`

	// Preprocess, stored in the model, holds in Evaluate and Predict as well.
	Preprocess Preprocess `json:"preprocess"`
	Limits     Limits     `json:"limits"`
	// Strict makes a broken picture fatal, instead of listed in History.Bad.
	Strict bool `json:"strict,omitempty"`

	// CacheDir, if set, is a folder where features are kept from one Fit or
	// Evaluate of this classifier to the next, CacheBytes at most (default
	// 1 GB). It is no part of the model.
	CacheDir   string `json:"-"`
	CacheBytes int64  `json:"-"`
}

// FineTune says which part of the body is trained after the head, its batch
// norms frozen.
type FineTune struct {
	From         string  `json:"from,omitempty"`          // block to begin with; "" trains the head only
	Epochs       int     `json:"epochs,omitempty"`        // at most; default 10
	Batch        int     `json:"batch,omitempty"`         // pictures a step; default 16
	LearningRate float32 `json:"learning_rate,omitempty"` // default a tenth of the head's
	// MaxBytes bounds the activations at From that are kept in memory; default
	// 2 GB.
	MaxBytes int64 `json:"max_bytes,omitempty"`
}
