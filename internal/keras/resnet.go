package keras

import (
	"fmt"
	"regexp"
	"slices"
)

// The ResNet50 that Keras had before its version 2.3 (fchollet/deep-learning-models)
// names all its layers, adds a block's branches the other way round, and has
// another constant in its batch norm.
var oldResNetBlock = regexp.MustCompile(`^(res|bn)([2-5])([a-z])_branch(1|2a|2b|2c)$`)

var oldResNetLayers = map[string]string{
	"conv1":    "stem/conv",
	"bn_conv1": "stem/conv/norm",
	"fc1000":   "predictions",
}

// oldResNetParts is what follows "branch".
var oldResNetParts = map[string]string{"1": "shortcut", "2a": "conv1", "2b": "conv2", "2c": "conv3"}

// oldResNet is as [EfficientNet], for the layers of the old ResNet50.
func oldResNet(layer, weight string) (path string, ok bool) {
	path, ok = oldResNetLayers[layer]
	if m := oldResNetBlock.FindStringSubmatch(layer); m != nil {
		path, ok = fmt.Sprintf("conv%s_block%d/%s", m[2], m[3][0]-'a'+1, oldResNetParts[m[4]]), true
		if m[1] == "bn" {
			path += "/norm"
		}
	}
	return path + "/" + weight, ok
}

func isOldResNet(layers []Layer) bool {
	return slices.ContainsFunc(layers, func(l Layer) bool { return l.Name == "res2a_branch2a" })
}

// oldEps is the constant of the old network's batch norm, newEps that of today's.
const oldEps, newEps = 1e-3, 1.001e-5

// withNewEps makes variances of the old network those with which today's computes
// the same: only their sum with the constant counts.
func withNewEps(weights []*Weight) {
	for _, w := range weights {
		if w.Name != "moving_variance" {
			continue
		}
		for i := range w.Data {
			w.Data[i] = float32(float64(w.Data[i]) + (oldEps - newEps))
		}
	}
}
