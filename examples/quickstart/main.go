// Command quickstart trains a classifier of photographs: without arguments, of
// the few that it carries; given a folder, of yours. See quickstart -h.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/examples/internal/progress"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := exitCode(run(ctx, os.Args[1:], os.Stdout, os.Stderr), os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program. Only the result goes to stdout.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stdout)
	if err != nil {
		return err
	}
	network, err := backbone(o.backbone, o.weights)
	if err != nil {
		return err
	}
	dir, remove, err := o.folder()
	if err != nil {
		return err
	}
	defer remove()

	photos, err := argus.OpenDataset(dir)
	if err != nil {
		return err
	}
	photos, err = photos.Split(ctx, argus.SplitOptions{Seed: o.seed}) // fills the splits that are missing
	if err != nil {
		return err
	}
	clf, err := argus.New(network, photos.Classes())
	if err != nil {
		return err
	}
	bar := progress.New(stderr)
	defer bar.Close()
	history, err := clf.Fit(ctx, photos, argus.FitOptions{Seed: o.seed, CacheDir: o.cache()}, argus.Hooks{
		Progress: func(p argus.Progress) { bar.Set(string(p.Stage), p.Done, p.Total) },
	})
	if err != nil {
		return err
	}
	report, err := clf.Evaluate(ctx, photos.Test(), argus.Hooks{
		Progress: func(p argus.Progress) { bar.Set("test", p.Done, p.Total) },
	})
	if err != nil {
		return err
	}
	if err := clf.Save(o.model); err != nil {
		return err
	}

	r := newResult(history, report)
	r.Model = o.model
	for _, bad := range r.Bad {
		fmt.Fprintf(stderr, "skipped %s: %s\n", bad.Path, bad.Reason)
	}
	first := photos.Test().Filter(func(s argus.Sample) bool { return s.Path == r.Predictions[0].Path })
	if r.Answers, err = answers(ctx, o.model, first); err != nil {
		return err
	}
	return r.print(stdout, o.json)
}

// exitCode reports err, in one line where it is not a list.
func exitCode(err error, stderr io.Writer) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "quickstart: interrupted")
		return 130 // 128 + SIGINT, as a shell has it
	}
	fmt.Fprintf(stderr, "quickstart: %v\n", err)
	return 1
}
