package scrape

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// collect returns all results of a search.
func collect(t testing.TB, s Source, query string) (all []Result, err error) {
	t.Helper()
	for page, e := range s.Search(t.Context(), query) {
		require.True(t, e == nil || page == nil)
		all, err = append(all, page...), e
	}
	return all, err
}

// service answers as one of the APIs: by path, or by path and method.
func service(t testing.TB, answer func(path string, q url.Values, h http.Header) (status int, body string)) API {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, body := answer(r.URL.Path, r.URL.Query(), r.Header)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return API{BaseURL: server.URL, Patience: Patience{Backoff: time.Millisecond}}
}

func golden(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(data)
}

func TestOpenverseIsReadPageByPage(t *testing.T) {
	api := service(t, func(path string, q url.Values, h http.Header) (int, string) {
		require.Equal(t, "/v1/images/", path)
		require.Equal(t, []string{"cat", "20", "by-sa,cc0", "Bearer secret"}, []string{q.Get("q"), q.Get("page_size"), q.Get("license"), h.Get("Authorization")})
		if q.Get("page") == "1" {
			return 200, golden(t, "openverse.json")
		}
		return 200, `{"result_count":240,"page_count":2,"page":2,"results":[{"url":"https://x.example/3.jpg","license":"pdm","license_version":"1.0"}]}`
	})
	results, err := collect(t, Openverse{API: api, Token: "secret", Licences: []string{"by-sa", "cc0"}}, "cat")
	require.NoError(t, err)
	require.Equal(t, []Result{
		{URL: "https://live.staticflickr.com/1_b.jpg", Title: "Sleeping cat", Licence: "CC BY-SA 2.0", LicenceURL: "https://creativecommons.org/licenses/by-sa/2.0/", Author: "Ann", Page: "https://www.flickr.com/photos/ann/1"},
		{URL: "https://museum.example/2.jpg", Licence: "CC0 1.0", LicenceURL: "https://creativecommons.org/publicdomain/zero/1.0/", Page: "https://museum.example/2"},
		{URL: "https://x.example/3.jpg", Licence: "Public Domain Mark"},
	}, results)
}

func TestOpenverseWithoutATokenEndsWhereItsPagesEnd(t *testing.T) {
	api := service(t, func(_ string, q url.Values, _ http.Header) (int, string) {
		if q.Get("page") == "1" {
			return 200, golden(t, "openverse.json")
		}
		return 401, `{"detail":"Anonymous requests are limited"}`
	})
	results, err := collect(t, Openverse{API: api}, "cat")
	require.NoError(t, err)
	require.Len(t, results, 2)
}

func TestCommonsIsReadInItsOrderWithPlainCredits(t *testing.T) {
	api := service(t, func(path string, q url.Values, h http.Header) (int, string) {
		require.Equal(t, "/w/api.php", path)
		require.Equal(t, []string{"filetype:bitmap cat", "6", "1024"}, []string{q.Get("gsrsearch"), q.Get("gsrnamespace"), q.Get("iiurlwidth")})
		require.Contains(t, h.Get("User-Agent"), "ann@example.org")
		if q.Get("gsroffset") == "2" {
			require.Equal(t, "gsroffset||", q.Get("continue"))
			return 200, `{"batchcomplete":true}`
		}
		return 200, golden(t, "commons.json")
	})
	api.UserAgent = "photos (ann@example.org)"
	results, err := collect(t, Commons{API: api}, "cat")
	require.NoError(t, err)
	require.Equal(t, []Result{
		{URL: "https://upload.wikimedia.org/thumb/Cat.jpg/1024px-Cat.jpg", Title: "Cat on a wall", Licence: "CC BY-SA 4.0", LicenceURL: "https://creativecommons.org/licenses/by-sa/4.0", Author: "Bob & Eve", Page: "https://commons.wikimedia.org/wiki/File:Cat_on_a_wall.jpg"},
		{URL: "https://upload.wikimedia.org/thumb/Tabby.jpg/1024px-Tabby.jpg", Title: "Tabby.jpg", Licence: "Public domain", Author: "Unknown author", Page: "https://commons.wikimedia.org/wiki/File:Tabby.jpg"},
	}, results)
}

