package serve

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/internal/picture"
)

type success struct {
	Predictions []argus.Prediction `json:"predictions"`
	Success     bool               `json:"success"`
}

type failure struct {
	Success bool   `json:"success"`
	Error   string `json:"error"`
}

// answer writes the predictions or, if err, what became of them.
func (h *handler) answer(w http.ResponseWriter, r *http.Request, predictions []argus.Prediction, err error) {
	status := http.StatusOK
	var body []byte
	if err == nil {
		body, err = json.Marshal(success{append([]argus.Prediction{}, predictions...), true})
	}
	if err != nil {
		var message string
		status, message = statusOf(err)
		if status == http.StatusInternalServerError {
			h.failed(r, err)
		}
		body, _ = json.Marshal(failure{false, message})
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // who has gone is not told
}

func (h *handler) failed(r *http.Request, err error) {
	for _, hooks := range h.hooks {
		if hooks.Failed != nil {
			hooks.Failed(r, err)
		}
	}
}

// statusOf is the HTTP status of err and what the client is told of it.
func statusOf(err error) (int, string) {
	var request *requestError
	var long *http.MaxBytesError
	var refused *picture.Error
	switch {
	case errors.As(err, &request):
		return request.status, err.Error()
	case errors.As(err, &long):
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("serve: request is longer than %d bytes", long.Limit)
	case errors.As(err, &refused):
		return cmp.Or(reasonStatus[refused.Reason], http.StatusUnprocessableEntity), "serve: " + refused.Error()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable, "serve: the request was cancelled before its answer"
	}
	return http.StatusInternalServerError, "serve: internal error"
}

var reasonStatus = map[picture.Reason]int{
	picture.TooManyBytes:  http.StatusRequestEntityTooLarge,
	picture.TooManyPixels: http.StatusRequestEntityTooLarge,
	picture.NotAPicture:   http.StatusUnsupportedMediaType,
	picture.Damaged:       http.StatusUnprocessableEntity,
}
