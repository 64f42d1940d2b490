package argus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

func TestReliabilityWorkedOutByHand(t *testing.T) {
	ece, bins := reliability([]answer{{.95, true}, {.97, false}, {.52, true}, {1, true}})
	require.Len(t, bins, 15)
	require.Equal(t, 3, bins[14].N, "1 is in the last bin")
	require.InDelta(t, (.95+.97+1)/3, bins[14].Probability, 1e-12)
	require.InDelta(t, 2./3, bins[14].Accuracy, 1e-12)
	require.InDelta(t, .75*((.95+.97+1)/3-2./3)+.25*.48, ece, 1e-12)
}

func TestTheThresholdIsTheLowestThatKeepsTheAccuracy(t *testing.T) {
	answers := []answer{{.9, true}, {.8, true}, {.7, false}, {.7, true}, {.6, true}, {.5, false}}
	for accuracy, want := range map[float64]float64{1: .8, .8: .6, .75: .6, .6: .5} {
		got := threshold(answers, accuracy)
		require.InDelta(t, want, got, 2*rounding, "%v", accuracy)
		require.Less(t, got, want, "it is answered even where it comes out a little lower")
	}
	require.Greater(t, threshold([]answer{{1, false}}, .5), 1., "no answer is good enough")
}

func TestTheTemperatureUndoesTooMuchCertainty(t *testing.T) {
	// Labels are drawn from the softmax of logits, which are then made 3 times as large.
	r := rand.New(rand.NewPCG(1, 1))
	const n, k = 4000, 4
	logits, labels := make([]float32, n*k), make([]int, n)
	for i := range n {
		row := logits[i*k:][:k]
		for c := range row {
			row[c] = float32(r.NormFloat64())
		}
		u := r.Float64()
		for labels[i] = 0; labels[i] < k-1; labels[i]++ {
			if u -= softmaxAt(row, labels[i], 1); u < 0 {
				break
			}
		}
	}
	for i := range logits {
		logits[i] *= 3
	}
	cal := calibrate(logits, labels, k, 0)
	require.InDelta(t, 3, cal.Temperature, .15)
	require.Greater(t, cal.Before, .2)
	require.Less(t, cal.After, .03)
	require.Equal(t, 1., cal.Coverage)
	require.Zero(t, cal.Threshold)
}

func TestCalibrationChangesProbabilitiesAndNoAnswers(t *testing.T) {
	data := rgb(t)
	c, _ := fittedTo(t, data, FitOptions{Epochs: 3, LearningRate: 1e-2})
	before := accuracy(t, c, data.Test())
	cal, err := c.Calibrate(context.Background(), data.Val(), .9)
	require.NoError(t, err)
	require.Less(t, cal.After, cal.Before)
	after := accuracy(t, c, data.Test())
	require.Equal(t, before.Confusion, after.Confusion)
	require.NotEqual(t, before.Outcomes, after.Outcomes)
	require.Equal(t, cal.Threshold, after.Threshold)
	require.Equal(t, cal, c.Info().Calibration)

	again, err := c.Calibrate(context.Background(), data.Val(), .9)
	require.NoError(t, err)
	require.InDelta(t, cal.Temperature, again.Temperature, 1e-3, "it replaces the temperature before")
	require.Equal(t, cal.Before, again.Before)

	var file bytes.Buffer
	_, err = c.WriteTo(&file)
	require.NoError(t, err)
	loaded, err := ReadClassifier(&file)
	require.NoError(t, err)
	require.Equal(t, accuracy(t, c, data.Test()).Outcomes, accuracy(t, loaded, data.Test()).Outcomes)
	require.Equal(t, again, loaded.Info().Calibration)
}

func TestAnswerSaysNoneOfTheseBelowTheThreshold(t *testing.T) {
	data := rgb(t)
	c, _ := fittedTo(t, data, FitOptions{Epochs: 3, LearningRate: 1e-2})
	img := image.NewRGBA(image.Rect(0, 0, 30, 30))
	p, sure, err := c.Answer(context.Background(), img)
	require.NoError(t, err)
	require.True(t, sure, "without calibration every answer counts")
	s := *c.now.Load()
	s.info.Calibration = &Calibration{Threshold: math.Nextafter(p.Probability, 1)}
	c.now.Store(&s)
	_, sure, err = c.Answer(context.Background(), img)
	require.NoError(t, err)
	require.False(t, sure)
	r := accuracy(t, c, data.Test())
	n := 0
	for _, o := range r.Outcomes {
		if o.Probability >= r.Threshold {
			n++
		}
	}
	require.Equal(t, n, r.Answered.N)
}

