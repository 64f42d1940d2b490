package scrape

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// drawing is a picture of 48×32 pixels that no other seed gives.
func drawing(seed int) image.Image {
	rng := rand.New(rand.NewPCG(uint64(seed), 1))
	img := image.NewRGBA(image.Rect(0, 0, 48, 32))
	for y := range 32 {
		for x := range 48 {
			if x%8 == 0 && y%8 == 0 {
				c := color.RGBA{uint8(rng.Uint32()), uint8(rng.Uint32()), uint8(rng.Uint32()), 255}
				for i := range 64 {
					img.SetRGBA(x+i%8, y+i/8, c)
				}
			}
		}
	}
	return img
}

func jpegOf(seed int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, drawing(seed), nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func pngOf(seed int) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, drawing(seed)); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// site serves /p/N.jpg, each N another picture, and what a test adds.
type site struct {
	*httptest.Server
	mux *http.ServeMux
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{mux: http.NewServeMux()}
	s.mux.HandleFunc("/p/{name}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(strings.TrimSuffix(r.PathValue("name"), path.Ext(r.PathValue("name"))))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(jpegOf(n))
	})
	s.Server = httptest.NewServer(s.mux)
	t.Cleanup(s.Close)
	return s
}

// results are pictures from to to-1 of the site, each on a page of its own.
func (s *site) results(from, to int) (all []Result) {
	for n := from; n < to; n++ {
		all = append(all, Result{URL: fmt.Sprintf("%s/p/%d.jpg", s.URL, n), Page: fmt.Sprintf("%s/page/%d", s.URL, n),
			Title: fmt.Sprintf("Picture %d", n), Licence: "CC BY 4.0", LicenceURL: "https://creativecommons.org/licenses/by/4.0/", Author: "Ann Author"})
	}
	return all
}

// list is a source that has the same results for each query, or err after them.
type list struct {
	name    string
	results map[string][]Result
	err     error
}

func (l list) Name() string { return l.name }

func (l list) Search(_ context.Context, query string) iter.Seq2[[]Result, error] {
	return func(yield func([]Result, error) bool) {
		for i := 0; i < len(l.results[query]); i += 7 {
			if !yield(l.results[query][i:min(i+7, len(l.results[query]))], nil) {
				return
			}
		}
		if l.err != nil {
			yield(nil, l.err)
		}
	}
}

// quick is a Download for loopback that waits for nothing.
func quick() Download {
	return Download{AllowPrivate: []string{"127.0.0.0/8"}, Rate: -1, PerHost: 8, Stall: 10 * time.Second, Patience: Patience{Backoff: time.Millisecond, MaxWait: time.Second}}
}

// files are the regular files of a folder but hidden ones, name → content.
func files(t testing.TB, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == stagingFolder {
			return fs.SkipDir
		}
		if d.Type().IsRegular() {
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			rel, err := filepath.Rel(folder, name)
			require.NoError(t, err)
			all[filepath.ToSlash(rel)] = string(data)
		}
		return nil
	}))
	return all
}

// requireSound holds the folder against its manifest: every picture has one line
// and its content, no class has one twice, no page and no content two splits.
func requireSound(t testing.TB, folder string) []Picture {
	t.Helper()
	pictures, err := ReadManifest(folder)
	require.NoError(t, err)
	all := files(t, folder)
	delete(all, ManifestFile)
	delete(all, AttributionFile)
	splits, contents := map[string]Split{}, map[string]string{}
	for _, p := range pictures {
		require.Contains(t, all, p.Path)
		info, err := describe([]byte(all[p.Path]), Limits{})
		require.NoError(t, err, p.Path)
		require.Equal(t, p.SHA256, info.SHA256, p.Path)
		require.Empty(t, contents[p.id()], "the class has %s twice", p.Path)
		contents[p.id()] = p.Path
		for _, group := range []string{"page " + p.Page + p.URL, "content " + p.SHA256} {
			if p.Page != "" {
				group = strings.TrimSuffix(group, p.URL)
			}
			require.Contains(t, []Split{"", p.Split}, splits[group], group)
			splits[group] = p.Split
		}
		delete(all, p.Path)
	}
	require.Empty(t, all, "files without a line")
	left, err := os.ReadDir(filepath.Join(folder, stagingFolder))
	require.NoError(t, err)
	require.Len(t, left, 1, "the lock alone stays")
	return pictures
}

