package fetch

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const name = "weights_notop.h5"

// content is 300 kB that do not repeat.
var content = func() []byte {
	b := make([]byte, 300_000)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b)
	return b
}()

func md5Of(b []byte) string { s := md5.Sum(b); return hex.EncodeToString(s[:]) }

// A server gives its answers one after the other, the last one for ever.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	asked   []http.Header
	answers []http.HandlerFunc
}

func serve(t *testing.T, answers ...http.HandlerFunc) *server {
	s := &server{answers: answers}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	answer := s.answers[min(len(s.asked), len(s.answers)-1)]
	s.asked = append(s.asked, r.Header)
	s.mu.Unlock()
	answer(w, r)
}

// requests are the headers of all requests so far.
func (s *server) requests() []http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// ranges are the Range headers asked for.
func (s *server) ranges() (all []string) {
	for _, h := range s.requests() {
		all = append(all, h.Get("Range"))
	}
	return all
}

func (s *server) file() File { return File{URL: s.URL + "/published/" + name, Hash: md5Of(content)} }

// whole serves b as a web server does, with ranges.
func whole(b []byte, etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if etag != "" {
			w.Header().Set("ETag", etag)
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(b)))
	}
}

// brokenAfter promises what whole does and hangs up after n bytes.
func brokenAfter(n int, b []byte, etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		whole(b, etag)(&cutWriter{w, n}, r)
		panic(http.ErrAbortHandler)
	}
}

type cutWriter struct {
	http.ResponseWriter
	left int
}

func (w *cutWriter) Write(b []byte) (int, error) {
	if len(b) <= w.left {
		w.left -= len(b)
		return w.ResponseWriter.Write(b)
	}
	w.ResponseWriter.Write(b[:w.left])
	w.ResponseWriter.(http.Flusher).Flush()
	return 0, errors.New("cut")
}

func answer(code int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

func options(t *testing.T) Options {
	t.Setenv("ARGUS_CACHE", "")
	t.Setenv("ARGUS_WEIGHTS", "")
	return Options{Cache: t.TempDir(), Pause: time.Millisecond, Stall: 5 * time.Second}
}

func place(o Options, f File) string {
	return filepath.Join(o.Cache, "weights", f.Hash[:8], f.Name())
}

// requireGot wants Get to bring the content to its place.
func requireGot(t *testing.T, f File, o Options) {
	t.Helper()
	at, err := Get(t.Context(), f, o, nil)
	require.NoError(t, err)
	require.Equal(t, place(o, f), at)
	b, err := os.ReadFile(at)
	require.NoError(t, err)
	require.True(t, slices.Equal(content, b), "%d bytes", len(b))
	require.NoFileExists(t, at+".part")
}

// requireNothing wants Get to fail and to leave no content behind.
func requireNothing(t *testing.T, f File, o Options) error {
	t.Helper()
	_, err := Get(t.Context(), f, o, nil)
	require.Error(t, err)
	require.NoFileExists(t, place(o, f))
	require.NoFileExists(t, place(o, f)+".part")
	return err
}

func TestAFileIsDownloadedOnceAndThenReadWithoutNetwork(t *testing.T) {
	s := serve(t, whole(content, ""))
	o := options(t)
	var seen [][2]int64
	at, err := Get(t.Context(), s.file(), o, func(done, total int64) { seen = append(seen, [2]int64{done, total}) })
	require.NoError(t, err)
	require.Equal(t, place(o, s.file()), at)
	require.Greater(t, len(seen), 2)
	require.True(t, slices.IsSortedFunc(seen, func(a, b [2]int64) int { return int(a[0] - b[0]) }))
	for _, p := range seen {
		require.EqualValues(t, 300_000, p[1])
	}
	require.EqualValues(t, 300_000, seen[len(seen)-1][0])

	s.Close()
	requireGot(t, s.file(), o)
	require.Len(t, s.requests(), 1)
}

func TestAHashOf64DigitsIsSHA256(t *testing.T) {
	s := serve(t, whole(content, ""))
	sum := sha256.Sum256(content)
	f := File{URL: s.file().URL, Hash: hex.EncodeToString(sum[:])}
	requireGot(t, f, options(t))
	require.Equal(t, "sha256:"+f.Hash, f.Digest())
	require.Equal(t, "md5:"+s.file().Hash, s.file().Digest())
}

func TestADownloadThatBreaksGoesOnWhereItBroke(t *testing.T) {
	s := serve(t,
		brokenAfter(100_000, content, `"v1"`),
		brokenAfter(50_000, content, `"v1"`),
		whole(content, `"v1"`))
	requireGot(t, s.file(), options(t))
	require.Equal(t, []string{"", "bytes=100000-", "bytes=150000-"}, s.ranges())
	require.Equal(t, `"v1"`, s.requests()[1].Get("If-Range"))
}

func TestADownloadGoesOnInALaterCall(t *testing.T) {
	gone := answer(http.StatusNotFound, "text/plain", "")
	s := serve(t, brokenAfter(100_000, content, `"v1"`), gone, whole(content, `"v1"`))
	o := options(t)
	_, err := Get(t.Context(), s.file(), o, nil)
	require.ErrorContains(t, err, "404")
	requireGot(t, s.file(), o)
	require.Equal(t, []string{"", "bytes=100000-", "bytes=100000-"}, s.ranges())
	require.Equal(t, `"v1"`, s.requests()[2].Get("If-Range"), "the version is remembered")
}

func TestAnotherVersionOnTheServerStartsAnew(t *testing.T) {
	old := slices.Clone(content)
	old[7]++
	for name, second := range map[string]http.HandlerFunc{
		"told by If-Range":       whole(content, `"v2"`),
		"told by ETag of a part": ignoringIfRange(content, `"v2"`),
		"told by the hash alone": ignoringIfRange(content, ""),
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, brokenAfter(100_000, old, `"v1"`), second)
			requireGot(t, s.file(), options(t))
		})
	}
}

