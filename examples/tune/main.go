// Command tune searches for the options that a classifier of your photographs
// trains best with, trains it, and draws how the search went.
//
//	go run ./examples/tune -photos photos -journal search.journal -figures figures
//
// Stopped and started again with the same journal, it goes on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/efficientnet/lite0"
	"github.com/argus-go/argus/examples/internal/progress"
	"github.com/argus-go/argus/hpo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "tune: interrupted")
		os.Exit(130) // 128 + SIGINT, as a shell has it
	default:
		fmt.Fprintf(os.Stderr, "tune: %v\n", err)
		os.Exit(1)
	}
}

type flags struct {
	photos, space, journal, cache, model, figures string
	trials                                        int
	seed                                          uint64
}

var spaces = map[string]func() argus.TuneSpace{
	"head":    argus.HeadSpace,
	"classic": argus.ClassicSpace,
	"records": argus.ClassicRecordSpace,
}

func parse(args []string, stderr io.Writer) (flags, error) {
	var f flags
	set := flag.NewFlagSet("tune", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&f.photos, "photos", "photos", "folder of photographs, one folder for each class")
	set.StringVar(&f.space, "space", "head", "options to search: head, classic (fine-tuning, too) or records")
	set.IntVar(&f.trials, "trials", 20, "how many options to try")
	set.StringVar(&f.journal, "journal", "", "file to keep the search in, and to go on from")
	set.StringVar(&f.cache, "cache", "", "folder to keep features in")
	set.StringVar(&f.model, "model", "", "file to save the classifier with the best options to")
	set.StringVar(&f.figures, "figures", "", "folder for figures of the search")
	set.Uint64Var(&f.seed, "seed", 0, "of search and training")
	if err := set.Parse(args); err != nil {
		return f, err
	}
	if spaces[f.space] == nil {
		return f, fmt.Errorf("space is %q, want head, classic or records", f.space)
	}
	return f, nil
}

// run is the program. Only results go to stdout.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f, err := parse(args, stderr)
	if err != nil {
		return err
	}
	photos, err := argus.OpenDataset(f.photos)
	if err != nil {
		return err
	}
	photos, err = photos.Split(ctx, argus.SplitOptions{Seed: f.seed}) // fills the splits that are missing
	if err != nil {
		return err
	}
	clf, err := argus.New(lite0.Backbone(), photos.Classes())
	if err != nil {
		return err
	}
	tuned, err := search(ctx, clf, photos, f, stdout, stderr)
	if err != nil {
		return err
	}
	print(stdout, tuned)
	if f.figures != "" {
		if err := drawAll(tuned.Search, f.figures); err != nil {
			return err
		}
	}
	history, err := clf.Fit(ctx, photos, tuned.Options)
	if err != nil {
		return err
	}
	report, err := clf.Evaluate(ctx, photos.Test())
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "trained with them: validation %v, test %v\n", history.ValAccuracy, report.Accuracy)
	if f.model != "" {
		return clf.Save(f.model)
	}
	return nil
}

// search tunes, with a line for each trial.
func search(ctx context.Context, clf *argus.Classifier, photos argus.Dataset, f flags, stdout, stderr io.Writer) (*argus.TuneReport, error) {
	bar := progress.New(stderr)
	defer bar.Close()
	return clf.Tune(ctx, photos, argus.TuneOptions{
		Space: spaces[f.space](), Trials: f.trials, Journal: f.journal,
		Base: argus.FitOptions{Seed: f.seed, CacheDir: f.cache},
	}, argus.TuneHooks{
		Progress: func(p argus.Progress) { bar.Set(string(p.Stage), p.Done, p.Total) },
		Trial: func(p argus.TuneProgress) {
			result := fmt.Sprintf("loss %.4f, %.1f %% right", p.Trial.Loss, 100*p.Trial.Accuracy.Value)
			switch {
			case p.Trial.Err != "":
				result = p.Trial.Err
			case p.Trial.Pruned:
				result += ", ended early"
			}
			fmt.Fprintf(stdout, "%2d of %d in %.1f s: %s; best %.4f; about %v left\n",
				p.Done, p.Total, p.Trial.Seconds, result, p.Best.Value, p.Left.Round(time.Second))
		},
	})
}

// print tells what was found.
func print(w io.Writer, r *argus.TuneReport) {
	if r.Note != "" {
		fmt.Fprintln(w, r.Note)
	}
	fmt.Fprintf(w, "defaults: loss %.4f, %v right\n", r.Default.Loss, r.Default.Accuracy)
	fmt.Fprintf(w, "best:     loss %.4f, %v right, with\n", r.Best.Loss, r.Best.Accuracy)
	for _, p := range r.Search.Space().Params() {
		if v, ok := r.Best.Point[p.Name]; ok {
			fmt.Fprintf(w, "  %-16s %v\n", p.Name, v)
		}
	}
	if !r.Better {
		fmt.Fprintln(w, "which is not better than the defaults: they stay")
	}
	s := r.Seconds
	fmt.Fprintf(w, "%.1f s: pictures %.1f, trials %.1f, proposals %.2f\n", s.Total, s.Features, s.Trials, s.Propose)
}

// drawAll writes the figures.
func drawAll(search *hpo.Optimizer, dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for name, figure := range map[string]func(io.Writer, *hpo.Optimizer) error{
		"convergence.svg": hpo.WriteConvergence,
		"dependence.svg":  hpo.WriteDependence,
		"importance.svg":  hpo.WriteImportance,
	} {
		file, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := errors.Join(figure(file, search), file.Close()); err != nil {
			return err
		}
	}
	return nil
}