func TestTermsBecomeFoldersWithAManifestAndCredits(t *testing.T) {
	s := newSite(t)
	folder := filepath.Join(t.TempDir(), "photos")
	source := list{"fixture", map[string][]Result{"cat": s.results(0, 60), "dog": s.results(100, 160), "dogs in snow": s.results(200, 203)}, nil}
	var progress []Progress
	summary, err := Run(t.Context(), []Term{{Query: "cat", Count: 40}, {Query: "dog", Count: 12, Split: Train}, {Query: "dogs in snow", Class: "dog", Count: 5, Split: Test}},
		Options{Folder: folder, Sources: []Source{source}, Download: quick(), Progress: func(p Progress) { progress = append(progress, p) }})
	require.NoError(t, err)
	pictures := requireSound(t, folder)
	require.Len(t, pictures, 55)
	require.Equal(t, 55, summary.Pictures)
	require.Equal(t, 55, summary.New)
	require.Equal(t, map[Split]int{Train: 12, Test: 3}, summary.Classes["dog"])
	require.Len(t, summary.Classes["cat"], 3, "a class gets every split")
	require.Equal(t, []TermSummary{{Term{"dogs in snow", "dog", 5, Test}, 3}}, summary.Short())
	require.Equal(t, map[string]int{"CC BY 4.0": 55}, summary.Licences)
	require.NotEmpty(t, progress)

	names := files(t, folder)
	numbers := map[string]bool{}
	for _, p := range pictures {
		require.Regexp(t, `^(train|val|test)/(cat/cat|dog/dog)_[0-9]+\.jpg$`, p.Path)
		require.False(t, numbers[path.Base(p.Path)], "N counts a class over all splits")
		numbers[path.Base(p.Path)] = true
		require.Equal(t, jpegOf(numberIn(t, p.URL)), []byte(names[p.Path]))
		require.Contains(t, names[AttributionFile], p.Path)
		require.WithinDuration(t, time.Now(), p.Time, time.Minute)
		require.Equal(t, []any{"fixture", "Ann Author", "jpeg", 48, 32}, []any{p.Source, p.Author, p.Format, p.Width, p.Height})
	}
	require.True(t, numbers["cat_1.jpg"] && numbers["cat_40.jpg"])
	require.Equal(t, 1, strings.Count(names[AttributionFile], "## CC BY 4.0"))
}

func numberIn(t testing.TB, address string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSuffix(path.Base(address), path.Ext(address)))
	require.NoError(t, err)
	return n
}

func TestASummaryIsJSON(t *testing.T) {
	s := newSite(t)
	o := Options{Folder: t.TempDir(), Download: quick(), Sources: []Source{list{"x", nil, ErrAnswer}, list{"y", map[string][]Result{"cat": append(s.results(0, 3), Result{URL: "file:x"})}, nil}}}
	want, err := Run(t.Context(), []Term{{Query: "cat", Count: 5}}, o)
	require.NoError(t, err)
	text, err := json.Marshal(want)
	require.NoError(t, err)
	var got Summary
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, want.Failures[0].Error(), got.Failures[0].Error())
	want.Failures, got.Failures = nil, nil
	require.Equal(t, want, got)
	require.Equal(t, map[Reason]int{BadURL: 1}, got.Refused)
}

func TestARerunAddsWhatIsMissingAndNothingTwice(t *testing.T) {
	s := newSite(t)
	folder := t.TempDir()
	source := list{"fixture", map[string][]Result{"cat": s.results(0, 30)}, nil}
	o := Options{Folder: folder, Sources: []Source{source}, Download: quick()}
	run := func(count int) Summary {
		summary, err := Run(t.Context(), []Term{{Query: "cat", Count: count}}, o)
		require.NoError(t, err)
		return summary
	}
	require.Equal(t, 10, run(10).New)
	before := files(t, folder)
	again := run(10)
	require.Zero(t, again.New)
	require.Empty(t, again.Refused, "what is there is not asked for")
	require.Equal(t, before, files(t, folder))
	require.Equal(t, 5, run(15).New)
	for name, content := range before {
		if name != ManifestFile && name != AttributionFile {
			require.Equal(t, content, files(t, folder)[name])
		}
	}

	// What somebody takes out does not come back; others take its place.
	victim := requireSound(t, folder)[3]
	require.NoError(t, os.Remove(filepath.Join(folder, filepath.FromSlash(victim.Path))))
	require.Equal(t, 1, run(15).New)
	for _, p := range requireSound(t, folder) {
		require.NotEqual(t, victim.URL, p.URL)
		require.NotEqual(t, victim.Path, p.Path)
	}
}

