package browser

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"html/template"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/argus-go/argus/clean"
	"github.com/argus-go/argus/internal/shared"
	"github.com/argus-go/argus/scrape"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/draw"
)

// The table that a user writes; 50 pictures of each class.
const table = `search_term;number_imgs;folder_name;train_val
pants;34;pants;train
pantalon;6;pants;val
Hose;10;pants;test
shoes;34;shoes;train
chaussures d'été;6;shoes;val
Schuhe;10;shoes;test
shorts;34;shorts;train
culotte;6;shorts;val
kurze Hose;10;shorts;test
t-shirt;34;t-shirt;train
maillot;6;t-shirt;val
Hemd;10;t-shirt;test
`

// web is a fixture: an Openverse, a Commons, an image search for the browser, and
// sites with the pictures.
type web struct {
	*httptest.Server
	content map[string][]byte       // by path below /pictures/
	results map[string][]string     // query → such paths, and addresses of traps
	faults  map[string][]clean.Kind // planted: path → what the report may call it
	twin    map[string]string       // planted: path → the path that it looks like
	traps   map[scrape.Reason]int   // planted: what has to be refused
}

// classes of the table, in order, with the queries of their splits.
var classes = []struct{ name, train, val, test string }{
	{"pants", "pants", "pantalon", "Hose"}, {"shoes", "shoes", "chaussures d'été", "Schuhe"},
	{"shorts", "shorts", "culotte", "kurze Hose"}, {"t-shirt", "t-shirt", "maillot", "Hemd"},
}

func newWeb(t testing.TB) *web {
	w := &web{content: map[string][]byte{}, results: map[string][]string{}, faults: map[string][]clean.Kind{}, twin: map[string]string{}, traps: map[scrape.Reason]int{}}
	mux := http.NewServeMux()
	w.Server = httptest.NewServer(mux)
	t.Cleanup(w.Close)
	for i, class := range classes {
		w.plant(t, i, class.name)
	}
	w.serveAPIs(mux)
	w.servePictures(mux)
	return w
}