func TestLogitsAreTheTopWithoutItsSoftmax(t *testing.T) {
	dense := nn.Dense{Name: "d", Units: 3}
	soft := dense
	soft.Act = nn.Softmax
	for _, top := range []nn.Layer{
		soft, nn.Seq{dense, nn.Act{Kind: nn.Softmax}}, nn.Block{Name: "b", Body: soft}, nn.Seq{nn.Dropout{Rate: .1}, soft},
	} {
		require.False(t, endsInSoftmax(logitsOf(top, false)), "%v", top)
	}
	scale := nn.Scale{Mul: []float32{2}}
	softmax := nn.Act{Kind: nn.Softmax}
	require.Equal(t, nn.Seq{dense}, logitsOf(nn.Seq{dense, scale, softmax}, true))
	require.Equal(t, nn.Seq{dense, scale}, logitsOf(nn.Seq{dense, scale, softmax}, false), "a layer of the network's own")
	require.Equal(t, nn.Seq{dense}, logitsOf(nn.Seq{dense, softmax}, true), "a file that only says it is calibrated")
	require.Equal(t, nn.Seq{}, logitsOf(nn.Seq{softmax}, true))
	require.Equal(t, nn.Seq{}, logitsOf(nn.Seq{}, true))
}

func TestAClassifierCanBeFittedCalibratedAndAskedAtOnce(t *testing.T) {
	data, ctx := rgb(t), context.Background()
	c, _ := fittedTo(t, data, FitOptions{Epochs: 1})
	img := scene(30, 20, 3)
	work := []func() error{
		func() error {
			_, err := c.Fit(ctx, data, FitOptions{Epochs: 2, Hidden: []int{3}, FineTune: FineTune{From: "last", Epochs: 1}})
			return err
		},
		func() error { _, err := c.Calibrate(ctx, data.Val(), .9); return err },
		func() error { _, err := c.Predict(ctx, img); return err },
		func() error { _, _, err := c.Answer(ctx, img); return err },
		func() error { _, err := c.Evaluate(ctx, data.Test()); return err },
		func() error { _, err := json.Marshal(c.Info()); return err },
		func() error { _, err := c.WriteTo(io.Discard); return err },
	}
	errs := make(chan error)
	for _, f := range work {
		go func() {
			var err error
			for range 3 {
				err = errors.Join(err, f())
			}
			errs <- err
		}()
	}
	for range work {
		require.NoError(t, <-errs)
	}
}

func TestAnyTopThatEndsInSoftmaxIsCalibrated(t *testing.T) {
	data := rgb(t)
	for name, top := range map[string]nn.Layer{
		"dense alone": nn.Dense{Name: "logits", Units: 3, Act: nn.Softmax},
		"block":       nn.Block{Name: "top", Body: nn.Seq{nn.Dropout{Rate: .5}, nn.Dense{Name: "logits", Units: 3, Act: nn.Softmax}}},
		"activation":  nn.Seq{nn.Dense{Name: "logits", Units: 3}, nn.Act{Kind: nn.Softmax}},
	} {
		for _, info := range []Info{{}, {Calibration: &Calibration{Temperature: -1, Threshold: -3}}} { // the second is a lie
			m := tinyModel()
			m.Top = top
			w, err := nn.Init(m.Whole(), m.Input.Shape(), 1)
			require.NoError(t, err)
			c, err := assemble(&snapshot{model: m, weights: w, prep: preprocessOf(m.Input), info: info}, w.Shapes(), freezerOf(w), data.Classes())
			require.NoError(t, err, name)
			before := accuracy(t, c, data.Test())
			first, err := c.Calibrate(context.Background(), data.Val(), .5)
			require.NoError(t, err, name)
			require.Equal(t, before.Confusion, accuracy(t, c, data.Test()).Confusion, name)
			again, err := c.Calibrate(context.Background(), data.Val(), .5)
			require.NoError(t, err)
			require.Equal(t, first, again, name)
		}
	}
	c, _ := fittedTo(t, data, FitOptions{Epochs: 1})
	unlabelled, err := OpenPicturesFS(swatches(1, 0, 0, "blue", "green", "red"))
	require.NoError(t, err)
	_, err = c.Calibrate(context.Background(), unlabelled, .9)
	require.ErrorContains(t, err, `argus: calibrate: the classifier's classes are ["blue" "green" "red"], those of dataset`)
}