func TestFlickrNamesLicencesAsItsOwnListDoes(t *testing.T) {
	api := service(t, func(path string, q url.Values, _ http.Header) (int, string) {
		require.Equal(t, []string{"/services/rest/", "k"}, []string{path, q.Get("api_key")})
		switch {
		case q.Get("method") == "flickr.photos.licenses.getInfo":
			return 200, golden(t, "flickr_licences.json")
		case q.Get("page") == "2":
			return 200, `{"photos":{"page":2,"pages":2,"photo":[]},"stat":"ok"}`
		}
		require.Equal(t, []string{"cat", "4,9", "photos"}, []string{q.Get("text"), q.Get("license"), q.Get("media")})
		return 200, golden(t, "flickr.json")
	})
	results, err := collect(t, Flickr{API: api, Key: "k"}, "cat")
	require.NoError(t, err)
	require.Equal(t, []Result{
		{URL: "https://live.staticflickr.com/101_b.jpg", Title: "My cat", Licence: "CC BY 2.0", LicenceURL: "https://creativecommons.org/licenses/by/2.0/", Author: "Carol", Page: "https://www.flickr.com/photos/47058503995@N01/101"},
		{URL: "https://live.staticflickr.com/102.jpg", Title: "Small", Licence: "CC0 1.0", LicenceURL: "https://creativecommons.org/publicdomain/zero/1.0/", Author: "7@N01", Page: "https://www.flickr.com/photos/7@N01/102"},
	}, results)
}

func TestBingIsReadFromOffsetToOffset(t *testing.T) {
	api := service(t, func(path string, q url.Values, h http.Header) (int, string) {
		require.Equal(t, []string{"/v7.0/images/search", "k", "Public"}, []string{path, h.Get("Ocp-Apim-Subscription-Key"), q.Get("license")})
		if q.Get("offset") == "0" {
			return 200, golden(t, "bing.json")
		}
		require.Equal(t, "2", q.Get("offset"))
		return 200, `{"_type":"Images","totalEstimatedMatches":3,"nextOffset":3,"value":[{"name":"C","contentUrl":"https://c.example/c.jpg","hostPageUrl":"https://c.example"}]}`
	})
	results, err := collect(t, Bing{API: api, Key: "k", Licence: "Public"}, "cat")
	require.NoError(t, err)
	require.Len(t, results, 3)
	require.Equal(t, Result{URL: "https://cats.example/a.jpg", Title: "A cat", Page: "https://cats.example/a"}, results[0])
}

func TestGoogleIsReadFromStartToStart(t *testing.T) {
	api := service(t, func(path string, q url.Values, _ http.Header) (int, string) {
		require.Equal(t, []string{"/customsearch/v1", "k", "e", "image"}, []string{path, q.Get("key"), q.Get("cx"), q.Get("searchType")})
		if q.Get("start") == "1" {
			return 200, golden(t, "google.json")
		}
		require.Equal(t, "11", q.Get("start"))
		return 200, `{"kind":"customsearch#search","queries":{"request":[{}]}}`
	})
	results, err := collect(t, Google{API: api, Key: "k", Engine: "e"}, "cat")
	require.NoError(t, err)
	require.Equal(t, []Result{{URL: "https://cats.example/a.jpg", Title: "A cat", Page: "https://cats.example/a"}}, results)
}

