package scrape

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// small answers each connection's requests with a picture of its own: a server that
// costs little beside what is measured.
func small(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	content := jpegOf(1)
	serve := func(c net.Conn) {
		defer c.Close()
		r := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if req.URL.Path == "/robots.txt" {
				fmt.Fprint(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
				continue
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%20s", len(content)+20, content, req.URL.Path)
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return "http://" + l.Addr().String()
}

// BenchmarkSmallPictures downloads, checks, stores and notes pictures from a
// server on loopback that runs on the same cores.
func BenchmarkSmallPictures(b *testing.B) {
	site := small(b)
	var results []Result
	for n := range b.N {
		results = append(results, Result{URL: fmt.Sprintf("%s/%d", site, n)})
	}
	o := quick()
	o.PerHost, o.Workers = 32, 32
	var most uint64
	options := Options{Folder: b.TempDir(), Download: o, Sources: []Source{list{"x", map[string][]Result{"cat": results}, nil}}}
	options.Progress = func(p Progress) {
		if p.Have%1000 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
		}
	}
	b.ResetTimer()
	began := time.Now()
	summary, err := Run(b.Context(), []Term{{Query: "cat", Count: b.N}}, options)
	require.NoError(b, err)
	require.Equal(b, b.N, summary.New, "%v", summary.Refused)
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "pictures/s")
	b.ReportMetric(float64(most)/1e6, "heap-MB")
}

// TestMemoryIsFlat compares the heap early and late in a run; what grows is the set
// of what is known, by some hundred bytes for each picture.
func TestMemoryIsFlat(t *testing.T) {
	site := small(t)
	const n = 1500
	var results []Result
	pad := strings.Repeat("x", 100)
	for i := range n {
		results = append(results, Result{URL: fmt.Sprintf("%s/%d?%s", site, i, pad)})
	}
	o := quick()
	o.PerHost, o.Workers = 32, 32
	heap := map[int]uint64{}
	options := Options{Folder: t.TempDir(), Download: o, Sources: []Source{list{"x", map[string][]Result{"cat": results}, nil}}}
	options.Progress = func(p Progress) {
		for _, at := range []int{n / 3, n - 50} {
			if p.Have >= at && heap[at] == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				heap[at] = m.HeapAlloc
			}
		}
	}
	_, err := Run(t.Context(), []Term{{Query: "cat", Count: n}}, options)
	require.NoError(t, err)
	require.Less(t, int64(heap[n-50])-int64(heap[n/3]), int64(4<<20))
}
