package xception

import (
	"github.com/argus-go/argus/internal/pretrained"
	"github.com/argus-go/argus/nn"
)

// Backbone is the network with the weights that François Chollet trained on
// ImageNet, as published with Keras: 92 MB, or 84 MB without the top, which is
// what transfer learning downloads. Top-1 accuracy 79.0 %.
func Backbone(how ...nn.Download) nn.Backbone {
	return pretrained.Backbone(New(1000), pretrained.Weights{
		From:    "https://storage.googleapis.com/tensorflow/keras-applications/xception/",
		Whole:   pretrained.Hashed{Name: "xception_weights_tf_dim_ordering_tf_kernels.h5", Hash: "0a58e3b7378bc2990ea3b43d5981f1f6"},
		Body:    pretrained.Hashed{Name: "xception_weights_tf_dim_ordering_tf_kernels_notop.h5", Hash: "b0042744bf5b25fce3cb969f33bebb97"},
		Source:  "François Chollet; Keras applications",
		Licence: "MIT",
	}, how)
}