func TestTheSplitOfAPageDependsOnNothingElse(t *testing.T) {
	s := newSite(t)
	splits := map[string]Split{}
	for i, order := range [][]Result{s.results(0, 60), append(s.results(30, 60), s.results(0, 30)...)} {
		folder := t.TempDir()
		_, err := Run(t.Context(), []Term{{Query: "cat", Count: 60}}, Options{Folder: folder, Download: quick(), Sources: []Source{list{"x", map[string][]Result{"cat": order}, nil}}})
		require.NoError(t, err)
		for _, p := range requireSound(t, folder) {
			if i == 0 {
				splits[p.Page] = p.Split
			}
			require.Equal(t, splits[p.Page], p.Split)
		}
	}
}

func TestPagesAndContentsNeverStraddleSplits(t *testing.T) {
	s := newSite(t)
	for n := range 5 { // another address of pictures 0 to 4
		s.mux.HandleFunc(fmt.Sprintf("/copy/%d", n), func(w http.ResponseWriter, _ *http.Request) { w.Write(jpegOf(n)) })
	}
	var copies []Result
	for n := range 5 {
		copies = append(copies, Result{URL: fmt.Sprintf("%s/copy/%d", s.URL, n)})
	}
	gallery := s.results(10, 20)
	for i := range gallery {
		gallery[i].Page = s.URL + "/gallery#" + strconv.Itoa(i)
	}
	folder := t.TempDir()
	o := Options{Folder: folder, Download: quick(), Sources: []Source{list{"x", map[string][]Result{
		"train": append(s.results(0, 5), gallery[:5]...), "test": append(copies, gallery[5:]...), "free": append(copies, gallery...)}, nil}}}
	for _, term := range []Term{{Query: "train", Class: "a", Split: Train}, {Query: "test", Class: "b", Split: Test}, {Query: "free", Class: "c"}} {
		summary, err := Run(t.Context(), []Term{term}, o)
		require.NoError(t, err)
		if term.Query == "test" {
			require.Equal(t, map[Reason]int{Straddles: 10}, summary.Refused)
		}
	}
	for _, p := range requireSound(t, folder) {
		require.Equal(t, Train, p.Split, "%s follows what is there", p.Path)
	}
}

func TestASourceThatFailsIsNamedAndTheOthersGoOn(t *testing.T) {
	s := newSite(t)
	broken := list{"broken", nil, fmt.Errorf("status 401: %w", ErrKey)}
	good := list{"good", map[string][]Result{"cat": s.results(0, 5), "dog": s.results(5, 10)}, nil}
	o := Options{Folder: t.TempDir(), Download: quick(), Sources: []Source{broken, good}}
	terms := []Term{{Query: "cat", Count: 5}, {Query: "dog", Count: 5}}
	summary, err := Run(t.Context(), terms, o)
	require.NoError(t, err)
	require.Equal(t, 10, summary.New)
	require.NotEmpty(t, summary.Failures)
	require.ErrorIs(t, summary.Failures[0], ErrKey)
	require.Equal(t, "broken", summary.Failures[0].Source)

	o.Folder, o.Sources = t.TempDir(), []Source{broken}
	_, err = Run(t.Context(), terms, o)
	require.ErrorIs(t, err, ErrKey)
	var sourceError *SourceError
	require.ErrorAs(t, err, &sourceError)
	require.Equal(t, "broken", sourceError.Source)
}

