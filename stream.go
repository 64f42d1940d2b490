package argus

import (
	"context"
	"fmt"

	"github.com/argus-go/argus/internal/train"
)

// streamed are rows that are computed when a step needs them, for pictures whose
// activations take more memory than may be kept.
type streamed struct {
	f       *fit
	run     *runner
	samples []Sample // that could be read before
}

// streams makes a job read its rows from pictures.
func (f *fit) streams(j *train.Job, p prepared) {
	j.Train = &streamed{f, p.stream, p.part(TrainSplit).samples}
	j.Val = &streamed{f, p.stream, p.part(ValSplit).samples}
}

// Len implements train.Rows.
func (s *streamed) Len() int { return len(s.samples) }

// Label implements train.Rows.
func (s *streamed) Label(i int) int { return s.samples[i].Label }

// Read decodes pictures and takes them through the frozen part of the body.
func (s *streamed) Read(ctx context.Context, epoch int, rows []int, dst []float32) error {
	x := s.f.c.newExtractor(s.run, s.f.prep, s.f.options.Limits)
	x.strict = true
	x.reader.Augment = s.f.options.Augment
	anew := epoch > 0 && s.f.options.Views < 0
	x.reader.Views = func(of Sample) []int {
		if anew {
			return []int{epoch}
		}
		return []int{of.view}
	}
	if anew {
		s.f.saveViews(x)
	}
	samples := make([]Sample, len(rows))
	for k, i := range rows {
		samples[k] = s.samples[i]
	}
	got, err := x.run(ctx, samples)
	if err != nil {
		return fmt.Errorf("pictures of a step: %w", err)
	}
	copy(dst, got.x)
	return nil
}
