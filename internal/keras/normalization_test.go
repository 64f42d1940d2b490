package keras

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

func TestANormalizationIsTheInputsInPixelsOrInPartsOf255(t *testing.T) {
	lite := nn.Input{Mean: [3]float32{127, 127, 127}, Std: [3]float32{128, 128, 128}}
	imagenet := nn.Input{Mean: [3]float32{0.485 * 255, 0.456 * 255, 0.406 * 255}, Std: [3]float32{0.229 * 255, 0.224 * 255, 0.225 * 255}}
	three := func(v float32) []float32 { return []float32{v, v, v} }
	for _, c := range []struct {
		in             nn.Input
		mean, variance []float32
		want           bool
	}{
		{lite, three(127), three(128 * 128), true},
		{lite, three(127. / 255), three(128. / 255 * 128 / 255), true},
		{lite, three(127), three(128), false},
		{lite, three(127), three(127 * 127), false},
		{lite, three(0), three(1), false},
		{lite, []float32{127}, []float32{128 * 128}, false},
		{imagenet, []float32{0.485, 0.456, 0.406}, []float32{0.229, 0.224, 0.225}, true},
		{imagenet, []float32{0.485, 0.456, 0.406}, []float32{0.229 * 0.229, 0.224 * 0.224, 0.225 * 0.225}, true},
		{imagenet, []float32{0.406, 0.456, 0.485}, []float32{0.229, 0.224, 0.225}, false},
		{imagenet, three(0.5), three(0.25), false},
		{nn.Input{}, three(0), three(1), true},
	} {
		require.Equal(t, c.want, normalizesAs(c.in, c.mean, c.variance), "%+v", c)
	}
}
