package hpo

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTrialsOfAnOptunaJournalAreRead(t *testing.T) {
	file, err := os.ReadFile("testdata/optuna.log")
	require.NoError(t, err)
	space := mustSpace(t, LogReal("rate", 1e-6, 1e-2), LogInt("hidden", 6, 2048), Categorical("act", "relu", "tanh"), Bool("tune"))
	got, err := ReadOptuna(strings.NewReader(string(file)), "heads", space)
	require.NoError(t, err)
	require.Len(t, got, 5)
	require.Equal(t, Point{"rate": 4.656804637919569e-05, "hidden": 391, "act": "tanh", "tune": true}, got[0].Point)
	require.Equal(t, 0.5228299499397036, got[0].Value)
	require.True(t, math.IsNaN(got[1].Value), "it failed")
	require.True(t, math.IsNaN(got[2].Value), "it was pruned")
	require.Equal(t, Observation{Point{"rate": 4.656804637919569e-05, "hidden": 7, "act": "tanh", "tune": true}, .25}, got[4])

	rates := mustSpace(t, LogReal("rate", 1e-6, 1e-2))
	got, err = ReadOptuna(strings.NewReader(string(file)), "accuracy", rates)
	require.NoError(t, err)
	require.Len(t, got, 2, "the third trial is running")
	for _, ob := range got {
		require.InDelta(t, -100*ob.Point.Float("rate"), ob.Value, 1e-12, "what was maximised is minimised")
	}
	for study, want := range map[string]string{
		"gone":  `hpo: optuna: there is no study "gone"`,
		"heads": `hpo: optuna: trial 0: hpo: there is no parameter`,
	} {
		_, err := ReadOptuna(strings.NewReader(string(file)), study, rates)
		require.ErrorContains(t, err, want)
	}
}

func TestReadPointsTakesAListOrLines(t *testing.T) {
	space := mustSpace(t, Real("x", 0, 1), Int("n", 1, 9))
	want := []Observation{{Point{"x": .5, "n": 3}, 2}, {Point{"x": .25, "n": 9}, -1}}
	for _, text := range []string{
		`[{"point":{"x":0.5,"n":3},"value":2},{"point":{"x":0.25,"n":9},"value":-1}]`,
		"{\"point\":{\"x\":0.5,\"n\":3},\"value\":2}\n{\"point\":{\"x\":0.25,\"n\":9},\"value\":-1}\n",
	} {
		got, err := ReadPoints(strings.NewReader(text), space)
		require.NoError(t, err)
		require.Equal(t, want, got)
		opt, err := New(space, Options{})
		require.NoError(t, err)
		require.NoError(t, opt.AddAll(got))
		require.NoError(t, opt.AddAll(got))
		require.Len(t, opt.Trials(), 2, "what is known is not added again")
	}
	got, err := ReadPoints(strings.NewReader(`{"point":{"x":0.5,"n":3}}`), space)
	require.NoError(t, err)
	require.True(t, math.IsNaN(got[0].Value))
	_, err = ReadPoints(strings.NewReader(`[{"point":{"x":0.5,"n":30},"value":2}]`), space)
	require.EqualError(t, err, `hpo: points: 0: hpo: parameter "n": value is 30, want int from 1 to 9`)
}

func FuzzReadOptuna(f *testing.F) {
	file, err := os.ReadFile("testdata/optuna.log")
	require.NoError(f, err)
	f.Add(string(file))
	space := mustSpace(f, LogReal("rate", 1e-6, 1e-2), LogInt("hidden", 6, 2048), Categorical("act", "relu", "tanh"), Bool("tune"))
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := ReadOptuna(strings.NewReader(text), "heads", space); err == nil {
			for _, ob := range got {
				_, err := space.Canonical(ob.Point)
				require.NoError(t, err)
			}
		}
	})
}
