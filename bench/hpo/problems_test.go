package main

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// where the lowest value of a problem is.
var where = map[string][]float64{
	"branin":      {3.14159265358979, 2.275},
	"hartmann3":   {.114614, .555649, .852547},
	"hartmann6":   {.20169, .150011, .476874, .275332, .311652, .6573},
	"levy4":       {1, 1, 1, 1},
	"rosenbrock4": {1, 1, 1, 1},
	"styblinski4": {-2.903534, -2.903534, -2.903534, -2.903534},
	"func2c":      {1, 1, .0898420 / 2, -.7126564 / 2},
	"func3c":      {1, 1, 0, .0898420 / 2, -.7126564 / 2},
	"ackley5m":    {0, 0, 0, 0, 0},
	"vessel":      {13, 7, 42.0984455958549, 176.6365958424395},
	"camel":       {.0898420, -.7126564},
	"goldstein":   {0, -1},
	"ackley3":     {0, 0, 0},
	"griewank5":   {0, 0, 0, 0, 0},
	"cosine8":     {0, 0, 0, 0, 0, 0, 0, 0},
	"zakharov4":   {0, 0, 0, 0},
	"dixon3":      {1, .70710678, .59460356},
	"rastrigin2":  {0, 0},
	"mixedlevy":   {1, 1, 1, 1},
	"labelled":    {4, .0898420 + .8, -.7126564 - .4},
}

func TestProblemsAreLowestWhereTheyAreKnownToBe(t *testing.T) {
	for _, p := range slices.Concat(problems, heldOut) {
		x, known := where[p.name]
		if known {
			require.InDelta(t, p.lowest, p.f(x), 1e-5, p.name)
			require.Equal(t, x, p.values(p.point(x)), "points of the space are the problem's")
		}
		space, err := p.space()
		require.NoError(t, err)
		rng := rand.New(rand.NewPCG(1, 1))
		for range 2000 {
			u := make([]float64, len(p.dims))
			for i := range u {
				u[i] = rng.Float64()
			}
			x := p.fromUnit(u)
			_, err := space.Canonical(p.point(x))
			require.NoError(t, err)
			require.GreaterOrEqual(t, p.f(x), p.lowest-1e-9, "%s at %v", p.name, x)
		}
	}
}

func TestARunIsSetBesideThePeersFromTheSamePoints(t *testing.T) {
	plot := filepath.Join(t.TempDir(), "regret.svg")
	var out bytes.Buffer
	require.NoError(t, run([]string{"-seeds", "3", "-evaluations", "25", "-problems", "branin", "-peers", "peers.csv", "-plot", plot}, &out))
	require.Contains(t, out.String(), "branin")
	require.Contains(t, out.String(), "geometric mean ÷ skopt")
	require.FileExists(t, plot)
}
