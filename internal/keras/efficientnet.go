package keras

import (
	"fmt"
	"slices"
	"strings"
)

// efficientNetLayers gives nn's layer for the layers of the EfficientNet
// family: v1, v2 and Lite, from Keras and from the efficientnet package.
var efficientNetLayers = map[string]string{
	"stem_conv":   "stem/conv",
	"stem_bn":     "stem/conv/norm",
	"top_conv":    "top/conv",
	"top_bn":      "top/conv/norm",
	"predictions": "predictions",
	"probs":       "predictions", // the efficientnet package's name
}

// efficientNetParts is the same for what follows "block1a_".
var efficientNetParts = map[string]string{
	"expand_conv":  "expand",
	"expand_bn":    "expand/norm",
	"dwconv":       "depthwise",
	"dwconv2":      "depthwise", // v2
	"bn":           "depthwise/norm",
	"se_reduce":    "se/reduce",
	"se_expand":    "se/expand",
	"project_conv": "project",
	"project_bn":   "project/norm",
}

// EfficientNet gives nn's path for a weight of the EfficientNet family:
// "block1a/depthwise/norm/gamma" for "gamma" of "block1a_bn". It says false
// where the layer is none of the family's.
func EfficientNet(layer, weight string) (path string, ok bool) {
	path, ok = efficientNetLayers[layer]
	if block, part, found := strings.Cut(layer, "_"); !ok && found && strings.HasPrefix(block, "block") {
		path, ok = efficientNetParts[part]
		path = block + "/" + path
	}
	if weight == "depthwise_kernel" { // Keras 3 says kernel
		weight = "kernel"
	}
	return path + "/" + weight, ok
}

// Rename gives every weight its path by name and returns them by path. Its
// error lists all weights that have no path and all that share one.
func Rename(layers []Layer, name func(layer, weight string) (path string, ok bool)) (map[string]Weight, error) {
	named, bad := rename(layers, name)
	if bad != nil {
		slices.Sort(bad)
		return nil, fmt.Errorf("keras: %d weights cannot be placed:\n\t%s", len(bad), strings.Join(bad, "\n\t"))
	}
	weights := map[string]Weight{}
	for path, w := range named {
		weights[path] = *w
	}
	return weights, nil
}

func rename(layers []Layer, name func(layer, weight string) (path string, ok bool)) (weights placed, bad []string) {
	weights = placed{}
	from := map[string]string{}
	for _, layer := range layers {
		for i := range layer.Weights {
			w := &layer.Weights[i]
			path, ok := name(layer.Name, w.Name)
			switch first, taken := from[path]; {
			case !ok:
				bad = append(bad, fmt.Sprintf("%s/%s: shape %v, no such layer is known", layer.Name, w.Name, w.Shape))
			case taken:
				bad = append(bad, fmt.Sprintf("%s/%s: is %s, as %s", layer.Name, w.Name, path, first))
			default:
				from[path] = layer.Name + "/" + w.Name
				weights[path] = w
			}
		}
	}
	return weights, bad
}
