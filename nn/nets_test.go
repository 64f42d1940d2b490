package nn_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/nn"
	"github.com/argus-go/argus/resnet"
	"github.com/argus-go/argus/xception"
)

// counts are what others measured of a network with 1000 classes.
type counts struct {
	all, trainable int     // parameters with top
	body           int     // parameters without top, 0 where nobody published it
	gmacs          float64 // multiply-adds for one picture / 1e9, 0 where nobody published it
	gmacsAt        int     // input size of gmacs
}

// published is taken from Keras 3.15.1 (count_params of keras.applications) and
// the metadata of torchvision 0.29.2's weights (_ops); Lite's trainable
// parameters from tensorflow/tpu, efficientnet_lite_builder_test.py, its total
// for Lite0 from the converted weights.
//
// Keras counts mean, variance and count of the normalization layer of v1, seven
// numbers that here are part of nn.Input: they are subtracted below.
var published = map[string]counts{
	"inception-v3":        {23851784, 23817352, 21802784, 5.713, 299},
	"xception":            {22910480, 22855952, 20861480, 0, 0},
	"inception-resnet-v2": {55873736, 55813192, 54336736, 0, 0},
	"resnet50":            {25636712, 25583592, 23587712, 4.089, 224},
	"resnet101":           {44707176, 44601832, 42658176, 7.801, 224},
	"resnet152":           {60419944, 60268520, 58370944, 0, 0},
	"resnet50v2":          {25613800, 25568360, 23564800, 0, 0},
	"resnet101v2":         {44675560, 44577896, 42626560, 0, 0},
	"resnet152v2":         {60380648, 60236904, 58331648, 0, 0},
	"efficientnet-b0":     {5330571 - 7, 5288548, 4049571 - 7, 0.386, 224},
	"efficientnet-b1":     {7856239 - 7, 7794184, 6575239 - 7, 0.687, 240},
	"efficientnet-b2":     {9177569 - 7, 9109994, 7768569 - 7, 1.088, 288},
	"efficientnet-b3":     {12320535 - 7, 12233232, 10783535 - 7, 1.827, 300},
	"efficientnet-b4":     {19466823 - 7, 19341616, 17673823 - 7, 4.394, 380},
	"efficientnet-b5":     {30562527 - 7, 30389784, 28513527 - 7, 10.266, 456},
	"efficientnet-b6":     {43265143 - 7, 43040704, 40960143 - 7, 19.068, 528},
	"efficientnet-b7":     {66658687 - 7, 66347960, 64097687 - 7, 37.746, 600},
	"efficientnet-v2-b0":  {7200312, 7139704, 5919312, 0, 0},
	"efficientnet-v2-b1":  {8212124, 8141052, 6931124, 0, 0},
	"efficientnet-v2-b2":  {10178374, 10096086, 8769374, 0, 0},
	"efficientnet-v2-b3":  {14467622, 14358406, 12930622, 0, 0},
	"efficientnet-v2-s":   {21612360, 21458488, 20331360, 8.366, 384},
	"efficientnet-v2-m":   {54431388, 54139356, 53150388, 24.582, 480},
	"efficientnet-v2-l":   {119027848, 118515272, 117746848, 56.08, 480},
	"efficientnet-lite0":  {4694024, 4652008, 0, 0, 0},
	"efficientnet-lite1":  {0, 5416680, 0, 0, 0},
	"efficientnet-lite2":  {0, 6092072, 0, 0, 0},
	"efficientnet-lite3":  {0, 8197096, 0, 0, 0},
	"efficientnet-lite4":  {0, 13006568, 0, 0, 0},
}

// networks are all declared networks, with 1000 classes.
func networks(t testing.TB) []nn.Model {
	t.Helper()
	ms := []nn.Model{
		inception.V3(1000), inception.ResNetV2(1000), xception.New(1000),
		resnet.ResNet50(1000), resnet.ResNet101(1000), resnet.ResNet152(1000),
		resnet.ResNet50V2(1000), resnet.ResNet101V2(1000), resnet.ResNet152V2(1000),
	}
	for _, name := range efficientnet.Names() {
		m, err := efficientnet.New(name, 1000)
		require.NoError(t, err)
		ms = append(ms, m)
	}
	require.Len(t, ms, len(published))
	return ms
}

func network(t testing.TB, name string) nn.Model {
	t.Helper()
	for _, m := range networks(t) {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("there is no network %q", name)
	return nn.Model{}
}

// count sums up the parameters of l.
func count(t testing.TB, l nn.Layer, in nn.Shape) (all, trainable int) {
	t.Helper()
	ps, err := nn.Params(l, in)
	require.NoError(t, err)
	for _, p := range ps {
		all += p.Size()
		if p.Trainable {
			trainable += p.Size()
		}
	}
	return all, trainable
}
