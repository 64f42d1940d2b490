package scrape

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	childFolder = "SCRAPE_TEST_FOLDER" // set: this is the process to kill
	childSite   = "SCRAPE_TEST_SITE"
)

// fullRun asks for 120 pictures of three terms, of which some are the same.
func fullRun(t testing.TB, folder, siteURL string) (Summary, error) {
	s := &site{Server: &httptest.Server{URL: siteURL}}
	o := quick()
	o.PerHost = 4
	source := list{"fixture", map[string][]Result{"a": s.results(0, 60), "b": s.results(40, 100), "c": append(s.results(200, 230), s.results(200, 260)...)}, nil}
	return Run(t.Context(), []Term{{Query: "a", Class: "x", Count: 40}, {Query: "b", Class: "x", Count: 40}, {Query: "c", Class: "y", Count: 40}},
		Options{Folder: folder, Sources: []Source{source}, Download: o})
}

// TestARunKilledAtAnyMomentIsCompletedWithoutDuplicates kills processes of its
// own, ARGUS_KILLS of them, 6 without that variable: in one folder until a run ends
// before it is killed, then in the next.
func TestARunKilledAtAnyMomentIsCompletedWithoutDuplicates(t *testing.T) {
	if folder := os.Getenv(childFolder); folder != "" {
		fmt.Println("begins")
		_, err := fullRun(t, folder, os.Getenv(childSite))
		require.NoError(t, err)
		return
	}
	kills := 6
	if n, err := strconv.Atoi(os.Getenv("ARGUS_KILLS")); err == nil {
		kills = n
	}
	s := newSite(t)
	began := time.Now()
	_, err := fullRun(t, t.TempDir(), s.URL)
	require.NoError(t, err)
	whole := time.Since(began)

	outside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "precious.jpg"), jpegOf(9), 0o600))
	for left := kills; left > 0; {
		folder := filepath.Join(outside, fmt.Sprintf("photos%d", left))
		for ended := false; left > 0 && !ended; {
			if ended = !killed(t, folder, s.URL, time.Duration(rand.Int64N(int64(whole)))); !ended {
				left--
			}
		}
		summary, err := fullRun(t, folder, s.URL)
		require.NoError(t, err)
		require.Empty(t, summary.Short())
		require.Len(t, requireSound(t, folder), 120)
		require.NoError(t, os.RemoveAll(folder))
	}
	require.Equal(t, map[string]string{"precious.jpg": string(jpegOf(9))}, files(t, outside))
}

// killed starts a run and kills it after a while; false says that it had ended.
func killed(t *testing.T, folder, siteURL string, after time.Duration) bool {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), childFolder+"="+folder, childSite+"="+siteURL)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	_, err = out.Read(make([]byte, 16)) // it begins
	require.NoError(t, err)
	time.Sleep(after)
	require.NoError(t, child.Process.Kill())
	return child.Wait() != nil
}

func TestEveryMomentOfAPlacementIsTakenUp(t *testing.T) {
	s := newSite(t)
	o := Options{Folder: t.TempDir(), Download: quick(), Sources: []Source{list{"x", map[string][]Result{"cat": s.results(0, 20)}, nil}}}
	terms := []Term{{Query: "cat", Count: 10}}
	_, err := Run(t.Context(), terms, o)
	require.NoError(t, err)
	in := func(name string) string { return filepath.Join(o.Folder, filepath.FromSlash(name)) }
	before := files(t, o.Folder)
	p := requireSound(t, o.Folder)[4]
	for name, brokenOff := range map[string]func(){
		"staged, in the manifest": func() { require.NoError(t, os.Rename(in(p.Path), in(stagingFolder+"/"+p.id()))) },
		"staged without a line": func() {
			require.NoError(t, os.WriteFile(in(stagingFolder+"/"+strings.Repeat("0", 64)+"-x"), []byte("half"), 0o600))
		},
		"half a line": func() {
			f, err := os.OpenFile(in(ManifestFile), os.O_APPEND|os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.WriteString(`{"path":"train/cat/cat_11.jpg","cl`)
			require.NoError(t, err)
			require.NoError(t, f.Close())
		},
		"credits missing": func() { require.NoError(t, os.Remove(in(AttributionFile))) },
	} {
		brokenOff()
		summary, err := Run(t.Context(), terms, o)
		require.NoError(t, err, name)
		require.Zero(t, summary.New, name)
		require.Equal(t, before, files(t, o.Folder), name)
		requireSound(t, o.Folder)
	}
}

func TestAConvertedPictureKeepsItsCreditsAndIsNotAskedForAgain(t *testing.T) {
	s := newSite(t)
	o := Options{Folder: t.TempDir(), Download: quick(), Sources: []Source{list{"x", map[string][]Result{"cat": s.results(0, 20)}, nil}}}
	terms := []Term{{Query: "cat", Count: 5, Split: Train}}
	_, err := Run(t.Context(), terms, o)
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(o.Folder, "train/cat/cat_2.jpg")))
	require.NoError(t, os.WriteFile(filepath.Join(o.Folder, "train/cat/cat_2.png"), pngOf(2), 0o600))
	summary, err := Run(t.Context(), terms, o)
	require.NoError(t, err)
	require.Zero(t, summary.New)
	require.Equal(t, 5, summary.Pictures)
	require.Contains(t, files(t, o.Folder)[AttributionFile], "train/cat/cat_2.png")
}