// Each service says in its own way that a key is bad, a quota used up or
// something else wrong.
func TestErrorsOfServicesAreTypedAndHideKeys(t *testing.T) {
	const key = "hunter2"
	make := map[string]func(API) Source{
		"openverse": func(a API) Source { return Openverse{API: a, Token: key} },
		"commons":   func(a API) Source { return Commons{API: a} },
		"flickr":    func(a API) Source { return Flickr{API: a, Key: key} },
		"bing":      func(a API) Source { return Bing{API: a, Key: key} },
		"google":    func(a API) Source { return Google{API: a, Key: key, Engine: "e"} },
	}
	for _, c := range []struct {
		source string
		status int
		body   string
		want   error
		text   string
	}{
		{"openverse", 401, `{"detail":"Invalid token"}`, ErrKey, "Invalid token"},
		{"openverse", 429, `{"detail":"throttled"}`, ErrQuota, "429"},
		{"openverse", 200, `<html>`, ErrAnswer, ""},
		{"openverse", 400, `{"detail":"bad"}`, nil, "400 Bad Request"},
		{"commons", 200, `{"error":{"code":"cirrussearch-backend-error","info":"We could not complete your search"}}`, nil, "could not complete"},
		{"commons", 200, `{"error":{"code":"maxlag","info":"Waiting for a database server"}}`, nil, "503"},
		{"flickr", 200, `{"stat":"fail","code":100,"message":"Invalid API Key (Key has invalid format)"}`, ErrKey, "Invalid API Key"},
		{"flickr", 200, `{"stat":"fail","code":105,"message":"Service currently unavailable"}`, nil, "currently unavailable"},
		{"bing", 401, `{"error":{"code":"401","message":"Access denied due to invalid subscription key"}}`, ErrKey, "invalid subscription key"},
		{"bing", 403, `{"error":{"code":"403","message":"Out of call volume quota"}}`, ErrKey, "Out of call volume quota"},
		{"bing", 200, `{"_type":"ErrorResponse"}`, ErrAnswer, "ErrorResponse"},
		{"google", 400, `{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","errors":[{"reason":"badRequest"}],"status":"INVALID_ARGUMENT"}}`, ErrKey, "API key not valid"},
		{"google", 429, `{"error":{"code":429,"message":"Quota exceeded","errors":[{"reason":"rateLimitExceeded"}]}}`, ErrQuota, "Quota exceeded"},
		{"google", 403, `{"error":{"code":403,"message":"Daily Limit Exceeded","errors":[{"reason":"dailyLimitExceeded"}]}}`, ErrQuota, "Daily Limit"},
		{"google", 400, `{"error":{"code":400,"message":"Invalid Value","errors":[{"reason":"badRequest"}]}}`, nil, "Invalid Value"},
	} {
		asked := 0
		api := service(t, func(string, url.Values, http.Header) (int, string) { asked++; return c.status, c.body })
		_, err := collect(t, make[c.source](api), "cat")
		require.ErrorContains(t, err, c.text, c.source)
		for _, sentinel := range []error{ErrKey, ErrQuota, ErrAnswer} {
			require.Equal(t, sentinel == c.want, errors.Is(err, sentinel), "%s: %v", c.source, err)
		}
		require.NotContains(t, err.Error(), key)
		require.Equal(t, strings.Contains(err.Error(), "429") || strings.Contains(err.Error(), "503"), asked == 4, "%s was asked %d times: %v", c.source, asked, err)
	}
	for name, source := range make { // nobody listens there
		_, err := collect(t, source(API{BaseURL: "http://127.0.0.1:1", Patience: Patience{Retries: -1}}), "cat")
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), key)
	}
	for _, source := range []Source{Flickr{}, Bing{}, Google{Key: "k"}} {
		_, err := collect(t, source, "cat")
		require.ErrorIs(t, err, ErrKey)
	}
}

func TestServicesAreAskedAgainWhenTheySayWhen(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 1:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(429)
		case 2:
			panic(http.ErrAbortHandler)
		default:
			fmt.Fprint(w, `{"page_count":1,"results":[{"url":"https://x.example/1.jpg"}]}`)
		}
	}))
	defer server.Close()
	began := time.Now()
	results, err := collect(t, Openverse{API: API{BaseURL: server.URL, Patience: Patience{Backoff: time.Millisecond}}}, "cat")
	require.NoError(t, err)
	require.Len(t, results, 1)
	require.GreaterOrEqual(t, time.Since(began), time.Second)

	asked.Store(0)
	_, err = collect(t, Openverse{API: API{BaseURL: server.URL, Patience: Patience{MaxWait: time.Millisecond}}}, "cat")
	require.ErrorIs(t, err, ErrQuota)
	require.EqualValues(t, 1, asked.Load(), "a second is longer than MaxWait")
}

