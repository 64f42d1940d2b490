package scrape

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"math"
	"net"
	"net/http"
	"runtime"
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

// endless finds any number of pictures at a site and keeps none of them.
type endless string

func (endless) Name() string { return "endless" }

func (site endless) Search(context.Context, string) iter.Seq2[[]Result, error] {
	return func(yield func([]Result, error) bool) {
		for n := 0; ; {
			var page []Result
			for range 100 {
				page = append(page, Result{URL: fmt.Sprintf("%s/%d", string(site), n)})
				n++
			}
			if !yield(page, nil) {
				return
			}
		}
	}
}

// download gets n pictures from a server on loopback that runs on the same cores,
// and returns by how many bytes the live heap grows with each one.
func download(tb testing.TB, n int) (growth float64) {
	o := quick()
	o.PerHost, o.Workers = 32, 32
	options := Options{Folder: tb.TempDir(), Download: o, Sources: []Source{endless(small(tb))}}
	live := map[int]uint64{} // heap by pictures
	options.Progress = func(p Progress) {
		for _, at := range []int{n / 3, n - 50} {
			if p.Have >= at && live[at] == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				live[at] = m.HeapAlloc
			}
		}
	}
	summary, err := Run(tb.Context(), []Term{{Query: "cat", Count: n}}, options)
	require.NoError(tb, err)
	require.Equal(tb, n, summary.New, "%v", summary.Refused)
	return float64(int64(live[n-50])-int64(live[n/3])) / float64(n-50-n/3)
}

// BenchmarkSmallPictures downloads, checks, stores and notes pictures.
func BenchmarkSmallPictures(b *testing.B) {
	began := time.Now()
	growth := download(b, max(b.N, 150))
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "pictures/s")
	b.ReportMetric(growth, "live-B/picture")
}

// TestMemoryIsFlat: what grows is the set of what is known, of a few dozen bytes
// for each of content, address and page.
func TestMemoryIsFlat(t *testing.T) {
	least := math.Inf(1) // on a busy machine requests are still in flight when memory is looked at
	for range 3 {
		if least = min(least, download(t, 1500)); least < 1000 {
			return
		}
	}
	require.Less(t, least, 1000.)
}
