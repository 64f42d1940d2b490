package nn_test

import (
	"testing"

	"github.com/argus-go/argus/nn"
)

// Where an activation of a picture is large, swish is done on the way: into a
// slice of a concat, and after a sum.
func TestSwishAtTheEndOfALargeProductIsSwish(t *testing.T) {
	in := hwc(300, 300, 3)
	conv := func(name string, act nn.Activation) nn.Layer {
		return nn.Conv{Name: name, Filters: 13, Kernel: [2]int{1, 1}, Stride: 1, Bias: true, Act: act}
	}
	l := nn.Seq{
		nn.Concat{conv("a", nn.Swish), conv("b", nn.Linear)},
		nn.Add{Branches: []nn.Layer{conv("c", nn.Linear), conv("d", nn.Linear)}, Act: nn.Swish},
	}
	requireSame(t, l, in, randomWeights(t, l, in, 1), "")
}
