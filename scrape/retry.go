package scrape

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Patience says how often, and after which waits, a request is made again.
type Patience struct {
	// Retries follow the first attempt, where the failure may pass: a broken
	// connection, a time-out, status 408, 425, 429, 500, 502, 503 or 504.
	// 0 means 3, a negative number none.
	Retries int `json:"retries,omitempty"`
	// Backoff is the first wait, doubled with each further one, each drawn
	// between half and the whole: 500 ms where it is 0. A Retry-After of the
	// server takes its place.
	Backoff time.Duration `json:"backoff,omitempty"`
	// MaxWait is the longest Retry-After that is heeded: 2 minutes where it is
	// 0. A server that wants more is asked no more.
	MaxWait time.Duration `json:"max_wait,omitempty"`
}

func (p Patience) withDefaults() Patience {
	p.Retries = orDefault(p.Retries, 3)
	p.Backoff = orDefault(p.Backoff, 500*time.Millisecond)
	p.MaxWait = orDefault(p.MaxWait, 2*time.Minute)
	return p
}

// orDefault is v, standard for 0, and 0 for what is negative.
func orDefault[T int | int64 | float64 | time.Duration](v, standard T) T {
	switch {
	case v == 0:
		return standard
	case v < 0:
		return 0
	}
	return v
}

// wait is how long to wait before attempt (1 is the first repetition).
func (p Patience) wait(attempt int) time.Duration {
	d := min(p.Backoff<<min(attempt-1, 16), p.MaxWait)
	return d/2 + time.Duration(rand.Int64N(int64(d/2)+1))
}

// statusError is an answer that is none.
type statusError struct {
	status     int
	retryAfter time.Duration // 0: not said
	body       string        // its beginning, of an API
}

func (e *statusError) Error() string {
	text := strconv.Itoa(e.status) + " " + http.StatusText(e.status)
	if e.body != "" {
		text += ": " + e.body
	}
	return text
}

func (e *statusError) busy() bool {
	return e.status == http.StatusTooManyRequests || e.status == http.StatusServiceUnavailable
}

func newStatusError(resp *http.Response) *statusError {
	return &statusError{status: resp.StatusCode, retryAfter: retryAfter(resp.Header, time.Now())}
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(max(0, min(seconds, 1<<31))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// passing says whether err may be gone at the next attempt.
func passing(err error) bool {
	var status *statusError
	if errors.As(err, &status) {
		switch status.status {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	var refused *Refusal
	var private privateAddressError
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &refused), errors.As(err, &private), errors.As(err, &certificate), errors.As(err, &authority):
		return false
	case errors.As(err, &dns):
		return !dns.IsNotFound
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, errSlow) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, errMoved)
}

// sleep waits, or returns ctx's error.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
