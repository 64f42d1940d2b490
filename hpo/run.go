package hpo

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Run tries points with f, in as many goroutines as there are workers, until the
// record has so many trials, given ones not counted. First come the trials that
// are running, as after a crash. An error or a panic of f fails its trial and the
// search goes on; Run's own error is of ctx or of the journal. Trials that ctx
// ended stay running.
func (o *Optimizer) Run(ctx context.Context, trials, workers int, f func(ctx context.Context, p Point) (float64, error)) error {
	var again []Trial
	known := 0
	for _, t := range o.Trials() {
		if t.State == Running {
			again = append(again, t)
		}
		if t.By != "given" {
			known++
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	next := func() (t Trial, ok bool, err error) {
		mu.Lock()
		defer mu.Unlock()
		if len(again) > 0 {
			t, again = again[0], again[1:]
			return t, true, nil
		}
		if known >= trials {
			return t, false, nil
		}
		known++
		t, err = o.Ask(ctx)
		return t, err == nil, err
	}
	errs := make([]error, max(1, workers))
	var group sync.WaitGroup
	for w := range errs {
		group.Go(func() {
			for {
				t, ok, err := next()
				if ok {
					err = o.try(ctx, t, f)
				}
				if err != nil {
					errs[w] = err
					cancel()
				}
				if !ok || err != nil {
					return
				}
			}
		})
	}
	group.Wait()
	for _, err := range errs { // what the others ended for comes after
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(errs...)
}

// try tells what f makes of a trial.
func (o *Optimizer) try(ctx context.Context, t Trial, f func(ctx context.Context, p Point) (float64, error)) error {
	value, err := guarded(ctx, t.copied().Point, f)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("hpo: run: %w", ctx.Err())
	case err != nil:
		return o.Fail(t.ID, err.Error())
	}
	return o.Tell(t.ID, value)
}

// guarded makes a panic of f an error.
func guarded(ctx context.Context, p Point, f func(ctx context.Context, p Point) (float64, error)) (value float64, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f(ctx, p)
}
