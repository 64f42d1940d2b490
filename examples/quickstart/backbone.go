package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/efficientnet/lite0"
	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/nn"
	"github.com/argus-go/argus/resnet"
	"github.com/argus-go/argus/xception"
)

// backbones are the networks by the names of -backbone; those of package
// efficientnet, "b0" and so on, come besides.
var backbones = map[string]func(...nn.Download) nn.Backbone{
	"lite0":               func(...nn.Download) nn.Backbone { return lite0.Backbone() },
	"inception-v3":        inception.V3Backbone,
	"inception-resnet-v2": inception.ResNetV2Backbone,
	"xception":            xception.Backbone,
	"resnet50":            resnet.ResNet50Backbone,
	"resnet101":           resnet.ResNet101Backbone,
	"resnet152":           resnet.ResNet152Backbone,
}

// backbone is the network called name with the weights of file, or with the
// published ones where file is "".
func backbone(name, file string) (nn.Backbone, error) {
	if file != "" {
		m, err := network(name)
		return argus.BackboneFrom(m, file), err
	}
	if b, ok := backbones[name]; ok {
		return b(), nil
	}
	if !slices.Contains(efficientnet.Names(), name) {
		return nn.Backbone{}, unknown(name)
	}
	return efficientnet.Backbone(name, efficientnet.ImageNet)
}

func network(name string) (nn.Model, error) {
	if b, ok := backbones[name]; ok {
		return b().Model, nil
	}
	if !slices.Contains(efficientnet.Names(), name) {
		return nn.Model{}, unknown(name)
	}
	return efficientnet.New(name, 1000)
}

func unknown(name string) error {
	known := append(slices.Sorted(maps.Keys(backbones)), efficientnet.Names()...)
	slices.Sort(known)
	return fmt.Errorf("there is no network %q; there are %s", name, strings.Join(slices.Compact(known), ", "))
}
