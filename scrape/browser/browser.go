package browser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/argus-go/argus/scrape"
	"github.com/chromedp/chromedp"
)

// Options says which browser is run, and how patiently. Its zero value is right for
// an installed Chromium or Chrome.
type Options struct {
	// Exec is the program; "" looks for it where it is usually installed.
	Exec string
	// NoSandbox must be set where the program runs as root, as in many containers.
	NoSandbox bool
	// Visible shows the window.
	Visible bool
	// Engines take the place of Engines().
	Engines []Engine
	// Timeout is for one page to load, 30 s where it is 0.
	Timeout time.Duration
	// Quiet is how long nothing new must come, after scrolling, to take it for the
	// end: 4 s where it is 0.
	Quiet time.Duration
	// Max is how many results of one search are read, 1,000 where it is 0.
	Max int
}

// ErrBlocked says that the engine takes us for a robot. It is a scrape.ErrQuota, so
// that Run asks it no more.
var ErrBlocked = fmt.Errorf("the engine asks whether this is a person: %w", scrape.ErrQuota)

// MarkupError says that a page is not as engines.json says: its markup changed. It is
// a scrape.ErrAnswer.
type MarkupError struct {
	Engine string
	// Items is how many elements the best rule's item matched; 0 says that the
	// selectors match nothing.
	Items  int
	Detail string
}

func (e *MarkupError) Error() string {
	return fmt.Sprintf("browser: %s: markup changed: %s", e.Engine, e.Detail)
}

// Unwrap returns scrape.ErrAnswer.
func (e *MarkupError) Unwrap() error { return scrape.ErrAnswer }

// Browser is a running browser with a profile of its own in a temporary folder.
type Browser struct {
	o       Options
	engines []Engine
	ctx     context.Context
	stop    context.CancelFunc
}

// Open starts the browser, which ends at Close, or with ctx.
func Open(ctx context.Context, o Options) (*Browser, error) {
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	o.Quiet = cmp.Or(o.Quiet, 4*time.Second)
	o.Max = cmp.Or(o.Max, 1000)
	b := &Browser{o: o, engines: o.Engines}
	if b.engines == nil {
		var err error
		if b.engines, err = Engines(); err != nil {
			return nil, err
		}
	}
	for _, e := range b.engines {
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("browser: engine %q: %w", e.Name, err)
		}
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(ctx, o.flags()...)
	silent := func(string, ...any) {} // by default it logs
	tab, stopTab := chromedp.NewContext(allocator, chromedp.WithLogf(silent), chromedp.WithErrorf(silent))
	b.ctx, b.stop = tab, func() { stopTab(); stopAllocator() }
	if err := chromedp.Do(tab); err != nil {
		b.stop()
		return nil, fmt.Errorf("browser: start: %w", err)
	}
	return b, nil
}

func (o Options) flags() []chromedp.ExecAllocatorOption {
	flags := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	flags = append(flags,
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("lang", "en"),
		chromedp.WindowSize(1280, 1024),
	)
	if o.Exec != "" {
		flags = append(flags, chromedp.ExecPath(o.Exec))
	}
	if o.NoSandbox {
		flags = append(flags, chromedp.NoSandbox)
	}
	if o.Visible {
		flags = append(flags, chromedp.VisibleWindow)
	}
	return flags
}

// Close ends the browser and removes its profile.
func (b *Browser) Close() error {
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	err := chromedp.Cancel(ctx)
	b.stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("browser: close: %w", err)
	}
	return nil
}

// Source returns the engine of that name as a source. It may be used by several
// goroutines; each search has a tab of its own.
func (b *Browser) Source(engine string) (scrape.Source, error) {
	e, err := named(b.engines, engine)
	if err != nil {
		return nil, err
	}
	return source{b, e}, nil
}

// Check searches for query, which should have many results, and says whether the
// engine's page is still as its data say: an error is a *MarkupError, ErrBlocked or
// one of the browser.
func (b *Browser) Check(ctx context.Context, engine, query string) error {
	e, err := named(b.engines, engine)
	if err != nil {
		return err
	}
	for results, err := range (source{b, e}).Search(ctx, query) {
		if err == nil && len(results) == 0 {
			err = &MarkupError{Engine: engine, Detail: "no results"}
		}
		return err
	}
	return &MarkupError{Engine: engine, Detail: fmt.Sprintf("no results for %q", query)}
}
