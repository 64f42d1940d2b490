package argus

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/argus-go/argus/internal/train"
)

// Report is how well a classifier does on pictures whose class is known.
type Report struct {
	Classes  []string `json:"classes"`
	N        int      `json:"n"` // pictures judged, without the bad ones
	Accuracy Interval `json:"accuracy"`
	// TopK is how often the truth is among the K most probable classes.
	K    int      `json:"k"`
	TopK Interval `json:"top_k"`
	// Loss is the mean cross-entropy, every picture alike.
	Loss      float64       `json:"loss"`
	Confusion [][]int       `json:"confusion"` // [truth][predicted]
	PerClass  []ClassReport `json:"per_class"`
	// CalibrationError is the expected calibration error (arXiv:1706.04599), from
	// 0 where probabilities are those of being right, and Reliability what it is
	// made of: 15 bins of equal width.
	CalibrationError float64          `json:"calibration_error"`
	Reliability      []ReliabilityBin `json:"reliability"`
	// Threshold is the probability below which c says none of these, 0 before
	// Calibrate, and Answered how many of the other answers are right.
	Threshold float64  `json:"threshold,omitempty"`
	Answered  Interval `json:"answered"`
	// Worst is the wrong answers, the surest first, 20 at most.
	Worst []Outcome `json:"worst,omitempty"`
	// Outcomes is all answers in the order of the dataset.
	Outcomes []Outcome    `json:"outcomes"`
	Bad      []BadPicture `json:"bad,omitempty"`
	Seconds  EvalSeconds  `json:"seconds"`
}

// ClassReport is how well one class is found. What is undefined, such as the
// precision of a class never predicted, is 0.
type ClassReport struct {
	Class     string  `json:"class"`
	Precision float64 `json:"precision"` // right among those predicted so
	Recall    float64 `json:"recall"`    // right among those that are so
	F1        float64 `json:"f1"`        // harmonic mean of both
	Support   int     `json:"support"`   // pictures of the class
}

// Outcome is the answer for one picture.
type Outcome struct {
	Path        string  `json:"path"`
	Truth       string  `json:"truth"`
	Label       string  `json:"label"`       // predicted
	Probability float64 `json:"probability"` // of Label
}

// ReliabilityBin is the answers whose probability falls in one bin.
type ReliabilityBin struct {
	N           int     `json:"n"`
	Probability float64 `json:"probability"` // their mean
	Accuracy    float64 `json:"accuracy"`
}

// EvalSeconds is where the time went; Decode goes on beside Features and is
// summed over the cores.
type EvalSeconds struct {
	Decode   float64 `json:"decode"`
	Features float64 `json:"features"`
	Total    float64 `json:"total"`
}

// worstShown is how many wrong answers Report.Worst holds at most.
const worstShown = 20

// Evaluate tells c's answers for all pictures of data, which are most often
// photos.Test(). Where Fit was told of a CacheDir, features are taken from there
// and kept there, too.
//
// It is an error if data has no picture that can be read, or other classes than
// c. A broken picture is left out and listed.
func (c *Classifier) Evaluate(ctx context.Context, data Dataset, hooks ...Hooks) (*Report, error) {
	r, err := c.evaluate(ctx, data, hooks)
	if err != nil {
		return nil, inside("evaluate", err)
	}
	return r, nil
}

func (c *Classifier) evaluate(ctx context.Context, data Dataset, hooks hooks) (*Report, error) {
	start := time.Now()
	if err := c.fits(data); err != nil {
		return nil, err
	}
	if data.Len() == 0 {
		return nil, fmt.Errorf("dataset %s has no pictures to evaluate: divide it with Split first, or give it a folder test", data.name)
	}
	s, err := c.fitted(ctx)
	if err != nil {
		return nil, err
	}
	x, features, err := c.extract(ctx, s, data, hooks)
	if err != nil {
		return nil, err
	}
	p, err := s.runner.head(ctx, c.Threads, len(features.samples), features.x)
	if err != nil {
		return nil, err
	}
	r := newReport(c.Classes(), features.samples, p)
	r.abstain(s.info.threshold())
	r.Bad = features.bad
	r.Seconds = EvalSeconds{x.decode.Seconds(), x.compute.Seconds(), time.Since(start).Seconds()}
	return r, nil
}

