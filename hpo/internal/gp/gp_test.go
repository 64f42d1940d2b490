package gp

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func sample(n int) Data {
	rng := rand.New(rand.NewPCG(1, 2))
	d := Data{Label: []bool{false, true, false}}
	for range n {
		a, b, c := rng.Float64(), float64(rng.IntN(3)), rng.Float64()
		d.X = append(d.X, a, b, c)
		d.Y = append(d.Y, math.Sin(6*a)+b*c-c*c)
	}
	return d
}

func TestGradientsOfTheEvidenceEqualDifferences(t *testing.T) {
	q := newPosterior(sample(12), Options{Warp: true, MaxWeight: 1e4, MinNoise: minNoise})
	x := make([]float64, len(q.lo))
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5 {
		for i := range x {
			x[i] = rng.NormFloat64() * .5
		}
		g, scratch := make([]float64, len(x)), make([]float64, len(x))
		q.negative(x, g)
		for i := range x {
			const h = 1e-5
			y := append([]float64(nil), x...)
			y[i] = x[i] + h
			up := q.negative(y, scratch)
			y[i] = x[i] - h
			down := q.negative(y, scratch)
			require.InDelta(t, (up-down)/(2*h), g[i], 1e-5, "parameter %d", i)
		}
	}
}

func TestSlopesOfPredictionsEqualDifferences(t *testing.T) {
	d := sample(12)
	p := Start(d.Label)
	p.A[0], p.B[0], p.Noise = 1.3, .7, 1e-3
	f := New(d, p).Predictor()
	x := []float64{.3, 1, .6}
	dm, ds := make([]float64, 3), make([]float64, 3)
	f.Slopes(x, dm, ds)
	require.Zero(t, dm[1])
	for _, i := range []int{0, 2} {
		const h = 1e-6
		at := func(v float64) (float64, float64) {
			y := append([]float64(nil), x...)
			y[i] = v
			return f.At(y)
		}
		m1, s1 := at(x[i] + h)
		m0, s0 := at(x[i] - h)
		require.InDelta(t, (m1-m0)/(2*h), dm[i], 1e-6)
		require.InDelta(t, (s1-s0)/(2*h), ds[i], 1e-6)
	}
}

func TestAProcessWithoutNoiseGoesThroughItsData(t *testing.T) {
	d := sample(15)
	p := Start(d.Label)
	p.Noise = minNoise
	f := New(d, p).Predictor()
	for i, y := range d.Y {
		m, s := f.At(d.X[3*i:][:3])
		require.InDelta(t, y, m, 1e-5)
		require.Less(t, s, 1e-3)
	}
}

func TestPointsThatRepeatWithOtherValuesAreAveraged(t *testing.T) {
	d := Data{X: []float64{.5, .5, .5}, Y: []float64{-1, 0, 4}, Label: []bool{false}}
	p := Start(d.Label)
	p.Noise = 0
	m, _ := New(d, p).Predictor().At([]float64{.5})
	require.InDelta(t, 1, m, .5)
}

func TestFittingFindsWhichDimensionsMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	d := Data{Label: []bool{false, false}}
	for range 30 {
		a, b := rng.Float64(), rng.Float64()
		d.X = append(d.X, a, b)
		d.Y = append(d.Y, math.Sin(8*a))
	}
	p, _ := Fit(d, []Params{Start(d.Label)}, Options{})
	require.Greater(t, p.Weight[0], 50*p.Weight[1])
	require.Less(t, p.Noise, 1e-3)
}

func BenchmarkEvidence(b *testing.B) {
	for _, n := range []int{40, 500} {
		rng := rand.New(rand.NewPCG(5, 6))
		d := Data{Label: make([]bool, 6)}
		for range n {
			for range 6 {
				d.X = append(d.X, rng.Float64())
			}
			d.Y = append(d.Y, rng.NormFloat64())
		}
		q := newPosterior(d, Options{Warp: true, MaxWeight: 1e4, MinNoise: minNoise})
		x := q.pack(Start(d.Label))
		g := make([]float64, len(x))
		b.Run(string(rune('0'+n/100))+"00", func(b *testing.B) {
			for b.Loop() {
				q.negative(x, g)
			}
		})
		f := New(d, Start(d.Label)).Predictor()
		b.Run("slopes", func(b *testing.B) {
			s := make([]float64, 6)
			for b.Loop() {
				f.Slopes([]float64{.1, .2, .3, .4, .5, .6}, s, s)
			}
		})
	}
}
