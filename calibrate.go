package argus

import (
	"context"
	"fmt"
	"image"
	"math"
	"slices"

	"github.com/argus-go/argus/internal/picture"
	"github.com/argus-go/argus/nn"
)

// Calibration is how far a classifier's probabilities are to be believed; it is
// stored in the model file.
type Calibration struct {
	// Temperature divides the logits (Guo et al., arXiv:1706.04599): above 1 the
	// classifier was too sure of itself.
	Temperature float64 `json:"temperature"`
	// Before and After are the expected calibration error without and with it,
	// on the N pictures that it was chosen on.
	Before float64 `json:"before"`
	After  float64 `json:"after"`
	N      int     `json:"n"`
	// Threshold is the probability below which an answer is "none of these";
	// Coverage is the part of the pictures that is answered then, and Answered how
	// many of the answers are right.
	Threshold float64  `json:"threshold,omitempty"`
	Coverage  float64  `json:"coverage"`
	Answered  Interval `json:"answered"`
}

// Calibrate makes c's probabilities fit how often it is right on data: pictures
// that it was not trained on, most often photos.Val(). Which class is the most
// probable does not change. Where accuracy is above 0, c also learns to say none of
// these: below a threshold, the lowest at which at least that part of its
// remaining answers on data is right. Predict goes on telling all
// probabilities; [Classifier.Answer] abstains.
func (c *Classifier) Calibrate(ctx context.Context, data Dataset, accuracy float64, hooks ...Hooks) (*Calibration, error) {
	if err := c.fitting.take(ctx); err != nil {
		return nil, fmt.Errorf("argus: calibrate: %w", err)
	}
	defer c.fitting.give()
	after, err := c.calibrated(ctx, data, accuracy, hooks)
	if err != nil {
		return nil, inside("calibrate", err)
	}
	c.now.Store(after)
	return after.info.Calibration, nil
}

func (c *Classifier) calibrated(ctx context.Context, data Dataset, accuracy float64, hooks hooks) (*snapshot, error) {
	if !(accuracy >= 0 && accuracy <= 1) {
		return nil, fmt.Errorf("accuracy is %v, want 0 to 1", accuracy)
	}
	if err := c.fits(data); err != nil {
		return nil, err
	}
	s, err := c.load(ctx, nil)
	if err != nil {
		return nil, err
	}
	if s.model.Top == nil {
		return nil, ErrNotFitted
	}
	if s, err = s.whole(); err != nil {
		return nil, err
	}
	_, features, err := c.extract(ctx, s, data, hooks)
	if err != nil {
		return nil, err
	}
	top := logitsOf(s.model.Top, s.info.Calibration != nil)
	plan, err := nn.Freeze(top, s.runner.body.Out, s.weights)
	if err != nil {
		return nil, err
	}
	logits, err := runnerOf(plan).features(ctx, c.Threads, len(features.samples), features.x)
	if err != nil {
		return nil, err
	}
	labels := make([]int, len(features.samples))
	for i, sample := range features.samples {
		labels[i] = sample.Label
	}
	cal := calibrate(logits, labels, len(c.classes), accuracy)
	model, info := s.model, s.info
	model.Top = nn.Seq{top, nn.Scale{Mul: []float32{float32(1 / cal.Temperature)}}, nn.Act{Kind: nn.Softmax}}
	info.Calibration = &cal
	return newSnapshot(model, s.weights, s.prep, info, s.runner.body)
}

// logitsOf is a top without its softmax, and without the temperature of an
// earlier calibration.
func logitsOf(top nn.Layer, calibrated bool) nn.Layer {
	switch l := top.(type) {
	case nn.Seq:
		if len(l) == 0 {
			return l
		}
		before, last := slices.Clone(l[:len(l)-1]), l[len(l)-1]
		if _, plain := last.(nn.Act); !plain {
			return append(before, logitsOf(last, false))
		}
		if n := len(before); calibrated && n > 0 {
			if _, temperature := before[n-1].(nn.Scale); temperature {
				before = before[:n-1]
			}
		}
		return before
	case nn.Block:
		return nn.Block{Name: l.Name, Body: logitsOf(l.Body, false)}
	case nn.Dense:
		l.Act = nn.Linear
		return l
	case nn.Conv:
		l.Act = nn.Linear
		return l
	case nn.Act:
		return nn.Seq{}
	}
	return top
}

