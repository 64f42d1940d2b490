package argus

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/argus-go/argus/nn"
)

// Outlier is a picture and how far it lies from the others of its class.
type Outlier struct {
	Path  string `json:"path"`
	Split Split  `json:"split,omitempty"`
	Label string `json:"label"`
	// Distance is the mean cosine distance, from 0 to 2, of the picture's features
	// to those of its nearest neighbours in its class, over the median of that
	// in the class: an ordinary picture has 1.
	Distance float64 `json:"distance"`
	Nearest  string  `json:"nearest"` // path of the nearest picture of the class
}

// OutlierReport is the pictures of a dataset, the oddest first.
type OutlierReport struct {
	Ranked []Outlier    `json:"ranked"`
	Bad    []BadPicture `json:"bad,omitempty"`
}

// Outliers ranks the pictures of data by how far they are, in what the network
// sees, from their neighbours in their class. c need not be fitted, and does not
// change. What is left of a class with fewer than two pictures that can be read
// is left out.
func (c *Classifier) Outliers(ctx context.Context, data Dataset, o DoubtOptions, hooks ...Hooks) (*OutlierReport, error) {
	r, err := c.outliers(ctx, data, o, hooks)
	if err != nil {
		return nil, inside("outliers", err)
	}
	return r, nil
}

func (c *Classifier) outliers(ctx context.Context, data Dataset, o DoubtOptions, hooks hooks) (*OutlierReport, error) {
	if o.Neighbours < 0 {
		return nil, fmt.Errorf("%d neighbours, want 1 or more", o.Neighbours)
	}
	features, err := c.normalFeatures(ctx, data, o, hooks)
	if err != nil {
		return nil, err
	}
	byClass := make([][]int, len(c.classes))
	for i, s := range features.samples {
		byClass[s.Label] = append(byClass[s.Label], i)
	}
	r := &OutlierReport{Bad: features.bad}
	for _, members := range byClass {
		if len(members) < 2 {
			continue
		}
		found, err := features.neighbours(ctx, members, cmp.Or(o.Neighbours, 5))
		if err != nil {
			return nil, err
		}
		var all []float64
		for _, f := range found {
			all = append(all, f.distance)
		}
		slices.Sort(all)
		median := max(all[len(all)/2], 1e-12) // of a class of copies
		for k, i := range members {
			s := features.samples[i]
			r.Ranked = append(r.Ranked, Outlier{s.Path, s.Split, c.classes[s.Label], found[k].distance / median, features.samples[found[k].nearest].Path})
		}
	}
	slices.SortStableFunc(r.Ranked, func(a, b Outlier) int { return cmp.Compare(b.Distance, a.Distance) })
	return r, nil
}

// neighbourhood is a picture's mean distance to its neighbours.
type neighbourhood struct {
	distance float64
	nearest  int // row
}

// neighbours of each of the members, rows of length 1, among them.
func (r rows) neighbours(ctx context.Context, members []int, k int) ([]neighbourhood, error) {
	out := make([]neighbourhood, len(members))
	var workers sync.WaitGroup
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for a := int(next.Add(1)) - 1; a < len(members) && ctx.Err() == nil; a = int(next.Add(1)) - 1 {
				out[a] = r.neighbourhood(members, a, k)
			}
		})
	}
	workers.Wait()
	return out, ctx.Err()
}

func (r rows) neighbourhood(members []int, a, k int) neighbourhood {
	best := make([]float64, 0, k+1) // ascending
	nearest := -1
	own := r.row(members[a])
	for b, i := range members {
		if b == a {
			continue
		}
		d := 1 - cosine(own, r.row(i))
		if nearest < 0 || d < best[0] {
			nearest = i
		}
		at, _ := slices.BinarySearch(best, d)
		if at < k {
			best = slices.Insert(best, at, d)[:min(len(best)+1, k)]
		}
	}
	sum := 0.0
	for _, d := range best {
		sum += d
	}
	return neighbourhood{max(0, sum/float64(len(best))), nearest}
}

func cosine(a, b []float32) (sum float64) {
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}

// normalFeatures are those of the samples of data, less their mean and of length
// 1, so that a product of two is a cosine.
func (c *Classifier) normalFeatures(ctx context.Context, data Dataset, o DoubtOptions, hooks hooks) (rows, error) {
	if err := c.fits(data); err != nil {
		return rows{}, err
	}
	s, err := c.snapshot(ctx)
	if err != nil {
		return rows{}, err
	}
	prep, err := o.Preprocess.completed(s.prep)
	if err != nil {
		return rows{}, err
	}
	body := s.runner
	if body.body.In != prep.shape() {
		if s, err = s.whole(); err != nil {
			return rows{}, err
		}
		plan, err := nn.Freeze(s.model.Body, prep.shape(), s.weights)
		if err != nil {
			return rows{}, err
		}
		body = runnerOf(plan)
	}
	x := c.newExtractor(body, prep, o.Limits)
	x.progress = func(done, total int) { hooks.progress(FeaturesStage, int64(done), int64(total)) }
	if err := x.openCache(o.CacheDir, o.CacheBytes, s.model.Body, s); err != nil {
		return rows{}, err
	}
	r, err := x.run(ctx, data.samples)
	if err != nil {
		return rows{}, err
	}
	if len(r.samples) == 0 {
		return rows{}, fmt.Errorf("dataset %s has no usable picture among its %d", data.name, data.Len())
	}
	r.centre()
	return r, nil
}

// centre takes the mean off the rows and makes each of length 1.
func (r rows) centre() {
	mean := make([]float64, r.dim)
	for i := range r.samples {
		for j, v := range r.row(i) {
			mean[j] += float64(v) / float64(len(r.samples))
		}
	}
	for i := range r.samples {
		row := r.row(i)
		squares := 0.0
		for j := range row {
			row[j] -= float32(mean[j])
			squares += float64(row[j]) * float64(row[j])
		}
		if squares == 0 {
			continue
		}
		scale := float32(1 / math.Sqrt(squares))
		for j := range row {
			row[j] *= scale
		}
	}
}

// Sheet is a picture of the first n pictures of the ranking, with their class
// and distance. Pictures are read from data.
func (r *OutlierReport) Sheet(ctx context.Context, data Dataset, n int) (*image.RGBA, error) {
	var tiles []tile
	for _, o := range r.Ranked[:min(max(n, 0), len(r.Ranked))] {
		tiles = append(tiles, tile{o.Path, []string{o.Label, fmt.Sprintf("distance %.2f", o.Distance)}})
	}
	sheet, err := contactSheet(ctx, data, tiles)
	if err != nil {
		return nil, fmt.Errorf("argus: sheet: %w", err)
	}
	return sheet, nil
}
