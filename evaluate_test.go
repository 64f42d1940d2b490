package argus

import (
	"context"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReportOfAnswersWorkedOutByHand(t *testing.T) {
	samples := []Sample{{Path: "1", Label: 0}, {Path: "2", Label: 0}, {Path: "3", Label: 0}, {Path: "4", Label: 1}, {Path: "5", Label: 1}}
	r := newReport([]string{"cat", "dog", "owl"}, samples, []float32{
		.5, .25, .25,
		.25, .5, .25,
		0, .125, .875,
		.25, .5, .25,
		.75, .25, 0,
	})
	require.Equal(t, 5, r.N)
	require.Equal(t, [][]int{{1, 1, 1}, {1, 1, 0}, {0, 0, 0}}, r.Confusion)
	require.Equal(t, .4, r.Accuracy.Value)
	require.Equal(t, []ClassReport{
		{"cat", .5, 1. / 3, .4, 3},
		{"dog", .5, .5, .5, 2},
		{"owl", 0, 0, 0, 0},
	}, r.PerClass)
	require.Equal(t, []Outcome{{"3", "cat", "owl", .875}, {"5", "dog", "cat", .75}, {"2", "cat", "dog", .5}}, r.Worst)
	require.Len(t, r.Outcomes, 5)
	require.Equal(t, Outcome{"4", "dog", "dog", .5}, r.Outcomes[3])
	want := (math.Log(2) + math.Log(4) - math.Log(math.SmallestNonzeroFloat32) + math.Log(2) + math.Log(4)) / 5
	require.InDelta(t, want, r.Loss, 1e-9, "a probability of 0 is a large loss, not an infinite one")
	require.Equal(t, ""+
		"accuracy 0.400 (0.118 to 0.769, n = 5)\n"+
		"class  precision  recall     F1  pictures\n"+
		"cat        0.500   0.333  0.400         3\n"+
		"dog        0.500   0.500  0.500         2\n"+
		"owl        0.000   0.000  0.000         0\n", r.String())
}

func TestWorstErrorsAreBounded(t *testing.T) {
	samples, p := make([]Sample, 50), make([]float32, 100)
	for i := range samples {
		p[2*i+1] = 1
	}
	r := newReport([]string{"a", "b"}, samples, p)
	require.Len(t, r.Worst, 20)
	require.Len(t, r.Outcomes, 50)
}

func TestEvaluateAgreesWithPredict(t *testing.T) {
	data := rgb(t)
	c, _ := fittedTo(t, data, FitOptions{Epochs: 2})
	r := accuracy(t, c, data.Test())
	i := 0
	for _, s := range data.Test().All() {
		f, err := s.Open()
		require.NoError(t, err)
		p, err := c.PredictReader(context.Background(), f)
		require.NoError(t, err)
		require.Equal(t, s.Path, r.Outcomes[i].Path)
		require.Equal(t, p[0].Label, r.Outcomes[i].Label)
		require.InDelta(t, p[0].Probability, r.Outcomes[i].Probability, 1e-5)
		i++
	}
	require.Equal(t, r.N, i)
	_, err := json.Marshal(r)
	require.NoError(t, err)
}

func TestEvaluateSaysWhatIsMissing(t *testing.T) {
	ctx := context.Background()
	data := open(t, swatches(3, 1, 0, "a", "b"))
	c := tinyLearner(t, data.Classes())
	_, err := c.Evaluate(ctx, data.Val())
	require.ErrorIs(t, err, ErrNotFitted)
	_, err = c.Fit(ctx, data, FitOptions{Epochs: 1})
	require.NoError(t, err)
	_, err = c.Evaluate(ctx, data.Test())
	require.ErrorContains(t, err, "argus: evaluate: dataset . has no pictures to evaluate: divide it with Split first, or give it a folder test")
	_, err = c.Evaluate(ctx, rgb(t))
	require.ErrorContains(t, err, `classes are ["a" "b"], those of dataset . are ["blue" "green" "red"]`)
	_, err = c.Evaluate(ctx, open(t, tree("a/1.txt.jpg", "b/2.jpg")).Filter(func(Sample) bool { return false }))
	require.ErrorContains(t, err, "no pictures to evaluate")
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	_, err = c.Evaluate(stopped, data.Val())
	require.ErrorIs(t, err, context.Canceled)
}

func TestEvaluateKeepsToTheLimitsOfFit(t *testing.T) {
	fsys := swatches(3, 1, 2, "a", "b")
	fsys["test/a/000.bmp"].Data = append(fsys["test/a/000.bmp"].Data, make([]byte, 1000)...)
	data := open(t, fsys)
	c, _ := fittedTo(t, data, FitOptions{Epochs: 1, Limits: Limits{Bytes: 1000}})
	r := accuracy(t, c, data.Test())
	require.Len(t, r.Bad, 1)
	require.Equal(t, 3, r.N)
	require.Contains(t, r.Bad[0].Reason, "1000")
}