func TestKeysDoNotFollowARedirectElsewhere(t *testing.T) {
	other := service(t, func(string, url.Values, http.Header) (int, string) { t.Error("asked elsewhere"); return 200, "{}" })
	server := httptest.NewServer(http.RedirectHandler(other.BaseURL, http.StatusFound))
	defer server.Close()
	_, err := collect(t, Google{API: API{BaseURL: server.URL}, Key: "k", Engine: "e"}, "cat")
	require.ErrorIs(t, err, ErrAnswer)
}

func TestAServiceThatNeverAnswersIsLeft(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	_, err := collect(t, Openverse{API: API{BaseURL: server.URL, Timeout: 20 * time.Millisecond, Patience: Patience{Retries: 1, Backoff: time.Millisecond}}}, "cat")
	require.ErrorIs(t, err, errSlow)
}

func TestListsOfAddressesAreReadInThreeForms(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a.txt":   "\ufeffhttps://x.example/1.jpg\r\n# no\n\n https://x.example/2.jpg \n",
		"b.csv":   "URL;Titel;License;Landing Page;Search Term\nhttps://x.example/1.jpg;;CC0;https://x.example;cat\nhttps://x.example/3.jpg;;;;dog\nhttps://x.example/2.jpg;;;;\n",
		"c.jsonl": `{"url":"https://x.example/1.jpg","licence":"CC0","page":"https://x.example","query":"cat"}` + "\n\n" + `{"url":"https://x.example/3.jpg","query":"dog"}` + "\n" + `{"url":"https://x.example/2.jpg","width":3}`,
		"d.jsonl": "{\"url\":\"https://x.example/1.jpg\"}\n{\"title\":\"x\"}",
		"e.csv":   "adress\nx",
		"f.pdf":   "x",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	for _, name := range []string{"a.txt", "b.csv", "c.jsonl"} {
		results, err := collect(t, URLList{filepath.Join(dir, name)}, "cat")
		require.NoError(t, err)
		require.Len(t, results, 2, name)
		require.Equal(t, "https://x.example/2.jpg", results[1].URL)
		if name != "a.txt" {
			require.Equal(t, Result{URL: "https://x.example/1.jpg", Licence: "CC0", Page: "https://x.example"}, results[0])
		}
	}
	for name, want := range map[string]string{"d.jsonl": "line 2: no url", "e.csv": "no column url", "f.pdf": `extension ".pdf"`, "g.txt": "no such file"} {
		_, err := collect(t, URLList{filepath.Join(dir, name)}, "cat")
		require.ErrorContains(t, err, want)
	}
}

func TestAFolderGivesWhatIsInsideOfItOnly(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, content []byte) {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, content, 0o600))
	}
	put("secret.jpg", jpegOf(0))
	put("in/cat/1.jpg", jpegOf(1))
	put("in/cat/deep/2.dat", pngOf(2))
	put("in/dog/3.jpg", jpegOf(3))
	put("in/.hidden/4.jpg", jpegOf(4))
	require.NoError(t, os.Symlink("../../secret.jpg", filepath.Join(dir, "in/cat/5.jpg")))
	source := Folder{Dir: filepath.Join(dir, "in"), Licence: "own"}
	o := Options{Folder: filepath.Join(dir, "out"), Sources: []Source{source}}
	summary, err := Run(t.Context(), []Term{{Query: "cat", Split: Train}, {Query: "horse", Split: Train}}, o)
	require.NoError(t, err)
	require.Equal(t, 5, summary.New, "2 of cat, 3 of all")
	require.Equal(t, map[Reason]int{Unreadable: 2}, summary.Refused)
	for _, p := range requireSound(t, o.Folder) {
		require.Equal(t, "own", p.Licence)
		require.Regexp(t, `^file:in~[0-9a-f]{8}/(cat|dog)/`, p.URL)
	}
	again, err := Run(t.Context(), []Term{{Query: "cat", Split: Train}}, o)
	require.NoError(t, err)
	require.Zero(t, again.New)
}

func TestSearchesEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range (Openverse{API: API{BaseURL: "http://127.0.0.1:1"}}).Search(ctx, "cat") {
		require.ErrorIs(t, err, context.Canceled)
	}
}
