package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"log"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// begin runs the program with args and returns where it listens. stop
// interrupts it and returns what run did.
func begin(t *testing.T, args ...string) (url string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	out, stderr := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), stderr) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, out) }()
	url = regexp.MustCompile(`http://\S+`).FindString(line)
	require.NotEmpty(t, url, line)
	return url, func() error { cancel(); return <-ended }
}

func TestServesImageNetOutOfTheBoxAndStopsWhenTold(t *testing.T) {
	url, stop := begin(t)
	var picture bytes.Buffer
	require.NoError(t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 32, 32))))
	r, err := http.Post(url, "image/png", &picture)
	require.NoError(t, err)
	defer r.Body.Close()
	require.Equal(t, http.StatusOK, r.StatusCode)
	var answer struct {
		Success     bool
		Predictions []struct {
			Label       string
			Probability float64
		}
	}
	require.NoError(t, json.NewDecoder(r.Body).Decode(&answer))
	require.True(t, answer.Success)
	require.Len(t, answer.Predictions, 5)
	for i, p := range answer.Predictions {
		require.NotEmpty(t, p.Label)
		require.Positive(t, p.Probability)
		require.LessOrEqual(t, p.Probability, answer.Predictions[max(0, i-1)].Probability)
	}
	require.NoError(t, stop())
	_, err = http.Post(url, "image/png", &picture)
	require.Error(t, err)
}

// A request that has begun is answered although the program was told to stop.
func TestShutdownWaitsForWhatHasBegun(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		for { // until nobody is let in any more
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				break
			}
			conn.Close()
		}
		_, _ = io.WriteString(w, "done")
	})
	go func() { ended <- serveUntil(ctx, listener, h, log.New(io.Discard, "", 0)) }()
	r, err := http.Get("http://" + listener.Addr().String())
	require.NoError(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, "done", string(body))
	require.NoError(t, <-ended)
}

func TestServesTheModelInTheProgram(t *testing.T) {
	clf, err := classifier("", files)
	require.NoError(t, err)
	var model bytes.Buffer
	_, err = clf.WriteTo(&model)
	require.NoError(t, err)

	held := fstest.MapFS{"model/own.argus": {Data: model.Bytes()}}
	own, err := classifier("", held)
	require.NoError(t, err)
	require.Equal(t, clf.Classes(), own.Classes())

	held["model/other.argus"] = held["model/own.argus"]
	_, err = classifier("", held)
	require.ErrorContains(t, err, "holds 2 models")
	_, err = classifier("", fstest.MapFS{"model/own.argus": {Data: model.Bytes()[:100]}})
	require.ErrorContains(t, err, "own.argus")
	_, err = classifier("missing.argus", held)
	require.ErrorContains(t, err, "missing.argus")
}

func TestArgumentsThatMeanNothingAreRefused(t *testing.T) {
	require.ErrorContains(t, run(t.Context(), []string{"photos"}, io.Discard), `unknown argument "photos"`)
	require.Error(t, run(t.Context(), []string{"-nonsense"}, io.Discard))
	require.Error(t, run(t.Context(), []string{"-addr", strings.Repeat("x", 3)}, io.Discard))
}
