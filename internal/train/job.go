package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/argus-go/argus/nn"
)

// ErrDiverged says that the training loss became infinite or NaN: the learning
// rate is too high, or the weights or rows are unusable.
var ErrDiverged = errors.New("training diverged")

// A Job is what is to be trained, and how.
type Job struct {
	Options
	Body    nn.Layer // part of a network that is trained with the head; nil: none
	Head    nn.Layer // to the logits
	In      nn.Shape // of a row
	Classes int
	Weights nn.Weights // of Body and Head; they are worked on
	// TrainNorm makes Body's batch norms use and follow the batch's statistics,
	// as those of Head always do; else they keep their moving statistics.
	TrainNorm bool
	Groups    []Group

	Train, Val   Rows
	ClassWeights []float32 // of the loss
	Threads      int       // 0: all

	Epoch    func(Epoch) (stop bool)
	Progress func(done, total int)
	// Save, where not nil, is called with the state after every SaveSteps
	// updates, or SaveEvery, at the end, and when the context ends. The state is the loop's
	// own: it may not be kept.
	Save      func(*State) error
	SaveSteps int
	SaveEvery time.Duration
}

// A Group is the parameters under a path, which differ in how they are trained.
type Group struct {
	Path string  // "block7a"; the first group that fits a parameter holds
	Rate float32 // multiplies the learning rate
	From int     // the first epoch in which they are trained
}

// An Epoch is one pass over the training rows.
type Epoch struct {
	Number      int // from 1
	TrainLoss   float64
	ValLoss     float64
	ValAccuracy float64
	ValTopK     float64
	ValRecall   []float64 // of each class; 0 without rows
	Rate        float32   // of the last update
}

// Best is the epoch with the lowest validation loss so far.
type Best struct {
	Number  int // from 1; 0: of a job before
	Loss    float64
	Right   int        // of the validation rows
	Weights nn.Weights `json:"-"`
}

// Layer is the body with the head.
func (j *Job) Layer() nn.Layer {
	if j.Body == nil {
		return j.Head
	}
	return nn.Seq{j.Body, j.Head}
}

// split is how the n rows of an epoch fall into steps of nearly equal size.
func (j *Job) split() (n, steps, batch int) {
	n = j.Train.Len()
	steps = (n + j.Batch - 1) / j.Batch
	return n, steps, (n + steps - 1) / steps
}

// check says whether there are rows, and whether their labels are classes.
func (j *Job) check() error {
	for _, part := range []struct {
		name string
		Rows
	}{{"training", j.Train}, {"validation", j.Val}} {
		if part.Rows == nil || part.Len() == 0 {
			return fmt.Errorf("there are no %s rows", part.name)
		}
		for i := range part.Len() {
			if label := part.Label(i); label < 0 || label >= j.Classes {
				return fmt.Errorf("label %d of %s row %d is none of %d classes", label, part.name, i, j.Classes)
			}
		}
	}
	return nil
}

// Run trains until the epochs are over, the validation loss has not fallen for
// Patience of them, or Epoch wants to stop. It starts from s, which may be nil,
// and returns the best epoch: the one that s holds where none is better.
func (j *Job) Run(ctx context.Context, s *State) (*Best, error) {
	if err := j.check(); err != nil {
		return nil, err
	}
	j.Accumulate, j.TopK = max(1, j.Accumulate), max(1, j.TopK)
	n, steps, batch := j.split()
	g, err := j.stepper(batch)
	if err != nil {
		return nil, err
	}
	defer g.machine.Close()
	if s = g.resume(s); s.Done {
		j.Progress(j.Epochs*steps, j.Epochs*steps)
		return s.Best, nil
	}
	s.Batch = j.Batch
	saved := time.Now()
	save := func(err error) error {
		if j.Save == nil {
			return err
		}
		saved = time.Now()
		return errors.Join(err, j.Save(s))
	}
	due := func() bool {
		return j.SaveSteps > 0 && s.Updates%j.SaveSteps == 0 || j.SaveEvery > 0 && time.Since(saved) >= j.SaveEvery
	}
	for e := s.Epoch + 1; e <= j.Epochs; e++ {
		order := j.order(e)
		for k := s.Step; k < steps; k++ {
			lo, hi := k*n/steps, (k+1)*n/steps
			last := k+1 == steps || (k+1)%j.Accumulate == 0
			err := ctx.Err()
			if err == nil || g.seen > 0 {
				err = g.step(ctx, e, k, order[lo:hi], last)
			}
			if err != nil {
				if ctx.Err() != nil {
					err = save(err)
				}
				return s.Best, err
			}
			j.Progress((e-1)*steps+k+1, j.Epochs*steps)
			if last && due() && k+1 < steps {
				if err := save(nil); err != nil {
					return s.Best, err
				}
			}
		}
		metrics, err := j.validate(ctx, g.averaged())
		if err != nil {
			if ctx.Err() != nil {
				err = save(err)
			}
			return s.Best, err
		}
		epoch := metrics.epoch(e, s.Sum/float64(n), s.Rate)
		stop := s.after(j, metrics, g.averaged())
		stop = j.Epoch(epoch) || stop
		s.Done = stop || e == j.Epochs
		if due() || s.Done {
			if err := save(nil); err != nil {
				return s.Best, err
			}
		}
		if stop {
			break
		}
	}
	j.Progress(j.Epochs*steps, j.Epochs*steps)
	return s.Best, nil
}

// after is the state after an epoch with the given metrics, and whether training
// is over.
func (s *State) after(j *Job, m metrics, weights nn.Weights) (stop bool) {
	s.Epoch, s.Step, s.Sum = s.Epoch+1, 0, 0
	s.Since++
	s.Waited++
	if s.Best == nil || m.loss < s.Best.Loss {
		s.Best = &Best{s.Epoch, m.loss, m.right, weights.Clone()}
		s.Since, s.Waited = 0, 0
	}
	if c := j.Schedule; c.Kind == Plateau && s.Waited >= c.Patience {
		s.Scale, s.Waited = math.Max(c.Floor, s.Scale*c.Factor), 0
	}
	return j.Patience > 0 && s.Since >= j.Patience
}

// diverged is ErrDiverged with what is known of it.
func diverged(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrDiverged, fmt.Errorf(format, args...))
}
