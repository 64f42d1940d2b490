package train

import (
	"context"
	"errors"
	"math"
)

// A RatePoint is one step of FindRate.
type RatePoint struct {
	Rate float32 `json:"rate"`
	Loss float64 `json:"loss"` // smoothed over the steps before
}

// FindRate trains for a number of steps while the rate grows from lo to hi, equal
// factors apart, and ends early where the loss is more than 4 times the least so
// far, or not finite. Suggested is the rate at which the smoothed loss falls
// fastest, by the logarithm of the rate.
func (j *Job) FindRate(ctx context.Context, lo, hi float64, steps int) (points []RatePoint, suggested float32, err error) {
	j.Accumulate, j.Schedule = 1, Schedule{Kind: Constant}
	n, perEpoch, batch := j.split()
	s, err := j.stepper(batch)
	if err != nil {
		return nil, 0, err
	}
	defer s.machine.Close()
	s.resume(nil)
	const smooth = .9
	var order []int
	average, weight, least := 0., 0., math.Inf(1)
	for i := range steps {
		k := i % perEpoch
		if k == 0 {
			order = j.order(1 + i/perEpoch)
		}
		j.Rate = float32(lo * math.Pow(hi/lo, float64(i)/float64(steps-1)))
		from, to := k*n/perEpoch, (k+1)*n/perEpoch
		s.state.Sum = 0
		err := s.step(ctx, 1+i/perEpoch, k, order[from:to], true)
		if errors.Is(err, ErrDiverged) && len(points) > 0 {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		average = smooth*average + (1-smooth)*s.state.Sum/float64(to-from)
		weight = smooth*weight + 1 - smooth
		loss := average / weight
		points = append(points, RatePoint{j.Rate, loss})
		if least = min(least, loss); loss > 4*least {
			break
		}
		j.Progress(i+1, steps)
	}
	j.Progress(steps, steps)
	return points, steepest(points), nil
}

// steepest is the rate around which the loss falls most over ten steps; 0 where
// it never falls.
func steepest(points []RatePoint) float32 {
	const span = 5
	best, at := 0., float32(0)
	for i := span; i+span < len(points); i++ {
		if fall := points[i+span].Loss - points[i-span].Loss; fall < best {
			best, at = fall, points[i].Rate
		}
	}
	return at
}