// plant fills the results of a class: photographs, among them faults and traps.
func (w *web) plant(t testing.TB, nth int, class string) {
	names, err := filepath.Glob(shared.Path(t, "data/clothing5/train/"+class) + "/*.jpg")
	require.NoError(t, err)
	photos := make([][]byte, 90)
	for i := range photos {
		photos[i], err = os.ReadFile(names[i])
		require.NoError(t, err)
	}
	next := 0
	photo := func() []byte { next++; return photos[next-1] }
	queries := classes[nth]
	add := func(query, name string, content []byte, kinds ...clean.Kind) string {
		path := fmt.Sprintf("%s/%s/%s", class, query[:1], name)
		w.content[path] = content
		w.results[query] = append(w.results[query], path)
		if kinds != nil {
			w.faults[path] = kinds
		}
		return path
	}
	good := func(query string, n int) (first string) {
		for range n {
			path := add(query, fmt.Sprintf("photo%d.jpg", next), photo())
			if first == "" {
				first = path
			}
		}
		return first
	}
	twin := func(query, name, of string, content []byte, kind clean.Kind) {
		w.twin[add(query, name, content, kind)] = of
	}
	trap := func(query string, address string, reason scrape.Reason) {
		w.results[query] = append(w.results[query], address)
		w.traps[reason]++
	}

	first := good(queries.train, 3)
	trap(queries.train, w.URL+"/not/html.jpg", scrape.NotAPicture)
	trap(queries.train, w.URL+"/not/pixels.png", scrape.TooBig)
	trap(queries.train, w.URL+"/not/gzip.jpg", scrape.TooBig)
	trap(queries.train, w.URL+"/not/endless.jpg", scrape.TooBig)
	trap(queries.train, w.URL+"/not/again/"+first, scrape.Duplicate)
	trap(queries.train, w.URL+"/not/inside.jpg", scrape.PrivateAddress)
	trap(queries.train, w.URL+"/not/metadata.jpg", scrape.PrivateAddress)
	trap(queries.train, w.URL+"/not/noai.jpg", scrape.NoIndex)
	trap(queries.train, w.URL+"/forbidden/1.jpg", scrape.Robots)
	trap(queries.train, w.URL+"/not/there.jpg", scrape.BadStatus)
	trap(queries.train, w.URL+"/not/stalls.jpg", scrape.TooSlow)
	trap(queries.train, "file:///etc/passwd", scrape.BadURL)

	add(queries.train, "cut.jpg", photo()[:8000], clean.Unreadable)
	if nth == 0 { // the same in two classes would be another fault
		cmyk, err := os.ReadFile("../../clean/testdata/cmyk.jpg")
		require.NoError(t, err)
		add(queries.train, "cmyk.jpg", cmyk, clean.CMYK)
	}
	add(queries.train, "grey.png", pngOf(grey(decode(t, photo()))), clean.Grey)
	add(queries.train, "alpha.png", pngOf(transparent(decode(t, photo()))), clean.Alpha)
	add(queries.train, "deep.png", pngOf(deep(decode(t, photo()))), clean.Deep)
	add(queries.train, "moving.gif", animated(decode(t, photo())), clean.Animated)
	add(queries.train, "small.jpg", jpegOf(resized(decode(t, photo()), 40, 40), 90), clean.TooSmall)
	add(queries.train, "wide.jpg", jpegOf(resized(decode(t, photo()), 900, 150), 90), clean.OddAspect)
	add(queries.train, "blank.jpg", jpegOf(image.NewUniform(color.RGBA{uint8(60 * nth), 120, 200, 255}), 90), clean.Blank)
	add(queries.train, "dark.jpg", jpegOf(scaled(decode(t, photo()), .12), 90), clean.Dark)
	add(queries.train, "blurred.jpg", jpegOf(blurred(decode(t, photo()), 5), 90), clean.Blurred)
	twin(queries.train, "recompressed.jpg", first, jpegOf(decode(t, w.content[first]), 55), clean.NearDuplicate)
	twin(queries.test, "leak.jpg", first[:len(first)-5]+"1.jpg", jpegOf(resized(decode(t, photos[1]), 300, 400), 80), clean.Leak)
	twin(queries.val, "cropped.jpg", first[:len(first)-5]+"2.jpg", jpegOf(cropped(decode(t, photos[2]), .05), 85), clean.Leak)
	// The same file in the class before, in train as well.
	conflict := add(queries.train, "both.jpg", photo(), clean.LabelConflict)
	other := classes[(nth+1)%len(classes)]
	w.results[other.train] = append([]string{conflict}, w.results[other.train]...)

	good(queries.train, 30)
	good(queries.val, 8)
	good(queries.test, 12)
}

func decode(t testing.TB, data []byte) image.Image {
	img, err := jpeg.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	return img
}

