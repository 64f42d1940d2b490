// Package efficientnet declares EfficientNet B0–B7, EfficientNetV2 and
// EfficientNet-Lite.
//
// Every network takes square RGB pictures, NHWC, of its own default size or any
// from 32×32 up, and gives 1×1×F features (F = 1280 at width 1). [nn.Input]
// says how pixels are normalised. The blocks to tap or to cut at are stem,
// block1a, block1b, block2a … and top; fine-tuning begins at the last stage or
// the one before, block7a or block6a of B0. Keras' names of layers are aliases:
// block5a_expand_activation, block6d_add, top_activation.
//
// Sources of the tables and their scaling: Table 1 of Tan & Le, "EfficientNet"
// (arXiv:1905.11946); Table 4 of "EfficientNetV2" (arXiv:2104.00298) and
// effnetv2_configs.py in google/automl; EfficientNet-Lite in tensorflow/tpu,
// models/official/efficientnet/lite. Layers and input are those of the weights
// published with Keras (efficientnet.py, efficientnet_v2.py).
package efficientnet

import (
	"fmt"

	"github.com/argus-go/argus/nn"
)

// A stage is one row of the papers' tables: a block repeated, of which only the
// first strides and changes the number of channels.
type stage struct {
	block   func(f family, s stage) nn.Seq
	expand  int // channels inside the block, as a multiple of in
	kernel  int
	stride  int
	in, out int // channels
	repeat  int
}

var v1Stages = []stage{
	// block expand kernel stride in out repeat
	{mbConv, 1, 3, 1, 32, 16, 1},
	{mbConv, 6, 3, 2, 16, 24, 2},
	{mbConv, 6, 5, 2, 24, 40, 2},
	{mbConv, 6, 3, 2, 40, 80, 3},
	{mbConv, 6, 5, 1, 80, 112, 3},
	{mbConv, 6, 5, 2, 112, 192, 4},
	{mbConv, 6, 3, 1, 192, 320, 1},
}

var v2bStages = []stage{
	{fused, 1, 3, 1, 32, 16, 1},
	{fused, 4, 3, 2, 16, 32, 2},
	{fused, 4, 3, 2, 32, 48, 2},
	{mbConv, 4, 3, 2, 48, 96, 3},
	{mbConv, 6, 3, 1, 96, 112, 5},
	{mbConv, 6, 3, 2, 112, 192, 8},
}

var v2sStages = []stage{
	{fused, 1, 3, 1, 24, 24, 2},
	{fused, 4, 3, 2, 24, 48, 4},
	{fused, 4, 3, 2, 48, 64, 4},
	{mbConv, 4, 3, 2, 64, 128, 6},
	{mbConv, 6, 3, 1, 128, 160, 9},
	{mbConv, 6, 3, 2, 160, 256, 15},
}

var v2mStages = []stage{
	{fused, 1, 3, 1, 24, 24, 3},
	{fused, 4, 3, 2, 24, 48, 5},
	{fused, 4, 3, 2, 48, 80, 5},
	{mbConv, 4, 3, 2, 80, 160, 7},
	{mbConv, 6, 3, 1, 160, 176, 14},
	{mbConv, 6, 3, 2, 176, 304, 18},
	{mbConv, 6, 3, 1, 304, 512, 5},
}

var v2lStages = []stage{
	{fused, 1, 3, 1, 32, 32, 4},
	{fused, 4, 3, 2, 32, 64, 7},
	{fused, 4, 3, 2, 64, 96, 7},
	{mbConv, 4, 3, 2, 96, 192, 10},
	{mbConv, 6, 3, 1, 192, 224, 19},
	{mbConv, 6, 3, 2, 224, 384, 25},
	{mbConv, 6, 3, 1, 384, 640, 7},
}

// A family is a table with what the networks made from it have in common.
type family struct {
	stages    []stage
	act       nn.Activation
	gate      bool    // squeeze-excite in mbConv
	tenth     bool    // scaled channels come no more than 10 % too low
	fixed     bool    // stem, top and the repeats of the first and last stage do not scale
	momentum  float32 // of batch norm
	mean, std float32 // of the input, 0–255; 0 stands for those of ImageNet's channels
	torch     torch   // the zero value is TensorFlow
}

var (
	v1   = family{stages: v1Stages, act: nn.Swish, gate: true, tenth: true, momentum: 0.99}
	lite = family{stages: v1Stages, act: nn.ReLU6, tenth: true, fixed: true, momentum: 0.99, mean: 127, std: 128}
	v2b  = family{stages: v2bStages, act: nn.Swish, gate: true, momentum: 0.9}
	v2s  = family{stages: v2sStages, act: nn.Swish, gate: true, momentum: 0.9, mean: 128, std: 128}
	v2m  = family{stages: v2mStages, act: nn.Swish, gate: true, momentum: 0.9, mean: 128, std: 128}
	v2l  = family{stages: v2lStages, act: nn.Swish, gate: true, momentum: 0.9, mean: 128, std: 128}
)

// A variant scales a table's width, depth and resolution together.
type variant struct {
	name string
	family
	width, depth float64
	size         int     // default height and width of the input
	dropout      float32 // before the last layer
}

var lite0 = variant{"lite0", lite, 1.0, 1.0, 224, 0.2}

var variants = []variant{
	{"b0", v1, 1.0, 1.0, 224, 0.2},
	{"b1", v1, 1.0, 1.1, 240, 0.2},
	{"b2", v1, 1.1, 1.2, 260, 0.3},
	{"b3", v1, 1.2, 1.4, 300, 0.3},
	{"b4", v1, 1.4, 1.8, 380, 0.4},
	{"b5", v1, 1.6, 2.2, 456, 0.4},
	{"b6", v1, 1.8, 2.6, 528, 0.5},
	{"b7", v1, 2.0, 3.1, 600, 0.5},
	{"v2-b0", v2b, 1.0, 1.0, 224, 0.2},
	{"v2-b1", v2b, 1.0, 1.1, 240, 0.2},
	{"v2-b2", v2b, 1.1, 1.2, 260, 0.3},
	{"v2-b3", v2b, 1.2, 1.4, 300, 0.3},
	{"v2-s", v2s, 1.0, 1.0, 384, 0.2},
	{"v2-m", v2m, 1.0, 1.0, 480, 0.3},
	{"v2-l", v2l, 1.0, 1.0, 480, 0.4},
	lite0,
	{"lite1", lite, 1.0, 1.1, 240, 0.2},
	{"lite2", lite, 1.1, 1.2, 260, 0.3},
	{"lite3", lite, 1.2, 1.4, 280, 0.3},
	{"lite4", lite, 1.4, 1.8, 300, 0.3},
}

// Names lists the networks that [New] knows: b0–b7, v2-b0–v2-b3, v2-s, v2-m,
// v2-l, lite0–lite4.
func Names() []string {
	names := make([]string, len(variants))
	for i, v := range variants {
		names[i] = v.name
	}
	return names
}

// New declares the network of the given name, its top with one output per
// class. A name that is not in [Names] is an error.
func New(name string, classes int) (nn.Model, error) {
	for _, v := range variants {
		if v.name == name {
			return v.model(classes), nil
		}
	}
	return nn.Model{}, fmt.Errorf("efficientnet: there is no network %q; there are %v", name, Names())
}

// Lite0 declares EfficientNet-Lite0, whose weights package lite0 carries.
func Lite0(classes int) nn.Model { return lite0.model(classes) }
