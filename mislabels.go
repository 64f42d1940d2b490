package argus

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"math/rand/v2"
	"slices"
)

// DoubtOptions says how Mislabels and Outliers look at a dataset. The zero value
// is the good default.
type DoubtOptions struct {
	// Folds of the cross-validation of Mislabels; default 5.
	Folds int `json:"folds,omitempty"`
	// L2 is the weight of the squared coefficients in the loss of its regression;
	// default 3e-3.
	L2 float64 `json:"l2,omitempty"`
	// Neighbours that Outliers measures the distance to; default 5.
	Neighbours int    `json:"neighbours,omitempty"`
	Seed       uint64 `json:"seed,omitempty"` // of the division into folds

	Preprocess Preprocess `json:"preprocess"`
	Limits     Limits     `json:"limits"`
	// CacheDir, if set, is a folder where features are kept, as for Fit,
	// CacheBytes at most (default 1 GiB).
	CacheDir   string `json:"-"`
	CacheBytes int64  `json:"-"`
}

// Mislabel is a picture and how far its label is doubted.
type Mislabel struct {
	Path   string `json:"path"`
	Split  Split  `json:"split,omitempty"`
	Label  string `json:"label"`  // as given by the dataset
	Likely string `json:"likely"` // the likeliest other class
	// Margin is the probability of Label less that of Likely, from −1 to 1, told
	// by a regression that did not see the picture.
	Margin float64 `json:"margin"`
	// Suspect says that Likely is at least as probable as it is, on average, for
	// pictures that are labelled so, and Label is not: confident learning
	// counts the picture as one of Likely (Northcutt, Jiang and Chuang,
	// arXiv:1911.00068).
	Suspect bool `json:"suspect"`
}

// MislabelReport is the pictures of a dataset, the most doubtful label first.
type MislabelReport struct {
	Ranked   []Mislabel   `json:"ranked"`
	Suspects int          `json:"suspects"`
	Bad      []BadPicture `json:"bad,omitempty"`
}

// Mislabels ranks the pictures of data by how little their labels agree with
// what the network sees in them: a logistic regression on the features of c's
// body tells each picture's class after training on the other folds. The body
// should not have been trained on these labels; c need not be fitted, and does
// not change. Use photos.Train(), or all of a dataset.
//
// A broken picture is left out and listed. It is an error if a class has fewer
// than two pictures that can be read, or if the classes are not c's.
func (c *Classifier) Mislabels(ctx context.Context, data Dataset, o DoubtOptions, hooks ...Hooks) (*MislabelReport, error) {
	r, err := c.mislabels(ctx, data, o, hooks)
	if err != nil {
		return nil, inside("mislabels", err)
	}
	return r, nil
}

func (c *Classifier) mislabels(ctx context.Context, data Dataset, o DoubtOptions, hooks hooks) (*MislabelReport, error) {
	folds := cmp.Or(o.Folds, 5)
	if folds < 2 {
		return nil, fmt.Errorf("%d folds, want 2 or more", folds)
	}
	if o.L2 < 0 {
		return nil, fmt.Errorf("l2 is %v, want above 0", o.L2)
	}
	features, err := c.normalFeatures(ctx, data, o, hooks)
	if err != nil {
		return nil, err
	}
	labels := make([]int, len(features.samples))
	for i, s := range features.samples {
		labels[i] = s.Label
	}
	classes := c.Classes()
	for label, n := range features.counts(len(classes)) {
		if n < 2 {
			return nil, fmt.Errorf("class %q has %d usable pictures, want 2 or more", classes[label], n)
		}
	}
	k := len(classes)
	p, err := crossPredict(ctx, features, labels, k, folds, float32(cmp.Or(o.L2, 3e-3)), o.Seed)
	if err != nil {
		return nil, err
	}
	usual := usualProbability(p, labels, k)
	r := &MislabelReport{Bad: features.bad}
	for i, s := range features.samples {
		row := p[i*k : (i+1)*k]
		other := likeliest(row, labels[i])
		m := Mislabel{
			Path: s.Path, Split: s.Split, Label: classes[labels[i]], Likely: classes[other],
			Margin:  float64(row[labels[i]]) - float64(row[other]),
			Suspect: float64(row[other]) >= usual[other] && row[other] > row[labels[i]],
		}
		if m.Suspect {
			r.Suspects++
		}
		r.Ranked = append(r.Ranked, m)
	}
	slices.SortStableFunc(r.Ranked, func(a, b Mislabel) int { return cmp.Compare(a.Margin, b.Margin) })
	return r, nil
}

// likeliest is the class of the highest probability beside label.
func likeliest(p []float32, label int) int {
	best := -1
	for c, v := range p {
		if c != label && (best < 0 || v > p[best]) {
			best = c
		}
	}
	return best
}

// usualProbability is, for each class, the mean probability that pictures
// labelled so have of it.
func usualProbability(p []float32, labels []int, classes int) []float64 {
	sum, n := make([]float64, classes), make([]float64, classes)
	for i, label := range labels {
		sum[label] += float64(p[i*classes+label])
		n[label]++
	}
	for c := range sum {
		sum[c] /= max(n[c], 1)
	}
	return sum
}

// crossPredict gives the probabilities [n][classes] of rows by regressions on the
// other folds.
func crossPredict(ctx context.Context, r rows, labels []int, classes, folds int, l2 float32, seed uint64) ([]float32, error) {
	of := stratified(labels, classes, folds, seed)
	out := make([]float32, len(labels)*classes)
	for fold := range folds {
		var x []float32
		var y, held []int
		for i, label := range labels {
			if of[i] == fold {
				held = append(held, i)
				continue
			}
			x, y = append(x, r.row(i)...), append(y, label)
		}
		if len(held) == 0 {
			continue
		}
		w, err := logistic(ctx, x, y, r.dim, classes, l2)
		if err != nil {
			return nil, err
		}
		for _, i := range held {
			w.probabilities(r.row(i), out[i*classes:(i+1)*classes])
		}
	}
	return out, nil
}

// stratified gives each of labels a fold: every class in turn, in an order drawn.
func stratified(labels []int, classes, folds int, seed uint64) []int {
	byClass := make([][]int, classes)
	for i, label := range labels {
		byClass[label] = append(byClass[label], i)
	}
	of := make([]int, len(labels))
	next := 0
	for label, members := range byClass {
		rng := rand.New(rand.NewPCG(seed^0x646f756274, uint64(label)))
		for _, k := range rng.Perm(len(members)) {
			of[members[k]] = next % folds
			next++
		}
	}
	return of
}

// Sheet is a picture of the first n pictures of the ranking, with what they are
// labelled and what they likely are. Pictures are read from data.
func (r *MislabelReport) Sheet(ctx context.Context, data Dataset, n int) (*image.RGBA, error) {
	var tiles []tile
	for _, m := range r.Ranked[:min(max(n, 0), len(r.Ranked))] {
		tiles = append(tiles, tile{m.Path, []string{m.Label + " > " + m.Likely, fmt.Sprintf("margin %.2f", m.Margin)}})
	}
	sheet, err := contactSheet(ctx, data, tiles)
	if err != nil {
		return nil, fmt.Errorf("argus: sheet: %w", err)
	}
	return sheet, nil
}
