package scrape

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/argus-go/argus/internal/picture"
)

// Limits says how big a picture may be: Bytes of the file, also after a server's
// compression, and Pixels. Zero fields mean 20,000,000 and 50,000,000.
type Limits = picture.Limits

// Download says how pictures are fetched. Its zero value is polite.
type Download struct {
	// UserAgent is sent with each request: by default argus-scrape and where it
	// comes from. Sites like to find a way to reach you in it.
	UserAgent string `json:"user_agent,omitempty"`
	// Workers is how many pictures are on their way at once, 16 where it is 0.
	// Each may hold a picture of Limits.Bytes in memory.
	Workers int `json:"workers,omitempty"`
	// PerHost is how many of them come from one host, 4 where it is 0.
	PerHost int `json:"per_host,omitempty"`
	// Rate is how many requests a second one host gets at most: 10 where it is 0,
	// a negative number means no limit. A Crawl-delay in robots.txt slows down
	// further.
	Rate float64 `json:"rate,omitempty"`
	// Timeout is for one request, 1 minute where it is 0; Stall for the longest
	// time without a byte, 15 s. A negative number means no limit.
	Timeout time.Duration `json:"timeout,omitempty"`
	Stall   time.Duration `json:"stall,omitempty"`
	Patience
	Limits Limits `json:"limits"`
	// IgnoreRobots reads what robots.txt or X-Robots-Tag (noai, noimageai,
	// noindex, noimageindex, none) forbid: for sites of your own.
	IgnoreRobots bool `json:"ignore_robots,omitempty"`
	// AllowPrivate are addresses ("10.1.2.3", "127.0.0.1:8080") and ranges
	// ("192.168.0.0/16") that are connected to though they are private, loopback or
	// otherwise not public: for tests and networks of your own. URLs from the web could
	// otherwise make this program ask what only it can reach.
	AllowPrivate []string `json:"allow_private,omitempty"`
}

const userAgent = robotsName + "/1 (+https://github.com/argus-go/argus)"

func (d Download) withDefaults() Download {
	d.UserAgent = cmp.Or(d.UserAgent, userAgent)
	d.Workers = max(1, orDefault(d.Workers, 16))
	d.PerHost = max(1, orDefault(d.PerHost, 4))
	d.Rate = orDefault(d.Rate, 10)
	d.Timeout = orForever(cmp.Or(d.Timeout, time.Minute))
	d.Stall = orForever(cmp.Or(d.Stall, 15*time.Second))
	d.Patience = d.Patience.withDefaults()
	d.Limits.Bytes = cmp.Or(d.Limits.Bytes, 20_000_000)
	d.Limits.Pixels = cmp.Or(d.Limits.Pixels, 50_000_000)
	return d
}

// orForever is d, or very long for what is negative.
func orForever(d time.Duration) time.Duration {
	if d < 0 {
		return 1000 * time.Hour
	}
	return d
}

var (
	errSlow  = errors.New("nothing came for too long")
	errMoved = errors.New("the file changed between two attempts")
)

const maxHops = 5

// fetcher reads pictures within the limits of a Download.
type fetcher struct {
	o       Download // with defaults
	client  *http.Client
	dialer  *net.Dialer
	hosts   hosts
	workers chan struct{}
}

