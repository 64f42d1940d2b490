package hpo

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/hpo/internal/gp"
)

func TestDerivativesOfAcquisitionsEqualDifferences(t *testing.T) {
	for _, a := range []Acquisition{LogEI, EI, LCB, PI} {
		for _, mean := range []float64{-3, -.5, 0, .1, 2, 30} {
			for _, sd := range []float64{.3, 1, 2} {
				_, byMean, bySD := a.score(mean, sd, 0)
				const h = 1e-5
				at := func(m, s float64) float64 { v, _, _ := a.score(m, s, 0); return v }
				near := func(want, have float64) {
					require.InDelta(t, want, have, 1e-5*(1+math.Abs(want)), "%s at %v ± %v", a, mean, sd)
				}
				near((at(mean+h, sd)-at(mean-h, sd))/(2*h), byMean)
				near((at(mean, sd+h)-at(mean, sd-h))/(2*h), bySD)
			}
		}
	}
}

func TestExpectedImprovementEqualsItsIntegral(t *testing.T) {
	for _, mean := range []float64{-1, 0, 1.5} {
		const sd, n = .7, 200000
		sum := 0.0
		for i := range n {
			z := -10 + 20*(float64(i)+.5)/n
			sum += max(0, 0-(mean+sd*z)) * math.Exp(-z*z/2-logRoot2Pi) * 20 / n
		}
		v, _, _ := EI.score(mean, sd, 0)
		require.InDelta(t, sum, v, 1e-8)
	}
}

func TestTheLogarithmOfExpectedImprovementIsFiniteFarOut(t *testing.T) {
	before := math.Inf(1)
	for _, z := range []float64{0, 1, 5, 19, 19.999, 20, 20.001, 21, 100, 1e4, 1e8} {
		v, slope, _ := logH(-z)
		require.False(t, math.IsInf(v, 0) || math.IsNaN(v), "%v", z)
		require.LessOrEqual(t, v, before)
		require.Positive(t, slope)
		before = v
	}
	a, _, _ := logH(-19.9999999)
	b, _, _ := logH(-20.0000001)
	require.InDelta(t, a, b, 1e-5, "the two formulas meet")
}

func TestSlopesOfALandscapeEqualDifferences(t *testing.T) {
	s := mustSpace(t, Real("x", 0, 1), Categorical("c", "a", "b"), Real("y", 0, 1))
	rng := rand.New(rand.NewPCG(1, 1))
	d := gp.Data{Label: []bool{false, true, false}}
	e := d
	for range 12 {
		row := s.draw(rng)
		d.X = append(d.X, row...)
		d.Y = append(d.Y, bowl(s.decode(row)))
		e.X = append(e.X, row...)
		e.Y = append(e.Y, float64(rng.IntN(2)))
	}
	for _, a := range []Acquisition{LogEI, EI, LCB, PI} {
		l := landscape{space: s, acquisition: a, best: .05, value: gp.New(d, gp.Start(d.Label)).Predictor(), success: gp.New(e, gp.Start(d.Label)).Predictor(),
			row: make([]float64, 3), dm: make([]float64, 3), ds: make([]float64, 3), gradient: make([]float64, 3)}
		for range 10 {
			x := s.draw(rng)
			require.InDelta(t, l.at(x), l.slopes(x), 1e-12)
			for _, i := range []int{0, 2} {
				l.slopes(x)
				slope := l.gradient[i]
				const h = 1e-6
				y, z := append(code{}, x...), append(code{}, x...)
				y[i], z[i] = x[i]+h, x[i]-h
				want := (l.at(y) - l.at(z)) / (2 * h)
				require.InDelta(t, want, slope, 1e-4*(1+math.Abs(want)), "%s", a)
			}
		}
	}
}

func TestWarpsOfValuesRiseAndTheirSlopesAreTheirs(t *testing.T) {
	values := []float64{3, 1, 4, 1.5, 9, 2.6, 5, 35, 8, 97}
	for _, w := range warps(values) {
		sum := 0.0
		for _, v := range values {
			const h = 1e-6
			slope := (w.at(v+h) - w.at(v-h)) / (2 * h)
			require.Positive(t, slope)
			require.InDelta(t, math.Log(slope), w.logSlope(v), 1e-5)
			require.InDelta(t, v, w.back(w.at(v)), 1e-9*(1+math.Abs(v)))
			sum += math.Log(slope)
		}
		require.InDelta(t, sum, w.slope, 1e-4)
		mean, square := 0.0, 0.0
		for _, v := range values {
			mean += w.at(v) / float64(len(values))
			square += w.at(v) * w.at(v) / float64(len(values))
		}
		require.InDelta(t, 0, mean, 1e-9)
		require.InDelta(t, 1, square, 1e-9)
	}
}
