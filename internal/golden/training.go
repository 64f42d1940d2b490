package golden

import (
	"fmt"

	"github.com/argus-go/argus/internal/npz"
)

// A Step is what one training step of Keras gives for three pictures with the
// labels 1, 8 and 15, without dropout.
type Step struct {
	Golden           // Network, H, W, N, Exponents
	Loss     float32 // mean cross-entropy
	Gradient []Stat  // of the trainable weights, in Keras' order
	Moving   []Stat  // the moving means and variances after the step, in Keras' order
	Smooth   []Stat  // of the trainable weights where every ReLU is a swish
}

// LoadStep reads a file whose name is that of the network and H×W.
func LoadStep(path string) (s Step, err error) {
	arrays, err := s.open(path)
	if err != nil {
		return s, err
	}
	loss, err := arrays["loss"].Float32()
	if err != nil {
		return s, fmt.Errorf("golden: loss: %w", err)
	}
	if len(loss) != 1 {
		return s, fmt.Errorf("golden: loss: %d numbers, want 1", len(loss))
	}
	s.Loss, s.N = loss[0], 3
	for name, rows := range map[string]*[]Stat{"gradients": &s.Gradient, "moving": &s.Moving, "smooth": &s.Smooth} {
		if *rows, err = stats(arrays[name]); err != nil {
			return s, fmt.Errorf("golden: %s: %w", name, err)
		}
	}
	return s, nil
}

// stats splits an array into rows.
func stats(a npz.Array) ([]Stat, error) {
	v, err := a.Float32()
	if err != nil {
		return nil, err
	}
	if len(v) == 0 || len(v)%len(Stat{}) != 0 {
		return nil, fmt.Errorf("%d numbers are not rows of %d", len(v), len(Stat{}))
	}
	rows := make([]Stat, len(v)/len(Stat{}))
	for i := range rows {
		rows[i] = Stat(v[i*len(Stat{}):])
	}
	return rows, nil
}
