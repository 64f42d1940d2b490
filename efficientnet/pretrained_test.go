package efficientnet

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

func TestEveryNetworkWithPublishedWeightsHasABackbone(t *testing.T) {
	n := 0
	seen := map[string]bool{}
	for _, s := range published {
		for _, f := range s.files {
			b, err := Backbone(f.network, s.weights)
			require.NoError(t, err)
			want, err := New(f.network, 1000)
			require.NoError(t, err)
			require.Equal(t, want, b.Model)
			require.Len(t, b.Classes, 1000)
			want.Top = nil
			require.Equal(t, want, b.Body.Model)
			for _, o := range []nn.Origin{b.Origin, b.Body.Origin} {
				require.Equal(t, "Apache-2.0", o.Licence)
				require.Contains(t, o.Source, want.Name+", ImageNet; Google")
				require.Regexp(t, `^(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})$`, o.Digest)
				name := o.Source[strings.LastIndexByte(o.Source, '/'):]
				require.False(t, seen[name] || seen[o.Digest], name)
				seen[name], seen[o.Digest] = true, true
			}
			n++
		}
	}
	require.Equal(t, 8+7+8+8, n)
}

func TestFilesHaveTheirPublishedNames(t *testing.T) {
	for _, c := range []struct {
		network string
		weights Weights
		whole   string
		body    string
	}{
		{"b3", ImageNet, "https://storage.googleapis.com/keras-applications/efficientnetb3.h5", "https://storage.googleapis.com/keras-applications/efficientnetb3_notop.h5"},
		{"v2-s", ImageNet, "https://storage.googleapis.com/tensorflow/keras-applications/efficientnet_v2/efficientnetv2-s.h5",
			"https://storage.googleapis.com/tensorflow/keras-applications/efficientnet_v2/efficientnetv2-s_notop.h5"},
		{"b5", AutoAugment, "https://github.com/Callidior/keras-applications/releases/download/efficientnet/efficientnet-b5_weights_tf_dim_ordering_tf_kernels_autoaugment.h5",
			"https://github.com/Callidior/keras-applications/releases/download/efficientnet/efficientnet-b5_weights_tf_dim_ordering_tf_kernels_autoaugment_notop.h5"},
		{"b7", NoisyStudent, "https://github.com/qubvel/efficientnet/releases/download/v0.0.1/efficientnet-b7_noisy-student.h5",
			"https://github.com/qubvel/efficientnet/releases/download/v0.0.1/efficientnet-b7_noisy-student_notop.h5"},
	} {
		b, err := Backbone(c.network, c.weights)
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(b.Origin.Source, "; "+c.whole), b.Origin.Source)
		require.True(t, strings.HasSuffix(b.Body.Origin.Source, "; "+c.body), b.Body.Origin.Source)
	}
}

func TestWeightsThatNobodyPublishesAreAnError(t *testing.T) {
	for network, w := range map[string]Weights{"lite1": ImageNet, "v2-s": NoisyStudent, "b0": "adversarial"} {
		_, err := Backbone(network, w)
		require.ErrorContains(t, err, `efficientnet: no weights "`+string(w)+`" are published for "`+network+`"`)
	}
	_, err := Backbone("b8", ImageNet)
	require.ErrorContains(t, err, `no network "b8"`)
}