// ignoringIfRange gives the part that was asked for of whatever it has now.
func ignoringIfRange(b []byte, etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("If-Range")
		whole(b, etag)(w, r)
	}
}

func TestAServerWithoutRangesGivesAllAnew(t *testing.T) {
	s := serve(t, brokenAfter(100_000, content, ""), func(w http.ResponseWriter, r *http.Request) { w.Write(content) })
	requireGot(t, s.file(), options(t))
	require.Equal(t, []string{"", "bytes=100000-"}, s.ranges())
}

func TestAServerThatGivesAnotherPartThanAskedIsNotBelieved(t *testing.T) {
	for _, header := range []string{"bytes 0-299999/300000", "bytes 100001-299999/300000", "bytes", ""} {
		s := serve(t, brokenAfter(100_000, content, ""), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", header)
			w.WriteHeader(http.StatusPartialContent)
			w.Write(content[100_001:])
		}, whole(content, ""))
		requireGot(t, s.file(), options(t))
		require.Equal(t, []string{"", "bytes=100000-", ""}, s.ranges(), header)
	}
}

func TestAPartLongerThanTheFileStartsAnew(t *testing.T) {
	s := serve(t, whole(content, ""))
	o := options(t)
	part := place(o, s.file()) + ".part"
	require.NoError(t, os.MkdirAll(filepath.Dir(part), 0o755))
	require.NoError(t, os.WriteFile(part, append(slices.Clone(content), 1, 2, 3), 0o644))
	requireGot(t, s.file(), o)
	require.Equal(t, []string{"bytes=300003-", ""}, s.ranges(), "416 for the first")
}

func TestAPartThatIsTheWholeFileNeedsNoNetwork(t *testing.T) {
	f := File{URL: "http://127.0.0.1:1/" + name, Hash: md5Of(content)}
	o := options(t)
	part := place(o, f) + ".part"
	require.NoError(t, os.MkdirAll(filepath.Dir(part), 0o755))
	require.NoError(t, os.WriteFile(part, content, 0o644))
	requireGot(t, f, o)
}

