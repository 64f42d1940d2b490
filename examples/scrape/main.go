// Command scrape makes a classifier from search terms: it finds openly licensed
// pictures, looks them over, trains and tests. See scrape -h.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/clean"
	"github.com/argus-go/argus/efficientnet/lite0"
	"github.com/argus-go/argus/examples/internal/progress"
	"github.com/argus-go/argus/scrape"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run is the program. Only the result goes to stdout.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	bar := progress.New(stderr)
	defer bar.Close()

	// Terms become a folder of pictures.
	options := o.scrape()
	have, want := map[scrape.Term]int64{}, o.wanted()
	options.Progress = func(p scrape.Progress) {
		have[p.Term] = int64(p.Have)
		bar.Set("pictures", total(have), want)
	}
	found, err := scrape.Run(ctx, o.terms, options)
	if err != nil {
		return err
	}
	if err := learn(ctx, o, found, bar, stdout); err != nil {
		return errors.Join(err, trouble(found))
	}
	return nil
}

// learn makes the pictures that were found a model, and shows all of it.
func learn(ctx context.Context, o options, found scrape.Summary, bar *progress.Bar, stdout io.Writer) error {
	// What is of no use is moved aside, what looks alike comes into one split.
	report, err := clean.Check(ctx, o.dir, clean.Options{}, clean.Hooks{
		Progress: func(done, total int) { bar.Set("check", int64(done), int64(total)) },
	})
	if err != nil {
		return err
	}
	useless := report.Plan(clean.Unreadable, clean.NotPicture, clean.Animated, clean.Blank, clean.Duplicate, clean.LabelConflict)
	if _, err := clean.Quarantine(ctx, o.dir, useless, clean.Limits{}); err != nil {
		return err
	}
	if _, err := scrape.Regroup(ctx, o.dir, report.Groups()); err != nil {
		return err
	}
	kept, err := scrape.ReadManifest(o.dir)
	if err != nil {
		return err
	}
	used := scrape.Summarize(kept)

	// The folder becomes a model.
	photos, err := argus.OpenDataset(o.dir)
	if err != nil {
		return err
	}
	clf, err := argus.New(lite0.Backbone(), photos.Classes())
	if err != nil {
		return err
	}
	hooks := argus.Hooks{Progress: func(p argus.Progress) { bar.Set(string(p.Stage), p.Done, p.Total) }}
	origins, err := json.Marshal(used) // sources and licences go into the model file
	if err != nil {
		return err
	}
	if _, err = clf.Fit(ctx, photos, argus.FitOptions{Provenance: origins}, hooks); err != nil {
		return err
	}
	result, err := clf.Evaluate(ctx, photos.Test())
	if err != nil {
		return err
	}
	if err := clf.Save(o.model); err != nil {
		return err
	}
	return show(stdout, o, found, used, report, result)
}
