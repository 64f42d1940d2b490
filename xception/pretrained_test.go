package xception

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheBackboneIsTheNetworkWithItsPublishedFiles(t *testing.T) {
	b := Backbone()
	require.Equal(t, New(1000), b.Model)
	require.Len(t, b.Classes, 1000)
	require.Equal(t, "MIT", b.Origin.Licence)
	require.Equal(t, "md5:0a58e3b7378bc2990ea3b43d5981f1f6", b.Origin.Digest)
	require.Contains(t, b.Origin.Source, "/xception/xception_weights_tf_dim_ordering_tf_kernels.h5")
	require.Equal(t, "md5:b0042744bf5b25fce3cb969f33bebb97", b.Body.Origin.Digest)
	require.Contains(t, b.Body.Origin.Source, "/xception/xception_weights_tf_dim_ordering_tf_kernels_notop.h5")
	require.Nil(t, b.Body.Model.Top)
}
