// Package resnet declares ResNet-50, ResNet-101 and ResNet-152.
//
// The networks are Table 1 of He et al., "Deep Residual Learning for Image
// Recognition" (arXiv:1512.03385), as in the weights published with Keras
// (resnet.py): convolutions have a bias besides their batch norm, and a block
// strides in its first 1×1 convolution. They take pictures, NHWC, 224×224 by
// default and from 32×32 up, channels in the order blue, green, red, less the
// mean of ImageNet and not scaled.
package resnet

import (
	"fmt"

	"github.com/argus-go/argus/nn"
)

// ResNet50 maps pictures to 2048 features. Its blocks are stem,
// conv2_block1–3, conv3_block1–4, conv4_block1–6 and conv5_block1–3; fine-tuning
// begins at conv5_block3 or conv5_block2. Keras' names of layers are aliases:
// conv1_relu, conv4_block6_2_relu, conv5_block3_out.
func ResNet50(classes int) nn.Model { return model("resnet50", [4]int{3, 4, 6, 3}, classes) }

// ResNet101 is [ResNet50] with 23 blocks in conv4.
func ResNet101(classes int) nn.Model { return model("resnet101", [4]int{3, 4, 23, 3}, classes) }

// ResNet152 is [ResNet50] with 8 blocks in conv3 and 36 in conv4.
func ResNet152(classes int) nn.Model { return model("resnet152", [4]int{3, 8, 36, 3}, classes) }

// stages are the rows conv2–conv5 of the table.
var stages = [4]struct{ filters, stride int }{
	{64, 1},  // 56×56×256 for 224×224
	{128, 2}, // 28×28×512
	{256, 2}, // 14×14×1024
	{512, 2}, // 7×7×2048
}

func model(name string, repeats [4]int, classes int) nn.Model {
	body := nn.Seq{stem()}
	aliases := map[string]string{"conv1_relu": "stem/conv", "pool1_pool": "stem"}
	for i, s := range stages {
		for j := range repeats[i] {
			stride := 1
			if j == 0 {
				stride = s.stride
			}
			name := fmt.Sprintf("conv%d_block%d", i+2, j+1)
			body = append(body, nn.Block{Name: name, Body: bottleneck(s.filters, stride, j == 0)})
			aliases[name+"_1_relu"], aliases[name+"_2_relu"] = name+"/conv1", name+"/conv2"
			aliases[name+"_3_bn"], aliases[name+"_out"] = name+"/conv3", name
		}
	}
	return nn.Model{
		Name:    name,
		Input:   nn.Input{Size: 224, MinSize: 32, Mean: [3]float32{103.939, 116.779, 123.68}, BGR: true},
		Body:    append(body, nn.GlobalPool{Kind: nn.Avg}),
		Top:     nn.Dense{Name: "predictions", Units: classes, Act: nn.Softmax},
		Cuts:    []string{"conv5_block3", "conv5_block2"},
		Aliases: aliases,
	}
}

// stem is 224×224×3 → 56×56×64. The pool follows a ReLU, so that padding that
// never counts is the same as zeros.
func stem() nn.Block {
	c := conv("conv", 64, 7, 2, nn.ReLU)
	c.Pad, c.Pads = nn.Explicit, [4]int{3, 3, 3, 3}
	return nn.Block{Name: "stem", Body: nn.Seq{
		c,
		nn.Pool{Kind: nn.Max, Window: 3, Stride: 2, Pad: nn.Explicit, Pads: [4]int{1, 1, 1, 1}},
	}}
}

// bottleneck is the right of Figure 5: narrow, convolve, widen, add, rectify.
// The first of a stage projects its shortcut.
func bottleneck(filters, stride int, project bool) nn.Add {
	var shortcut nn.Layer = nn.Seq{}
	if project {
		shortcut = conv("shortcut", 4*filters, 1, stride, nn.Linear)
	}
	return nn.Add{
		Branches: []nn.Layer{shortcut, nn.Seq{
			conv("conv1", filters, 1, stride, nn.ReLU),
			conv("conv2", filters, 3, 1, nn.ReLU),
			conv("conv3", 4*filters, 1, 1, nn.Linear),
		}},
		Act: nn.ReLU,
	}
}

func conv(name string, filters, kernel, stride int, act nn.Activation) nn.Conv {
	return nn.Conv{
		Name:    name,
		Filters: filters,
		Kernel:  [2]int{kernel, kernel},
		Stride:  stride,
		Bias:    true,
		Norm:    nn.BatchNorm{Eps: 1.001e-5},
		Act:     act,
	}
}