func jpegOf(img image.Image, quality int) []byte {
	if u, ok := img.(*image.Uniform); ok {
		img = resized(u, 400, 300)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func pngOf(img image.Image) []byte {
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func resized(img image.Image, w, h int) image.Image {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	from := img.Bounds()
	if _, ok := img.(*image.Uniform); ok {
		from = out.Rect
	}
	draw.BiLinear.Scale(out, out.Rect, img, from, draw.Src, nil)
	return out
}

// blurred has a Gaussian of sigma pixels.
func blurred(img image.Image, sigma float64) image.Image {
	out := image.NewRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	gauss := draw.Kernel{Support: 3 * sigma, At: func(t float64) float64 { return math.Exp(-t * t / (2 * sigma * sigma)) }}
	gauss.Scale(out, out.Rect, img, img.Bounds(), draw.Src, nil)
	return out
}

func cropped(img image.Image, share float64) image.Image {
	b := img.Bounds()
	dx, dy := int(float64(b.Dx())*share/2), int(float64(b.Dy())*share/2)
	out := image.NewRGBA(image.Rect(0, 0, b.Dx()-2*dx, b.Dy()-2*dy))
	draw.Copy(out, image.Point{}, img, image.Rect(b.Min.X+dx, b.Min.Y+dy, b.Max.X-dx, b.Max.Y-dy), draw.Src, nil)
	return out
}

func grey(img image.Image) image.Image {
	out := image.NewGray(img.Bounds())
	draw.Copy(out, image.Point{}, img, img.Bounds(), draw.Src, nil)
	return out
}

func deep(img image.Image) image.Image {
	out := image.NewRGBA64(img.Bounds())
	draw.Copy(out, image.Point{}, img, img.Bounds(), draw.Src, nil)
	return out
}

func transparent(img image.Image) image.Image {
	out := image.NewNRGBA(img.Bounds())
	draw.Copy(out, image.Point{}, img, img.Bounds(), draw.Src, nil)
	for i := 3; i < len(out.Pix)/4; i += 4 {
		out.Pix[i] = 0
	}
	return out
}

func scaled(img image.Image, by float64) image.Image {
	out := image.NewRGBA(img.Bounds())
	draw.Copy(out, image.Point{}, img, img.Bounds(), draw.Src, nil)
	for i := range out.Pix {
		if i%4 != 3 {
			out.Pix[i] = uint8(float64(out.Pix[i]) * by)
		}
	}
	return out
}

func animated(img image.Image) []byte {
	var g gif.GIF
	for range 2 {
		frame := image.NewPaletted(image.Rect(0, 0, 240, 320), []color.Color{color.Black, color.White, color.RGBA{200, 60, 60, 255}, color.RGBA{60, 60, 200, 255}})
		draw.FloydSteinberg.Draw(frame, frame.Rect, resized(img, 240, 320), image.Point{})
		g.Image, g.Delay = append(g.Image, frame), append(g.Delay, 10)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &g); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func (w *web) servePictures(mux *http.ServeMux) {
	mux.HandleFunc("/robots.txt", func(out http.ResponseWriter, _ *http.Request) {
		io.WriteString(out, "User-agent: *\nDisallow: /forbidden/\n")
	})
	mux.HandleFunc("/pictures/", func(out http.ResponseWriter, r *http.Request) {
		content, ok := w.content[strings.TrimPrefix(r.URL.Path, "/pictures/")]
		if !ok {
			http.NotFound(out, r)
			return
		}
		out.Header().Set("Content-Type", "image/jpeg") // whatever it is
		out.Write(content)
	})
	mux.HandleFunc("/not/again/", func(out http.ResponseWriter, r *http.Request) {
		out.Write(w.content[strings.TrimPrefix(r.URL.Path, "/not/again/")])
	})
	mux.HandleFunc("/not/html.jpg", func(out http.ResponseWriter, _ *http.Request) {
		io.WriteString(out, "<!DOCTYPE html><title>Not found</title>")
	})
	ihdr := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("IHDR"), 60000), 60000)
	ihdr = append(ihdr, 8, 2, 0, 0, 0)
	bomb := append(binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), 13), ihdr...)
	bomb = binary.BigEndian.AppendUint32(bomb, crc32.ChecksumIEEE(ihdr))
	mux.HandleFunc("/not/pixels.png", func(out http.ResponseWriter, _ *http.Request) { out.Write(bomb) })
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(make([]byte, 4<<20))
	z.Close()
	mux.HandleFunc("/not/gzip.jpg", func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Encoding", "gzip")
		out.Write(bytes.Repeat(zipped.Bytes(), 100))
	})
	mux.HandleFunc("/not/endless.jpg", func(out http.ResponseWriter, r *http.Request) {
		for block := make([]byte, 64<<10); r.Context().Err() == nil; {
			if _, err := out.Write(block); err != nil {
				return
			}
		}
	})
	inside := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { panic("a redirect led inside") }))
	mux.HandleFunc("/not/inside.jpg", http.RedirectHandler(inside.URL+"/admin.jpg", http.StatusFound).ServeHTTP)
	mux.HandleFunc("/not/metadata.jpg", http.RedirectHandler("http://169.254.169.254/latest/meta-data/", http.StatusFound).ServeHTTP)
	mux.HandleFunc("/not/noai.jpg", func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("X-Robots-Tag", "noai, noimageai")
		out.Write(bomb)
	})
	mux.HandleFunc("/not/stalls.jpg", func(out http.ResponseWriter, r *http.Request) { out.(http.Flusher).Flush(); <-r.Context().Done() })
	w.Config.RegisterOnShutdown(inside.Close)
}

