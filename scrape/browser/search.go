package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/argus-go/argus/scrape"
	"github.com/chromedp/chromedp"
)

type source struct {
	browser *Browser
	engine  Engine
}

// Name returns the engine's name.
func (s source) Name() string { return s.engine.Name }

// Search yields what is new after each scroll.
func (s source) Search(ctx context.Context, query string) iter.Seq2[[]scrape.Result, error] {
	return func(yield func([]scrape.Result, error) bool) {
		tab, closeTab := chromedp.NewContext(s.browser.ctx)
		defer closeTab()
		defer context.AfterFunc(ctx, closeTab)()
		p := page{ctx: tab, o: s.browser.o, engine: s.engine, seen: map[string]bool{}}
		stopped, err := p.search(query, func(results []scrape.Result) bool { return yield(results, nil) })
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// page is a tab with a search.
type page struct {
	ctx    context.Context
	o      Options
	engine Engine
	rule   *Rule // the one that found results
	seen   map[string]bool
}

const poll = 150 * time.Millisecond

// search loads the page and reads it until its end. stopped says that yield wanted
// no more.
func (p *page) search(query string, yield func([]scrape.Result) bool) (stopped bool, err error) {
	if err := chromedp.Do(p.ctx); err != nil { // opens the tab, which ends with p.ctx alone
		return false, fmt.Errorf("browser: %s: %w", p.engine.Name, err)
	}
	load, cancel := context.WithTimeout(p.ctx, p.o.Timeout)
	defer cancel()
	if err := chromedp.Do(load, chromedp.Navigate(p.engine.address(query))); err != nil {
		return false, fmt.Errorf("browser: %s: %w", p.engine.Name, err)
	}
	fresh, err := p.first(load)
	if err != nil {
		return false, err
	}
	for len(fresh) > 0 {
		if !yield(fresh) {
			return true, nil
		}
		if len(p.seen) >= p.o.Max {
			return false, nil
		}
		if fresh, err = p.further(); err != nil {
			return false, err
		}
	}
	return false, nil
}

// state is what the selectors of an engine say of a page.
type state struct {
	Blocked bool `json:"blocked"`
	None    bool `json:"none"`
	Pressed bool `json:"pressed"`
}

// look presses a button of consent, if there is one.
func (p *page) look(ctx context.Context) (s state, err error) {
	err = p.call(ctx, `(e) => {
		const has = (css) => !!css && !!document.querySelector(css);
		const button = (e.consent || []).map((css) => document.querySelector(css)).find((b) => b);
		button?.click();
		return {blocked: has(e.blocked), none: has(e.none), pressed: !!button};
	}`, p.engine, &s)
	return s, err
}

// first waits for the first results, answering what is asked before.
func (p *page) first(ctx context.Context) ([]scrape.Result, error) {
	items, pressed := 0, 0
	for since := time.Now(); time.Since(since) < p.o.Quiet; {
		s, err := p.look(ctx)
		switch {
		case err != nil:
			return nil, err
		case s.Blocked:
			return nil, fmt.Errorf("browser: %s: %w", p.engine.Name, ErrBlocked)
		case s.Pressed && pressed < 5: // another page, or the same without a banner
			pressed++
			since = time.Now()
		}
		for i := range p.engine.Rules {
			found, n, err := p.read(ctx, p.engine.Rules[i])
			if err != nil {
				return nil, err
			}
			items = max(items, n)
			if len(found) > 0 {
				p.rule = &p.engine.Rules[i]
				return found, nil
			}
		}
		if s.None {
			return nil, nil
		}
		if err := wait(ctx); err != nil {
			return nil, fmt.Errorf("browser: %s: %w", p.engine.Name, err)
		}
	}
	return nil, p.changed(items)
}

// changed says which selectors no longer fit.
func (p *page) changed(items int) error {
	var tried []string
	for _, r := range p.engine.Rules {
		tried = append(tried, fmt.Sprintf("%q with %q", r.Item, r.URL))
	}
	detail := fmt.Sprintf("no element matches, and no sign that there are no results; tried %s", strings.Join(tried, ", "))
	if items > 0 {
		detail = fmt.Sprintf("%d elements match, but none has an address; tried %s", items, strings.Join(tried, ", "))
	}
	return &MarkupError{Engine: p.engine.Name, Items: items, Detail: detail}
}

// further scrolls, and presses buttons for more, until something new is there or
// nothing has come for long.
func (p *page) further() ([]scrape.Result, error) {
	began := time.Now()
	for since := began; time.Since(since) < p.o.Quiet && time.Since(began) < 10*p.o.Quiet; { // a page may grow for ever
		var grew bool
		err := p.call(p.ctx, `(e) => {
			const before = window.argusHeight || 0;
			window.argusHeight = document.documentElement.scrollHeight;
			window.scrollTo(0, window.argusHeight);
			const visible = (b) => b.checkVisibility ? b.checkVisibility() : b.offsetParent;
			(e.more || []).map((css) => document.querySelector(css)).find((b) => b && visible(b))?.click();
			return window.argusHeight > before;
		}`, p.engine, &grew)
		if err != nil {
			return nil, err
		}
		if grew {
			since = time.Now()
		}
		fresh, _, err := p.read(p.ctx, *p.rule)
		if err != nil || len(fresh) > 0 {
			return fresh, err
		}
		var s state
		if s, err = p.look(p.ctx); err != nil {
			return nil, err
		}
		if s.Blocked {
			return nil, fmt.Errorf("browser: %s: %w", p.engine.Name, ErrBlocked)
		}
		if err := wait(p.ctx); err != nil {
			return nil, fmt.Errorf("browser: %s: %w", p.engine.Name, err)
		}
	}
	return nil, nil
}

// read returns the results that were not there before.
func (p *page) read(ctx context.Context, r Rule) (fresh []scrape.Result, items int, err error) {
	var found struct {
		Items   int             `json:"items"`
		Results []scrape.Result `json:"results"`
	}
	if err := p.call(ctx, readScript, r, &found); err != nil {
		return nil, 0, err
	}
	for _, result := range found.Results {
		if !p.seen[result.URL] && len(p.seen) < p.o.Max {
			p.seen[result.URL] = true
			fresh = append(fresh, result)
		}
	}
	return fresh, found.Items, nil
}

// call runs a function of one argument in the page. A page that is just being left
// is asked again.
func (p *page) call(ctx context.Context, function string, argument, result any) error {
	text, err := json.Marshal(argument)
	if err != nil {
		return fmt.Errorf("browser: %s: %w", p.engine.Name, err)
	}
	for attempt := 1; ; attempt++ {
		limited, cancel := context.WithTimeout(ctx, p.o.Timeout)
		answer, err := chromedp.Run(limited, chromedp.Evaluate[[]byte]("("+function+")("+string(text)+")"))
		cancel()
		if err == nil {
			err = json.Unmarshal(answer, result)
		}
		if err == nil {
			return nil
		}
		if attempt == 5 || ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("browser: %s: read the page: %w", p.engine.Name, err)
		}
		if err := wait(ctx); err != nil {
			return fmt.Errorf("browser: %s: %w", p.engine.Name, err)
		}
	}
}

func wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(poll):
		return nil
	}
}
