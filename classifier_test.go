package argus

import (
	"context"
	"image"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