// address is where a result is, and page its landing page.
func (w *web) address(result string) (address, page string) {
	if strings.Contains(result, "://") {
		return result, result + ".html"
	}
	return w.URL + "/pictures/" + result, w.URL + "/pages/" + result
}

// part are the results of one of three sources.
func (w *web) part(query string, nth int) []string {
	all := w.results[query]
	return all[len(all)*nth/3 : len(all)*(nth+1)/3]
}

func (w *web) serveAPIs(mux *http.ServeMux) {
	reply := func(out http.ResponseWriter, answer any) {
		out.Header().Set("Content-Type", "application/json")
		json.NewEncoder(out).Encode(answer)
	}
	type object = map[string]any
	mux.HandleFunc("/openverse/v1/images/", func(out http.ResponseWriter, r *http.Request) {
		results := w.part(r.URL.Query().Get("q"), 0)
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		pages := (len(results) + 19) / 20
		var list []object
		for _, result := range results[min(20*(page-1), len(results)):min(20*page, len(results))] {
			address, landing := w.address(result)
			list = append(list, object{"url": address, "foreign_landing_url": landing, "title": result, "creator": "Ann", "license": "by", "license_version": "4.0", "license_url": "https://creativecommons.org/licenses/by/4.0/"})
		}
		reply(out, object{"page_count": pages, "page": page, "results": list})
	})
	mux.HandleFunc("/commons/w/api.php", func(out http.ResponseWriter, r *http.Request) {
		var list []object
		for i, result := range w.part(strings.TrimPrefix(r.URL.Query().Get("gsrsearch"), "filetype:bitmap "), 1) {
			address, landing := w.address(result)
			list = append(list, object{"title": "File:" + result, "index": i + 1, "imageinfo": []object{{"url": address, "descriptionurl": landing,
				"extmetadata": object{"LicenseShortName": object{"value": "CC0"}, "Artist": object{"value": "<b>Bob</b>"}}}}})
		}
		reply(out, object{"batchcomplete": true, "query": object{"pages": list}})
	})
	mux.HandleFunc("/google/search", func(out http.ResponseWriter, r *http.Request) {
		results := w.part(r.URL.Query().Get("q"), 2)
		fmt.Fprintf(out, "<!DOCTYPE html><div id=results></div><script>const all = %s; let at = 0;", quoted(w, results))
		io.WriteString(out, `
			function load() {
				for (const [i, [url, page]] of all.slice(at, at + 10).entries()) {
					const div = document.createElement("div");
					div.style.height = "300px";
					div.dataset.docid = "id" + (at + i);
					div.dataset.lpage = page;
					div.innerHTML = '<h3><a><img src="data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==" alt="found"></a></h3>';
					const script = document.createElement("script");
					script.type = "application/json";
					script.textContent = '[0,"id' + (at + i) + '",["https://encrypted-tbn0.gstatic.com/images?q=1",168,300],["' + url + '",630,1200]]';
					results.append(div, script);
				}
				at += 10;
			}
			load();
			addEventListener("scroll", () => { if (innerHeight + scrollY > document.body.scrollHeight - 400) load(); });
		</script>`)
	})
}

func quoted(w *web, results []string) template.JS {
	pairs := [][2]string{}
	for _, result := range results {
		address, page := w.address(result)
		pairs = append(pairs, [2]string{address, page})
	}
	text, _ := json.Marshal(pairs)
	return template.JS(text)
}