func TestAPartWithWrongBytesStartsAnew(t *testing.T) {
	s := serve(t, whole(content, ""))
	o := options(t)
	part := place(o, s.file()) + ".part"
	require.NoError(t, os.MkdirAll(filepath.Dir(part), 0o755))
	require.NoError(t, os.WriteFile(part, make([]byte, 1000), 0o644))
	requireGot(t, s.file(), o)
	require.Equal(t, []string{"bytes=1000-", ""}, s.ranges())
}

func TestWrongContentIsRefusedAndNotKept(t *testing.T) {
	wrong := slices.Clone(content)
	wrong[299_999]++
	s := serve(t, whole(wrong, ""))
	err := requireNothing(t, s.file(), options(t))
	require.ErrorIs(t, err, ErrHash)
	require.ErrorContains(t, err, "md5 of its 300000 bytes is "+md5Of(wrong)+", want "+s.file().Hash)
	require.Len(t, s.requests(), 1)
}

func TestAPageInPlaceOfTheFileIsNamedAsSuch(t *testing.T) {
	s := serve(t, answer(http.StatusOK, "text/html; charset=utf-8", "<html>Please log in"))
	err := requireNothing(t, s.file(), options(t))
	require.ErrorIs(t, err, ErrHash)
	require.ErrorContains(t, err, `it came as "text/html; charset=utf-8"`)
}

func TestAServerThatLiesAboutTheLengthIsFoundOut(t *testing.T) {
	for length, want := range map[int]string{
		10:            "md5 of its 10 bytes",
		300_001:       "the connection broke after 300000 of 300001 bytes",
		2_000_000_000: "it has 2000000000 bytes, at most 1073741824 can be right",
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(length))
			w.Write(content[:min(length, len(content))])
		})
		o := options(t)
		_, err := Get(t.Context(), s.file(), o, nil)
		require.ErrorContains(t, err, want)
		require.NoFileExists(t, place(o, s.file()))
	}
}

func TestAnEndlessAnswerEndsAtTheMost(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			w.Write(content)
		}
	})
	f := s.file()
	f.Max = 1_000_000
	require.ErrorContains(t, requireNothing(t, f, options(t)), "more than 1000000 bytes came")
}

func TestAStalledConnectionIsGivenUpAndTriedAnew(t *testing.T) {
	half := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "300000")
		w.Write(content[:100_000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	o := options(t)
	o.Stall = 100 * time.Millisecond
	s := serve(t, half, whole(content, ""))
	requireGot(t, s.file(), o)
	require.Equal(t, []string{"", "bytes=100000-"}, s.ranges())

	silent := serve(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	o.Cache = t.TempDir()
	err := requireNothing(t, silent.file(), o)
	require.ErrorContains(t, err, "stalled: no byte came for 100ms, after 0 bytes")
	require.Len(t, silent.requests(), tries)
}

func TestAnswersThatMayPassAreTriedAgain(t *testing.T) {
	busy := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	s := serve(t, busy, answer(http.StatusBadGateway, "text/html", ""), whole(content, ""))
	began := time.Now()
	requireGot(t, s.file(), options(t))
	require.GreaterOrEqual(t, time.Since(began), time.Second)
	require.Len(t, s.requests(), 3)
}

func TestRetriesEnd(t *testing.T) {
	for code, asked := range map[int]int{500: tries, 429: tries, 403: 1, 404: 1, 410: 1, 501: 1} {
		s := serve(t, answer(code, "text/plain", "no"))
		err := requireNothing(t, s.file(), options(t))
		require.ErrorContains(t, err, strconv.Itoa(code)+" "+http.StatusText(code))
		require.Len(t, s.requests(), asked, code)
	}
}

func TestADownloadThatAdvancesIsNotGivenUp(t *testing.T) {
	big := slices.Repeat(content, 40) // 12 MB
	s := serve(t, brokenAfter(step+1000, big, ""))
	f := File{URL: s.URL + "/" + name, Hash: md5Of(big)}
	_, err := Get(t.Context(), f, options(t), nil)
	require.NoError(t, err)
	require.Greater(t, len(s.requests()), 2*tries)
}

func TestWrongContentInManyPartsIsRefusedInTheEnd(t *testing.T) {
	wrong := slices.Repeat(content, 8) // 2.4 MB
	s := serve(t, brokenAfter(step+1000, wrong, ""))
	require.ErrorIs(t, requireNothing(t, s.file(), options(t)), ErrHash)
	require.Len(t, s.requests(), 2*3, "once more from the start")
}

func TestRedirectsAreFollowedWithTheRange(t *testing.T) {
	target := serve(t, brokenAfter(100_000, content, `"v1"`), whole(content, `"v1"`))
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target.URL+"/elsewhere?signature=x", http.StatusFound)
	})
	requireGot(t, s.file(), options(t))
	require.Equal(t, []string{"", "bytes=100000-"}, target.ranges())
	require.Equal(t, `"v1"`, target.requests()[1].Get("If-Range"))

	loop := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	require.ErrorContains(t, requireNothing(t, loop.file(), options(t)), "stopped after 10 redirects")
}

