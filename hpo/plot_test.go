package hpo

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var figures = map[string]func(io.Writer, *Optimizer) error{
	"convergence": WriteConvergence, "dependence": WriteDependence, "importance": WriteImportance,
}

// Set ARGUS_FIGURES to a folder to look at them.
func TestFiguresAreWholeXMLAndNameTheParameters(t *testing.T) {
	s := mustSpace(t, LogReal("rate", 1e-5, 1e-1), Real("dropout", 0, .9), Int("layers", 0, 2),
		LogInt("hidden", 16, 512).IfAtLeast("layers", 1), Categorical("act", "relu", "tanh & more", "swish"), Bool("tune"))
	opt := minimise(t, s, Options{Seed: 4}, 40, func(p Point) float64 {
		if p.Float("rate") > 5e-2 {
			return math.NaN()
		}
		v := math.Pow(math.Log10(p.Float("rate"))+3, 2)*.3 + math.Pow(p.Float("dropout")-.4, 2) + .2*float64(p.Int("layers"))
		if p.Has("hidden") {
			v -= .1 * math.Log2(float64(p.Int("hidden"))/16)
		}
		return v + map[string]float64{"relu": .1, "swish": 0, "tanh & more": .4}[p.Choice("act")] + .3
	})
	for name, draw := range figures {
		var b bytes.Buffer
		require.NoError(t, draw(&b, opt))
		if dir := os.Getenv("ARGUS_FIGURES"); dir != "" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name+".svg"), b.Bytes(), 0o666))
		}
		if name != "convergence" {
			for _, p := range s.params {
				require.Contains(t, b.String(), ">"+p.Name+"</text>", name)
			}
		}
		require.NotContains(t, b.String(), "NaN", name)
		require.NotContains(t, b.String(), "Inf", name)
		d := xml.NewDecoder(&b)
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, name)
		}
	}
}

func TestFiguresOfHardSearchesAreDrawn(t *testing.T) {
	for _, f := range []func(Point) float64{
		func(Point) float64 { return 3 },
		func(p Point) float64 { return 1e300 * p.Float("x") },
	} {
		for _, s := range []*Space{mustSpace(t, Real("x", 0, 1), Categorical("c", labels(1000)...)), mustSpace(t, Real("x", 0, 1))} {
			opt := minimise(t, s, Options{}, 14, f)
			for name, draw := range figures {
				var b bytes.Buffer
				require.NoError(t, draw(&b, opt))
				require.NotContains(t, b.String(), "NaN", name)
			}
		}
	}
	opt, err := New(mustSpace(t, Real("x", 0, 1)), Options{})
	require.NoError(t, err)
	for name, draw := range figures {
		require.ErrorIs(t, draw(io.Discard, opt), ErrFewTrials, name)
	}
}

func TestWhatMattersIsImportant(t *testing.T) {
	s := mustSpace(t, Real("a", 0, 1), Real("b", 0, 1), Real("c", 0, 1), Real("d", 0, 1))
	opt := minimise(t, s, Options{Method: Random}, 60, func(p Point) float64 {
		return 2*p.Float("a") + p.Float("b") + 2*(p.Float("c")-.5)*(p.Float("b")-.5)
	})
	im, err := opt.Importances()
	require.NoError(t, err)
	require.Equal(t, "a", im[0].Name)
	require.Equal(t, "b", im[1].Name)
	require.Equal(t, "c", im[2].Name)
	// Variances 4/12, 1/12 and 4/144.
	all := 4./12 + 1./12 + 4./144
	require.InDelta(t, 4./12/all, im[0].Main, .1)
	require.InDelta(t, 4./12/all, im[0].Total, .1)
	require.InDelta(t, 1./12/all, im[1].Main, .1)
	require.InDelta(t, 4./144/all, im[2].Total, .05)
	require.InDelta(t, 0, im[3].Total, .02)
}
