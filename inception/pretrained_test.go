package inception

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

func TestBackbonesAreTheNetworksWithTheirPublishedFiles(t *testing.T) {
	for _, c := range []struct {
		backbone    nn.Backbone
		model       nn.Model
		whole, body string
		folder      string
	}{
		{V3Backbone(), V3(1000), "9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63",
			"https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/inception_v3"},
		{ResNetV2Backbone(), ResNetV2(1000), "e693bd0210a403b3192acc6073ad2e96", "d19885ff4a710c122648d3b5c3b684e4",
			"https://storage.googleapis.com/tensorflow/keras-applications/inception_resnet_v2/inception_resnet_v2"},
	} {
		b := c.backbone
		require.Equal(t, c.model, b.Model)
		require.Equal(t, "tench", b.Classes[0])
		require.Equal(t, nn.Origin{
			Source:  c.model.Name + ", ImageNet; Google; Keras applications; " + c.folder + "_weights_tf_dim_ordering_tf_kernels.h5",
			Licence: "Apache-2.0", Digest: "md5:" + c.whole,
		}, b.Origin)
		require.Nil(t, b.Body.Model.Top)
		require.Equal(t, "md5:"+c.body, b.Body.Origin.Digest)
		require.Contains(t, b.Body.Origin.Source, c.folder+"_weights_tf_dim_ordering_tf_kernels_notop.h5")
	}
}
