package golden

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/argus-go/argus/internal/keras"
	"github.com/argus-go/argus/nn"
)

// How far from Keras' float64 gradients may be: decision 0102. Through ReLU
// rounding moves inputs over the kink: Keras' own float32 is off by 0.04 in the
// median tensor, and by 2.5e-4 in the worst through swish.
const (
	roughTolerance  = 0.1
	smoothTolerance = 3e-4
)

func TestATrainingStepEqualsThatOfKeras(t *testing.T) {
	paths, err := filepath.Glob("testdata/training/*.npz")
	require.NoError(t, err)
	require.Len(t, paths, 3)
	if testing.Short() {
		t.Skip("short")
	}
	for _, path := range paths {
		s, err := LoadStep(path)
		require.NoError(t, err)
		m := model(t, s.Network)
		same := s.Network == "efficientnet-b0" // it has no ReLU
		t.Run(s.Network, func(t *testing.T) {
			got := train(t, s, m, false)
			var loss, moving worst
			loss.see(math.Abs(float64(got.loss/s.Loss)-1), "loss")
			loss.require(t, "loss", tolerance)
			for i, want := range s.Moving {
				moving.compare(want, got.moving[i], want.rms(), got.movingNames[i])
			}
			moving.require(t, "moving statistics", tolerance)
			all, median := got.compare(t, s.Gradient)
			if same {
				require.Equal(t, s.Smooth, s.Gradient)
				all.require(t, "gradients", tolerance)
			}
			t.Logf("gradients: %.1e of the median tensor", median)
			require.Less(t, median, roughTolerance)
		})
		if !same {
			t.Run(s.Network+", smooth", func(t *testing.T) {
				all, _ := train(t, s, m, true).compare(t, s.Smooth)
				all.require(t, "gradients", smoothTolerance)
			})
		}
	}
}

// A step is one training step of ours, in Keras' order.
type step struct {
	loss               float32
	gradients, moving  [][]float32
	names, movingNames []string
}

// compare holds gradients against Keras' and returns the worst of them all and the
// median tensor's. Those that batch norm makes zero must be nearly so.
func (s step) compare(t *testing.T, want []Stat) (all worst, median float64) {
	require.Len(t, s.gradients, len(want))
	var sizes, differences []float64
	for _, w := range want {
		sizes = append(sizes, w.rms())
	}
	slices.Sort(sizes)
	for i, w := range want {
		if size := sizes[len(sizes)/2]; w.rms() < 1e-12*size {
			require.Less(t, stat(s.gradients[i]).rms(), 1e-3*size, "%s: it should be zero", s.names[i])
			continue
		}
		var one worst
		one.compare(w, s.gradients[i], w.rms(), s.names[i])
		all.see(one.difference, one.where)
		differences = append(differences, one.difference)
	}
	slices.Sort(differences)
	return all, differences[len(differences)/2]
}

func train(t *testing.T, golden Step, m nn.Model, smooth bool) (s step) {
	in := nn.Shape{H: golden.H, W: golden.W, C: 3}
	weights, err := Weights(m.Whole(), in, golden.Exponents)
	require.NoError(t, err)
	g := gorgonia.NewGraph()
	n := golden.N
	x := variable(g, "x", Pictures(m.Input, n, in.H, in.W), n, in.H, in.W, in.C)
	b, err := nn.Build(g, x, certain(m.Whole(), smooth), weights, nn.Options{Training: true})
	require.NoError(t, err)
	cost, err := nn.CrossEntropy(b.Output, variable(g, "labels", []float32{1, 8, 15}, n), nil, 0)
	require.NoError(t, err)
	grads, err := nn.Grad(cost, b.Params...)
	require.NoError(t, err)
	machine, err := nn.NewMachine(g, append(slices.Clone(grads), cost)...)
	require.NoError(t, err)
	defer machine.Close()
	require.NoError(t, machine.Run(context.Background(), 0))
	b.UpdateStatistics()

	s.loss = cost.Value().Data().(float32)
	gradients := map[string][]float32{}
	for i, p := range b.Params {
		gradients[p.Name()] = grads[i].Value().Data().([]float32)
	}
	ops, err := keras.Order(m.Whole(), in)
	require.NoError(t, err)
	for _, o := range ops {
		for _, p := range o.Params {
			if p.Trainable {
				s.gradients, s.names = append(s.gradients, slices.Clone(gradients[p.Name])), append(s.names, p.Name)
			} else {
				s.moving, s.movingNames = append(s.moving, weights[p.Name].Data), append(s.movingNames, p.Name)
			}
		}
	}
	require.Len(t, s.moving, len(golden.Moving))
	return s
}

// certain is l without dropout, its dense layers giving logits, and smooth where
// that is wanted: with swish for ReLU.
func certain(l nn.Layer, smooth bool) nn.Layer {
	each := func(ls []nn.Layer) []nn.Layer {
		out := make([]nn.Layer, len(ls))
		for i, l := range ls {
			out[i] = certain(l, smooth)
		}
		return out
	}
	act := func(a nn.Activation) nn.Activation {
		if a == nn.ReLU && smooth {
			return nn.Swish
		}
		return a
	}
	switch l := l.(type) {
	case nn.Seq:
		return nn.Seq(each(l))
	case nn.Concat:
		return nn.Concat(each(l))
	case nn.Add:
		l.Branches, l.Act = each(l.Branches), act(l.Act)
		return l
	case nn.Block:
		return nn.Block{Name: l.Name, Body: certain(l.Body, smooth)}
	case nn.Conv:
		l.Act = act(l.Act)
		if smooth && l.Pad == nn.Explicit { // ResNet's stem, before a pool that pads
			l.Act = nn.Sigmoid
		}
		return l
	case nn.Act:
		return nn.Act{Kind: act(l.Kind)}
	case nn.Dense:
		l.Act = nn.Linear
		return l
	case nn.Dropout:
		return nn.Seq{}
	}
	return l
}
