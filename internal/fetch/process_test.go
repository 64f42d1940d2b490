package fetch

import (
	"bufio"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var discard = log.New(io.Discard, "", 0)

const childURL = "FETCH_CHILD_URL" // set: this process only downloads

// TestChild is the other process of the tests below.
func TestChild(t *testing.T) {
	url := os.Getenv(childURL)
	if url == "" {
		t.Skip("runs as a process of its own")
	}
	f := File{URL: url, Hash: md5Of(content)}
	at, err := Get(t.Context(), f, Options{Cache: os.Getenv("FETCH_CHILD_CACHE"), Stall: 20 * time.Second}, nil)
	require.NoError(t, err)
	b, err := os.ReadFile(at)
	require.NoError(t, err)
	require.Equal(t, md5Of(content), md5Of(b))
}

func child(f File, o Options) *exec.Cmd {
	c := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
	c.Env = append(os.Environ(), childURL+"="+f.URL, "FETCH_CHILD_CACHE="+o.Cache)
	return c
}

// slowly sends b in twenty pieces.
func slowly(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		whole(b, `"v1"`)(&slowWriter{w}, r)
	}
}

type slowWriter struct{ http.ResponseWriter }

func (w *slowWriter) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		piece := b[:min(len(b), len(content)/20)]
		b = b[len(piece):]
		_, err = w.ResponseWriter.Write(piece)
		w.ResponseWriter.(http.Flusher).Flush()
		n += len(piece)
		time.Sleep(20 * time.Millisecond)
	}
	return n, err
}

func TestTwoProcessesEndWithOneGoodFile(t *testing.T) {
	s := serve(t, slowly(content))
	o := options(t)
	var children []*exec.Cmd
	var outputs []*strings.Builder
	for range 3 {
		c, out := child(s.file(), o), &strings.Builder{}
		c.Stdout, c.Stderr = out, out
		require.NoError(t, c.Start())
		children, outputs = append(children, c), append(outputs, out)
	}
	for i, c := range children {
		require.NoError(t, c.Wait(), outputs[i])
		require.Contains(t, outputs[i].String(), "--- PASS: TestChild")
	}
	requireGot(t, s.file(), o)
	require.Equal(t, []string{""}, s.ranges(), "one downloads, the others wait")
}

func TestAKilledProcessLeavesWhatTheNextGoesOnWith(t *testing.T) {
	s := serve(t, slowly(content))
	o := options(t)
	c := child(s.file(), o)
	stdout, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	waiting := child(s.file(), o) // takes over when the first is killed
	require.Eventually(t, func() bool {
		info, err := os.Stat(place(o, s.file()) + ".part")
		return err == nil && info.Size() > 30_000
	}, 20*time.Second, time.Millisecond)
	var out strings.Builder
	waiting.Stdout = &out
	require.NoError(t, waiting.Start())
	require.NoError(t, c.Process.Kill())
	io.Copy(io.Discard, bufio.NewReader(stdout))
	require.Error(t, c.Wait())
	require.NoFileExists(t, place(o, s.file()))

	require.NoError(t, waiting.Wait(), &out)
	requireGot(t, s.file(), o)
	ranges := s.ranges()
	require.Len(t, ranges, 2)
	require.Regexp(t, `^bytes=[1-9][0-9]{4,}-$`, ranges[1])
	require.Equal(t, `"v1"`, s.requests()[1].Get("If-Range"))
}
