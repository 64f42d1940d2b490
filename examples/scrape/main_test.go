package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/clean"
	"github.com/argus-go/argus/scrape"
	"github.com/stretchr/testify/require"
)

// cloth is a pattern of a class, checks or stripes, in other colours and sizes for
// each n.
func cloth(class string, n int) []byte {
	rng := rand.New(rand.NewPCG(uint64(n), uint64(len(class))))
	var colours [4]color.RGBA
	for i := range colours {
		colours[i] = color.RGBA{uint8(rng.IntN(256)), uint8(rng.IntN(256)), uint8(rng.IntN(256)), 255}
	}
	width, shift := 6+rng.IntN(14), rng.IntN(20)
	img := image.NewRGBA(image.Rect(0, 0, 160, 120))
	for y := range 120 {
		for x := range 160 {
			at := (x + shift) / width
			if class == "checks" {
				at += 2 * ((y + shift) / width)
			}
			c := colours[at%4]
			noise := uint8(rng.IntN(24))
			img.SetRGBA(x, y, color.RGBA{c.R/2 + noise, c.G/2 + noise, c.B/2 + noise, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// services are an Openverse that knows checks and a Commons that knows stripes.
func services(t *testing.T) string {
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	type object = map[string]any
	reply := func(w http.ResponseWriter, answer any) { require.NoError(t, json.NewEncoder(w).Encode(answer)) }
	mux.HandleFunc("/v1/images/", func(w http.ResponseWriter, r *http.Request) {
		require.Contains(t, r.UserAgent(), "ann@example.org")
		list := []object{}
		for n := range 30 {
			if r.URL.Query().Get("q") == "checks" {
				list = append(list, object{"url": fmt.Sprintf("%s/checks/%d", s.URL, n), "license": "cc0", "license_version": "1.0"})
			}
		}
		reply(w, object{"page_count": 1, "results": list})
	})
	mux.HandleFunc("/w/api.php", func(w http.ResponseWriter, r *http.Request) {
		list := []object{}
		for n := range 30 {
			if strings.HasSuffix(r.URL.Query().Get("gsrsearch"), " stripes") {
				list = append(list, object{"index": n, "imageinfo": []object{{"url": fmt.Sprintf("%s/stripes/%d", s.URL, n)}}})
			}
		}
		reply(w, object{"query": object{"pages": list}})
	})
	mux.HandleFunc("/{class}/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		content := cloth(r.PathValue("class"), n)
		if n == 3 {
			content = content[:1000]
		}
		w.Write(content)
	})
	return s.URL
}

func TestTermsBecomeAModelOnOneScreen(t *testing.T) {
	dir := t.TempDir()
	table, pictures, model := filepath.Join(dir, "terms.csv"), filepath.Join(dir, "pictures"), filepath.Join(dir, "model.argus")
	require.NoError(t, os.WriteFile(table, []byte("search_term,number_imgs,folder_name,train_val\nchecks,24,checked,\nstripes,24,striped,\n"), 0o600))
	var stdout, stderr bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-dir", pictures, "-o", model, "-at", services(t), "-contact", "ann@example.org", table}, &stdout, &stderr))
	out := stdout.String()
	for _, want := range []string{"pictures  48, 48 of them new", " commons", " openverse", " CC0 1.0", "refused   none", "2 unreadable", "accuracy", model} {
		require.Contains(t, out, want)
	}
	require.Less(t, strings.Count(out, "\n"), 25, "one screen")
	require.NotContains(t, out, "short")

	clf, err := argus.LoadClassifier(model)
	require.NoError(t, err)
	right := 0
	for n := 100; n < 110; n++ {
		for class, label := range map[string]string{"checks": "checked", "stripes": "striped"} {
			answer, err := clf.PredictReader(t.Context(), bytes.NewReader(cloth(class, n)))
			require.NoError(t, err)
			if answer[0].Label == label {
				right++
			}
		}
	}
	require.GreaterOrEqual(t, right, 17, "of 20 that it has not seen")

	manifest, err := scrape.ReadManifest(pictures)
	require.NoError(t, err)
	aside, err := clean.Quarantined(pictures)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(aside), 2)
	require.Len(t, manifest, 48-len(aside))
	require.Contains(t, out, fmt.Sprintf("%d used", len(manifest)))
	var origins scrape.Summary
	require.NoError(t, json.Unmarshal(clf.Info().Fit.Provenance, &origins))
	require.Equal(t, scrape.Summarize(manifest), origins, "of what the model has seen, no more")
	require.FileExists(t, filepath.Join(pictures, scrape.AttributionFile))
}

func TestWhatIsToBlameForMissingPicturesIsSaid(t *testing.T) {
	dir := t.TempDir()
	at := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	table := at("terms.csv", "search_term,number_imgs\nchecks,3\n")
	list := at("list.txt", "http://127.0.0.1:9/a.jpg\n")
	var out bytes.Buffer
	err := run(t.Context(), []string{"-dir", filepath.Join(dir, "pictures"), "-sources", list + "," + filepath.Join(dir, "none"), table}, &out, &out)
	for _, want := range []string{"no class folders", "folder none", `"checks": 0 of 3 pictures`, "refused: 1 private address"} {
		require.ErrorContains(t, err, want)
	}
}

func TestWhatIsWrongIsSaidBeforeTheWork(t *testing.T) {
	var out bytes.Buffer
	for want, args := range map[string][]string{
		"want one table":  nil,
		"no such file":    {"nothing.csv"},
		"no column":       {"main.go"},
		"not defined: -x": {"-x"},
	} {
		require.ErrorContains(t, run(t.Context(), args, &out, &out), want)
	}
	require.Contains(t, out.String(), "usage: scrape")
	o, err := parse([]string{"-sources", "openverse,commons,flickr,bing,google,x.txt,y", "terms.csv"}, &out)
	require.NoError(t, err)
	var names []string
	for _, s := range o.sources {
		names = append(names, s.Name())
	}
	require.Equal(t, []string{"openverse", "commons", "flickr", "bing", "google", "list x.txt", "folder y"}, names)
}
