package inception

import (
	"github.com/argus-go/argus/internal/torchnet"
	"github.com/argus-go/argus/nn"
)

// torchNorm has the scale that Keras' weights lack.
var torchNorm = nn.BatchNorm{Eps: 1e-3, Momentum: 0.9}

// TorchV3 is [V3] as torchvision and timm compute it, for files with their
// weights: batch norm has a scale, and average pools count padding. Its input is
// that of torchvision with transform_input, which its published weights set.
func TorchV3(classes int) nn.Model {
	return torch(V3(classes), "torchvision/inception_v3", true)
}

// TorchResNetV2 is [ResNetV2] as timm computes it, for files with its weights:
// batch norm has a scale.
func TorchResNetV2(classes int) nn.Model {
	return torch(ResNetV2(classes), "timm/inception_resnet_v2", false)
}

func torch(m nn.Model, name string, countPad bool) nn.Model {
	m.Name = name
	m.Body = torchnet.Map(m.Body, func(l nn.Layer) nn.Layer {
		switch l := l.(type) {
		case nn.Conv:
			if l.Norm != (nn.BatchNorm{}) {
				l.Norm = torchNorm
			}
			return l
		case nn.Pool:
			l.CountPad = countPad && l.Kind == nn.Avg
			return l
		}
		return l
	})
	return m
}
