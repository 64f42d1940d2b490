package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	_ "image/jpeg"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/argus-go/argus"
)

// first prints how long a program takes from its start until a model file is
// loaded and until it has told what a picture shows.
func first(start time.Time, model, photo string, out io.Writer) error {
	clf, err := argus.LoadClassifier(model)
	if err != nil {
		return err
	}
	loaded := time.Since(start)
	if _, err := clf.PredictFile(context.Background(), photo); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(map[string]any{"load_s": loaded.Seconds(), "predicted_s": time.Since(start).Seconds()})
}

// hundred prints the most memory that a program had which loads a model file and
// predicts a hundred pictures one by one, and what Predict of a decoded picture
// allocates when it is warm. Memory is in bytes, the peak 0 where the system does
// not tell.
func hundred(model, photo string, out io.Writer) error {
	clf, err := argus.LoadClassifier(model)
	if err != nil {
		return err
	}
	const n = 100
	for range n {
		if _, err := clf.PredictFile(context.Background(), photo); err != nil {
			return err
		}
	}
	peak := highWater()
	data, err := os.ReadFile(photo)
	if err != nil {
		return err
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		if _, err := clf.Predict(context.Background(), img); err != nil {
			return err
		}
	}
	runtime.ReadMemStats(&after)
	return json.NewEncoder(out).Encode(map[string]any{
		"peak_bytes": peak, "classes": len(clf.Classes()),
		"bytes_per_predict":       (after.TotalAlloc - before.TotalAlloc) / n,
		"allocations_per_predict": (after.Mallocs - before.Mallocs) / n,
	})
}

// highWater is VmHWM of Linux.
func highWater() int {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.Atoi(strings.Fields(rest)[0])
			return 1024 * kb
		}
	}
	return 0
}
