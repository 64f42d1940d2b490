// Package serve answers HTTP requests with the predictions of a classifier.
//
// A picture comes as the field img of a multipart form or as the whole body of a
// POST. The answer is
//
//	{"predictions":[{"label":"cat","probability":0.93},…],"success":true}
//
// the most probable class first, or {"success":false,"error":"…"} with status
//
//	400  no picture in the request, or a broken form
//	405  neither POST nor OPTIONS
//	408  the body took longer than Options.BodyTimeout
//	413  too many bytes or pixels
//	415  not a picture of a known format
//	422  a damaged picture
//	500  the predictor failed; see Hooks
//	503  the request was cancelled, or its deadline passed, before the answer
//
// Pages of any origin may ask (CORS).
package serve

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/internal/picture"
)

// A Predictor classifies the picture file that r holds, the most probable class
// first. It is used by many goroutines. *argus.Classifier is one.
type Predictor interface {
	PredictReader(ctx context.Context, r io.Reader) ([]argus.Prediction, error)
}

// Options bounds what a request may ask for. Zero, or less, means the default.
type Options struct {
	MaxBytes  int64 `json:"max_bytes,omitempty"`  // of a picture file; default 10,000,000
	MaxPixels int   `json:"max_pixels,omitempty"` // width × height; default 50,000,000
	Top       int   `json:"top,omitempty"`        // predictions in an answer; default all

	// Concurrent is the number of pictures decoded and classified at a time;
	// other requests wait. Default GOMAXPROCS. Each takes 5 to 11 bytes a pixel.
	Concurrent int `json:"concurrent,omitempty"`
	// BodyTimeout is how long a request's body may take to arrive. Default 30 s.
	BodyTimeout time.Duration `json:"body_timeout,omitempty"`
}

// Hooks are called by many goroutines. Any of them may be nil.
type Hooks struct {
	// Failed is told why a request was answered with status 500; the client is
	// not.
	Failed func(*http.Request, error)
}

// Handler serves p with the default options.
func Handler(p Predictor) http.Handler { return New(p, Options{}) }

// New serves p.
func New(p Predictor, o Options, hooks ...Hooks) http.Handler {
	o.MaxBytes = orDefault(o.MaxBytes, 10_000_000)
	o.MaxPixels = orDefault(o.MaxPixels, 50_000_000)
	o.Concurrent = orDefault(o.Concurrent, runtime.GOMAXPROCS(0))
	o.BodyTimeout = orDefault(o.BodyTimeout, 30*time.Second)
	return &handler{p, o, hooks, make(chan struct{}, o.Concurrent)}
}

func orDefault[T ~int | ~int64](value, byDefault T) T {
	if value <= 0 {
		return byDefault
	}
	return value
}

type handler struct {
	predictor Predictor
	options   Options
	hooks     []Hooks
	busy      chan struct{} // one token a prediction
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	switch r.Method {
	case http.MethodPost:
		predictions, err := h.predict(w, r)
		h.answer(w, r, predictions, err)
	case http.MethodOptions:
		w.Header().Set("Allow", allowed)
		w.Header().Set("Access-Control-Allow-Methods", allowed)
		w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
		w.Header().Set("Access-Control-Max-Age", "86400") // seconds
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", allowed)
		h.answer(w, r, nil, &requestError{http.StatusMethodNotAllowed, fmt.Errorf("method is %s, want POST", r.Method)})
	}
}

const allowed = "POST, OPTIONS"

// predict classifies the request's picture. A panic of the predictor is an
// error with its stack.
func (h *handler) predict(w http.ResponseWriter, r *http.Request) (_ []argus.Prediction, err error) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler: // net/http's own way out
			panic(v)
		default:
			err = fmt.Errorf("serve: panic: %v\n%s", v, debug.Stack())
		}
	}()
	data, err := h.body(w, r)
	if err != nil {
		return nil, err
	}
	// Cheap, from the header: what will be refused need not wait.
	if _, err := picture.Pixels(data, picture.Limits{Pixels: h.options.MaxPixels}); err != nil {
		return nil, err
	}
	select {
	case h.busy <- struct{}{}:
		defer func() { <-h.busy }()
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	predictions, err := h.predictor.PredictReader(r.Context(), bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if h.options.Top > 0 && len(predictions) > h.options.Top {
		predictions = predictions[:h.options.Top]
	}
	return predictions, nil
}