func newFetcher(o Download) (*fetcher, error) {
	o = o.withDefaults()
	allow, err := parseAllowed(o.AllowPrivate)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: o.Stall, KeepAlive: 30 * time.Second, Control: allow.refusePrivate}
	f := &fetcher{o: o, dialer: dialer, workers: make(chan struct{}, o.Workers)}
	f.hosts = hosts{perHost: o.PerHost, byName: map[string]*host{}}
	if o.Rate > 0 {
		f.hosts.interval = time.Duration(float64(time.Second) / o.Rate)
	}
	f.client = &http.Client{
		Transport: &http.Transport{
			// No Proxy: it would connect for us, past refusePrivate.
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    o.Stall,
			ResponseHeaderTimeout:  o.Stall,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConns:           4 * o.Workers,
			MaxIdleConnsPerHost:    o.PerHost,
			IdleConnTimeout:        30 * time.Second,
			DisableCompression:     true, // or the limit on bytes would be past
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return f, nil
}

func (f *fetcher) close() { f.client.CloseIdleConnections() }

func (f *fetcher) request(ctx context.Context, at string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", f.o.UserAgent)
	return req, nil
}

// partial is what has come of a picture, over several attempts.
type partial struct {
	body *bytes.Buffer
	// from and validator say what body is the beginning of; without validator
	// it cannot be continued.
	from, validator string
}

// get reads the picture at address into body. Its errors are *Refusal, or ctx's.
func (f *fetcher) get(ctx context.Context, address string, body *bytes.Buffer) error {
	u, err := webAddress(address)
	if err != nil {
		return &Refusal{address, BadURL, err}
	}
	p := &partial{body: body}
	for attempt := 1; ; attempt++ {
		h, err := f.hop(ctx, u, p)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			h.worked()
			return nil
		}
		wait, again := f.after(h, err, attempt)
		if !again {
			return refusal(address, err)
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// after says whether and when to try again after err from h.
func (f *fetcher) after(h *host, err error, attempt int) (wait time.Duration, again bool) {
	if !passing(err) {
		return 0, false
	}
	wait = f.o.wait(attempt)
	var status *statusError
	if errors.As(err, &status) {
		if status.retryAfter > f.o.MaxWait {
			h.failed(true)
			return 0, false
		}
		if status.retryAfter > 0 {
			wait = status.retryAfter
		}
		if status.busy() {
			h.pause(wait) // all who ask this host wait
		}
	}
	if attempt > f.o.Retries {
		h.failed(false)
		return 0, false
	}
	return wait, true
}

// webAddress is what may be asked for: http or https, without credentials.
func webAddress(address string) (*url.URL, error) {
	if len(address) > longestAddress {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(address), longestAddress)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("cannot be parsed") // the error would repeat the address
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return nil, errors.New("want http or https, a host and no password")
	}
	u.Fragment = ""
	return u, nil
}

// hop makes one attempt and follows redirects. It returns the host that it
// came to.
func (f *fetcher) hop(ctx context.Context, u *url.URL, p *partial) (*host, error) {
	for range maxHops + 1 {
		h := f.hosts.of(u)
		next, err := f.one(ctx, h, u, p)
		if err != nil || next == nil {
			return h, err
		}
		u = next
	}
	return f.hosts.of(u), &Refusal{Reason: BadStatus, Err: fmt.Errorf("more than %d redirects", maxHops)}
}

// one makes one request. It returns where to go next, or nil where the picture
// has come.
func (f *fetcher) one(ctx context.Context, h *host, u *url.URL, p *partial) (next *url.URL, err error) {
	release, err := h.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := f.checkRobots(ctx, h, u); err != nil {
		return nil, &Refusal{Reason: Robots, Err: err}
	}
	// Whoever waits for a host holds no worker up.
	select {
	case f.workers <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-f.workers }()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := time.AfterFunc(f.o.Timeout, func() { cancel(errSlow) })
	defer limit.Stop()
	stall := time.AfterFunc(f.o.Stall, func() { cancel(errSlow) })
	defer stall.Stop()
	next, err = f.ask(ctx, u, p, func() { stall.Reset(f.o.Stall) })
	if err != nil && context.Cause(ctx) == errSlow {
		err = errSlow
	}
	var status *statusError
	if errors.As(err, &status) && status.busy() {
		h.pause(min(status.retryAfter, f.o.MaxWait)) // before the next one has its turn
	}
	return next, err
}

func (f *fetcher) ask(ctx context.Context, u *url.URL, p *partial, alive func()) (next *url.URL, err error) {
	req, err := f.request(ctx, u.String())
	if err != nil {
		return nil, err
	}
	p.prepare(req)
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if rule := forbiddenBy(resp.Header); rule != "" && !f.o.IgnoreRobots {
		return nil, &Refusal{Reason: NoIndex, Err: errors.New(rule)}
	}
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		location, err := resp.Location()
		if err != nil {
			return nil, newStatusError(resp)
		}
		if next, err = webAddress(location.String()); err != nil {
			return nil, &Refusal{Reason: BadURL, Err: fmt.Errorf("redirect: %w", err)}
		}
		return next, nil
	case http.StatusOK, http.StatusPartialContent:
		return nil, f.read(resp, p, alive)
	case http.StatusRequestedRangeNotSatisfiable:
		p.restart()
		return nil, errMoved
	}
	return nil, newStatusError(resp)
}

// prepare asks for the rest where a beginning is there.
func (p *partial) prepare(req *http.Request) {
	if p.body.Len() > 0 && p.validator != "" && p.from == req.URL.String() {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", p.body.Len()))
		req.Header.Set("If-Range", p.validator)
		return
	}
	p.restart()
}

func (p *partial) restart() {
	p.body.Reset()
	p.from, p.validator = "", ""
}

// read appends the answer's body, which may be the rest of one.
func (f *fetcher) read(resp *http.Response, p *partial, alive func()) error {
	if resp.StatusCode == http.StatusPartialContent {
		if start := fmt.Sprintf("bytes %d-", p.body.Len()); p.body.Len() == 0 || !strings.HasPrefix(resp.Header.Get("Content-Range"), start) {
			p.restart()
			return errMoved
		}
	} else {
		p.restart()
	}
	room := f.o.Limits.Bytes - int64(p.body.Len())
	if resp.ContentLength > room {
		return f.tooBig()
	}
	body := io.Reader(&watched{resp.Body, alive})
	switch strings.ToLower(resp.Header.Get("Content-Encoding")) {
	case "", "identity":
		p.from, p.validator = resp.Request.URL.String(), strongValidator(resp.Header)
	case "gzip", "x-gzip": // though we did not ask for it
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return &Refusal{Reason: NotAPicture, Err: err}
		}
		body = unzipped
	default:
		return &Refusal{Reason: NotAPicture, Err: fmt.Errorf("content encoding %q", resp.Header.Get("Content-Encoding"))}
	}
	if resp.ContentLength > 0 {
		p.body.Grow(int(min(resp.ContentLength, 1<<20)))
	}
	n, err := p.body.ReadFrom(io.LimitReader(body, room+1))
	if n > room {
		return f.tooBig()
	}
	return err
}

