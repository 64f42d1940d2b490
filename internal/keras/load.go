package keras

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/argus-go/argus/internal/hdf5"
	"github.com/argus-go/argus/nn"
)

// Is says whether the size bytes behind r are of a kind that this package reads.
func Is(r io.ReaderAt, size int64) bool { return hdf5.Is(r, size) || isArchive(r, size) }

// Load reads the weights of m from the size bytes of a Keras file, .h5,
// .weights.h5 or .keras, for an input of m's own size. A file without the top's
// weights gives the body's.
//
// Layers that carry the names of the EfficientNet family or of Keras 2.2's
// ResNet50 go by them, others by order, as Keras itself places them. The error, an [nn.ErrWeights], lists all
// mismatches at once, and comes before any number is read; one for numbers that
// cannot be weights comes after.
func Load(r io.ReaderAt, size int64, m nn.Model) (nn.Weights, error) {
	weights, err := load(r, size, m)
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	return weights, nil
}

func load(r io.ReaderAt, size int64, m nn.Model) (nn.Weights, error) {
	f, err := open(r, size)
	if err != nil {
		return nil, err
	}
	layers, in := weighted(f.layers), m.Input.Shape()
	network, err := partOf(layers, m)
	if err != nil {
		return nil, err
	}
	p, err := match(layers, network, in)
	if err != nil && f.config != nil {
		err = fmt.Errorf("%w\n\tthe file is a whole model, which ImportKeras reads with the head that it has", err)
	}
	if err != nil {
		return nil, err
	}
	if err := f.checkNormalization(m.Input); err != nil {
		return nil, err
	}
	all := make([]*Weight, 0, len(p))
	for _, w := range p {
		all = append(all, w)
	}
	if err := f.fill(all); err != nil {
		return nil, err
	}
	if isOldResNet(layers) {
		withNewEps(all)
	}
	weights := p.tensors()
	return weights, weights.Check(network, in, true)
}

// checkNormalization wants a Normalization of the file to be what the network's
// input does already.
func (f *file) checkNormalization(in nn.Input) error {
	for i := range f.layers {
		l := &f.layers[i]
		if !isNormalization(*l) || len(l.Weights) < 2 {
			continue
		}
		mean, variance := &l.Weights[0], &l.Weights[1]
		if err := f.fill([]*Weight{mean, variance}); err != nil {
			return err
		}
		if !normalizesAs(in, mean.Data, variance.Data) {
			return fmt.Errorf("%s: mean %v and variance %v; the network's input has mean %v and std %v of pixels from 0 to 255, which must be the same",
				l.Name, mean.Data, variance.Data, in.Mean, in.Std)
		}
	}
	return nil
}

// normalizesAs says whether a Normalization of pixels, or of pixels over 255, is
// the same as in. The published EfficientNet files are of the latter and keep
// deviations where they say variance, for Keras divides by their root twice
// (tensorflow issue 49930).
func normalizesAs(in nn.Input, mean, variance []float32) bool {
	if len(mean) != 3 || len(variance) != 3 {
		return false
	}
	same := func(unit float64, deviation func(float64) float64) bool {
		for c := range 3 {
			std := cmp.Or(float64(in.Std[c]), 1)
			if math.Abs(unit*float64(mean[c])-float64(in.Mean[c])) > 0.25 || math.Abs(unit*deviation(float64(variance[c]))-std) > 0.25 {
				return false
			}
		}
		return true
	}
	return same(1, math.Sqrt) || same(255, math.Sqrt) || same(255, func(v float64) float64 { return v })
}

func match(layers []Layer, l nn.Layer, in nn.Shape) (placed, error) {
	unknown := func(l Layer) bool { _, ok := EfficientNet(l.Name, ""); return !ok }
	switch {
	case isOldResNet(layers):
		return byName(layers, oldResNet, l, in)
	case slices.ContainsFunc(layers, unknown):
		return place(layers, l, in)
	}
	return byName(layers, EfficientNet, l, in)
}

// partOf is what of m the file has layers for: all of it, or its body.
func partOf(layers []Layer, m nn.Model) (nn.Layer, error) {
	body, err := Order(m.Body, m.Input.Shape())
	if err != nil {
		return nil, err
	}
	n := 0
	for _, o := range body {
		n += one(len(o.Params) > 0)
	}
	if len(layers) == n {
		return m.Body, nil
	}
	return m.Whole(), nil
}

// byName places weights whose layers have names that give their paths.
func byName(layers []Layer, name func(layer, weight string) (path string, ok bool), l nn.Layer, in nn.Shape) (placed, error) {
	params, err := nn.Params(l, in)
	if err != nil {
		return nil, err
	}
	named, unnamed := rename(layers, name)
	bad := unnamed
	for _, p := range params {
		w, ok := named[p.Name]
		switch {
		case !ok:
			bad = append(bad, fmt.Sprintf("%s: missing, the network wants %v", p.Name, p.Shape))
		case !slices.Equal(w.Shape, p.Shape):
			bad = append(bad, fmt.Sprintf("%s: shape %v, the network wants %v", w.Path, w.Shape, p.Shape))
		}
		delete(named, p.Name)
	}
	for path, w := range named {
		bad = append(bad, fmt.Sprintf("%s: the network has no such tensor, %s", w.Path, path))
	}
	if bad != nil {
		slices.Sort(bad)
		return nil, misfit(bad)
	}
	named, _ = rename(layers, name)
	return named, nil
}

// ErrNoModel says that a file holds weights only.
var ErrNoModel = errors.New("the file holds weights but no model: save the whole model, or give its weights to a network of argus")
