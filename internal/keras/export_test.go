package keras

import "github.com/argus-go/argus/nn"

// Place is what [Load] does with layers that do not go by their names.
func Place(layers []Layer, l nn.Layer, in nn.Shape) (nn.Weights, error) {
	p, err := place(weighted(layers), l, in)
	return p.tensors(), err
}
