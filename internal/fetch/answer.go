package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// temporary is an error after which one may try again.
type temporary struct {
	error
	after time.Duration // as the server asks
}

func (t *temporary) Unwrap() error { return t.error }

// broken is what a connection's error means.
func (d *download) broken(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errStall) {
		return &temporary{fmt.Errorf("%w: no byte came for %v, after %s", errStall, d.stall, d.count()), 0}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("the connection broke after %s: %w", d.count(), err)
	}
	var in *url.Error
	if errors.As(err, &in) { // who reads it knows the URL
		err = in.Err
	}
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	if errors.As(err, &certificate) || errors.As(err, &name) && name.IsNotFound {
		return err
	}
	return &temporary{err, 0}
}

// passing are the answers that another try may find changed.
var passing = []int{
	http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
	http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// status is the error of an answer without content.
func status(answer *http.Response) error {
	err := errors.New(answer.Status)
	if !slices.Contains(passing, answer.StatusCode) {
		return err
	}
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
	return &temporary{err, time.Duration(seconds) * time.Second}
}

// strongETag is "" where the server gives none that names bytes.
func strongETag(answer *http.Response) string {
	etag := answer.Header.Get("ETag")
	if !strings.HasPrefix(etag, `"`) {
		return ""
	}
	return etag
}

// contentRange is the place of an answer's first byte and the size of all, 0
// where that is not known; -1, 0 where the header says nothing.
func contentRange(answer *http.Response) (first, total int64) {
	var last int64
	header := answer.Header.Get("Content-Range")
	if n, _ := fmt.Sscanf(header, "bytes %d-%d/%d", &first, &last, &total); n < 2 {
		return -1, 0
	}
	return first, total
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