func TestForeignFilesAreNeitherCountedNorOverwritten(t *testing.T) {
	s := newSite(t)
	folder := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "val", "cat"), 0o700))
	for _, name := range []string{"val/cat/cat_7.png", "val/cat/mine.jpg", "notes.txt"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(name), 0o600))
	}
	_, err := Run(t.Context(), []Term{{Query: "cat", Count: 3, Split: Val}}, Options{Folder: folder, Download: quick(), Sources: []Source{list{"x", map[string][]Result{"cat": s.results(0, 9)}, nil}}})
	require.NoError(t, err)
	all := files(t, folder)
	for _, name := range []string{"val/cat/cat_7.png", "val/cat/mine.jpg", "notes.txt"} {
		require.Equal(t, name, all[name])
	}
	for _, n := range []int{8, 9, 10} {
		require.Contains(t, all, fmt.Sprintf("val/cat/cat_%d.jpg", n))
	}
}

func TestLinksDoNotLeadOutOfTheFolder(t *testing.T) {
	s := newSite(t)
	for _, link := range []string{"train", "train/cat", ManifestFile, stagingFolder} {
		dir := t.TempDir()
		folder, outside := filepath.Join(dir, "photos"), filepath.Join(dir, "outside")
		require.NoError(t, os.MkdirAll(filepath.Join(folder, filepath.Dir(link)), 0o700))
		require.NoError(t, os.MkdirAll(outside, 0o700))
		target := outside
		if link == ManifestFile {
			target = filepath.Join(outside, "x")
		}
		require.NoError(t, os.Symlink(target, filepath.Join(folder, link)))
		_, err := Run(t.Context(), []Term{{Query: "cat", Count: 3, Split: Train}}, Options{Folder: folder, Download: quick(), Sources: []Source{list{"x", map[string][]Result{"cat": s.results(0, 9)}, nil}}})
		require.ErrorContains(t, err, folder, link)
		require.Empty(t, files(t, outside), link)
		left, err := os.ReadDir(outside)
		require.NoError(t, err)
		require.Empty(t, left, link)
	}
}

func TestAManifestFromElsewhereCannotNameFilesOutside(t *testing.T) {
	for _, p := range []Picture{
		{Path: "../x/cat/cat_1.jpg", Class: "cat"}, {Path: "train/cat/../../../x", Class: "cat"}, {Path: "train/../cat/x", Class: ".."}, {Path: "/etc/passwd", Class: "etc"},
		{Path: "train/dog/dog_1.jpg", Class: "cat"}, {Path: "train/cat/cat_1.jpg", Class: "cat", From: "../../cat/x"}, {Path: "other/cat/cat_1.jpg", Class: "cat"}, {Path: "", Class: "cat"},
	} {
		folder := t.TempDir()
		line := fmt.Sprintf(`{"path":%q,"class":%q,"from":%q,"sha256":%q}`+"\n", p.Path, p.Class, p.From, strings.Repeat("0", 64))
		require.NoError(t, os.WriteFile(filepath.Join(folder, ManifestFile), []byte(line), 0o600))
		_, err := ReadManifest(folder)
		require.ErrorContains(t, err, ManifestFile+": line 1", line)
		_, err = openStore(folder)
		require.ErrorContains(t, err, ManifestFile+": line 1", line)
	}
}

func TestNamesHoldTheirNumber(t *testing.T) {
	for name, want := range map[string]int{"cat_1.jpg": 1, "cat_12.tif": 12, "cat_0.jpg": 0, "cat_-3.jpg": 0, "cat.jpg": 0, "cat_x.jpg": 0, "dog_4.jpg": 0, "cat_5": 5, "cat_6.old.jpg": 6} {
		require.Equal(t, want, numberOf("cat", name), name)
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"path":"train/cat/cat_1.jpg","class":"cat","sha256":"` + strings.Repeat("0", 64) + `"}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		folder := filepath.Join(dir, "photos")
		require.NoError(t, os.Mkdir(folder, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, ManifestFile), data, 0o600))
		if s, err := openStore(folder); err == nil {
			require.NoError(t, s.close())
		}
		entries, err := fs.ReadDir(os.DirFS(dir), ".")
		require.NoError(t, err)
		require.Len(t, entries, 1)
	})
}
