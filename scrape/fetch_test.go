package scrape

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// reasonOf gets one address and returns the reason of the refusal, "" for none.
func reasonOf(t testing.TB, o Download, address string) (reason Reason, body []byte) {
	t.Helper()
	f, err := newFetcher(o)
	require.NoError(t, err)
	defer f.close()
	var b bytes.Buffer
	err = f.get(t.Context(), address, &b)
	if err == nil {
		return "", b.Bytes()
	}
	var refusal *Refusal
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, address, refusal.URL)
	require.NotEmpty(t, refusal.Error())
	return refusal.Reason, b.Bytes()
}

// impatient leaves a server soon.
func impatient() Download {
	o := once()
	o.Stall, o.Timeout = 60*time.Millisecond, 250*time.Millisecond
	return o
}

// once tries again but once.
func once() Download {
	o := quick()
	o.Retries = 1
	return o
}

func TestServersThatStallAreLeft(t *testing.T) {
	s := newSite(t)
	hang := func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush(); <-r.Context().Done() }
	s.mux.HandleFunc("/at/once", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	s.mux.HandleFunc("/after/header", hang)
	s.mux.HandleFunc("/in/body", func(w http.ResponseWriter, r *http.Request) { w.Write(jpegOf(1)[:100]); hang(w, r) })
	s.mux.HandleFunc("/drip", func(w http.ResponseWriter, r *http.Request) {
		for range 100 {
			if r.Context().Err() != nil {
				return
			}
			w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	})
	s.mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/at/once", http.StatusFound) })
	for _, path := range []string{"/at/once", "/after/header", "/in/body", "/drip", "/redirect"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			reason, _ := reasonOf(t, impatient(), s.URL+path)
			require.Equal(t, TooSlow, reason)
			require.Less(t, time.Since(began), 20*time.Second)
		})
	}
}

// raw answers every connection with the same bytes and closes it.
func raw(t testing.TB, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.Read(make([]byte, 4096))
				io.WriteString(c, answer)
			}()
		}
	}()
	return "http://" + l.Addr().String() + "/x.jpg"
}

func TestAnswersThatBreakOffOrLieAreRefused(t *testing.T) {
	o := once()
	o.IgnoreRobots = true // it would break off as well
	for name, answer := range map[string]string{
		"nothing":            "",
		"no HTTP":            "hello",
		"half a head":        "HTTP/1.1 200 OK\r\nContent-Le",
		"half a body":        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + string(jpegOf(1)[:500]),
		"half a chunk":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nabc",
		"a negative length":  "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc",
		"two lengths":        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"an endless head":    "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20),
		"a length past 2^63": "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nabc",
	} {
		reason, _ := reasonOf(t, o, raw(t, answer))
		require.Equal(t, Broken, reason, name)
	}
	reason, body := reasonOf(t, o, raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef"))
	require.Equal(t, Reason(""), reason)
	require.Equal(t, "abc", string(body), "what is behind the length is not the picture")
}

func TestABodyThatBreaksOffIsContinuedWhereItEnded(t *testing.T) {
	want := bytes.Repeat(jpegOf(3), 50)
	half := len(want) / 2
	for name, c := range map[string]struct {
		tags   [2]string // of the first and the second answer
		ranged bool      // whether the second continues
	}{
		"with a strong ETag":      {[2]string{`"a"`, `"a"`}, true},
		"when the file changed":   {[2]string{`"a"`, `"b"`}, true}, // asks, but gets the whole
		"not with a weak one":     {[2]string{`W/"a"`, `W/"a"`}, false},
		"not without a validator": {[2]string{"", ""}, false},
	} {
		s := newSite(t)
		var asked atomic.Int32
		s.mux.HandleFunc("/big", func(w http.ResponseWriter, r *http.Request) {
			n := asked.Add(1)
			if tag := c.tags[min(n, 2)-1]; tag != "" {
				w.Header().Set("ETag", tag)
			}
			if n == 1 {
				w.Header().Set("Content-Length", strconv.Itoa(len(want)))
				w.Write(want[:half])
				panic(http.ErrAbortHandler)
			}
			require.Equal(t, c.ranged, r.Header.Get("Range") == fmt.Sprintf("bytes=%d-", half), name)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(want))
		})
		reason, body := reasonOf(t, once(), s.URL+"/big")
		require.Equal(t, Reason(""), reason, name)
		require.True(t, bytes.Equal(want, body), name)
		require.EqualValues(t, 2, asked.Load(), name)
	}
}

