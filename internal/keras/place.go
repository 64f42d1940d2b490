package keras

import (
	"fmt"
	"slices"
	"strings"

	"github.com/argus-go/argus/nn"
)

// Place gives the weights of a file to the network l for an input of shape in:
// by order, as Keras itself does, since names of layers that nobody named depend
// on the session that wrote the file. A Normalization layer is passed over, for
// [nn.Input] does its work. The error, an [nn.ErrWeights], lists all mismatches.
func Place(layers []Layer, l nn.Layer, in nn.Shape) (nn.Weights, error) {
	ops, err := Order(l, in)
	if err != nil {
		return nil, err
	}
	ops = slices.DeleteFunc(ops, func(o Op) bool { return len(o.Params) == 0 })
	layers = slices.DeleteFunc(slices.Clone(layers), func(l Layer) bool { return len(l.Weights) == 0 || isNormalization(l) })

	weights := nn.Weights{}
	var bad []string
	for i := range max(len(ops), len(layers)) {
		switch {
		case i >= len(layers):
			bad = append(bad, fmt.Sprintf("%s: missing, the network wants %v", ops[i].Params[0].Name, ops[i].Params[0].Shape))
		case i >= len(ops):
			bad = append(bad, fmt.Sprintf("%s: the network has no such layer", layers[i].Name))
		default:
			bad = append(bad, placeLayer(weights, layers[i], ops[i])...)
		}
	}
	if bad == nil {
		return weights, nil
	}
	const shown = 20
	if n := len(bad); n > shown {
		bad = append(bad[:shown], fmt.Sprintf("and %d more", n-shown))
	}
	return nil, fmt.Errorf("keras: %w:\n\t%s", nn.ErrWeights, strings.Join(bad, "\n\t"))
}

// placeLayer adds a layer's weights, or says why they do not fit.
func placeLayer(weights nn.Weights, layer Layer, o Op) (bad []string) {
	if len(layer.Weights) != len(o.Params) {
		return []string{fmt.Sprintf("%s: has %d weights, %s wants %d", layer.Name, len(layer.Weights), o.Params[0].Name, len(o.Params))}
	}
	for i, w := range layer.Weights {
		p := o.Params[i]
		role := p.Name[strings.LastIndexByte(p.Name, '/')+1:] // "kernel"; the file's may be "depthwise_kernel"
		if !strings.HasSuffix(w.Name, role) || !slices.Equal(w.Shape, p.Shape) {
			bad = append(bad, fmt.Sprintf("%s/%s: shape %v, %s wants %v", layer.Name, w.Name, w.Shape, p.Name, p.Shape))
			continue
		}
		weights[p.Name] = nn.Tensor{Shape: w.Shape, Data: w.Data}
	}
	return bad
}

// isNormalization says whether l is Keras' Normalization: mean, variance, count.
func isNormalization(l Layer) bool {
	return len(l.Weights) == 3 && l.Weights[0].Name == "mean" && l.Weights[1].Name == "variance" && l.Weights[2].Name == "count"
}
