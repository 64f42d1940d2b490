package hpo

import (
	"math"

	"github.com/argus-go/argus/hpo/internal/gp"
)

// Acquisition is how a proposal weighs what is promising against what is
// unknown.
type Acquisition string

// The acquisitions. Hedge plays LogEI, LCB and PI against each other, by what
// their proposals brought (Hoffman et al., UAI 2011).
const (
	LogEI Acquisition = "logei" // logarithm of the expected improvement (arXiv:2310.20708)
	EI    Acquisition = "ei"    // expected improvement
	LCB   Acquisition = "lcb"   // lower confidence bound, at 1.96 standard deviations
	PI    Acquisition = "pi"    // probability of improvement
	Hedge Acquisition = "hedge"
)

const (
	confidence  = 1.96
	improvement = .01 // that PI asks for, in standard deviations of the values
)

// score is the acquisition of a prediction, to be maximised, and its derivatives.
func (a Acquisition) score(mean, sd, best float64) (v, byMean, bySD float64) {
	switch a {
	case LCB:
		return confidence*sd - mean, -1, confidence
	case PI:
		z := (best - improvement - mean) / sd
		v, slope := logCDF(z)
		return v, -slope / sd, -slope * z / sd
	}
	z := (best - mean) / sd
	h, slope, rest := logH(z)
	v, byMean, bySD = math.Log(sd)+h, -slope/sd, rest/sd
	if a == EI {
		v = math.Exp(v)
		return v, byMean * v, bySD * v
	}
	return v, byMean, bySD
}

const logRoot2Pi = 0.91893853320467274178

// mills is Mills' ratio (1−Φ(t))/φ(t), t ≥ 0, and 1 − t·mills(t) without
// cancellation.
func mills(t float64) (ratio, rest float64) {
	if t > 20 {
		s := 1 / (t * t)
		rest = s * (1 - s*(3-s*(15-s*105)))
		return (1 - rest) / t, rest
	}
	ratio = math.Sqrt(math.Pi/2) * math.Erfc(t/math.Sqrt2) * math.Exp(t*t/2)
	return ratio, 1 - t*ratio
}

// logH is ln h(z) with h = φ + z·Φ, its derivative Φ/h, and φ/h.
func logH(z float64) (v, slope, rest float64) {
	if z < -1 {
		ratio, r := mills(-z)
		return -z*z/2 - logRoot2Pi + math.Log(r), ratio / r, 1 / r
	}
	phi := math.Exp(-z*z/2 - logRoot2Pi)
	cdf := .5 * math.Erfc(-z/math.Sqrt2)
	h := phi + z*cdf
	return math.Log(h), cdf / h, phi / h
}

// logCDF is ln Φ(z) and its derivative.
func logCDF(z float64) (v, slope float64) {
	if z < -1 {
		ratio, _ := mills(-z)
		return -z*z/2 - logRoot2Pi + math.Log(ratio), 1 / ratio
	}
	cdf := .5 * math.Erfc(-z/math.Sqrt2)
	return math.Log(cdf), math.Exp(-z*z/2-logRoot2Pi) / cdf
}

// A landscape is the acquisition over codes of a space, for one goroutine.
type landscape struct {
	space       *Space
	acquisition Acquisition
	value       *gp.Predictor
	best        float64
	success     *gp.Predictor // of 1 for trials that came to an end, 0 for failed ones; nil: none failed
	row         []float64
	dm, ds      []float64
	gradient    []float64
}

// features fills row with what the process knows of a code.
func (s *Space) features(row []float64, x code) []float64 {
	for i, v := range x {
		if math.IsNaN(v) {
			v = .5
			if s.params[i].unordered() {
				v = -1
			}
		}
		row[i] = v
	}
	return row
}

func (l *landscape) at(x code) float64 {
	row := l.space.features(l.row, x)
	mean, sd := l.value.At(row)
	v, _, _ := l.acquisition.score(mean, sd, l.best)
	if l.success != nil {
		chance, _, _ := l.chance(l.success.At(row))
		v = l.weigh(v, chance)
	}
	return v
}

// slopes is at with the derivatives by row left in l.gradient.
func (l *landscape) slopes(x code) float64 {
	row := l.space.features(l.row, x)
	mean, sd := l.value.Slopes(row, l.dm, l.ds)
	v, byMean, bySD := l.acquisition.score(mean, sd, l.best)
	for i := range l.gradient {
		l.gradient[i] = byMean*l.dm[i] + bySD*l.ds[i]
	}
	if l.success == nil {
		return v
	}
	chance, byMean, bySD := l.chance(l.success.Slopes(row, l.dm, l.ds))
	scale, factor := 1.0, 1.0
	switch l.acquisition {
	case EI:
		scale, factor = math.Exp(chance), v*math.Exp(chance)
	case LogEI, PI:
		scale = 1 / (1 + math.Exp(nothing-v))
	}
	for i := range l.gradient {
		l.gradient[i] = scale*l.gradient[i] + factor*(byMean*l.dm[i]+bySD*l.ds[i])
	}
	return l.weigh(v, chance)
}

// softness of the edge between success and failure, in standard deviations of
// their process.
const softness = .03

const unlikely, steep = .25, 9

// chance is the logarithm of the probability of success, and its derivatives.
// Under unlikely it falls faster: a large gain there is no reason to fail.
func (l *landscape) chance(mean, sd float64) (v, byMean, bySD float64) {
	s := math.Sqrt(sd*sd + softness*softness)
	z := (mean - .5) / s
	v, slope := logCDF(z)
	if under := v - math.Log(unlikely); under < 0 {
		v += steep * under
		slope *= 1 + steep
	}
	return v, slope / s, -slope * z / s * sd / s
}

// weigh joins an acquisition and the logarithm of the probability of success.
// Logarithms of gains that are as good as nothing count the same: where nothing
// is left to gain, that is no reason to try what fails.
func (l *landscape) weigh(v, chance float64) float64 {
	switch l.acquisition {
	case EI:
		return v * math.Exp(chance)
	case LogEI, PI:
		v = nothing + math.Log1p(math.Exp(v-nothing))
	}
	return v + chance
}

const nothing = -14