func (f *fetcher) tooBig() error {
	return &Refusal{Reason: TooBig, Err: fmt.Errorf("more than the limit of %d bytes", f.o.Limits.Bytes)}
}

// strongValidator is what If-Range may name (RFC 9110, 13.1.5).
func strongValidator(h http.Header) string {
	if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return ""
}

// watched calls alive whenever bytes have come.
type watched struct {
	r     io.Reader
	alive func()
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if n > 0 {
		w.alive()
	}
	return n, err
}

// refusal classes err.
func refusal(address string, err error) *Refusal {
	var known *Refusal
	var status *statusError
	var private privateAddressError
	var network net.Error
	var long *url.Error // repeats the address
	if errors.As(err, &long) {
		err = long.Err
	}
	switch {
	case errors.As(err, &private): // also where robots.txt was to be had there
		return &Refusal{address, PrivateAddress, private}
	case errors.As(err, &known):
		known.URL = address
		return known
	case errors.As(err, &status):
		return &Refusal{address, BadStatus, err}
	case errors.Is(err, errHostDown):
		return &Refusal{address, HostDown, err}
	case errors.Is(err, errSlow), errors.As(err, &network) && network.Timeout():
		return &Refusal{address, TooSlow, err}
	}
	return &Refusal{address, Broken, err}
}
