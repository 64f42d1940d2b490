package torchnet

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A family is a way to name the tensors of one kind of network.
type family struct {
	what  string   // for errors
	probe string   // a tensor that only files of this family have
	nets  []string // the names of models that compute as the family does begin with one of these
	use   string   // how to make such a model
	over  []string // what files have and no network needs, beside num_batches_tracked
	top   string   // the module of the last layer
	// module is torch's module for the layer at a path, or for its norm; has says
	// which paths the network has. It is "" for a path that is not the family's.
	module func(path string, norm bool, has func(path string) bool) string
}

var families = []family{
	{
		what: "torchvision's EfficientNet", probe: "features.0.0.weight", nets: []string{"torchvision/efficientnet_"},
		use: `efficientnet.Torch("torchvision/efficientnet_b0", …)`, top: "classifier.1", module: visionEfficientNet,
	},
	{
		what: "timm's EfficientNet", probe: "conv_stem.weight", nets: []string{"timm/efficientnet_", "timm/tf_efficientnet"},
		use: `efficientnet.Torch, "timm/efficientnet_b0" or "timm/tf_efficientnet_b0": files of the two cannot be told apart`, top: "classifier", module: timmEfficientNet,
	},
	{
		what: "torchvision's and timm's ResNet", probe: "layer1.0.conv1.weight", nets: []string{"torchvision/resnet"},
		use: "resnet.Torch50", top: "fc", module: resNet,
	},
	{
		what: "torchvision's and timm's Inception v3", probe: "Conv2d_1a_3x3.conv.weight", nets: []string{"torchvision/inception_v3"},
		use: "inception.TorchV3", top: "fc", over: []string{"AuxLogits."}, module: inceptionV3,
	},
	{
		what: "timm's Inception-ResNet-V2", probe: "conv2d_1a.conv.weight", nets: []string{"timm/inception_resnet_v2"},
		use: "inception.TorchResNetV2", top: "classif", module: inceptionResNetV2,
	},
	{
		what: "timm's Xception", probe: "block1.rep.0.conv1.weight", nets: []string{"timm/legacy_xception"},
		use: "xception.Torch", top: "fc", module: xception,
	},
}

// pick is the first name, or the second for a norm.
func pick(norm bool, conv, bn string) string {
	if norm {
		return bn
	}
	return conv
}

// resNet names conv3_block2/conv1 layer2.1.conv1, and its norm layer2.1.bn1.
func resNet(at string, norm bool, _ func(string) bool) string {
	if at == "stem/conv" {
		return pick(norm, "conv1", "bn1")
	}
	var stage, block int
	if n, _ := fmt.Sscanf(path.Dir(at), "conv%d_block%d", &stage, &block); n != 2 {
		return ""
	}
	layer := fmt.Sprintf("layer%d.%d.", stage-1, block-1)
	name := path.Base(at)
	if name == "shortcut" {
		return layer + pick(norm, "downsample.0", "downsample.1")
	}
	return layer + pick(norm, name, "bn"+strings.TrimPrefix(name, "conv"))
}

// Modules of the Inceptions' stem, conv1 to conv5.
var (
	stemV3       = []string{"Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"}
	stemResNetV2 = []string{"conv2d_1a", "conv2d_2a", "conv2d_2b", "conv2d_3b", "conv2d_4a"}
	splitV3      = map[string]string{ // 1×3 beside 3×1
		"branch3x3_2": "branch3x3_2a", "branch3x3_3": "branch3x3_2b",
		"branch3x3dbl_3": "branch3x3dbl_3a", "branch3x3dbl_4": "branch3x3dbl_3b",
	}
	mixedV3 = []string{"5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"} // mixed0 to mixed10
)

// split takes a path block/branch/conv2 apart; the number counts from 0.
func split(at string) (block, branch string, n int) {
	parts := strings.Split(at, "/")
	n, _ = strconv.Atoi(strings.TrimPrefix(parts[len(parts)-1], "conv"))
	return parts[0], strings.Join(parts[1:len(parts)-1], "/"), n - 1
}

func inceptionV3(at string, norm bool, has func(string) bool) string {
	kind := pick(norm, ".conv", ".bn")
	block, branch, n := split(at)
	if block == "stem" && n < len(stemV3) {
		return stemV3[n] + kind
	}
	mixed, err := strconv.Atoi(strings.TrimPrefix(block, "mixed"))
	if err != nil || mixed >= len(mixedV3) {
		return ""
	}
	name := branch
	if has(block + "/" + branch + "/conv2") {
		name = fmt.Sprintf("%s_%d", branch, n+1)
	}
	if other, ok := splitV3[name]; ok && mixed >= 9 {
		name = other
	}
	return "Mixed_" + mixedV3[mixed] + "." + name + kind
}

// branchesResNetV2 are the numbers of branches in the order of the network.
var branchesResNetV2 = map[string][]string{
	"mixed_5b": {"branch1x1", "branch5x5", "branch3x3dbl", "branch_pool"},
	"mixed_6a": {"branch3x3", "branch3x3dbl"},
	"mixed_7a": {"branch3x3", "branch3x3_2", "branch3x3dbl"},
	"block35":  {"branch1x1", "branch3x3", "branch3x3dbl"},
	"block17":  {"branch1x1", "branch7x7"},
	"block8":   {"branch1x1", "branch3x3"},
}

