package serve

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"time"

	"github.com/argus-go/argus/internal/picture"
)

const (
	field = "img" // of the form
	// formBytes may a body be longer than its picture: boundaries, headers and
	// fields that nobody asked for.
	formBytes = 1 << 20
)

// requestError is the client's fault.
type requestError struct {
	status int
	err    error
}

func (e *requestError) Error() string { return "serve: " + e.err.Error() }
func (e *requestError) Unwrap() error { return e.err }

func badRequest(format string, args ...any) error {
	return &requestError{http.StatusBadRequest, fmt.Errorf(format, args...)}
}

// body reads the request's picture file.
func (h *handler) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limit := h.options.MaxBytes + formBytes
	if r.ContentLength > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	// A server that cannot set deadlines, as of a test, has its own.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(h.options.BodyTimeout))
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	data, err := h.file(r)
	if err == nil {
		// Only after the end of the body does net/http notice that the client
		// has gone.
		_, err = io.Copy(io.Discard, r.Body)
	}
	if err != nil {
		return nil, readError(err)
	}
	// The deadline would cancel the prediction.
	_ = control.SetReadDeadline(time.Time{})
	if len(data) == 0 {
		return nil, badRequest("picture is empty: want it as the body or as the form's field %q", field)
	}
	return data, nil
}

// file reads the form's picture, or the whole body where there is no form.
func (h *handler) file(r *http.Request) ([]byte, error) {
	limits := picture.Limits{Bytes: h.options.MaxBytes}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "multipart/form-data" {
		return picture.Read(r.Body, limits)
	}
	form, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	for {
		part, err := form.NextPart()
		if err == io.EOF {
			return nil, badRequest("form has no field %q", field)
		}
		if err != nil {
			return nil, err
		}
		if part.FormName() == field {
			return picture.Read(part, limits)
		}
	}
}

// readError classes what went wrong while a body was read.
func readError(err error) error {
	var known *requestError
	var long *http.MaxBytesError
	var refused *picture.Error
	switch {
	case errors.As(err, &known), errors.As(err, &long), errors.As(err, &refused):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &requestError{http.StatusRequestTimeout, errors.New("the request's body took too long")}
	}
	return badRequest("reading the request: %w", err)
}