func TestResultsThatBringTheirContentAreNotAskedFor(t *testing.T) {
	folder := t.TempDir()
	results := []Result{
		{URL: "mem:1", Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(pngOf(1))), nil }},
		{URL: "mem:2", Open: func(context.Context) (io.ReadCloser, error) { return nil, fs.ErrPermission }},
		{URL: "mem:3", Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("<html>")), nil }},
		{URL: "mem:4", Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(zeros{}, 1<<40)), nil }},
	}
	summary, err := Run(t.Context(), []Term{{Query: "cat"}}, Options{Folder: folder, Sources: []Source{list{"memory", map[string][]Result{"cat": results}, nil}}})
	require.NoError(t, err)
	require.Equal(t, map[Reason]int{Unreadable: 1, NotAPicture: 1, TooBig: 1}, summary.Refused)
	require.Equal(t, ".png", path.Ext(requireSound(t, folder)[0].Path))
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func TestEndlessTextsOfSourcesAreCut(t *testing.T) {
	s := newSite(t)
	long := strings.Repeat("é", 1<<20)
	results := s.results(0, 2)
	results[0].Title, results[0].Author, results[0].Licence, results[0].Page = long, long, long, s.URL+"/"+long
	results[1].URL += "?" + long
	o := Options{Folder: t.TempDir(), Download: quick(), Sources: []Source{list{"x", map[string][]Result{"cat": results}, nil}}}
	summary, err := Run(t.Context(), []Term{{Query: "cat"}}, o)
	require.NoError(t, err)
	require.Equal(t, map[Reason]int{BadURL: 1}, summary.Refused)
	p := requireSound(t, o.Folder)[0]
	require.Equal(t, strings.Repeat("é", 500), p.Title)
	require.Empty(t, p.Page)
}

func TestAcceptSeesEachResultFirst(t *testing.T) {
	s := newSite(t)
	results := s.results(0, 4)
	results[1].Licence = "All rights reserved"
	o := Options{Folder: t.TempDir(), Download: quick(), Sources: []Source{list{"x", map[string][]Result{"cat": results}, nil}},
		Accept: func(r Result) bool { return strings.HasPrefix(r.Licence, "CC") }}
	summary, err := Run(t.Context(), []Term{{Query: "cat"}}, o)
	require.NoError(t, err)
	require.Equal(t, 3, summary.New)
	require.Equal(t, map[Reason]int{NotAccepted: 1}, summary.Refused)
}

func TestARunThatIsCancelledEndsAtOnceAndIsTakenUp(t *testing.T) {
	s := newSite(t)
	s.mux.HandleFunc("/slow/{n}", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	results := append(s.results(0, 5), Result{URL: s.URL + "/slow/1"}, Result{URL: s.URL + "/slow/2"})
	ctx, cancel := context.WithCancel(t.Context())
	o := Options{Folder: t.TempDir(), Download: quick(), Sources: []Source{list{"x", map[string][]Result{"cat": results}, nil}}}
	o.Progress = func(p Progress) {
		if p.Have == 5 {
			cancel()
		}
	}
	began := time.Now()
	summary, err := Run(ctx, []Term{{Query: "cat"}}, o)
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(began), 10*time.Second)
	require.Equal(t, 5, summary.New)
	require.Len(t, requireSound(t, o.Folder), 5)
}

func TestWrongOptionsSayWhatIsWrong(t *testing.T) {
	ok := Options{Folder: t.TempDir(), Sources: []Source{list{name: "x"}}}
	for want, change := range map[string]func(*Options, *[]Term){
		"no terms":                      func(_ *Options, t *[]Term) { *t = nil },
		`class "../x"`:                  func(_ *Options, t *[]Term) { (*t)[0].Class = "../x" },
		`"Cat" and "cat"`:               func(_ *Options, t *[]Term) { *t = []Term{{Query: "Cat"}, {Query: "cat"}} },
		"-1 pictures":                   func(_ *Options, t *[]Term) { (*t)[0].Count = -1 },
		`"dev" is no split`:             func(_ *Options, t *[]Term) { (*t)[0].Split = "dev" },
		"no search term":                func(_ *Options, t *[]Term) { (*t)[0].Query = " " },
		"add up to 1.1":                 func(o *Options, _ *[]Term) { o.Val, o.Test = .6, .5 },
		`folder is "" and there are 1`:  func(o *Options, _ *[]Term) { o.Folder = "" },
		"there are 0 sources, want one": func(o *Options, _ *[]Term) { o.Sources = nil },
	} {
		o, terms := ok, []Term{{Query: "cat"}}
		change(&o, &terms)
		_, err := Run(t.Context(), terms, o)
		require.ErrorContains(t, err, want)
	}
}

func TestTwoRunsDoNotShareAFolder(t *testing.T) {
	folder := t.TempDir()
	first, err := openStore(folder)
	require.NoError(t, err)
	defer first.close()
	_, err = Run(t.Context(), []Term{{Query: "cat"}}, Options{Folder: folder, Sources: []Source{list{name: "x"}}})
	require.ErrorIs(t, err, ErrInUse)
}
