package keras

import (
	"fmt"
	"io"
	"slices"

	"github.com/argus-go/argus/nn"
)

// Load reads the weights of m from the size bytes of a Keras file, for an input
// of m's own size; the number of the picture's pixels decides on no weight. A
// file without the top's weights gives the body's.
//
// Layers that carry the names of the EfficientNet family go by them, others by
// order, as Keras itself places them. The error, an [nn.ErrWeights], lists all
// mismatches at once.
func Load(r io.ReaderAt, size int64, m nn.Model) (nn.Weights, error) {
	layers, err := Read(r, size)
	if err != nil {
		return nil, err
	}
	return Fit(layers, m)
}

// Fit gives the weights of a file to m: see [Load].
func Fit(layers []Layer, m nn.Model) (nn.Weights, error) {
	in := m.Input.Shape()
	layers = slices.DeleteFunc(slices.Clone(layers), func(l Layer) bool { return len(l.Weights) == 0 || isNormalization(l) })
	network, err := partOf(layers, m)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(layers, func(l Layer) bool { _, ok := EfficientNet(l.Name, ""); return !ok }) {
		return byName(layers, network, in)
	}
	return Place(layers, network, in)
}

// partOf is what of m the file has layers for: all of it, or its body.
func partOf(layers []Layer, m nn.Model) (nn.Layer, error) {
	body, err := Order(m.Body, m.Input.Shape())
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	weighted := 0
	for _, o := range body {
		weighted += one(len(o.Params) > 0)
	}
	if len(layers) == weighted {
		return m.Body, nil
	}
	return m.Whole(), nil
}

func byName(layers []Layer, l nn.Layer, in nn.Shape) (nn.Weights, error) {
	named, err := Rename(layers, EfficientNet)
	if err != nil {
		return nil, err
	}
	weights := nn.Weights{}
	for path, w := range named {
		weights[path] = nn.Tensor{Shape: w.Shape, Data: w.Data}
	}
	if err := weights.Check(l, in, true); err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	return weights, nil
}