func inceptionResNetV2(at string, norm bool, has func(string) bool) string {
	kind := pick(norm, ".conv", ".bn")
	block, branch, n := split(at)
	switch {
	case block == "stem" && n < len(stemResNetV2):
		return stemResNetV2[n] + kind
	case block == "conv_7b":
		return "conv2d_7b" + kind
	}
	module, shape := block, block
	if name, number, ok := strings.Cut(block, "_"); ok && strings.HasPrefix(name, "block") {
		i, _ := strconv.Atoi(number)
		shape = name
		module = fmt.Sprintf("%s.%d", map[string]string{"block35": "repeat", "block17": "repeat_1", "block8": "repeat_2"}[name], i-1)
		if block == "block8_10" {
			module = "block8"
		}
	}
	if path.Base(at) == "up" {
		return module + ".conv2d"
	}
	b := slices.Index(branchesResNetV2[shape], branch)
	if b < 0 {
		return ""
	}
	module = fmt.Sprintf("%s.branch%d", module, b)
	switch {
	case branch == "branch_pool": // after the pool
		module += ".1"
	case has(block + "/" + branch + "/conv2"):
		module += fmt.Sprintf(".%d", n)
	}
	return module + kind
}

// xception names block2/conv1 block1.rep.0: its entry has blocks of other
// numbers, and activations count.
func xception(at string, norm bool, _ func(string) bool) string {
	at, part := strings.TrimSuffix(strings.TrimSuffix(at, "/depthwise"), "/pointwise"), path.Base(at)
	block, _, n := split(at)
	number, err := strconv.Atoi(strings.TrimPrefix(block, "block"))
	if err != nil {
		return ""
	}
	if path.Base(at) == "shortcut" {
		return fmt.Sprintf("block%d.%s", number-1, pick(norm, "skip", "skipbn"))
	}
	kind := map[string]string{"depthwise": ".conv1", "pointwise": ".pointwise"}[part]
	switch number {
	case 1: // the two full convolutions
		return pick(norm, "conv", "bn") + strconv.Itoa(n+1)
	case 14:
		return pick(norm, fmt.Sprintf("conv%d%s", n+3, kind), fmt.Sprintf("bn%d", n+3))
	}
	i := 3*n + 1 // activation, convolution, norm
	if number == 2 {
		i-- // has no activation first
	}
	if norm {
		return fmt.Sprintf("block%d.rep.%d", number-1, i+1)
	}
	return fmt.Sprintf("block%d.rep.%d%s", number-1, i, kind)
}

// stage takes block3b/se/reduce apart: stage 3, repeat 1, se/reduce.
func stage(at string) (stage, repeat int, layer string) {
	block, layer, _ := strings.Cut(at, "/")
	digits, ok := strings.CutPrefix(block, "block")
	if !ok || len(digits) < 2 {
		return 0, 0, ""
	}
	stage, _ = strconv.Atoi(digits[:len(digits)-1])
	return stage, int(digits[len(digits)-1] - 'a'), layer
}

// efficientNetParts are the layers of each kind of block, in torchvision's
// order and with timm's names: convolution and norm.
var efficientNetParts = []struct {
	layers []string
	timm   map[string][2]string
}{
	{[]string{"expand", "depthwise", "se", "project"}, map[string][2]string{"expand": {"conv_pw", "bn1"}, "depthwise": {"conv_dw", "bn2"}, "project": {"conv_pwl", "bn3"}}},
	{[]string{"depthwise", "se", "project"}, map[string][2]string{"depthwise": {"conv_dw", "bn1"}, "project": {"conv_pw", "bn2"}}},
	{[]string{"expand", "project"}, map[string][2]string{"expand": {"conv_exp", "bn1"}, "project": {"conv_pwl", "bn2"}}},
	{[]string{"project"}, map[string][2]string{"project": {"conv", "bn1"}}},
}

// partsOf is the kind of the block that at is in.
func partsOf(at string, has func(string) bool) int {
	block, _, _ := strings.Cut(at, "/")
	expand, depthwise := has(block+"/expand"), has(block+"/depthwise")
	switch {
	case expand && depthwise:
		return 0
	case depthwise:
		return 1
	case expand:
		return 2
	}
	return 3
}

func timmEfficientNet(at string, norm bool, has func(string) bool) string {
	switch at {
	case "stem/conv":
		return pick(norm, "conv_stem", "bn1")
	case "top/conv":
		return pick(norm, "conv_head", "bn2")
	}
	s, repeat, layer := stage(at)
	if s == 0 {
		return ""
	}
	block := fmt.Sprintf("blocks.%d.%d.", s-1, repeat)
	if inner, ok := strings.CutPrefix(layer, "se/"); ok {
		return block + "se.conv_" + inner
	}
	names := efficientNetParts[partsOf(at, has)].timm[layer]
	return block + pick(norm, names[0], names[1])
}

func visionEfficientNet(at string, norm bool, has func(string) bool) string {
	kind := pick(norm, ".0", ".1")
	switch at {
	case "stem/conv":
		return "features.0" + kind
	case "top/conv":
		last := 1
		for has(fmt.Sprintf("block%da/project", last)) {
			last++
		}
		return fmt.Sprintf("features.%d%s", last, kind)
	}
	s, repeat, layer := stage(at)
	if s == 0 {
		return ""
	}
	block := fmt.Sprintf("features.%d.%d.block.", s, repeat)
	layers := efficientNetParts[partsOf(at, has)].layers
	if inner, ok := strings.CutPrefix(layer, "se/"); ok {
		return fmt.Sprintf("%s%d.%s", block, slices.Index(layers, "se"), map[string]string{"reduce": "fc1", "expand": "fc2"}[inner])
	}
	return fmt.Sprintf("%s%d%s", block, slices.Index(layers, layer), kind)
}