// TestATableBecomesACleanDataset goes from the table of the old system through two
// APIs and real Chromium to 200 pictures, whose planted faults the report must find.
func TestATableBecomesACleanDataset(t *testing.T) {
	w := newWeb(t)
	b := open(t, w.URL)
	b.o.Quiet = time.Second
	google, err := b.Source("google")
	require.NoError(t, err)
	terms, err := scrape.ReadTerms(strings.NewReader(strings.ReplaceAll(table, "é", "\xe9"))) // Latin-1
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "photos")
	options := scrape.Options{
		Folder: dir,
		Sources: []scrape.Source{
			scrape.Openverse{API: scrape.API{BaseURL: w.URL + "/openverse"}}, scrape.Commons{API: scrape.API{BaseURL: w.URL + "/commons"}}, google,
		},
		Download: scrape.Download{
			AllowPrivate: []string{strings.TrimPrefix(w.URL, "http://")}, Rate: -1, PerHost: 16, Stall: 2 * time.Second,
			Limits: scrape.Limits{Bytes: 3_000_000}, Patience: scrape.Patience{Retries: -1},
		},
	}
	summary, err := scrape.Run(t.Context(), terms, options)
	require.NoError(t, err)
	require.Empty(t, summary.Failures)
	require.Empty(t, summary.Short())
	require.Equal(t, 200, summary.Pictures)
	require.Equal(t, w.traps, summary.Refused, "every trap, and nothing else")
	require.Len(t, summary.Sources, 3, "all three gave pictures")
	for class, splits := range summary.Classes {
		require.Equal(t, map[scrape.Split]int{scrape.Train: 34, scrape.Val: 6, scrape.Test: 10}, splits, class)
	}

	report, err := clean.Check(t.Context(), dir, clean.Options{})
	require.NoError(t, err)
	require.Len(t, report.Pictures, 200)
	w.requireFound(t, dir, report)

	// What is of no use goes into quarantine, others take its place, and what looks
	// alike comes into one split.
	moves := report.Plan(clean.Unreadable, clean.Animated, clean.Blank, clean.Dark, clean.Blurred, clean.TooSmall, clean.OddAspect, clean.Duplicate, clean.NearDuplicate, clean.LabelConflict)
	_, err = clean.Quarantine(t.Context(), dir, moves, clean.Limits{})
	require.NoError(t, err)
	again, err := scrape.Run(t.Context(), terms, options)
	require.NoError(t, err)
	require.Positive(t, again.New)
	_, err = scrape.Regroup(t.Context(), dir, report.Groups())
	require.NoError(t, err)
	report, err = clean.Check(t.Context(), dir, clean.Options{})
	require.NoError(t, err)
	require.Empty(t, report.Of(clean.Leak, clean.Unreadable, clean.Blank, clean.Duplicate, clean.Animated))
	entries, err := os.ReadDir(filepath.Dir(dir))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing beside the folder")
}

// requireFound holds the report against what was planted, by address.
func (w *web) requireFound(t *testing.T, dir string, report clean.Report) {
	t.Helper()
	pictures, err := scrape.ReadManifest(dir)
	require.NoError(t, err)
	planted := map[string][]clean.Kind{} // by path in the dataset
	at := map[string][]string{}
	for _, p := range pictures {
		source := strings.TrimPrefix(strings.TrimPrefix(p.URL, w.URL+"/pictures/"), w.URL+"/not/again/") // which of the two came first
		at[source] = append(at[source], p.Path)
		planted[p.Path] = append(planted[p.Path], w.faults[source]...)
	}
	for copied, of := range w.twin { // either may be named
		require.NotEmpty(t, at[of], "%s, of which there is a copy, was not taken", of)
		for _, p := range at[of] {
			planted[p] = append(planted[p], w.faults[copied]...)
		}
	}
	found := map[string][]clean.Kind{}
	for _, f := range report.Faults {
		found[f.Path] = append(found[f.Path], f.Kind)
	}
	plantedFaults, missed := 0, []string{}
	for source, kinds := range w.faults {
		plantedFaults++
		paths := slices.Concat(at[source], at[w.twin[source]])
		if !slices.ContainsFunc(paths, func(p string) bool { return slices.Contains(found[p], kinds[0]) }) {
			missed = append(missed, fmt.Sprintf("%s: %v", source, kinds))
		}
	}
	sound, alarms := 0, []string{}
	for _, p := range pictures {
		if len(planted[p.Path]) > 0 {
			continue
		}
		sound++
		if len(found[p.Path]) > 0 {
			alarms = append(alarms, fmt.Sprintf("%s (%s): %v", p.Path, p.URL, found[p.Path]))
		}
	}
	t.Logf("%d planted faults, %d missed; %d sound pictures, %d false alarms", plantedFaults, len(missed), sound, len(alarms))
	require.Empty(t, missed)
	require.LessOrEqual(t, float64(len(alarms)), .01*float64(sound), "%s", strings.Join(alarms, "\n"))
}
