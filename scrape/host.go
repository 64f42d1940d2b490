package scrape

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"
)

// giveUp is after how many failures in a row, each after all retries, a host is
// asked no more.
const giveUp = 5

var errHostDown = errors.New("it failed too often, or wants to be asked much later")

// host is what is known of one scheme, name and port.
type host struct {
	slots  chan struct{}
	robots robots

	mu       sync.Mutex
	interval time.Duration
	next     time.Time // when the next request may start
	failures int       // in a row
	down     bool
}

// hosts are those of one run.
type hosts struct {
	perHost  int
	interval time.Duration
	mu       sync.Mutex
	byName   map[string]*host
}

func (h *hosts) of(u *url.URL) *host {
	name := u.Scheme + "://" + u.Host
	h.mu.Lock()
	defer h.mu.Unlock()
	one := h.byName[name]
	if one == nil {
		one = &host{slots: make(chan struct{}, h.perHost), interval: h.interval}
		h.byName[name] = one
	}
	return one
}

// acquire waits for one of the host's slots and for its next turn.
func (h *host) acquire(ctx context.Context) (release func(), err error) {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	release = func() { <-h.slots }
	for {
		wait, err := h.turn()
		if err == nil && wait == 0 {
			return release, nil
		}
		if err == nil {
			err = sleep(ctx, wait)
		}
		if err != nil {
			release()
			return nil, err
		}
	}
}

// turn takes the next turn if it has come; else it says how long that takes.
func (h *host) turn() (wait time.Duration, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down {
		return 0, errHostDown
	}
	now := time.Now()
	if wait := h.next.Sub(now); wait > 0 {
		return wait, nil
	}
	h.next = now.Add(h.interval)
	return 0, nil
}

// pause lets nobody ask for d.
func (h *host) pause(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if until := time.Now().Add(d); until.After(h.next) {
		h.next = until
	}
}

// slower keeps requests at least d apart.
func (h *host) slower(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.interval = max(h.interval, d)
}

func (h *host) worked() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures = 0
}

// failed counts a failure; forGood ends it at once.
func (h *host) failed(forGood bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures++
	h.down = h.down || forGood || h.failures >= giveUp
}
