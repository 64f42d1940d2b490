package argus

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"math"
	"slices"

	"github.com/argus-go/argus/nn"
)

// WithClasses makes a classifier for other classes, old ones among them or not,
// on c's network as it is now and with its preprocessing. Fit it with the CacheDir
// that c was fitted with, and the features of pictures that were there before are
// not computed again.
func (c *Classifier) WithClasses(ctx context.Context, classes []string) (*Classifier, error) {
	s, err := c.snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("argus: with classes: %w", err)
	}
	model := s.model
	model.Top = nil
	all, err := s.all()
	if err != nil {
		return nil, fmt.Errorf("argus: with classes: %w", err)
	}
	weights, err := all.Of(model.Body, s.prep.shape())
	if err != nil {
		return nil, fmt.Errorf("argus: with classes: %w", err)
	}
	grown, err := New(nn.Backbone{Model: model, Weights: nn.Fixed(weights), Origin: s.info.Origin}, classes)
	if err != nil {
		return nil, err
	}
	grown.Threads = c.Threads
	after, err := newSnapshot(model, weights, s.prep, Info{Origin: s.info.Origin}, s.runner.body)
	if err != nil {
		return nil, fmt.Errorf("argus: with classes: %w", err)
	}
	grown.now.Store(after)
	return grown, nil
}

// Uncertainty is a picture that a classifier would learn from.
type Uncertainty struct {
	Path  string     `json:"path"`
	Best  Prediction `json:"best"`
	Other Prediction `json:"other"` // the second best
	// Entropy of the probabilities, from 0 for certain to 1 for all alike.
	Entropy float64 `json:"entropy"`
}

// Uncertain chooses up to n pictures of data, unlabelled ones most often (see
// [OpenPictures]), to label next: those that c is least sure of, and that differ
// from each other. Of the 10·n pictures with the highest entropy it takes the first,
// and then again and again the one whose entropy times its features' distance from
// the nearest one taken is the largest. Broken pictures are left out.
func (c *Classifier) Uncertain(ctx context.Context, data Dataset, n int, hooks ...Hooks) ([]Uncertainty, error) {
	s, err := c.fitted(ctx)
	if err != nil {
		return nil, inside("uncertain", err)
	}
	_, features, err := c.extract(ctx, s, data, hooks)
	if err != nil {
		return nil, inside("uncertain", err)
	}
	p, err := s.runner.head(ctx, c.Threads, len(features.samples), features.x)
	if err != nil {
		return nil, inside("uncertain", err)
	}
	k := len(c.classes)
	entropies := make([]float64, len(features.samples))
	for i := range entropies {
		entropies[i] = entropy(p[i*k:][:k])
	}
	features.normalise()
	var out []Uncertainty
	for _, i := range diverse(features, entropies, n) {
		r := ranked(c.classes, p[i*k:][:k])
		out = append(out, Uncertainty{features.samples[i].Path, r[0], r[1], entropies[i]})
	}
	return out, nil
}

func entropy(p []float32) (h float64) {
	for _, v := range p {
		if v > 0 {
			h -= float64(v) * math.Log(float64(v))
		}
	}
	return h / math.Log(float64(len(p)))
}

// diverse chooses up to n rows, of unit length, by their weight and how far they
// are from each other.
func diverse(r rows, weight []float64, n int) (chosen []int) {
	order := make([]int, len(weight))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(weight[b], weight[a]) })
	n = min(max(n, 0), len(order))
	order = order[:min(len(order), 10*n)]
	nearest := make([]float64, len(order)) // distance from the nearest row taken
	for i := range nearest {
		nearest[i] = 1
	}
	for len(chosen) < n {
		best, at := -1., 0
		for i, row := range order {
			if score := nearest[i] * weight[row]; nearest[i] >= 0 && score > best {
				best, at = score, i
			}
		}
		chosen = append(chosen, order[at])
		for i, row := range order {
			nearest[i] = min(nearest[i], max(0, 1-dot(r.row(row), r.row(order[at]))))
		}
		nearest[at] = -1
	}
	return chosen
}

// normalise makes rows of unit length.
func (r rows) normalise() {
	for i := range r.samples {
		row := r.row(i)
		if norm := math.Sqrt(dot(row, row)); norm > 0 {
			for k := range row {
				row[k] = float32(float64(row[k]) / norm)
			}
		}
	}
}

func dot(a, b []float32) (sum float64) {
	var s [4]float32 // four sums, for an addition takes four cycles
	for len(a) >= 4 {
		b = b[:len(a)]
		s[0] += a[0] * b[0]
		s[1] += a[1] * b[1]
		s[2] += a[2] * b[2]
		s[3] += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i, v := range a {
		s[0] += v * b[i]
	}
	return float64(s[0]+s[1]) + float64(s[2]+s[3])
}

// An Index finds pictures that look alike to a classifier's network. It never
// changes.
type Index struct {
	c    *Classifier
	s    *snapshot
	rows rows
}

// Match is a picture of an Index.
type Match struct {
	Path       string  `json:"path"`
	Similarity float64 `json:"similarity"` // cosine of the angle between the features, 1 for the same
}

// Index takes in the pictures of data, labelled or not. Broken ones are left out.
func (c *Classifier) Index(ctx context.Context, data Dataset, hooks ...Hooks) (*Index, error) {
	s, err := c.snapshot(ctx)
	if err != nil {
		return nil, inside("index", err)
	}
	_, features, err := c.extract(ctx, s, data, hooks)
	if err != nil {
		return nil, inside("index", err)
	}
	features.normalise()
	return &Index{c, s, features}, nil
}

// Similar returns the n pictures that are most like img, the nearest first.
func (x *Index) Similar(ctx context.Context, img image.Image, n int) ([]Match, error) {
	v, err := x.c.embed(ctx, x.s, img)
	if err != nil {
		return nil, fmt.Errorf("argus: similar: %w", err)
	}
	one := rows{dim: len(v), x: v, samples: make([]Sample, 1)}
	one.normalise()
	matches := make([]Match, len(x.rows.samples))
	for i, s := range x.rows.samples {
		matches[i] = Match{s.Path, dot(x.rows.row(i), v)}
	}
	slices.SortStableFunc(matches, func(a, b Match) int { return cmp.Compare(b.Similarity, a.Similarity) })
	return matches[:min(max(n, 0), len(matches))], nil
}
