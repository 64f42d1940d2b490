package keras_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/internal/keras"
	"github.com/argus-go/argus/internal/shared"
	"github.com/argus-go/argus/nn"
	"github.com/argus-go/argus/resnet"
	"github.com/argus-go/argus/xception"
)

func efficientNet(t testing.TB, name string) nn.Model {
	m, err := efficientnet.New(name, 1000)
	require.NoError(t, err)
	return m
}

// A fact is a layer of facts/keras_layer_order.json.
type fact struct {
	Name    string
	Class   string               `json:"cls"`
	Weights [][2]json.RawMessage // name, shape
}

// facts reads the layers that Keras has, and the weights file that they make.
func facts(t testing.TB, network string) (facts []fact, file []keras.Layer) {
	b, err := os.ReadFile(shared.Path(t, "facts/keras_layer_order.json"))
	require.NoError(t, err)
	var all map[string][]fact
	require.NoError(t, json.Unmarshal(b, &all))
	require.Contains(t, all, network)
	for _, f := range all[network] {
		layer := keras.Layer{Name: f.Name}
		for _, pair := range f.Weights {
			var w keras.Weight
			require.NoError(t, json.Unmarshal(pair[0], &w.Name))
			require.NoError(t, json.Unmarshal(pair[1], &w.Shape))
			n := 1
			for _, d := range w.Shape {
				n *= d
			}
			w.Data = make([]float32, n)
			layer.Weights = append(layer.Weights, w)
		}
		file = append(file, layer)
	}
	return all[network], file
}

func TestNetworksHaveTheLayersOfKerasInItsOrder(t *testing.T) {
	for name, m := range map[string]nn.Model{
		"InceptionV3":       inception.V3(1000),
		"InceptionResNetV2": inception.ResNetV2(1000),
		"Xception":          xception.New(1000),
		"ResNet50":          resnet.ResNet50(1000),
		"EfficientNetB0":    efficientNet(t, "b0"),
		"EfficientNetB3":    efficientNet(t, "b3"),
		"EfficientNetB5":    efficientNet(t, "b5"),
	} {
		t.Run(name, func(t *testing.T) {
			facts, file := facts(t, name)
			ops, err := keras.Order(m.Whole(), m.Input.Shape())
			require.NoError(t, err)
			var got, want []string
			for _, o := range ops {
				if len(o.Params) > 0 {
					got = append(got, o.Class)
				}
			}
			for _, f := range facts {
				if f.Class != "Normalization" {
					want = append(want, f.Class)
				}
			}
			require.Equal(t, want, got)
			w, err := keras.Place(file, m.Whole(), m.Input.Shape())
			require.NoError(t, err)
			require.NoError(t, w.Check(m.Whole(), m.Input.Shape(), true))
		})
	}
}
