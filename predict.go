package argus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
	"github.com/argus-go/argus/internal/picture"
)

// Prediction is how probable one class is for a picture.
type Prediction struct {
	Label       string  `json:"label"`
	Probability float64 `json:"probability"` // of all classes together 1
}

// ErrNotFitted says that a classifier has no head for its classes yet.
var ErrNotFitted = errors.New("the classifier has no head for its classes, call Fit first")

// Predict returns all classes, the most probable first. It prepares the picture
// as Fit did, and refuses one that is larger than the limits of Fit.
func (c *Classifier) Predict(ctx context.Context, img image.Image) ([]Prediction, error) {
	return c.predictOne(ctx, "predict", func(_ Preprocess, l Limits) (*picture.RGB, error) { return picture.FromImage(img, l) })
}

// PredictReader is Predict for a picture file: JPEG, PNG, GIF, BMP, TIFF or
// WebP, its EXIF orientation applied.
func (c *Classifier) PredictReader(ctx context.Context, r io.Reader) ([]Prediction, error) {
	return c.predictOne(ctx, "predict", func(p Preprocess, l Limits) (*picture.RGB, error) { return decode(r, p, l) })
}

// PredictFile is PredictReader for the file at path.
func (c *Classifier) PredictFile(ctx context.Context, path string) ([]Prediction, error) {
	return c.predictOne(ctx, "predict "+path, func(p Preprocess, l Limits) (*picture.RGB, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, withoutPath(err) // which stands in the message already
		}
		defer f.Close()
		return decode(f, p, l)
	})
}

func decode(r io.Reader, p Preprocess, l Limits) (*picture.RGB, error) {
	data, err := picture.Read(r, l)
	if err != nil {
		return nil, err
	}
	return p.decode(data, l)
}

// PredictBatch is Predict for several pictures, which takes less time than one
// after the other. Its error names the first picture that cannot be used.
func (c *Classifier) PredictBatch(ctx context.Context, imgs []image.Image) ([][]Prediction, error) {
	s, err := c.fitted(ctx)
	if err != nil {
		return nil, fmt.Errorf("argus: predict: %w", err)
	}
	answers := make([][]Prediction, 0, len(imgs))
	for part := range slices.Chunk(imgs, pieces[0]) {
		y := make([]float32, len(part)*len(c.classes))
		err := s.through(ctx, wholeWay, c.Threads, len(part), y, func(i int, l Limits) (*picture.RGB, error) {
			rgb, err := picture.FromImage(part[i], l)
			if err != nil {
				err = fmt.Errorf("picture %d: %w", len(answers)+i, err)
			}
			return rgb, err
		})
		if err != nil {
			return nil, fmt.Errorf("argus: predict: %w", err)
		}
		for row := range slices.Chunk(y, len(c.classes)) {
			answers = append(answers, ranked(c.classes, row))
		}
	}
	return answers, nil
}

// Embed returns the picture's feature vector: what the body makes of it, before
// the head.
func (c *Classifier) Embed(ctx context.Context, img image.Image) ([]float32, error) {
	s, err := c.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	v, err := c.embed(ctx, s, img)
	if err != nil {
		return nil, fmt.Errorf("argus: embed: %w", err)
	}
	return v, nil
}

func (c *Classifier) embed(ctx context.Context, s *snapshot, img image.Image) ([]float32, error) {
	y := make([]float32, s.runner.body.Out.Size())
	return y, s.through(ctx, bodyWay, c.Threads, 1, y, func(_ int, l Limits) (*picture.RGB, error) { return picture.FromImage(img, l) })
}

func (c *Classifier) predictOne(ctx context.Context, what string, decode func(Preprocess, Limits) (*picture.RGB, error)) ([]Prediction, error) {
	s, err := c.fitted(ctx)
	if err != nil {
		return nil, fmt.Errorf("argus: %s: %w", what, err)
	}
	answer, err := c.ranked(ctx, s, func(_ int, l Limits) (*picture.RGB, error) { return decode(s.prep, l) })
	if err != nil {
		return nil, fmt.Errorf("argus: %s: %w", what, err)
	}
	return answer, nil
}

// ranked is the answer to one picture.
func (c *Classifier) ranked(ctx context.Context, s *snapshot, decode func(int, Limits) (*picture.RGB, error)) ([]Prediction, error) {
	y := vec.Floats.Take(len(c.classes))
	defer vec.Floats.Give(y)
	if err := s.through(ctx, wholeWay, c.Threads, 1, *y, decode); err != nil {
		return nil, err
	}
	return ranked(c.classes, *y), nil
}

// fitted is snapshot where there must be a head.
func (c *Classifier) fitted(ctx context.Context) (*snapshot, error) {
	s, err := c.snapshot(ctx)
	if err == nil && s.model.Top == nil {
		err = ErrNotFitted
	}
	return s, err
}

// through sends n pictures through the network to y. Decode gives picture i, on any
// goroutine.
func (s *snapshot) through(ctx context.Context, w way, threads, n int, y []float32, decode func(i int, l Limits) (*picture.RGB, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	size := s.prep.squareLen()
	buf := squares.Get().(*[]uint8)
	defer squares.Put(buf)
	*buf = slices.Grow((*buf)[:0], n*size)[:n*size]
	pixels := *buf
	read := func(i int) error {
		rgb, err := decode(i, s.info.limits())
		if err == nil {
			s.prep.square(pixels[i*size:(i+1)*size], rgb)
			rgb.Free()
		}
		return err
	}
	if err := inParallel(ctx, threads, n, read); err != nil {
		return err
	}
	return s.runner.run(ctx, w, threads, n, y, func(at int, dst []float32) {
		s.prep.floats(dst, pixels[at*size:][:len(dst)])
	})
}

var squares = sync.Pool{New: func() any { return new([]uint8) }}

// inParallel calls f(0) … f(n-1) and returns the first i's error.
func inParallel(ctx context.Context, threads, n int, f func(i int) error) error {
	if n == 1 {
		return f(0)
	}
	crew := parallel.Begin(threads)
	defer crew.End()
	errs := make([]error, n)
	crew.Do(n, func(i int) {
		if errs[i] = ctx.Err(); errs[i] == nil {
			errs[i] = f(i)
		}
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ranked names and sorts probabilities; equal ones stay in class order.
func ranked(classes []string, p []float32) []Prediction {
	answer := make([]Prediction, len(classes))
	for i, label := range classes {
		answer[i] = Prediction{label, float64(p[i])}
	}
	slices.SortStableFunc(answer, func(a, b Prediction) int { return cmp.Compare(b.Probability, a.Probability) })
	return answer
}
