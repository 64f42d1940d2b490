package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/clean"
	"github.com/argus-go/argus/scrape"
)

// show prints what was found, refused, faulty, used and learnt.
func show(w io.Writer, o options, found, used scrape.Summary, report clean.Report, result *argus.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "class\ttrain\tval\ttest\tF1\n")
	for _, c := range result.PerClass {
		n := used.Classes[c.Class]
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.3f\n", c.Class, n[scrape.Train], n[scrape.Val], n[scrape.Test], c.F1)
	}
	fmt.Fprintln(t)
	fmt.Fprintf(t, "pictures\t%d, %d of them new, %d used\n", found.Pictures, found.New, used.Pictures)
	fmt.Fprintf(t, "sources\t%s\n", counts(used.Sources))
	fmt.Fprintf(t, "licences\t%s\n", counts(used.Licences))
	fmt.Fprintf(t, "refused\t%s\n", counts(found.Refused))
	faults := map[clean.Kind]int{}
	for _, f := range report.Faults {
		faults[f.Kind]++
	}
	fmt.Fprintf(t, "faults\t%s\n", counts(faults))
	fmt.Fprintf(t, "accuracy\t%v\n", result.Accuracy)
	fmt.Fprintf(t, "saved\t%s\n", o.model)
	for _, f := range found.Failures {
		fmt.Fprintf(t, "failed\t%v\n", f)
	}
	for _, s := range found.Short() {
		fmt.Fprintf(t, "short\t%q: %d of %d\n", s.Query, s.Have, s.Count)
	}
	return t.Flush()
}

// trouble is what may be to blame where pictures are missing.
func trouble(found scrape.Summary) error {
	var errs []error
	for _, f := range found.Failures {
		errs = append(errs, f)
	}
	for _, s := range found.Short() {
		errs = append(errs, fmt.Errorf("scrape: %q: %d of %d pictures", s.Query, s.Have, s.Count))
	}
	if len(found.Refused) > 0 {
		errs = append(errs, fmt.Errorf("scrape: refused: %s", counts(found.Refused)))
	}
	return errors.Join(errs...)
}

// counts is a map in one line, the most first.
func counts[K ~string](m map[K]int) string {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b K) int {
		if m[a] != m[b] {
			return m[b] - m[a]
		}
		return strings.Compare(string(a), string(b))
	})
	var parts []string
	for _, k := range keys {
		name := string(k)
		if name == "" {
			name = "not known"
		}
		parts = append(parts, fmt.Sprintf("%d %s", m[k], name))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}
