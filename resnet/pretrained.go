package resnet

import (
	"github.com/argus-go/argus/internal/pretrained"
	"github.com/argus-go/argus/nn"
)

// ResNet50Backbone is [ResNet50] with the weights that Kaiming He and others
// trained on ImageNet, as published with Keras: 103 MB, or 95 MB without the
// top, which is what transfer learning downloads. Top-1 accuracy 74.9 %.
func ResNet50Backbone(how ...nn.Download) nn.Backbone {
	return backbone(ResNet50(1000), "2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626", how)
}

// ResNet101Backbone is [ResNet101] as [ResNet50Backbone] is [ResNet50]. Top-1
// accuracy 76.4 %.
func ResNet101Backbone(how ...nn.Download) nn.Backbone {
	return backbone(ResNet101(1000), "f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21", how)
}

// ResNet152Backbone is [ResNet152] as [ResNet50Backbone] is [ResNet50]. Top-1
// accuracy 76.6 %.
func ResNet152Backbone(how ...nn.Download) nn.Backbone {
	return backbone(ResNet152(1000), "100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c", how)
}

// ResNet50V2Backbone is [ResNet50V2] with the weights trained on ImageNet that are
// published with Keras: 103 MB, or 95 MB without the top. Top-1 accuracy 76.0 %.
func ResNet50V2Backbone(how ...nn.Download) nn.Backbone {
	return backbone(ResNet50V2(1000), "3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917", how)
}

// ResNet101V2Backbone is [ResNet101V2] as [ResNet50V2Backbone] is [ResNet50V2].
// Top-1 accuracy 77.2 %.
func ResNet101V2Backbone(how ...nn.Download) nn.Backbone {
	return backbone(ResNet101V2(1000), "6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5", how)
}

// ResNet152V2Backbone is [ResNet152V2] as [ResNet50V2Backbone] is [ResNet50V2].
// Top-1 accuracy 78.0 %.
func ResNet152V2Backbone(how ...nn.Download) nn.Backbone {
	return backbone(ResNet152V2(1000), "a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33", how)
}

// backbone takes the MD5 of the file with the top and of that without.
func backbone(m nn.Model, whole, body string, how []nn.Download) nn.Backbone {
	file := m.Name + "_weights_tf_dim_ordering_tf_kernels"
	return pretrained.Backbone(m, pretrained.Weights{
		From:    "https://storage.googleapis.com/tensorflow/keras-applications/resnet/",
		Whole:   pretrained.Hashed{Name: file + ".h5", Hash: whole},
		Body:    pretrained.Hashed{Name: file + "_notop.h5", Hash: body},
		Source:  "Kaiming He and others, github.com/KaimingHe/deep-residual-networks; Keras applications",
		Licence: "MIT",
	}, how)
}
