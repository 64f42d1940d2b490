package argus

import (
	"fmt"
	"slices"

	"github.com/argus-go/argus/nn"
)

// headOf is the layers from features to logits: dropout before each of the
// hidden layers and before the last.
func headOf(body nn.Layer, in nn.Shape, o FitOptions, classes int) (nn.Layer, error) {
	var layers nn.Seq
	for _, units := range o.Hidden {
		layers = append(layers, nn.Dropout{Rate: *o.Dropout})
		if o.Norm {
			layers = append(layers, nn.Dense{Units: units}, nn.Norm{BatchNorm: nn.BatchNorm{Eps: 1e-3}}, nn.Act{Kind: o.Act})
		} else {
			layers = append(layers, nn.Dense{Units: units, Act: o.Act})
		}
	}
	layers = append(layers, nn.Dropout{Rate: *o.Dropout}, nn.Dense{Name: "logits", Units: classes})
	taken, err := nn.Blocks(body, in)
	if err != nil {
		return nil, err
	}
	name := "classifier"
	for i := 2; slices.Contains(taken, name); i++ {
		name = fmt.Sprint("classifier", i)
	}
	return nn.Block{Name: name, Body: layers}, nil
}

// topOf is the head as a model's top.
func topOf(head nn.Layer) nn.Layer { return nn.Seq{head, nn.Act{Kind: nn.Softmax}} }

// balanced weighs the classes n/(k·nᶜ); one without pictures weighs nothing.
func balanced(counts []int) []float32 {
	n := 0
	for _, c := range counts {
		n += c
	}
	w := make([]float32, len(counts))
	for i, c := range counts {
		if c > 0 {
			w[i] = float32(float64(n) / float64(len(counts)*c))
		}
	}
	return w
}
