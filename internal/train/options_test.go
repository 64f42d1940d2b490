package train

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSchedules(t *testing.T) {
	const all, perEpoch = 100, 10
	at := func(s Schedule, updates ...int) (out []float64) {
		s, err := s.Completed(10)
		require.NoError(t, err)
		for _, u := range updates {
			out = append(out, s.at(u, all, perEpoch))
		}
		return out
	}
	for name, c := range map[string]struct{ want, got []float64 }{
		"constant":           {[]float64{1, 1, 1}, at(Schedule{}, 0, 50, 99)},
		"constant, warmup":   {[]float64{.1, .5, 1, 1}, at(Schedule{Warmup: .1}, 0, 4, 9, 99)},
		"step":               {[]float64{1, 1, .5, .5, .25}, at(Schedule{Kind: Step, Factor: .5, Every: 2}, 0, 19, 20, 39, 40)},
		"step, default":      {[]float64{1, .1, .01}, at(Schedule{Kind: Step}, 39, 40, 80)},
		"cosine":             {[]float64{1, .5, (1 + math.Cos(math.Pi*.99)) / 2}, at(Schedule{Kind: Cosine}, 0, 50, 99)},
		"cosine, floor":      {[]float64{1, .6}, at(Schedule{Kind: Cosine, Floor: .2}, 0, 50)},
		"cosine, warmup":     {[]float64{.05, 1, .5}, at(Schedule{Kind: Cosine, Warmup: .2}, 0, 20, 60)},
		"one cycle":          {[]float64{1, (1 + 1e-5) / 2, 1e-5}, at(Schedule{Kind: OneCycle}, 29, 64, 99)},
		"one cycle, floored": {[]float64{(1./25 + 1) / 2, .1}, at(Schedule{Kind: OneCycle, Floor: .1}, 14, 99)},
		"plateau":            {[]float64{1, 1}, at(Schedule{Kind: Plateau}, 0, 99)},
	} {
		require.InDeltaSlice(t, c.want, c.got, 1e-9, name)
	}
}

func TestSchedulesAndOptimizersThatMakeNoSenseAreRefused(t *testing.T) {
	for want, s := range map[string]Schedule{
		`schedule "linear" is none of`:                                    {Kind: "linear"},
		"warmup of schedule cosine is 1, want 0 or more and below 1":      {Kind: Cosine, Warmup: 1},
		"factor of schedule step is -0.5, want 0 or more and below 1":     {Kind: Step, Factor: -.5},
		"floor of schedule onecycle is NaN, want 0 or more and below 1":   {Kind: OneCycle, Floor: math.NaN()},
		"schedule plateau has every 0 and patience -1, want none below 0": {Kind: Plateau, Patience: -1},
	} {
		_, err := s.Completed(10)
		require.ErrorContains(t, err, want)
	}
	for want, o := range map[string]Optimizer{
		`optimizer "lion" is none of`:                        {Kind: "lion"},
		"momentum of sgd is 1, want -1 or more and below 1":  {Kind: SGD, Momentum: 1},
		"beta2 of adam is 1.5, want 0 or more and below 1":   {Beta2: 1.5},
		"rho of rmsprop is -0.5, want 0 or more and below 1": {Kind: RMSprop, Rho: -.5},
		"epsilon of adamw is -1, want 0 or more and below 1": {Kind: AdamW, Epsilon: -1},
	} {
		_, err := o.Completed()
		require.ErrorContains(t, err, want)
	}
}