func TestAContinuationFromElsewhereStartsAnew(t *testing.T) {
	want := bytes.Repeat(jpegOf(3), 50)
	s := newSite(t)
	var asked atomic.Int32
	s.mux.HandleFunc("/big", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"a"`)
		switch asked.Add(1) {
		case 1:
			w.Header().Set("Content-Length", strconv.Itoa(len(want)))
			w.Write(want[:1000])
			panic(http.ErrAbortHandler)
		case 2:
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 5-%d/%d", len(want)-1, len(want)))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(want[5:])
		default:
			require.Empty(t, r.Header.Get("Range"))
			w.Write(want)
		}
	})
	o := once()
	o.Retries = 2
	reason, body := reasonOf(t, o, s.URL+"/big")
	require.Equal(t, Reason(""), reason)
	require.True(t, bytes.Equal(want, body))
}

func TestWhatIsTooBigIsLeftAtTheLimit(t *testing.T) {
	s := newSite(t)
	var sent atomic.Int64
	endless := func(w http.ResponseWriter, r *http.Request) {
		for block := make([]byte, 64<<10); r.Context().Err() == nil; {
			n, err := w.Write(block)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	}
	s.mux.HandleFunc("/endless", endless)
	s.mux.HandleFunc("/says", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10000000000")
		endless(w, r)
	})
	var part bytes.Buffer
	z := gzip.NewWriter(&part)
	_, err := io.CopyN(z, zeros{}, 8<<20)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	bomb := bytes.Repeat(part.Bytes(), 128) // a gigabyte in a megabyte
	s.mux.HandleFunc("/bomb", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb)
	})
	s.mux.HandleFunc("/zipped", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		z.Write(jpegOf(1))
		z.Close()
	})
	o := quick()
	o.Limits.Bytes = 1_000_000
	for _, path := range []string{"/endless", "/says", "/bomb"} {
		reason, body := reasonOf(t, o, s.URL+path)
		require.Equal(t, TooBig, reason, path)
		require.LessOrEqual(t, cap(body), 4_000_000, path)
	}
	require.Less(t, sent.Load(), int64(20<<20), "the rest is not waited for")
	reason, body := reasonOf(t, o, s.URL+"/zipped")
	require.Equal(t, Reason(""), reason)
	require.Equal(t, jpegOf(1), body)
}

// pngHeader is a PNG of w×h pixels without any.
func pngHeader(w, h uint32) []byte {
	ihdr := binary.BigEndian.AppendUint32([]byte("IHDR"), w)
	ihdr = append(binary.BigEndian.AppendUint32(ihdr, h), 8, 2, 0, 0, 0)
	out := binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), 13)
	return binary.BigEndian.AppendUint32(append(out, ihdr...), crc32.ChecksumIEEE(ihdr))
}

func TestContentIsSniffedAndNamesAreNotTrusted(t *testing.T) {
	s := newSite(t)
	served := map[string][]byte{
		"page.jpg": []byte("<!DOCTYPE html><html>not found</html>"), "empty.jpg": {}, "bomb.png": pngHeader(60000, 60000),
		"vector.svg": []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), "half.jpg": jpegOf(7)[:10], "photo.png": jpegOf(8),
		"photo.php": pngOf(9), "../../passwd.jpg": jpegOf(10),
	}
	var results []Result
	s.mux.HandleFunc("/g", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "image/jpeg")
		w.Header().Set("Content-Disposition", `attachment; filename="../../evil.jpg"`)
		w.Write(served[r.URL.Query().Get("n")])
	})
	for name := range served {
		results = append(results, Result{URL: s.URL + "/g?n=" + url.QueryEscape(name), Page: s.URL})
	}
	folder := t.TempDir()
	summary, err := Run(t.Context(), []Term{{Query: "cat"}}, Options{Folder: folder, Download: quick(), Sources: []Source{list{"x", map[string][]Result{"cat": results}, nil}}})
	require.NoError(t, err)
	require.Equal(t, map[Reason]int{NotAPicture: 4, TooBig: 1}, summary.Refused)
	var formats []string
	for _, p := range requireSound(t, folder) {
		formats = append(formats, p.Format+p.Path[len(p.Path)-4:])
	}
	require.ElementsMatch(t, []string{"jpeg.jpg", "jpeg.jpg", "png.png"}, formats)
}

// A name in front of a server on loopback stands for a public one: all other
// connections go through the dialler as it is.
func fetcherWithPublic(o Download, name, address string) *fetcher {
	o.AllowPrivate = nil
	f, err := newFetcher(o)
	if err != nil {
		panic(err)
	}
	transport := f.client.Transport.(*http.Transport)
	guarded := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == name+":80" {
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		return guarded(ctx, network, addr)
	}
	return f
}

func TestNoRedirectLeadsToAPrivateAddress(t *testing.T) {
	s := newSite(t)
	inside := newSite(t)
	var reached atomic.Int32
	inside.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { reached.Add(1); w.Write(jpegOf(1)) })
	s.mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.Query().Get("u"))
		w.WriteHeader(http.StatusFound)
	})
	_, port, _ := net.SplitHostPort(inside.Listener.Addr().String())
	f := fetcherWithPublic(once(), "public.example", s.Listener.Addr().String())
	defer f.close()
	reason := func(address string) Reason {
		var b bytes.Buffer
		err := f.get(t.Context(), address, &b)
		var refusal *Refusal
		if err == nil {
			return ""
		}
		require.ErrorAs(t, err, &refusal)
		return refusal.Reason
	}
	require.Equal(t, Reason(""), reason("http://public.example/p/1.jpg"))
	require.Equal(t, Reason(""), reason("http://public.example/to?u=/p/2.jpg"))
	for _, private := range []string{
		"http://127.0.0.1:" + port, "http://localhost:" + port, "http://[::1]:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://0.0.0.0:" + port,
		"http://2130706433:" + port, "http://127.1:" + port, "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://10.0.0.1/",
		"http://100.100.100.200/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
	} {
		want := PrivateAddress
		if strings.Contains(private, "2130706433") || strings.Contains(private, "//127.1:") {
			want = "" // a number, to some resolvers: whatever it means, it is not reached
		}
		for _, address := range []string{private, "http://public.example/to?u=" + url.QueryEscape(private)} {
			if got := reason(address); want != "" {
				require.Equal(t, want, got, address)
			} else {
				require.NotEmpty(t, got, address)
			}
		}
	}
	for _, elsewhere := range []string{"file:///etc/passwd", "ftp://public.example/", "http://u:p@public.example/p/1.jpg", "gopher://x", "data:image/png;base64,AAAA"} {
		require.Equal(t, BadURL, reason("http://public.example/to?u="+url.QueryEscape(elsewhere)), elsewhere)
		require.Equal(t, BadURL, reason(elsewhere))
	}
	require.Equal(t, BadStatus, reason("http://public.example/to?u=/to"), "a redirect without aim")
	require.Zero(t, reached.Load())
}

func TestNegativeNumbersMeanNoLimit(t *testing.T) {
	s := newSite(t)
	o := quick()
	o.Timeout, o.Stall, o.Rate, o.Retries, o.Backoff, o.MaxWait, o.Workers, o.PerHost = -1, -1, -1, -1, -1, -1, -1, -1
	reason, body := reasonOf(t, o, s.URL+"/p/1.jpg")
	require.Equal(t, Reason(""), reason)
	require.Equal(t, jpegOf(1), body)
}

func TestRedirectsInACircleEnd(t *testing.T) {
	s := newSite(t)
	var asked atomic.Int32
	s.mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Redirect(w, r, "/round", http.StatusMovedPermanently)
	})
	reason, _ := reasonOf(t, quick(), s.URL+"/round")
	require.Equal(t, BadStatus, reason)
	require.EqualValues(t, maxHops+1, asked.Load())
}

func TestOnlyPublicAddressesArePublic(t *testing.T) {
	for _, a := range strings.Fields(`0.0.0.0 0.1.2.3 10.255.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255
		192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.9 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255
		:: ::1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::7f00:1 64:ff9b::a00:1 64:ff9b::169.254.169.254 64:ff9b:1::1 100::1 2001::1 2001:10::1 2001:db8::1
		2002:a00:1:: 2002:808:808:: 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1`) {
		require.False(t, isPublic(netip.MustParseAddr(a)), a)
	}
	for _, a := range strings.Fields("1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.167.1.1 223.255.255.255 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2606:4700::1111 2a00:1450::1") {
		require.True(t, isPublic(netip.MustParseAddr(a)), a)
	}
	require.False(t, isPublic(netip.Addr{}))
	require.Error(t, allowed{}.refusePrivate("tcp6", "[fe80::1%eth0]:80", nil))
	require.Error(t, allowed{}.refusePrivate("tcp", "nonsense", nil))
	some, err := parseAllowed([]string{"127.0.0.1:80", "192.168.0.0/16", "10.1.2.3", "::1"})
	require.NoError(t, err)
	for address, want := range map[string]bool{
		"127.0.0.1:80": true, "127.0.0.1:81": false, "127.0.0.2:80": false, "192.168.9.9:1": true, "10.1.2.3:5": true, "10.1.2.4:5": false,
		"[::1]:7": true, "[::ffff:10.1.2.3]:5": true, "169.254.169.254:80": false, "8.8.8.8:80": true,
	} {
		require.Equal(t, want, some.refusePrivate("tcp", address, nil) == nil, address)
	}
	for _, bad := range []string{"localhost", "10.0.0.0/33", "*", ""} {
		_, err := newFetcher(Download{AllowPrivate: []string{bad}})
		require.ErrorContains(t, err, strconv.Quote(bad))
	}
}

func TestAStormOf429EndsSoon(t *testing.T) {
	s := newSite(t)
	var asked atomic.Int32
	status := func(w http.ResponseWriter, _ *http.Request) { asked.Add(1); w.WriteHeader(http.StatusTooManyRequests) }
	s.mux.HandleFunc("/busy/{n}", status)
	s.mux.HandleFunc("/later/{n}", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Retry-After", "86400"); status(w, r) })
	for _, path := range []string{"/busy/", "/later/"} {
		asked.Store(0)
		var results []Result
		for n := range 500 {
			results = append(results, Result{URL: s.URL + path + strconv.Itoa(n)})
		}
		o := Options{Folder: t.TempDir(), Download: quick(), Sources: []Source{list{"x", map[string][]Result{"cat": results}, nil}}}
		summary, err := Run(t.Context(), []Term{{Query: "cat", Count: 400}}, o)
		require.NoError(t, err)
		require.Equal(t, 500, summary.Refused[HostDown]+summary.Refused[BadStatus])
		require.GreaterOrEqual(t, summary.Refused[HostDown], 400)
		require.Less(t, asked.Load(), int32(300), path)
	}
}

func TestABusyServerIsAskedAgainWhenItSaid(t *testing.T) {
	s := newSite(t)
	var mu sync.Mutex
	var times []time.Time
	s.mux.HandleFunc("/busy/{n}", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if times = append(times, time.Now()); len(times) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(503)
			return
		}
		w.Write(jpegOf(numberIn(t, r.URL.Path)))
	})
	o := quick()
	o.PerHost, o.MaxWait = 1, 3*time.Second
	results := []Result{{URL: s.URL + "/busy/1"}, {URL: s.URL + "/busy/2"}}
	summary, err := Run(t.Context(), []Term{{Query: "cat", Count: 2}}, Options{Folder: t.TempDir(), Download: o, Sources: []Source{list{"x", map[string][]Result{"cat": results}, nil}}})
	require.NoError(t, err)
	require.Equal(t, 2, summary.New)
	require.GreaterOrEqual(t, times[1].Sub(times[0]), 900*time.Millisecond, "for whichever picture")
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, " 3 ": 3 * time.Second, "-1": 0, "x": 0, "Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2015 03:05:05 GMT": 0,
		"99999999999999": (1 << 31) * time.Second,
	} {
		require.Equal(t, want, retryAfter(http.Header{"Retry-After": {value}}, now), value)
	}
}

func TestAHostIsAskedAtItsRateAndByFewAtOnce(t *testing.T) {
	s := newSite(t)
	var now, most atomic.Int32
	s.mux.HandleFunc("/slow/{n}", func(w http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		time.Sleep(20 * time.Millisecond)
		now.Add(-1)
		w.Write(jpegOf(numberIn(t, r.URL.Path)))
	})
	var results []Result
	for n := range 20 {
		results = append(results, Result{URL: s.URL + "/slow/" + strconv.Itoa(n)})
	}
	o := quick()
	o.PerHost, o.Rate = 3, 50
	began := time.Now()
	_, err := Run(t.Context(), []Term{{Query: "cat", Count: 20}}, Options{Folder: t.TempDir(), Download: o, Sources: []Source{list{"x", map[string][]Result{"cat": results}, nil}}})
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), 19*20*time.Millisecond)
	require.LessOrEqual(t, most.Load(), int32(3))
}

func TestRobotsAreRespectedUnlessTheCallerSaysOtherwise(t *testing.T) {
	for name, c := range map[string]struct {
		robots string
		status int
		want   Reason
	}{
		"none":                      {"", 404, ""},
		"forbidden to read":         {"", 403, ""},
		"out of order":              {"", 500, Robots},
		"too busy":                  {"", 429, Robots},
		"all allowed":               {"User-agent: *\nDisallow:", 200, ""},
		"all forbidden":             {"User-agent: *\nDisallow: /", 200, Robots},
		"the folder":                {"User-agent: *\nDisallow: /p/", 200, Robots},
		"another folder":            {"User-agent: *\nDisallow: /q/", 200, ""},
		"another robot":             {"User-agent: other\nDisallow: /", 200, ""},
		"us alone":                  {"User-agent: Argus-Scrape\nDisallow: /\nUser-agent: *\nDisallow:", 200, Robots},
		"all but us":                {"User-agent: argus-scrape\nAllow: /\nUser-agent: *\nDisallow: /", 200, ""},
		"a page in its place":       {"<html><body>Welcome: all</body></html>", 200, ""},
		"odd lines":                 {"\ufeffUser-agent: *\nNoindex: /x\nhello\nCrawl-delay: soon\nDisallow: /p/\nSitemap: x", 200, Robots},
		"an exception for pictures": {"User-agent: *\nDisallow: /\nAllow: /*.jpg$", 200, ""},
		"longer than half a MB":     {"User-agent: *\nDisallow: /\n" + strings.Repeat("# x\n", 200_000), 200, Robots},
	} {
		s := newSite(t)
		var read atomic.Int32
		s.mux.HandleFunc("/robots.txt", func(w http.ResponseWriter, _ *http.Request) {
			read.Add(1)
			w.WriteHeader(c.status)
			io.WriteString(w, c.robots)
		})
		f, err := newFetcher(once())
		require.NoError(t, err)
		for n := range 2 {
			var b bytes.Buffer
			err := f.get(t.Context(), fmt.Sprintf("%s/p/%d.jpg", s.URL, n), &b)
			if c.want == "" {
				require.NoError(t, err, name)
				continue
			}
			require.ErrorContains(t, err, string(c.want), name)
		}
		f.close()
		require.EqualValues(t, 1, read.Load(), name)
		o := once()
		o.IgnoreRobots = true
		reason, _ := reasonOf(t, o, s.URL+"/p/1.jpg")
		require.Equal(t, Reason(""), reason, name)
		require.EqualValues(t, 1, read.Load(), name)
	}
}

func TestRobotsOfTheHostThatARedirectLeadsToCount(t *testing.T) {
	from, to := newSite(t), newSite(t)
	from.mux.HandleFunc("/go", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to.URL+"/p/1.jpg", http.StatusFound) })
	to.mux.HandleFunc("/robots.txt", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "User-agent: *\nDisallow: /") })
	reason, _ := reasonOf(t, quick(), from.URL+"/go")
	require.Equal(t, Robots, reason)
}

func TestCrawlDelayIsKept(t *testing.T) {
	s := newSite(t)
	s.mux.HandleFunc("/robots.txt", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "User-agent: *\nCrawl-delay: 0.2\nDisallow: /x")
	})
	f, err := newFetcher(quick())
	require.NoError(t, err)
	defer f.close()
	began := time.Now()
	for n := range 3 {
		require.NoError(t, f.get(t.Context(), fmt.Sprintf("%s/p/%d.jpg", s.URL, n), new(bytes.Buffer)))
	}
	require.GreaterOrEqual(t, time.Since(began), 200*time.Millisecond)
}

func TestTagsAgainstTrainingAreRespected(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "all": "", "noai": "noai", "NoAI, noimageai": "noai", "noimageai": "noimageai", "noindex": "noindex", "none": "none", "nofollow": "",
		"nofollow, noindex": "noindex", "otherbot: noindex": "", "otherbot: noindex, nofollow": "", "argus-scrape: noindex": "noindex", "*: noai": "noai",
		"unavailable_after: 25 Jun 2010 15:00:00 PST": "", "max-image-preview: large, noimageai": "noimageai", "noimageindex": "noimageindex",
	} {
		require.Equal(t, want, forbiddenBy(http.Header{"X-Robots-Tag": {value}}), value)
	}
	require.Equal(t, "noai", forbiddenBy(http.Header{"X-Robots-Tag": {"otherbot: noindex", "noai"}}))

	s := newSite(t)
	s.mux.HandleFunc("/no", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Robots-Tag", "noai")
		w.Write(jpegOf(1))
	})
	s.mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/no", http.StatusFound) })
	for _, path := range []string{"/no", "/to"} {
		reason, body := reasonOf(t, quick(), s.URL+path)
		require.Equal(t, NoIndex, reason)
		require.Empty(t, body)
	}
	o := quick()
	o.IgnoreRobots = true
	reason, _ := reasonOf(t, o, s.URL+"/no")
	require.Equal(t, Reason(""), reason)
}

func TestWhatWillNotChangeIsAskedForOnce(t *testing.T) {
	s := newSite(t)
	var asked atomic.Int32
	s.mux.HandleFunc("/status/{n}", func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.WriteHeader(numberIn(t, r.URL.Path))
	})
	for status, want := range map[int]int32{400: 1, 403: 1, 404: 1, 410: 1, 451: 1, 501: 1, 204: 1, 304: 1, 408: 2, 500: 2, 502: 2, 503: 2, 504: 2} {
		asked.Store(0)
		reason, _ := reasonOf(t, once(), s.URL+"/status/"+strconv.Itoa(status))
		require.Equal(t, BadStatus, reason)
		require.Equal(t, want, asked.Load(), status)
	}
	reason, _ := reasonOf(t, once(), "http://nobody.invalid/x.jpg")
	require.Contains(t, []Reason{Robots, Broken}, reason)
}
