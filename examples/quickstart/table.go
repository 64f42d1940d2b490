package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/argus-go/argus"
)

// result is what -json prints.
type result struct {
	TestAccuracy float64             `json:"test_accuracy"`
	TestN        int                 `json:"test_n"`
	Interval     argus.Interval      `json:"interval"` // of the accuracy, 95 %
	PerClass     []argus.ClassReport `json:"per_class"`
	Seconds      argus.FitSeconds    `json:"seconds"`
	Predictions  []argus.Outcome     `json:"predictions"` // of all test pictures
	Bad          []argus.BadPicture  `json:"bad,omitempty"`
	Model        string              `json:"model"` // where it was saved
	Answers      []answer            `json:"answers"`
}

func newResult(history *argus.History, report *argus.Report) result {
	return result{
		TestAccuracy: report.Accuracy.Value,
		TestN:        report.N,
		Interval:     report.Accuracy,
		PerClass:     report.PerClass,
		Seconds:      history.Seconds,
		Predictions:  report.Outcomes,
		Bad:          append(history.Bad, report.Bad...),
	}
}

func (r result) print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	_, err := io.WriteString(w, r.table())
	return err
}

func (r result) table() string {
	var out strings.Builder
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "accuracy\t%v\n", r.Interval)
	fmt.Fprintf(t, "seconds\tdecode %.2f, features %.2f, train %.2f\n", r.Seconds.Decode, r.Seconds.Features, r.Seconds.Train)
	fmt.Fprintf(t, "saved\t%s\n", r.Model)
	t.Flush()
	fmt.Fprintln(&out)
	fmt.Fprintln(t, "class\tprecision\trecall\tF1\ttested")
	for _, c := range r.PerClass {
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%.3f\t%d\n", c.Class, c.Precision, c.Recall, c.F1, c.Support)
	}
	t.Flush()
	fmt.Fprintln(&out)
	fmt.Fprintln(t, "photograph\tmodel\tclass\tprobability")
	for _, a := range r.Answers {
		fmt.Fprintf(t, "%s\t%s\t%s\t%.3f\n", a.Photo, a.By, a.Labels[0].Label, a.Labels[0].Probability)
	}
	t.Flush()
	return out.String()
}
