package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus"
)

func TestTheTableShowsAccuracyWithIntervalClassesAndAnswers(t *testing.T) {
	r := newResult(
		&argus.History{Seconds: argus.FitSeconds{Decode: .25, Features: 3.14, Train: 1}},
		&argus.Report{
			N:        72,
			Accuracy: argus.Interval{Value: .986, Low: .925, High: .998, N: 72},
			PerClass: []argus.ClassReport{
				{Class: "brick", Precision: .96, Recall: 1, F1: .98, Support: 24},
				{Class: "grass", Precision: 1, Recall: .958, F1: .979, Support: 48},
			},
		})
	r.Model = "model.argus"
	r.Answers = []answer{{By: "pretrained", Photo: "coffee.png", Labels: []argus.Prediction{{Label: "espresso", Probability: .951}}}}
	require.Equal(t, `accuracy  0.986 (0.925 to 0.998, n = 72)
seconds   decode 0.25, features 3.14, train 1.00
saved     model.argus

class  precision  recall  F1     tested
brick  0.960      1.000   0.980  24
grass  1.000      0.958   0.979  48

photograph  model       class     probability
coffee.png  pretrained  espresso  0.951
`, r.table())
}
