package resnet

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
	}{
		{ResNet50Backbone(), ResNet50(1000), "md5:2cb95161c43110f7111970584f804107", "md5:4d473c1dd8becc155b73f8504c6f6626"},
		{ResNet101Backbone(), ResNet101(1000), "md5:f1aeb4b969a6efcfb50fad2f0c20cfc5", "md5:88cf7a10940856eca736dc7b7e228a21"},
		{ResNet152Backbone(), ResNet152(1000), "md5:100835be76be38e30d865e96f2aaae62", "md5:ee4c566cf9a93f14d82f913c2dc6dd0c"},
	} {
		b := c.backbone
		require.Equal(t, c.model, b.Model)
		require.Len(t, b.Classes, 1000)
		require.Equal(t, "MIT", b.Origin.Licence)
		require.Equal(t, c.whole, b.Origin.Digest)
		require.Equal(t, c.body, b.Body.Origin.Digest)
		require.Nil(t, b.Body.Model.Top)
		file := "/resnet/" + c.model.Name + "_weights_tf_dim_ordering_tf_kernels"
		require.Contains(t, b.Origin.Source, file+".h5")
		require.Contains(t, b.Body.Origin.Source, file+"_notop.h5")
	}
}
