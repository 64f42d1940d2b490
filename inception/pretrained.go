package inception

import (
	"github.com/argus-go/argus/internal/pretrained"
	"github.com/argus-go/argus/nn"
)

const published = "https://storage.googleapis.com/tensorflow/keras-applications/"

// V3Backbone is [V3] with the weights that Google trained on ImageNet, as
// published with Keras: 96 MB, or 88 MB without the top, which is what transfer
// learning downloads. Top-1 accuracy 77.9 %.
func V3Backbone(how ...nn.Download) nn.Backbone {
	return pretrained.Backbone(V3(1000), pretrained.Weights{
		From:    published + "inception_v3/",
		Whole:   pretrained.Hashed{Name: "inception_v3_weights_tf_dim_ordering_tf_kernels.h5", Hash: "9a0d58056eeedaa3f26cb7ebd46da564"},
		Body:    pretrained.Hashed{Name: "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5", Hash: "bcbd6486424b2319ff4ef7d526e38f63"},
		Source:  "Google; Keras applications",
		Licence: "Apache-2.0",
	}, how)
}

// ResNetV2Backbone is [ResNetV2] with the weights that Google trained on
// ImageNet, as published with Keras: 225 MB, or 219 MB without the top. Top-1
// accuracy 80.3 %.
func ResNetV2Backbone(how ...nn.Download) nn.Backbone {
	return pretrained.Backbone(ResNetV2(1000), pretrained.Weights{
		From:    published + "inception_resnet_v2/",
		Whole:   pretrained.Hashed{Name: "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels.h5", Hash: "e693bd0210a403b3192acc6073ad2e96"},
		Body:    pretrained.Hashed{Name: "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5", Hash: "d19885ff4a710c122648d3b5c3b684e4"},
		Source:  "Google; Keras applications",
		Licence: "Apache-2.0",
	}, how)
}
