package resnet

import (
	"fmt"

	"github.com/argus-go/argus/nn"
)

// ResNet50V2 maps pictures to 2048 features. Norm and activation come before
// convolutions, and a stage strides in its last block: Figure 4 (e) of He et al.,
// "Identity Mappings in Deep Residual Networks" (arXiv:1603.05027), as in the
// weights published with Keras (resnet_v2.py). Pictures are RGB, scaled to [-1, 1].
// Its blocks are those of [ResNet50] and top; fine-tuning begins at conv5_block3 or
// conv5_block2. Keras' names of layers are aliases: conv4_block6_2_relu,
// conv5_block3_out, post_relu.
func ResNet50V2(classes int) nn.Model { return modelV2("resnet50v2", [4]int{3, 4, 6, 3}, classes) }

// ResNet101V2 is [ResNet50V2] with 23 blocks in conv4.
func ResNet101V2(classes int) nn.Model { return modelV2("resnet101v2", [4]int{3, 4, 23, 3}, classes) }

// ResNet152V2 is [ResNet50V2] with 8 blocks in conv3 and 36 in conv4.
func ResNet152V2(classes int) nn.Model { return modelV2("resnet152v2", [4]int{3, 8, 36, 3}, classes) }

// stagesV2 are conv2–conv5; the stride is that of the last block.
var stagesV2 = [4]struct{ filters, stride int }{
	{64, 2},  // 28×28×256 for 224×224
	{128, 2}, // 14×14×512
	{256, 2}, // 7×7×1024
	{512, 1}, // 7×7×2048
}

func modelV2(name string, repeats [4]int, classes int) nn.Model {
	body := nn.Seq{stemV2()}
	aliases := map[string]string{"pool1_pool": "stem", "post_relu": "top"}
	for i, s := range stagesV2 {
		for j := range repeats[i] {
			stride := 1
			if j == repeats[i]-1 {
				stride = s.stride
			}
			name := fmt.Sprintf("conv%d_block%d", i+2, j+1)
			body = append(body, nn.Block{Name: name, Body: bottleneckV2(s.filters, stride, j == 0)})
			aliases[name+"_1_relu"], aliases[name+"_2_relu"], aliases[name+"_out"] = name+"/conv1", name+"/conv2", name
		}
	}
	body = append(body, nn.Block{Name: "top", Body: preact()}, nn.GlobalPool{Kind: nn.Avg})
	return nn.Model{
		Name: name,
		Input: nn.Input{Size: 224, MinSize: 32,
			Mean: [3]float32{127.5, 127.5, 127.5}, Std: [3]float32{127.5, 127.5, 127.5}},
		Body:    body,
		Top:     nn.Dense{Name: "predictions", Units: classes, Act: nn.Softmax},
		Cuts:    []string{"conv5_block3", "conv5_block2"},
		Aliases: aliases,
	}
}

// stemV2 is 224×224×3 → 56×56×64. Nothing rectifies it before the pool, whose
// padding are zeros.
func stemV2() nn.Block {
	return nn.Block{Name: "stem", Body: nn.Seq{
		nn.Conv{Name: "conv", Filters: 64, Kernel: [2]int{7, 7}, Stride: 2, Pad: nn.Explicit, Pads: [4]int{3, 3, 3, 3}, Bias: true},
		nn.Pool{Kind: nn.Max, Window: 3, Stride: 2, Pad: nn.Explicit, Pads: [4]int{1, 1, 1, 1}, CountPad: true},
	}}
}

// preact is what comes before a block's convolutions.
func preact() nn.Seq {
	return nn.Seq{nn.Norm{Name: "preact", BatchNorm: nn.BatchNorm{Eps: 1.001e-5}}, nn.Act{Kind: nn.ReLU}}
}

// bottleneckV2 adds to the picture itself, where it strides to every other pixel;
// the first of a stage adds to a projection of what is rectified.
func bottleneckV2(filters, stride int, project bool) nn.Layer {
	narrow, convolve := conv("conv1", filters, 1, 1, nn.ReLU), conv("conv2", filters, 3, stride, nn.ReLU)
	narrow.Bias, convolve.Bias = false, false
	convolve.Pad, convolve.Pads = nn.Explicit, [4]int{1, 1, 1, 1}
	convolutions := nn.Seq{narrow, convolve, plain("conv3", 4*filters, 1)}
	if project {
		return append(preact(), nn.Add{Branches: []nn.Layer{plain("shortcut", 4*filters, stride), convolutions}})
	}
	var shortcut nn.Layer = nn.Seq{}
	if stride > 1 {
		shortcut = nn.Pool{Kind: nn.Max, Window: 1, Stride: stride, Pad: nn.Valid}
	}
	return nn.Add{Branches: []nn.Layer{shortcut, append(preact(), convolutions...)}}
}

// plain is a 1×1 convolution with bias alone.
func plain(name string, filters, stride int) nn.Conv {
	return nn.Conv{Name: name, Filters: filters, Kernel: [2]int{1, 1}, Stride: stride, Bias: true}
}
