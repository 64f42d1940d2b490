package scrape

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/temoto/robotstxt"
)

const (
	robotsName     = "argus-scrape" // the product token of RFC 9309
	robotsBytes    = 500 << 10      // RFC 9309, 2.5: at least 500 KiB are read
	robotsTimeout  = 15 * time.Second
	longestBetween = 30 * time.Second // of Crawl-delay
)

// robots is one host's robots.txt, read once.
type robots struct {
	mu   sync.Mutex
	read bool
	data *robotstxt.RobotsData // nil: unreachable, all is forbidden (RFC 9309, 2.3.1.4)
	err  error
}

// checkRobots says why u may not be read.
func (f *fetcher) checkRobots(ctx context.Context, h *host, u *url.URL) error {
	if f.o.IgnoreRobots {
		return nil
	}
	r := &h.robots
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.read {
		data, err := f.readRobots(ctx, u)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.read, r.data, r.err = true, data, err
		if data != nil {
			h.slower(min(data.FindGroup(robotsName).CrawlDelay, longestBetween))
		}
	}
	if r.data == nil {
		return fmt.Errorf("it cannot be read: %w", r.err)
	}
	if !r.data.TestAgent(u.RequestURI(), robotsName) {
		return fmt.Errorf("forbids %s", u.EscapedPath())
	}
	return nil
}

func (f *fetcher) readRobots(ctx context.Context, u *url.URL) (*robotstxt.RobotsData, error) {
	ctx, cancel := context.WithTimeout(ctx, robotsTimeout)
	defer cancel()
	at := url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/robots.txt"}
	req, err := f.request(ctx, at.String())
	if err != nil {
		return nil, err
	}
	client := *f.client
	client.CheckRedirect = nil // up to ten hops, each through the same dialler
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, robotsBytes))
	if err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		return nil, newStatusError(resp)
	case resp.StatusCode/100 != 2:
		return robotstxt.FromBytes(nil) // none: everything is allowed
	}
	return robotstxt.FromBytes(rules(body))
}

// rules are the lines that the parser is for: it refuses a whole file for one
// odd line, which RFC 9309 would have passed over.
func rules(body []byte) []byte {
	var kept bytes.Buffer
	for line := range strings.Lines(string(body)) {
		key, value, ok := strings.Cut(line, ":")
		switch strings.ToLower(strings.TrimSpace(strings.TrimPrefix(key, "\ufeff"))) {
		case "user-agent", "allow", "disallow":
		case "crawl-delay":
			seconds, _, _ := strings.Cut(value, "#")
			if _, err := time.ParseDuration(strings.TrimSpace(seconds) + "s"); err != nil {
				continue
			}
		default:
			continue
		}
		if ok {
			kept.WriteString(strings.TrimPrefix(strings.TrimRight(line, "\r\n"), "\ufeff") + "\n")
		}
	}
	return kept.Bytes()
}

// forbiddenBy returns the rule of X-Robots-Tag that keeps a picture out of
// indexes or training, or "".
func forbiddenBy(h http.Header) string {
	for _, value := range h.Values("X-Robots-Tag") {
		ours := true
		for _, part := range strings.Split(strings.ToLower(value), ",") {
			part = strings.TrimSpace(part)
			if name, rule, scoped := strings.Cut(part, ":"); scoped && !hasValue[strings.TrimSpace(name)] {
				ours = strings.TrimSpace(name) == robotsName || strings.TrimSpace(name) == "*"
				part = strings.TrimSpace(rule)
			}
			if ours && (part == "noai" || part == "noimageai" || part == "noindex" || part == "noimageindex" || part == "none") {
				return part
			}
		}
	}
	return ""
}

// hasValue are rules with a colon, which others have after a crawler's name.
var hasValue = map[string]bool{"unavailable_after": true, "max-snippet": true, "max-image-preview": true, "max-video-preview": true}
