package torchnet_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/nn"
	"github.com/argus-go/argus/resnet"
	"github.com/argus-go/argus/xception"
)

// parameters that torchvision 0.29.2 and timm 1.0.31 count, without
// AuxLogits; nn counts moving statistics, too.
func trainable(t testing.TB, m nn.Model) (n int) {
	ps, err := nn.Params(m.Whole(), m.Input.Shape())
	require.NoError(t, err)
	for _, p := range ps {
		if p.Trainable {
			n += p.Size()
		}
	}
	return n
}

func efficientNet(t testing.TB, name string) nn.Model {
	m, err := efficientnet.Torch(name, 1000)
	require.NoError(t, err)
	return m
}

func TestX(t *testing.T) {
	require.Equal(t, 25557032, trainable(t, resnet.Torch50(1000)))
	macs, err := nn.MACs(resnet.Torch50(1000).Whole(), nn.Shape{H: 224, W: 224, C: 3})
	require.NoError(t, err)
	t.Log(macs)
	t.Log(trainable(t, inception.TorchV3(1000)), trainable(t, inception.TorchResNetV2(1000)), trainable(t, xception.Torch(1000)), trainable(t, efficientNet(t, "torchvision/efficientnet_b0")))
}