// extract takes the pictures of data through s's body, which where Fit was told of
// a CacheDir may have been done before.
func (c *Classifier) extract(ctx context.Context, s *snapshot, data Dataset, hooks hooks) (*extractor, rows, error) {
	x := c.newExtractor(s.runner, s.prep, s.info.limits())
	x.progress = func(done, total int) { hooks.progress(FeaturesStage, int64(done), int64(total)) }
	if fit := s.info.Fit; fit != nil {
		if err := x.openCache(fit.CacheDir, fit.CacheBytes, s.model.Body, s); err != nil {
			return nil, rows{}, err
		}
	}
	features, err := x.run(ctx, data.samples)
	if err != nil {
		return nil, rows{}, err
	}
	if len(features.samples) == 0 {
		if len(features.bad) == 0 {
			return nil, rows{}, fmt.Errorf("dataset %s has no pictures", data.name)
		}
		bad := features.bad[0]
		return nil, rows{}, fmt.Errorf("dataset %s has no usable picture; %d are broken, the first is %s: %s", data.name, len(features.bad), bad.Path, bad.Reason)
	}
	return x, features, nil
}

// newReport compares probabilities [len(samples)][len(classes)] with the truth.
func newReport(classes []string, samples []Sample, probabilities []float32) *Report {
	k := len(classes)
	r := &Report{Classes: classes, N: len(samples), Confusion: make([][]int, k)}
	for i := range r.Confusion {
		r.Confusion[i] = make([]int, k)
	}
	r.K = min(5, max(2, k-1))
	right, top := 0, 0
	var answers []answer
	for i, s := range samples {
		p := probabilities[i*k : (i+1)*k]
		best := argmax(p)
		answers = append(answers, answer{float64(p[best]), best == s.Label})
		if train.RankOf(p, s.Label) < r.K {
			top++
		}
		r.Loss -= math.Log(max(float64(p[s.Label]), math.SmallestNonzeroFloat32)) / float64(r.N)
		r.Confusion[s.Label][best]++
		o := Outcome{s.Path, classes[s.Label], classes[best], float64(p[best])}
		r.Outcomes = append(r.Outcomes, o)
		if best == s.Label {
			right++
		} else {
			r.Worst = append(r.Worst, o)
		}
	}
	slices.SortStableFunc(r.Worst, func(a, b Outcome) int { return cmp.Compare(b.Probability, a.Probability) })
	r.Worst = slices.Clip(r.Worst[:min(len(r.Worst), worstShown)])
	r.Accuracy, r.TopK = wilson(right, r.N), wilson(top, r.N)
	r.CalibrationError, r.Reliability = reliability(answers)
	r.Answered = r.Accuracy
	for c := range k {
		r.PerClass = append(r.PerClass, r.class(c))
	}
	return r
}

// abstain judges the answers at or above a threshold apart.
func (r *Report) abstain(threshold float64) {
	right, n := 0, 0
	for _, o := range r.Outcomes {
		if o.Probability >= threshold {
			n++
			if o.Label == o.Truth {
				right++
			}
		}
	}
	r.Threshold, r.Answered = threshold, wilson(right, n)
}

// class reads one class off the confusion matrix.
func (r *Report) class(c int) ClassReport {
	right, support, predicted := r.Confusion[c][c], 0, 0
	for i := range r.Classes {
		support += r.Confusion[c][i]
		predicted += r.Confusion[i][c]
	}
	ratio := func(a, b int) float64 { return float64(a) / float64(max(b, 1)) }
	return ClassReport{
		Class:     r.Classes[c],
		Precision: ratio(right, predicted),
		Recall:    ratio(right, support),
		F1:        ratio(2*right, support+predicted),
		Support:   support,
	}
}

// String is a table: the accuracy with its interval, and a line per class.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "accuracy %v\n", r.Accuracy)
	width := len("class")
	for _, c := range r.PerClass {
		width = max(width, utf8.RuneCountInString(c.Class))
	}
	fmt.Fprintf(&b, "%-*s  precision  recall     F1  pictures\n", width, "class")
	for _, c := range r.PerClass {
		fmt.Fprintf(&b, "%-*s  %9.3f  %6.3f  %5.3f  %8d\n", width, c.Class, c.Precision, c.Recall, c.F1, c.Support)
	}
	return b.String()
}