func TestACertificateThatNobodyTrustsIsRefusedAtOnce(t *testing.T) {
	s := httptest.NewUnstartedServer(whole(content, ""))
	s.Config.ErrorLog = discard
	s.StartTLS()
	defer s.Close()
	f := File{URL: s.URL + "/" + name, Hash: md5Of(content)}
	o := options(t)
	o.Pause = time.Hour // no retry
	require.ErrorContains(t, requireNothing(t, f, o), "certificate")
	o.Client = s.Client()
	requireGot(t, f, o)
}

func TestWithTheNetworkClosedTheErrorSaysWhichFileToPutWhere(t *testing.T) {
	s := serve(t, whole(content, ""))
	s.Close()
	o := options(t)
	err := requireNothing(t, s.file(), o)
	for _, want := range []string{
		"fetch: " + name + ": " + s.file().URL + ": ", "connection refused",
		"the file is " + s.file().URL + " (md5:" + s.file().Hash + ")",
		"put it at " + place(o, s.file()),
		"ARGUS_WEIGHTS",
	} {
		require.ErrorContains(t, err, want)
	}

	// and so it works
	require.NoError(t, os.MkdirAll(filepath.Dir(place(o, s.file())), 0o755))
	require.NoError(t, os.WriteFile(place(o, s.file()), content, 0o644))
	requireGot(t, s.file(), o)
}

func TestAFileOfOwnInTheCacheIsCheckedOnceAndAgainWhenItChanges(t *testing.T) {
	f := File{URL: "http://127.0.0.1:1/" + name, Hash: md5Of(content)}
	o := options(t)
	at := place(o, f)
	require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o755))
	require.NoError(t, os.WriteFile(at, content, 0o644))
	requireGot(t, f, o)

	info, err := os.Stat(at)
	require.NoError(t, err)
	wrong := slices.Clone(content)
	wrong[0]++
	require.NoError(t, os.WriteFile(at, wrong, 0o644))
	require.NoError(t, os.Chtimes(at, info.ModTime(), info.ModTime()))
	_, err = Get(t.Context(), f, o, nil)
	require.NoError(t, err, "same size and time: not read again")

	require.NoError(t, os.Chtimes(at, info.ModTime(), info.ModTime().Add(time.Second)))
	_, err = Get(t.Context(), f, o, nil)
	require.ErrorIs(t, err, ErrHash)
	require.ErrorContains(t, err, at+": not the published file")

	require.NoError(t, os.WriteFile(at, content, 0o644))
	require.NoError(t, os.WriteFile(at+".state", []byte(`{"Good":`), 0o644))
	requireGot(t, f, o)
}

func TestADamagedFileInTheCacheIsDownloadedAnew(t *testing.T) {
	s := serve(t, whole(content, ""))
	o := options(t)
	requireGot(t, s.file(), o)
	require.NoError(t, os.Truncate(place(o, s.file()), 1000))
	requireGot(t, s.file(), o)
	require.Len(t, s.requests(), 2)
}

