package keras

import (
	"fmt"
	"slices"
	"strings"

	"github.com/argus-go/argus/nn"
)

// placed are weights of a file by the paths of a network's parameters.
type placed map[string]*Weight

func (p placed) tensors() nn.Weights {
	weights := nn.Weights{}
	for path, w := range p {
		weights[path] = nn.Tensor{Shape: w.Shape, Data: w.Data}
	}
	return weights
}

// weighted leaves out layers without weights and the Normalization of the input,
// whose work [nn.Input] does.
func weighted(layers []Layer) []Layer {
	return slices.DeleteFunc(slices.Clone(layers), func(l Layer) bool { return len(l.Weights) == 0 || isNormalization(l) })
}

// place gives the weights of a file to the network l for an input of shape in:
// by order, as Keras itself does, since names of layers that nobody named depend
// on the session that wrote the file. The error, an [nn.ErrWeights], lists all
// mismatches.
func place(layers []Layer, l nn.Layer, in nn.Shape) (placed, error) {
	ops, err := Order(l, in)
	if err != nil {
		return nil, err
	}
	ops = slices.DeleteFunc(ops, func(o Op) bool { return len(o.Params) == 0 })
	if len(layers) > 0 && layers[0].class != "" {
		layers = ordered(layers, ops)
	}
	weights := placed{}
	var bad []string
	for i := range max(len(ops), len(layers)) {
		switch {
		case i >= len(layers) || i < len(ops) && layers[i].Weights == nil:
			bad = append(bad, fmt.Sprintf("%s: missing, the network wants %v", ops[i].Params[0].Name, ops[i].Params[0].Shape))
		case i >= len(ops):
			bad = append(bad, fmt.Sprintf("%s: the network has no such layer", layers[i].Name))
		default:
			bad = append(bad, weights.add(layers[i], ops[i].Params)...)
		}
	}
	return weights, misfit(bad)
}

// ordered brings layers, which are in order class by class, into the order of
// ops; where a class has too few there is an empty one, and what is left over
// comes last.
func ordered(layers []Layer, ops []Op) []Layer {
	classes := map[string][]Layer{}
	for _, l := range layers {
		classes[l.class] = append(classes[l.class], l)
	}
	var out []Layer
	for _, o := range ops {
		class := snake(o.Class)
		next := Layer{}
		if left := classes[class]; len(left) > 0 {
			next, classes[class] = left[0], left[1:]
		}
		out = append(out, next)
	}
	for _, l := range layers {
		if left := classes[l.class]; len(left) > 0 {
			out, classes[l.class] = append(out, left...), nil
		}
	}
	return out
}

// misfit is the error that lists all mismatches, or nil where there are none.
func misfit(bad []string) error {
	if bad == nil {
		return nil
	}
	const shown = 20
	if n := len(bad); n > shown {
		bad = append(bad[:shown:shown], fmt.Sprintf("and %d more", n-shown))
	}
	return fmt.Errorf("%w:\n\t%s", nn.ErrWeights, strings.Join(bad, "\n\t"))
}

// add gives a layer's weights to params, or says why they do not fit.
func (p placed) add(layer Layer, params []nn.Param) (bad []string) {
	if len(layer.Weights) != len(params) {
		return []string{fmt.Sprintf("%s: has %d weights, %s wants %d", layer.Name, len(layer.Weights), params[0].Name, len(params))}
	}
	for i := range layer.Weights {
		w, to := &layer.Weights[i], params[i]
		role := to.Name[strings.LastIndexByte(to.Name, '/')+1:] // "kernel"; the file's may be "depthwise_kernel"
		if layer.class == "" && !strings.HasSuffix(w.Name, role) || !slices.Equal(w.Shape, to.Shape) {
			bad = append(bad, fmt.Sprintf("%s/%s: shape %v, %s wants %v", layer.Name, w.Name, w.Shape, to.Name, to.Shape))
			continue
		}
		p[to.Name] = w
	}
	return bad
}

// isNormalization says whether l is Keras' Normalization: mean, variance, count.
func isNormalization(l Layer) bool {
	return l.class == "normalization" || len(l.Weights) == 3 &&
		l.Weights[0].Name == "mean" && l.Weights[1].Name == "variance" && l.Weights[2].Name == "count"
}
