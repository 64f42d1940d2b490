package scrape

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Summary is what is in the folder after a run, and how the run went. Its JSON
// is small enough to go with a model.
type Summary struct {
	Pictures int                      `json:"pictures"` // in the folder
	New      int                      `json:"new"`      // by this run
	Classes  map[string]map[Split]int `json:"classes"`
	Sources  map[string]int           `json:"sources"`
	Licences map[string]int           `json:"licences"` // "" where the source says none
	Terms    []TermSummary            `json:"terms"`
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
	s := Summary{Pictures: len(pictures), Classes: map[string]map[Split]int{}, Sources: map[string]int{}, Licences: map[string]int{}}
	for _, p := range pictures {
		if s.Classes[p.Class] == nil {
			s.Classes[p.Class] = map[Split]int{}
		}
		s.Classes[p.Class][p.Split]++
		s.Sources[p.Source]++
		s.Licences[p.Licence]++
	}
	return s
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
	pictures, err := ReadManifest(r.o.Folder)
	if err != nil {
		return Summary{}, err
	}
	if err := r.store.replace(AttributionFile, attribution(pictures)); err != nil {
		return Summary{}, fmt.Errorf("scrape: folder %s: %w", r.o.Folder, err)
	}
	s := Summarize(pictures)
	s.New, s.Refused = r.placed, r.refused
	have := map[string]int{}
	for _, p := range pictures {
		have[p.term().key()]++
	}
	for _, t := range terms {
		s.Terms = append(s.Terms, TermSummary{t, have[t.key()]})
	}
	for _, f := range r.failures {
		s.Failures = append(s.Failures, Failure{f.Source, f.Query, f.Err.Error(), f})
	}
	return s, nil
}

// attribution is a Markdown page of credits, by licence.
func attribution(pictures []Picture) []byte {
	sorted := slices.Clone(pictures)
	slices.SortFunc(sorted, func(a, b Picture) int {
		return cmp.Or(cmp.Compare(a.Licence, b.Licence), cmp.Compare(a.LicenceURL, b.LicenceURL), cmp.Compare(a.Path, b.Path))
	})
	var b bytes.Buffer
	b.WriteString("# Sources of the pictures\n")
	for i, p := range sorted {
		if i == 0 || p.Licence != sorted[i-1].Licence || p.LicenceURL != sorted[i-1].LicenceURL {
			fmt.Fprintf(&b, "\n## %s\n\n", strings.TrimSpace(cmp.Or(oneLine(p.Licence), "Licence not known")+" "+link(p.LicenceURL)))
		}
		fmt.Fprintf(&b, "- %s: %s, by %s, %s (%s)\n", oneLine(p.Path), cmp.Or(oneLine(p.Title), "untitled"),
			cmp.Or(oneLine(p.Author), "an unknown author"), link(cmp.Or(p.Page, p.URL)), oneLine(p.Source))
	}
	return b.Bytes()
}

func link(address string) string {
	if address == "" {
		return ""
	}
	return "<" + strings.NewReplacer("<", "%3C", ">", "%3E", " ", "%20").Replace(oneLine(address)) + ">"
}

// oneLine is text that a source gave, with nothing that Markdown would read as
// more than text.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer("<", "&lt;", "[", `\[`, "]", `\]`, "`", "'", "*", `\*`).Replace(s)
}
