package scrape

import (
	"errors"
	"fmt"
)

// Summary is what is in the folder after a run, and how the run went. Its JSON
// is small enough to go with a model.
type Summary struct {
	Pictures int                      `json:"pictures"` // in the folder
	New      int                      `json:"new"`      // by this run
	Classes  map[string]map[Split]int `json:"classes"`
	Sources  map[string]int           `json:"sources"`
	Licences map[string]int           `json:"licences"` // "" where the source says none
	Terms    []TermSummary            `json:"terms,omitempty"`
	Refused  map[Reason]int           `json:"refused,omitempty"`
	Failures []Failure                `json:"failures,omitempty"`
}

// TermSummary is a term and how many of its pictures are there.
type TermSummary struct {
	Term
	Have int `json:"have"`
}

// Failure is a SourceError as data.
type Failure struct {
	Source string `json:"source"`
	Query  string `json:"query"`
	Reason string `json:"reason"`
	err    *SourceError
}

// Unwrap returns the *SourceError, nil in a Summary that was read from JSON.
func (f Failure) Unwrap() error {
	if f.err == nil {
		return nil
	}
	return f.err
}

// Error says what failed.
func (f Failure) Error() string {
	return (&SourceError{f.Source, f.Query, errors.New(f.Reason)}).Error()
}

// Short returns the terms that lack pictures.
func (s Summary) Short() (short []TermSummary) {
	for _, t := range s.Terms {
		if t.Have < t.Count {
			short = append(short, t)
		}
	}
	return short
}

// Summarize counts pictures of a manifest.
func Summarize(pictures []Picture) Summary {
	s := Summary{Classes: map[string]map[Split]int{}, Sources: map[string]int{}, Licences: map[string]int{}}
	for _, p := range pictures {
		s.add(p)
	}
	return s
}

func (s *Summary) add(p Picture) {
	s.Pictures++
	if s.Classes[p.Class] == nil {
		s.Classes[p.Class] = map[Split]int{}
	}
	s.Classes[p.Class][p.Split]++
	s.Sources[p.Source]++
	s.Licences[p.Licence]++
}

// nothingWorked says whether pictures are missing and every source failed.
func (s Summary) nothingWorked(sources int) bool {
	failed := map[string]bool{}
	for _, f := range s.Failures {
		failed[f.Source] = true
	}
	return s.New == 0 && len(s.Short()) > 0 && len(failed) == sources
}

func (s Summary) sourceErrors() error {
	var errs []error
	for _, f := range s.Failures {
		errs = append(errs, f.err)
	}
	return errors.Join(errs...)
}

// finish writes the credits and sums up.
func (r *run) finish(terms []Term) (Summary, error) {
	r.store.syncFolders()
	if err := r.store.credit(); err != nil {
		return Summary{}, fmt.Errorf("scrape: folder %s: %w", r.o.Folder, err)
	}
	s := Summarize(nil)
	have := map[string]int{}
	for line, err := range presentLines(r.store.root) {
		if err != nil {
			return Summary{}, err
		}
		s.add(line.Picture)
		have[line.term().key()]++
	}
	s.New, s.Refused = r.placed, r.refused
	for _, t := range terms {
		s.Terms = append(s.Terms, TermSummary{t, have[t.key()]})
	}
	for _, f := range r.failures {
		s.Failures = append(s.Failures, Failure{f.Source, f.Query, f.Err.Error(), f})
	}
	return s, nil
}