// calibrate chooses a temperature and a threshold.
func calibrate(logits []float32, labels []int, classes int, accuracy float64) Calibration {
	cal := Calibration{Temperature: temperature(logits, labels, classes), N: len(labels)}
	var before, after []answer
	for i, label := range labels {
		row := logits[i*classes:][:classes]
		best := argmax(row)
		before = append(before, answer{softmaxAt(row, best, 1), best == label})
		after = append(after, answer{softmaxAt(row, best, cal.Temperature), best == label})
	}
	cal.Before, _ = reliability(before)
	cal.After, _ = reliability(after)
	if accuracy > 0 {
		cal.Threshold = threshold(after, accuracy)
	}
	right, n := answered(after, cal.Threshold)
	cal.Coverage, cal.Answered = float64(n)/float64(len(labels)), wilson(right, n)
	return cal
}

// softmaxAt is class k's probability at a temperature.
func softmaxAt(logits []float32, k int, t float64) float64 {
	most := float64(slices.Max(logits))
	sum := 0.
	for _, v := range logits {
		sum += math.Exp((float64(v) - most) / t)
	}
	return math.Exp((float64(logits[k])-most)/t) / sum
}

// temperature has the least cross-entropy: a search by golden section over its
// logarithm, in which the cross-entropy has one minimum.
func temperature(logits []float32, labels []int, classes int) float64 {
	loss := func(logT float64) (sum float64) {
		for i, label := range labels {
			sum -= math.Log(max(softmaxAt(logits[i*classes:][:classes], label, math.Exp(logT)), 1e-300))
		}
		return sum
	}
	const golden = .6180339887498949
	lo, hi := math.Log(.05), math.Log(20)
	a, b := hi-golden*(hi-lo), lo+golden*(hi-lo)
	fa, fb := loss(a), loss(b)
	for hi-lo > 1e-4 {
		if fa < fb {
			hi, b, fb = b, a, fa
			a = hi - golden*(hi-lo)
			fa = loss(a)
		} else {
			lo, a, fa = a, b, fb
			b = lo + golden*(hi-lo)
			fb = loss(b)
		}
	}
	return math.Exp((lo + hi) / 2)
}

// An answer is the probability of the most probable class, and whether that is
// right.
type answer struct {
	probability float64
	right       bool
}

// rounding is more than a probability differs by when it is computed again, in
// a batch of another size.
const rounding = 1e-5

// threshold is just below the lowest probability at or above which at least the
// given part of the answers is right, so that this answer stays one; above 1 where
// there is none.
func threshold(answers []answer, accuracy float64) float64 {
	sorted := slices.SortedFunc(slices.Values(answers), func(a, b answer) int {
		switch {
		case a.probability > b.probability:
			return -1
		case a.probability < b.probability:
			return 1
		}
		return 0
	})
	at, right := math.Nextafter(1, 2), 0
	for i, a := range sorted {
		if a.right {
			right++
		}
		next := 0.
		if i+1 < len(sorted) {
			next = sorted[i+1].probability
		}
		if next < a.probability && float64(right) >= accuracy*float64(i+1) {
			at = max(a.probability-rounding, (a.probability+next)/2)
		}
	}
	return at
}

// answered counts the answers at or above a threshold, and the right ones.
func answered(answers []answer, threshold float64) (right, n int) {
	for _, a := range answers {
		if a.probability >= threshold {
			n++
			if a.right {
				right++
			}
		}
	}
	return right, n
}

// reliabilityBins is Guo's number.
const reliabilityBins = 15

// reliability is the expected calibration error: how far, on average, the part of
// right answers is from their mean probability in each of 15 equal bins of it.
func reliability(answers []answer) (ece float64, bins []ReliabilityBin) {
	bins = make([]ReliabilityBin, reliabilityBins)
	for _, a := range answers {
		b := &bins[min(reliabilityBins-1, int(a.probability*reliabilityBins))]
		b.N++
		b.Probability += a.probability
		if a.right {
			b.Accuracy++
		}
	}
	for i := range bins {
		if b := &bins[i]; b.N > 0 {
			b.Probability /= float64(b.N)
			b.Accuracy /= float64(b.N)
			ece += float64(b.N) / float64(len(answers)) * math.Abs(b.Accuracy-b.Probability)
		}
	}
	return ece, bins
}

// Answer is the most probable class, or false for none of these: where its
// probability is below the threshold that Calibrate chose.
func (c *Classifier) Answer(ctx context.Context, img image.Image) (Prediction, bool, error) {
	s, err := c.fitted(ctx)
	if err != nil {
		return Prediction{}, false, inside("answer", err)
	}
	answer, err := c.ranked(ctx, s, func(_ int, l Limits) (*picture.RGB, error) { return picture.FromImage(img, l) })
	if err != nil {
		return Prediction{}, false, inside("answer", err)
	}
	best := answer[0]
	return best, best.Probability >= s.info.threshold(), nil
}

func (i Info) threshold() float64 {
	if i.Calibration == nil {
		return 0
	}
	return i.Calibration.Threshold
}
