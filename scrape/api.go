package scrape

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"iter"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// API says how a service is asked. Its zero value is right for the public ones.
type API struct {
	// BaseURL takes the place of the service's own address, without what is
	// behind its host name.
	BaseURL string `json:"base_url,omitempty"`
	// UserAgent is sent with each request; some services ask for an address to
	// write to in it. By default it is that of Download.
	UserAgent string `json:"user_agent,omitempty"`
	// Timeout is for one attempt, 30 s where it is 0.
	Timeout time.Duration `json:"timeout,omitempty"`
	Patience
}

const maxAnswer = 16 << 20 // bytes of JSON

// question is one request to a service. Keys go with it, so no error repeats it.
type question struct {
	path   string
	values url.Values
	header http.Header
	// verdict looks at an answer of whatever status; nil goes by the status.
	verdict func(status int, body []byte) error
}

// ask gets the answer to q into answer.
func (a API) ask(ctx context.Context, home string, q question, answer any) error {
	a.Patience = a.Patience.withDefaults()
	at := strings.TrimSuffix(cmp.Or(a.BaseURL, home), "/") + q.path + "?" + q.values.Encode()
	for attempt := 1; ; attempt++ {
		body, err := a.once(ctx, at, q)
		if err == nil {
			if err := json.Unmarshal(body, answer); err != nil {
				return fmt.Errorf("%w: %v", ErrAnswer, err)
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var status *statusError
		wait := a.wait(attempt)
		if errors.As(err, &status) && status.retryAfter > 0 {
			wait = status.retryAfter
		}
		if !passing(err) || attempt > a.Retries || wait > a.MaxWait {
			return asSentinel(err)
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// asSentinel adds what a caller can act on.
func asSentinel(err error) error {
	var status *statusError
	if errors.As(err, &status) {
		switch status.status {
		case http.StatusUnauthorized, http.StatusForbidden:
			return fmt.Errorf("%w: %w", ErrKey, err)
		case http.StatusTooManyRequests:
			return fmt.Errorf("%w: %w", ErrQuota, err)
		}
	}
	return err
}

func (a API) once(ctx context.Context, at string, q question) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(a.Timeout, 30*time.Second), errSlow)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, errors.New("its address cannot be parsed")
	}
	for name, values := range q.header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", cmp.Or(a.UserAgent, userAgent))
	req.Header.Set("Accept", "application/json")
	client := http.Client{CheckRedirect: sameHost}
	resp, err := client.Do(req)
	if err != nil {
		return nil, a.plain(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, a.plain(ctx, err)
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrAnswer, maxAnswer)
	}
	if q.verdict != nil {
		if err := q.verdict(resp.StatusCode, body); err != nil {
			return nil, err
		}
	}
	if resp.StatusCode != http.StatusOK {
		status := newStatusError(resp)
		status.body = beginning(body)
		return nil, status
	}
	return body, nil
}

// sameHost keeps keys from going elsewhere.
func sameHost(req *http.Request, via []*http.Request) error {
	if from := via[0].URL; req.URL.Host != from.Host || req.URL.Scheme != from.Scheme || len(via) > maxHops {
		return fmt.Errorf("%w: a redirect to %s", ErrAnswer, req.URL.Host)
	}
	return nil
}

// plain is err without the address, in which there may be a key.
func (a API) plain(ctx context.Context, err error) error {
	if context.Cause(ctx) == errSlow {
		return errSlow
	}
	var long *url.Error
	if errors.As(err, &long) {
		return long.Err
	}
	return err
}

// beginning is what fits into a message.
func beginning(body []byte) string {
	text := strings.Join(strings.Fields(string(body[:min(len(body), 300)])), " ")
	return strings.ToValidUTF8(text, "")
}

// paged is the loop of every service: next returns a page and whether there may
// be more.
func paged(next func(page int) (results []Result, more bool, err error)) iter.Seq2[[]Result, error] {
	return func(yield func([]Result, error) bool) {
		for page := 0; ; page++ {
			results, more, err := next(page)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(results) > 0 && !yield(results, nil) || !more {
				return
			}
		}
	}
}

var tag = regexp.MustCompile(`<[^>]*>`)

// textOf is what a piece of HTML says.
func textOf(markup string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tag.ReplaceAllString(markup, " "))), " ")
}

// anError reads error objects: {"error":{"code":…,"message":…}}.
func anError(body []byte) (code, message string) {
	var answer struct {
		Error struct {
			Code    any    `json:"code"`
			Message string `json:"message"`
			Info    string `json:"info"`
			Errors  []struct {
				Reason string `json:"reason"`
			} `json:"errors"`
		} `json:"error"`
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&answer); err != nil || answer.Error.Code == nil {
		return "", ""
	}
	code = fmt.Sprint(answer.Error.Code)
	if len(answer.Error.Errors) > 0 {
		code = cmp.Or(answer.Error.Errors[0].Reason, code)
	}
	return code, cmp.Or(answer.Error.Message, answer.Error.Info)
}