func TestAFolderIsAMirrorThatIsReadInPlace(t *testing.T) {
	f := File{URL: "http://127.0.0.1:1/" + name, Hash: md5Of(content)}
	o := options(t)
	folder := t.TempDir()
	t.Setenv("ARGUS_WEIGHTS", folder)
	err := requireNothing(t, f, o)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, filepath.Join(folder, name))

	require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o444))
	at, err := Get(t.Context(), f, o, nil)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(folder, name), at)
	require.NoDirExists(t, filepath.Join(o.Cache, "weights"), "nothing is written")

	other := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(other, name), content[1:], 0o444))
	o.Mirror = other // over the environment
	require.ErrorIs(t, requireNothing(t, f, o), ErrHash)
}

func TestAMirrorIsAskedByTheNameAndHeldToTheSameHash(t *testing.T) {
	mirror := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/argus/weights/"+name {
			http.NotFound(w, r)
			return
		}
		whole(content, "")(w, r)
	})
	f := File{URL: "http://127.0.0.1:1/published/" + name, Hash: md5Of(content)}
	o := options(t)
	t.Setenv("ARGUS_WEIGHTS", mirror.URL+"/argus/weights/")
	requireGot(t, f, o)

	bad := serve(t, whole(content[1:], ""))
	o = options(t)
	o.Mirror = bad.URL
	require.ErrorIs(t, requireNothing(t, f, o), ErrHash)
	o.Mirror = "ftp://mirror.example"
	require.ErrorContains(t, requireNothing(t, f, o), "ftp://mirror.example/"+name+": want a URL with http or https, or a folder")
}

func TestPasswordsOfAMirrorAreNotInErrors(t *testing.T) {
	s := serve(t, answer(http.StatusForbidden, "text/plain", ""))
	o := options(t)
	o.Mirror = strings.Replace(s.URL, "http://", "http://user:secret@", 1)
	require.NotContains(t, requireNothing(t, s.file(), o).Error(), "secret")

	s = serve(t, brokenAfter(100_000, content, `"v1"`), answer(http.StatusForbidden, "text/plain", ""))
	o.Mirror = strings.Replace(s.URL, "http://", "http://user:secret@", 1)
	_, err := Get(t.Context(), s.file(), o, nil)
	require.Error(t, err)
	state, err := os.ReadFile(place(o, s.file()) + ".state")
	require.NoError(t, err)
	require.Contains(t, string(state), "v1")
	require.NotContains(t, string(state), "secret")
}

func TestTheCacheFolderIsTheOptionElseTheVariableElseTheUsers(t *testing.T) {
	o := options(t)
	dir, err := o.cacheFolder()
	require.NoError(t, err)
	require.Equal(t, o.Cache, dir)
	t.Setenv("ARGUS_CACHE", "relative")
	dir, err = o.cacheFolder()
	require.NoError(t, err)
	require.Equal(t, o.Cache, dir)
	dir, err = Options{}.cacheFolder()
	require.NoError(t, err)
	here, err := os.Getwd()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(here, "relative"), dir)
	t.Setenv("ARGUS_CACHE", "")
	user, err := os.UserCacheDir()
	require.NoError(t, err)
	dir, err = Options{}.cacheFolder()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(user, "argus"), dir)
}

func TestCancellingEndsADownloadAndKeepsItsPart(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "300000")
		w.Write(content[:100_000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}, whole(content, ""))
	why := errors.New("enough")
	o := options(t)
	_, err := Get(ctx, s.file(), o, func(done, total int64) {
		if done == 100_000 {
			cancel(why)
		}
	})
	require.ErrorIs(t, err, why)
	require.NotContains(t, err.Error(), "put it at")
	_, err = Get(ctx, s.file(), o, nil)
	require.ErrorIs(t, err, why, "and again")
	requireGot(t, s.file(), o)
	require.Equal(t, []string{"", "bytes=100000-"}, s.ranges())
}

