package hpo

import (
	"math"
	"slices"
)

// An outputWarp takes values to where they look normal: the Yeo–Johnson
// transform (Biometrika 87, 2000) with exponent lambda of (v − origin)/unit,
// standardised.
type outputWarp struct {
	origin, unit, lambda float64
	mean, sd             float64 // of what the transform gives
	slope                float64 // Σ ln dy/dv over the values that it was made for
}

// warps are the transforms to choose from for values, the plain one first.
func warps(values []float64) []outputWarp {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	n := len(sorted)
	lowest, middle := sorted[0], sorted[n/2]
	spread := halfRange(sorted)
	plain := outputWarp{origin: middle, unit: spread, lambda: 1}
	out := []outputWarp{plain.standardised(values)}
	if lowest == sorted[n-1] || n < 4 {
		return out
	}
	for _, lambda := range []float64{-1, 0, .5, 1.5} {
		w := plain
		w.lambda = lambda
		out = append(out, w.standardised(values))
	}
	for _, q := range []int{n / 10, n / 4, n / 2, n * 3 / 4} {
		half := sorted[q]/2 - lowest/2
		for _, lambda := range []float64{-1, -.5, 0, .5} {
			w := outputWarp{origin: lowest, unit: 2 * half, lambda: lambda}
			if !(half > 0) { // many are the lowest; the positions stay the same
				w = plain
			}
			out = append(out, w.standardised(values))
		}
	}
	return out
}

// halfRange is a measure of spread that one far value does not change and that
// cannot overflow: half the way between the outer quarters, or between the ends.
func halfRange(sorted []float64) float64 {
	n := len(sorted)
	for _, cut := range []int{n / 4, 0} {
		if d := sorted[n-1-cut]/2 - sorted[cut]/2; d > 0 {
			return d
		}
	}
	return 1
}

func (w outputWarp) standardised(values []float64) outputWarp {
	w.mean, w.sd = 0, 1
	n := float64(len(values))
	sum, most := 0.0, 0.0
	t := make([]float64, len(values))
	for i, v := range values {
		t[i] = w.at(v)
		most = max(most, math.Abs(t[i]))
	}
	most = max(most, 1) // keeps squares finite
	for _, v := range t {
		sum += v / most
	}
	mean, square := sum/n, 0.0
	for _, v := range t {
		square += (v/most - mean) * (v/most - mean)
	}
	w.mean = mean * most
	if sd := math.Sqrt(square/n) * most; sd > 0 {
		w.sd = sd
	}
	w.slope = 0
	for _, v := range values {
		w.slope += w.logSlope(v)
	}
	return w
}

// far bounds what is transformed, so that differences stay finite.
const far = 1e150

func (w outputWarp) scaled(v float64) float64 {
	return min(max((v/2-w.origin/2)/(w.unit/2), -far), far)
}

// at is the transformed value.
func (w outputWarp) at(v float64) float64 {
	x, l := w.scaled(v), w.lambda
	switch {
	case l == 1:
	case x >= 0 && l == 0:
		x = math.Log1p(x)
	case x >= 0:
		x = math.Expm1(l*math.Log1p(x)) / l
	case l == 2:
		x = -math.Log1p(-x)
	default:
		x = -math.Expm1((2-l)*math.Log1p(-x)) / (2 - l)
	}
	return (min(max(x, -far), far) - w.mean) / w.sd
}

// back is the value whose transform is y; where there is none, it is infinite.
func (w outputWarp) back(y float64) float64 {
	x, l := y*w.sd+w.mean, w.lambda
	switch {
	case l == 1:
	case x >= 0 && l == 0:
		x = math.Expm1(x)
	case x >= 0 && 1+l*x <= 0:
		x = math.Inf(1)
	case x >= 0:
		x = math.Expm1(math.Log1p(l*x) / l)
	case l == 2:
		x = -math.Expm1(-x)
	case 1-(2-l)*x <= 0:
		x = math.Inf(-1)
	default:
		x = -math.Expm1(math.Log1p(-(2-l)*x) / (2 - l))
	}
	return w.origin + w.unit*x
}

func (w outputWarp) logSlope(v float64) float64 {
	x := w.scaled(v)
	sign := 1.0
	if x < 0 {
		sign = -1
	}
	return sign*(w.lambda-1)*math.Log1p(math.Abs(x)) - math.Log(w.unit) - math.Log(w.sd)
}

func (w outputWarp) all(values []float64) []float64 {
	y := make([]float64, len(values))
	for i, v := range values {
		y[i] = w.at(v)
	}
	return y
}
