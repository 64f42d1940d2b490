package resnet

import (
	"github.com/argus-go/argus/internal/torchnet"
	"github.com/argus-go/argus/nn"
)

// Torch50 is ResNet-50 as torchvision and timm have it, for files with their
// weights: version 1.5, where a block strides in its 3×3 convolution, and
// convolutions without bias. It takes RGB pictures, 224×224 by default, less the
// mean of ImageNet's channels and divided by their deviation.
func Torch50(classes int) nn.Model { return torch(ResNet50(classes), "torchvision/resnet50") }

// Torch101 is ResNet-101 in the manner of [Torch50].
func Torch101(classes int) nn.Model { return torch(ResNet101(classes), "torchvision/resnet101") }

// Torch152 is ResNet-152 in the manner of [Torch50].
func Torch152(classes int) nn.Model { return torch(ResNet152(classes), "torchvision/resnet152") }

func torch(m nn.Model, name string) nn.Model {
	m.Name = name
	m.Input = nn.Input{Size: 224, MinSize: 32,
		Mean: [3]float32{0.485 * 255, 0.456 * 255, 0.406 * 255},
		Std:  [3]float32{0.229 * 255, 0.224 * 255, 0.225 * 255},
	}
	stride := 1 // of the block
	m.Body = torchnet.Map(m.Body, func(l nn.Layer) nn.Layer {
		c, ok := l.(nn.Conv)
		if !ok {
			return l
		}
		c.Bias, c.Norm = false, nn.BatchNorm{Eps: 1e-5, Momentum: 0.9}
		switch c.Name {
		case "conv1":
			stride, c.Stride = c.Stride, 1
		case "conv2":
			c.Stride, c.Pad, c.Pads = stride, nn.Explicit, [4]int{1, 1, 1, 1}
		}
		return c
	})
	return m
}