func TestManyGoroutinesDownloadOnce(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(50 * time.Millisecond)
		whole(content, "")(w, r)
	})
	o := options(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := Get(t.Context(), s.file(), o, nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	requireGot(t, s.file(), o)
	require.Len(t, s.requests(), 1)
}

func TestWhoWaitsCanStopWaiting(t *testing.T) {
	s := serve(t, whole(content, ""))
	o := options(t)
	state := place(o, s.file()) + ".state"
	require.NoError(t, os.MkdirAll(filepath.Dir(state), 0o755))
	lock, err := os.Create(state)
	require.NoError(t, err)
	defer lock.Close()
	locked, err := tryLock(lock)
	require.NoError(t, err)
	require.True(t, locked)
	ctx, cancel := context.WithTimeout(t.Context(), 3*poll/2)
	defer cancel()
	_, err = Get(ctx, s.file(), o, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Empty(t, s.requests())
	lock.Close()
	requireGot(t, s.file(), o)
}

func TestWithoutLocksEachDownloadsForItself(t *testing.T) {
	s := serve(t, brokenAfter(100_000, content, ""), whole(content, ""))
	o := options(t)
	o.lock = func(*os.File) (bool, error) { return false, errors.ErrUnsupported }
	requireGot(t, s.file(), o)
	requireOnly(t, o, s.file(), name, name+".state")

	gone := serve(t, brokenAfter(100_000, content, ""), answer(http.StatusNotFound, "text/plain", ""))
	o.Cache = t.TempDir()
	require.ErrorContains(t, requireNothing(t, gone.file(), o), "404")
	requireOnly(t, o, s.file(), name+".state")
}

// requireOnly wants these files in f's folder of the cache.
func requireOnly(t *testing.T, o Options, f File, want ...string) {
	entries, err := os.ReadDir(filepath.Dir(place(o, f)))
	require.NoError(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	require.Equal(t, want, got)
}

func TestAFolderNeedsNoCache(t *testing.T) {
	f := File{URL: "http://127.0.0.1:1/" + name, Hash: md5Of(content)}
	for _, name := range []string{"ARGUS_CACHE", "XDG_CACHE_HOME", "HOME", "LocalAppData"} { // see os.UserCacheDir
		t.Setenv(name, "")
	}
	folder := t.TempDir()
	_, err := Get(t.Context(), f, Options{Mirror: folder}, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NotContains(t, err.Error(), "put it at")
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o444))
	_, err = Get(t.Context(), f, Options{Mirror: folder}, nil)
	require.NoError(t, err)
	_, err = Get(t.Context(), f, Options{Mirror: "http://127.0.0.1:1"}, nil)
	require.ErrorContains(t, err, "no folder to keep it in, ARGUS_CACHE can name one")
}

func TestFilesThatCannotBeAreRefused(t *testing.T) {
	good := md5Of(content)
	for want, f := range map[string]File{
		`hash "" is neither`:     {URL: "http://h/" + name},
		`hash "beef" is neither`: {URL: "http://h/" + name, Hash: "beef"},
		`hash "ZZ`:               {URL: "http://h/" + name, Hash: strings.Repeat("Z", 32)},
		`hash "AB`:               {URL: "http://h/" + name, Hash: strings.Repeat("AB", 16)},
		`"" names no file`:       {Hash: good},
		`"http://h/" names no`:   {URL: "http://h/", Hash: good},
		`names no file`:          {URL: `http://h/a%5Cb`, Hash: good},
	} {
		_, err := Get(t.Context(), f, options(t), nil)
		require.ErrorContains(t, err, want)
	}
}

func TestAFolderThatCannotBeMadeIsNamed(t *testing.T) {
	o := options(t)
	o.Cache = filepath.Join(o.Cache, "file")
	require.NoError(t, os.WriteFile(o.Cache, nil, 0o644))
	s := serve(t, whole(content, ""))
	_, err := Get(t.Context(), s.file(), o, nil)
	require.ErrorContains(t, err, o.Cache)
	require.Empty(t, s.requests())
}
