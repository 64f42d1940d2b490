package efficientnet

import (
	"fmt"
	"slices"

	"github.com/argus-go/argus/nn"
)

// torch says how PyTorch's libraries depart from TensorFlow: the same zeros on
// all sides of a picture, and another constant in batch norm.
type torch struct {
	eps      float32
	momentum float32
}

var (
	tensorflow torch // timm's tf_ networks
	plain      = torch{1e-5, 0.9}
	wide       = torch{1e-3, 0.9}
	slow       = torch{1e-3, 0.99}
)

// torchVariants are the networks of torchvision and timm with published weights
// that are EfficientNets of this package: name there, name here, how they compute,
// size and input. Mean and standard deviation as in [family].
var torchVariants = []struct {
	name, of  string
	torch     torch
	size      int
	mean, std float32
}{
	{"torchvision/efficientnet_b0", "b0", plain, 224, 0, 0},
	{"torchvision/efficientnet_b1", "b1", plain, 240, 0, 0},
	{"torchvision/efficientnet_b2", "b2", plain, 288, 0, 0},
	{"torchvision/efficientnet_b3", "b3", plain, 300, 0, 0},
	{"torchvision/efficientnet_b4", "b4", plain, 380, 0, 0},
	{"torchvision/efficientnet_b5", "b5", slow, 456, 0, 0},
	{"torchvision/efficientnet_b6", "b6", slow, 528, 0, 0},
	{"torchvision/efficientnet_b7", "b7", slow, 600, 0, 0},
	{"torchvision/efficientnet_v2_s", "v2-s", wide, 384, 0, 0},
	{"torchvision/efficientnet_v2_m", "v2-m", wide, 480, 0, 0},
	{"torchvision/efficientnet_v2_l", "v2-l", wide, 480, 127.5, 127.5},

	{"timm/efficientnet_b0", "b0", plain, 224, 0, 0},
	{"timm/efficientnet_b1", "b1", plain, 256, 0, 0},
	{"timm/efficientnet_b2", "b2", plain, 256, 0, 0},
	{"timm/efficientnet_b3", "b3", plain, 288, 0, 0},
	{"timm/efficientnet_b4", "b4", plain, 320, 0, 0},
	{"timm/efficientnet_b5", "b5", plain, 448, 0, 0},
	{"timm/efficientnet_lite0", "lite0", plain, 224, 0, 0},

	{"timm/tf_efficientnet_b0", "b0", tensorflow, 224, 0, 0},
	{"timm/tf_efficientnet_b1", "b1", tensorflow, 240, 0, 0},
	{"timm/tf_efficientnet_b2", "b2", tensorflow, 260, 0, 0},
	{"timm/tf_efficientnet_b3", "b3", tensorflow, 300, 0, 0},
	{"timm/tf_efficientnet_b4", "b4", tensorflow, 380, 0, 0},
	{"timm/tf_efficientnet_b5", "b5", tensorflow, 456, 0, 0},
	{"timm/tf_efficientnet_b6", "b6", tensorflow, 528, 0, 0},
	{"timm/tf_efficientnet_b7", "b7", tensorflow, 600, 0, 0},
	{"timm/tf_efficientnetv2_b0", "v2-b0", tensorflow, 224, 0, 0},
	{"timm/tf_efficientnetv2_b1", "v2-b1", tensorflow, 240, 0, 0},
	{"timm/tf_efficientnetv2_b2", "v2-b2", tensorflow, 260, 0, 0},
	{"timm/tf_efficientnetv2_b3", "v2-b3", tensorflow, 300, 0, 0},
	{"timm/tf_efficientnetv2_s", "v2-s", tensorflow, 384, 127.5, 127.5},
	{"timm/tf_efficientnetv2_m", "v2-m", tensorflow, 480, 127.5, 127.5},
	{"timm/tf_efficientnetv2_l", "v2-l", tensorflow, 480, 127.5, 127.5},
	{"timm/tf_efficientnet_lite0", "lite0", tensorflow, 224, 127.5, 127.5},
	{"timm/tf_efficientnet_lite1", "lite1", tensorflow, 240, 127.5, 127.5},
	{"timm/tf_efficientnet_lite2", "lite2", tensorflow, 260, 127.5, 127.5},
	{"timm/tf_efficientnet_lite3", "lite3", tensorflow, 300, 127.5, 127.5},
	{"timm/tf_efficientnet_lite4", "lite4", tensorflow, 380, 127.5, 127.5},
}

// TorchNames lists the networks that [Torch] knows, by the names that torchvision
// 0.29 and timm 1.0 give them: "torchvision/efficientnet_b0",
// "timm/efficientnet_b0", "timm/tf_efficientnet_b0" and so on.
func TorchNames() []string {
	names := make([]string, len(torchVariants))
	for i, t := range torchVariants {
		names[i] = t.name
	}
	return names
}

// Torch declares the network as torchvision or timm compute it, for files with
// their weights. The layers are those of [New], with other padding and other
// constants: only timm's networks called tf_ compute as TensorFlow does. Its
// input is that of the weights published under this name; timm's tf_ weights with
// the tag .ap want mean and deviation 127.5 instead. A name that is not in
// [TorchNames] is an error.
func Torch(name string, classes int) (nn.Model, error) {
	for _, t := range torchVariants {
		if t.name != name {
			continue
		}
		v := variants[slices.IndexFunc(variants, func(v variant) bool { return v.name == t.of })]
		v.size, v.mean, v.std, v.torch = t.size, t.mean, t.std, t.torch
		if t.torch != tensorflow {
			v.momentum = t.torch.momentum
		}
		m := v.model(classes)
		m.Name = name
		return m, nil
	}
	return nn.Model{}, fmt.Errorf("efficientnet: there is no network %q; there are %v", name, TorchNames())
}
