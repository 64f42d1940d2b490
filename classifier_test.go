package argus

import (
	"context"
	"image"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet/lite0"
	"github.com/argus-go/argus/nn"
)

func TestClassesMustBeSeveralNamedOnceInUTF8(t *testing.T) {
	b := nn.Backbone{Model: tinyModel(), Weights: nn.Fixed(nil)}
	for want, classes := range map[string][]string{
		"1 classes":       {"a"},
		`class ""`:        {"a", ""},
		`class "a"`:       {"a", "b", "a"},
		`class "b\xff"`:   {"a", "b\xff"},
		"source of weigh": {"a", "b"},
	} {
		if want == "source of weigh" {
			b.Weights = nil
		}
		_, err := New(b, classes)
		require.ErrorContains(t, err, want)
		b.Weights = nn.Fixed(nil)
	}
}

func TestWeightsThatDoNotFitTheBackboneAreErrorsThatNameThem(t *testing.T) {
	data, ctx := rgb(t), context.Background()
	for want, change := range map[string]func(nn.Weights){
		"stem/conv1/kernel: value 5 is NaN":                       func(w nn.Weights) { w["stem/conv1/kernel"].Data[5] = float32(math.NaN()) },
		"stem/conv1/kernel: missing, the network wants [3 3 3 8]": func(w nn.Weights) { delete(w, "stem/conv1/kernel") },
		"stem/conv1/kernel: the network wants [3 3 3 8], the weights have [1 1 3 72]": func(w nn.Weights) {
			w["stem/conv1/kernel"] = nn.Tensor{Shape: []int{1, 1, 3, 72}, Data: make([]float32, 216)}
		},
	} {
		w := tinyWeights(t, 1).Clone()
		change(w)
		c, err := New(nn.Backbone{Model: tinyModel(), Weights: nn.Fixed(w)}, data.Classes())
		require.NoError(t, err)
		_, err = c.Fit(ctx, data, FitOptions{})
		require.ErrorIs(t, err, nn.ErrWeights)
		require.ErrorContains(t, err, "argus: fit: tiny: nn: weights do not fit the network:\n\t"+want)
		_, err = c.Predict(ctx, scene(9, 9, 1))
		require.ErrorIs(t, err, nn.ErrWeights)
		require.ErrorContains(t, err, "argus: predict: tiny: ")
	}
	other := nn.Backbone{Model: tinyModel(), Weights: lite0.Backbone().Weights}
	c, err := New(other, data.Classes())
	require.NoError(t, err)
	_, err = c.Fit(ctx, data, FitOptions{})
	require.ErrorIs(t, err, nn.ErrWeights)
}

func TestWhoWaitsForWeightsMayStopWaiting(t *testing.T) {
	release := make(chan struct{})
	b := nn.Backbone{Model: tinyModel(), Weights: func(context.Context, func(done, total int64)) (nn.Weights, error) {
		<-release
		return nil, context.Canceled
	}}
	c, err := New(b, []string{"a", "b"})
	require.NoError(t, err)
	first := make(chan error)
	go func() {
		_, err := c.Predict(context.Background(), image.NewGray(image.Rect(0, 0, 9, 9)))
		first <- err
	}()
	require.Eventually(t, func() bool { return len(c.fitting) == 1 }, 5*time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err = c.Predict(ctx, image.NewGray(image.Rect(0, 0, 9, 9)))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	close(release)
	require.Error(t, <-first)
}

func TestNewTakesTheBodysWeightsWhereTheyAreAFileOfTheirOwn(t *testing.T) {
	refused := func(context.Context, func(done, total int64)) (nn.Weights, error) { return nil, context.Canceled }
	bare := tinyModel()
	bare.Top = nil
	b := nn.Backbone{
		Model: tinyModel(), Weights: refused, Classes: tinyClasses, Origin: nn.Origin{Digest: "md5:whole"},
		Body: &nn.Backbone{Model: bare, Weights: nn.Fixed(tinyWeights(t, 1)), Origin: nn.Origin{Digest: "md5:body"}},
	}
	data := rgb(t)
	c, err := New(b, data.Classes())
	require.NoError(t, err)
	_, err = c.Fit(context.Background(), data, FitOptions{})
	require.NoError(t, err)
	require.Equal(t, "md5:body", c.Info().Origin.Digest)

	for _, whole := range []func() (*Classifier, error){
		func() (*Classifier, error) { return Pretrained(b) },
		func() (*Classifier, error) { return New(b, tinyClasses) },
	} {
		c, err := whole()
		require.NoError(t, err)
		_, err = c.Predict(context.Background(), scene(9, 9, 1))
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestMeansThatANetworkListsBlueFirstAreTakenFromTheirChannels(t *testing.T) {
	p := preprocessOf(nn.Input{Size: 1, Mean: [3]float32{103.939, 116.779, 123.68}, BGR: true}) // resnet
	require.Equal(t, Preprocess{Size: 1, Mean: [3]float32{123.68, 116.779, 103.939}, Std: [3]float32{1, 1, 1}, BGR: true}, p)
	dst := make([]float32, 3)
	p.floats(dst, []uint8{124, 117, 104})
	require.InDeltaSlice(t, []float32{104 - 103.939, 117 - 116.779, 124 - 123.68}, dst, 1e-5)
	require.Equal(t, [3]float32{1, 2, 3}, preprocessOf(nn.Input{Mean: [3]float32{1, 2, 3}}).Mean)
}
