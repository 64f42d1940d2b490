package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/argus-go/argus/scrape"
	"github.com/stretchr/testify/require"
)

// chromium is the installed browser; without one the test is skipped.
func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if at, err := exec.LookPath(name); err == nil {
			return at
		}
	}
	t.Skip("no Chromium or Chrome is installed (Debian: chromium)")
	return ""
}

// open starts the browser with engines whose addresses lead to site.
func open(t testing.TB, site string) *Browser {
	t.Helper()
	at := chromium(t)
	all, err := Engines()
	require.NoError(t, err)
	for i := range all {
		_, path, _ := strings.Cut(strings.TrimPrefix(all[i].Address, "https://"), "/")
		all[i].Address = site + "/" + all[i].Name + "/" + path
	}
	b, err := Open(t.Context(), Options{Exec: at, NoSandbox: os.Geteuid() == 0, Engines: all, Quiet: 1500 * time.Millisecond, Timeout: 20 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

const thumbnail = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="

// imitation is a site with image searches that are built as those of engines.json:
// thumbnails as data: URLs, the addresses of the pictures in scripts and attributes,
// more results on scrolling, then behind a button.
type imitation struct {
	total   int // results of a search
	perLoad int
	button  int // from here on a button loads more
}

var pages = template.Must(template.New("").Parse(`
{{define "scroll"}}
<script>
let next = {{.PerLoad}}, busy = false;
async function load() {
	if (busy || next >= {{.Total}}) return;
	busy = true;
	const html = await (await fetch("/items/" + {{.Kind}} + "?from=" + next)).text();
	const box = document.createElement("div");
	box.innerHTML = html;
	for (const old of box.querySelectorAll("script")) {
		const script = document.createElement("script");
		script.textContent = old.textContent;
		old.replaceWith(script);
	}
	document.querySelector("#results").append(...box.childNodes);
	next += {{.PerLoad}};
	busy = false;
	document.querySelector("#more").style.display = next >= {{.Button}} && next < {{.Total}} ? "block" : "none";
}
addEventListener("scroll", () => { if (next < {{.Button}} && innerHeight + scrollY > document.body.scrollHeight - 600) load(); });
</script>
{{end}}
{{define "google"}}<!DOCTYPE html><title>cat - Google Search</title><body><div id="results">{{.Items}}</div>
<input id="more" class="mye4qd" type="button" value="Show more results" style="display:none" onclick="load()">
{{template "scroll" .}}{{end}}
{{define "bing"}}<!DOCTYPE html><title>cat - Bing images</title><body>
<div id="bnp_container"><button id="bnp_btn_accept">Accept</button><button id="bnp_btn_reject" onclick="document.querySelector('#bnp_container').remove(); document.querySelector('#results').style.display='block'">Reject</button></div>
<div id="results" style="display:none">{{.Items}}</div>
<a id="more" class="btn_seemore" style="display:none" href="javascript:void load()">See more images</a>
{{template "scroll" .}}{{end}}
{{define "consent"}}<!DOCTYPE html><title>Before you continue</title>
<form action="/save" method="post"><input type="hidden" name="continue" value="{{.}}"><button aria-label="Accept all" name="a" value="accept">Accept all</button></form>
<form action="/save" method="post"><input type="hidden" name="continue" value="{{.}}"><button aria-label="Reject all" name="a" value="reject">Reject all</button></form>{{end}}
`))

// item is the n-th result as engine kind writes it.
func (im imitation) item(kind string, n int) string {
	id := fmt.Sprintf("Doc_%011d", n)
	picture := fmt.Sprintf("https://pictures.example/full/%d.jpg?a=1&b=%d", n, n)
	landing := fmt.Sprintf("https://pictures.example/page/%d", n)
	style := `style="height:200px"`
	quote := func(v any) string { text, _ := json.Marshal(v); return string(text) }
	esc := template.HTMLEscapeString
	switch kind {
	case "google":
		return fmt.Sprintf(`<div %s jsname="dTDiAc" class="eA0Zlc ivg-i" data-docid="%s" data-lpage="%s"><h3><a><img src="%s" alt="Cat number %d"></a></h3></div>
<script>(function(){var m={"%s":[1,[0,"%s",["https://encrypted-tbn0.gstatic.com/images?q\u003dtbn:%d\u0026s",168,300],[%s,630,1200],null,0,"rgb(1,2,3)"]]};window.m=m})()</script>`,
			style, id, landing, thumbnail, n, id, id, n, strings.ReplaceAll(quote(picture), "&", `\u0026`))
	case "google-links":
		return fmt.Sprintf(`<div %s class="eA0Zlc" data-lpage="%s"><h3><a onmousedown="this.href='/imgres?q=cat&imgurl='+encodeURIComponent('%s')+'&imgrefurl='+encodeURIComponent('%s')"><img src="%s" alt="Cat number %d"></a></h3></div>`,
			style, landing, esc(picture), landing, thumbnail, n)
	case "google-2018":
		return fmt.Sprintf(`<div %s class="rg_bx"><img src="%s"><div class="rg_meta notranslate">%s</div></div>`, style, thumbnail,
			esc(quote(map[string]any{"ou": picture, "ru": landing, "pt": fmt.Sprintf("Cat number %d", n), "ity": "jpg"})))
	case "bing":
		return fmt.Sprintf(`<div %s class="imgpt"><a class="iusc" href="/images/search?view=detailV2" m="%s"><img class="mimg" src="%s"></a></div>`, style,
			esc(quote(map[string]any{"murl": picture, "turl": "https://tse1.mm.bing.net/th?id=1", "purl": landing, "t": fmt.Sprintf("Cat number %d", n)})), thumbnail)
	}
	panic(kind)
}

func (im imitation) items(kind string, from int) template.HTML {
	var b strings.Builder
	for n := from; n < min(from+im.perLoad, im.total); n++ {
		b.WriteString(im.item(kind, n) + "\n")
	}
	return template.HTML(b.String())
}

func (im imitation) serve(t testing.TB) string {
	mux := http.NewServeMux()
	render := func(w http.ResponseWriter, page, kind string) {
		data := map[string]any{"Kind": kind, "Items": im.items(kind, 0), "PerLoad": im.perLoad, "Total": im.total, "Button": im.button}
		if err := pages.ExecuteTemplate(w, page, data); err != nil {
			t.Error(err)
		}
	}
	static := map[string]string{
		"changed":   `<!DOCTYPE html><div id="results"><div class="new"><img src="x"></div></div>`,
		"half":      `<!DOCTYPE html><div data-docid="1" data-lpage="https://x.example"></div><div data-docid="2" data-lpage="https://y.example"></div><a class="iusc" m="{}"></a>`,
		"captcha":   `<!DOCTYPE html><form id="captcha-form" action="/sorry/index"></form><div id="b_captcha"></div>`,
		"nothing":   `<!DOCTYPE html><div id="topstuff"><div class="card-section">did not match any image results</div></div><div class="no_results"></div>`,
		"scheme":    `<!DOCTYPE html><a class="iusc" m='{"murl":"javascript:alert(1)"}'></a><a class="iusc" m='{"murl":"file:///etc/passwd"}'></a><a class="iusc" m='not JSON'></a><a class="iusc" m='{"murl":"https://x.example/1.jpg","purl":"javascript:1","t":7}'></a>`,
		"never-end": `<!DOCTYPE html><a class="iusc" m='{"murl":"https://x.example/1.jpg"}'></a><script>setInterval(() => document.body.append(document.createElement("p")), 50); addEventListener("scroll", () => document.body.style.paddingBottom = Math.random() * 1e5 + "px")</script>`,
	}
	mux.HandleFunc("/google/search", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query().Get("q")
		if page, ok := static[query]; ok {
			fmt.Fprint(w, page)
			return
		}
		if _, err := r.Cookie("SOCS"); err != nil {
			http.Redirect(w, r, "/consent?continue="+template.URLQueryEscaper(r.URL.String()), http.StatusFound)
			return
		}
		kind, _ := strings.CutPrefix(query, "cat in ")
		if kind == query {
			kind = "google"
		}
		render(w, "google", kind)
	})
	mux.HandleFunc("/bing/images/search", func(w http.ResponseWriter, r *http.Request) {
		if page, ok := static[r.URL.Query().Get("q")]; ok {
			fmt.Fprint(w, page)
			return
		}
		render(w, "bing", "bing")
	})
	mux.HandleFunc("/consent", func(w http.ResponseWriter, r *http.Request) {
		pages.ExecuteTemplate(w, "consent", r.URL.Query().Get("continue"))
	})
	mux.HandleFunc("/save", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.FormValue("a") != "reject" {
			t.Errorf("consent was answered by %s %q", r.Method, r.FormValue("a"))
		}
		http.SetCookie(w, &http.Cookie{Name: "SOCS", Value: "no", Path: "/"})
		http.Redirect(w, r, r.FormValue("continue"), http.StatusSeeOther)
	})
	mux.HandleFunc("/items/{kind}", func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.URL.Query().Get("from"))
		fmt.Fprint(w, im.items(r.PathValue("kind"), from))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// search collects all results.
func search(t testing.TB, b *Browser, engine, query string) (all []scrape.Result, pages int, err error) {
	t.Helper()
	s, err := b.Source(engine)
	require.NoError(t, err)
	for results, e := range s.Search(t.Context(), query) {
		if e != nil {
			return all, pages, e
		}
		all = append(all, results...)
		pages++
	}
	return all, pages, nil
}

func TestEnginesAreReadToTheEndByRealChromium(t *testing.T) {
	im := imitation{total: 170, perLoad: 20, button: 120}
	b := open(t, im.serve(t))
	for _, c := range []struct{ engine, query string }{
		{"google", "cat"}, {"google", "cat in google-links"}, {"google", "cat in google-2018"}, {"bing", "cat"},
	} {
		t.Run(c.engine+" "+c.query, func(t *testing.T) {
			t.Parallel() // in a tab each
			results, pages, err := search(t, b, c.engine, c.query)
			require.NoError(t, err)
			require.Len(t, results, im.total)
			require.Greater(t, pages, 3)
			for n, r := range results {
				require.Equal(t, scrape.Result{
					URL:   fmt.Sprintf("https://pictures.example/full/%d.jpg?a=1&b=%d", n, n),
					Page:  fmt.Sprintf("https://pictures.example/page/%d", n),
					Title: fmt.Sprintf("Cat number %d", n),
				}, r)
			}
		})
	}
}

func TestAnotherMarkupIsAnErrorAndNoResultsAreNone(t *testing.T) {
	b := open(t, imitation{total: 20, perLoad: 20, button: 20}.serve(t))
	b.o.Quiet = 500 * time.Millisecond
	for _, engine := range []string{"google", "bing"} {
		for query, items := range map[string]int{"changed": 0, "half": -1} {
			results, _, err := search(t, b, engine, query)
			var changed *MarkupError
			require.ErrorAs(t, err, &changed)
			require.ErrorIs(t, err, scrape.ErrAnswer)
			require.ErrorContains(t, err, "markup changed")
			require.Equal(t, items == 0, changed.Items == 0, "%v", err)
			require.Empty(t, results)
			require.ErrorAs(t, b.Check(t.Context(), engine, query), &changed)
		}
		_, _, err := search(t, b, engine, "captcha")
		require.ErrorIs(t, err, ErrBlocked)
		require.ErrorIs(t, err, scrape.ErrQuota)
		results, _, err := search(t, b, engine, "nothing")
		require.NoError(t, err)
		require.Empty(t, results)
		require.Error(t, b.Check(t.Context(), engine, "nothing"))
		require.NoError(t, b.Check(t.Context(), engine, "cat"))
	}
	results, _, err := search(t, b, "bing", "scheme")
	require.NoError(t, err)
	require.Equal(t, []scrape.Result{{URL: "https://x.example/1.jpg", Title: "7"}}, results)
}

func TestASearchStopsWhenNobodyListens(t *testing.T) {
	b := open(t, imitation{total: 170, perLoad: 20, button: 1000}.serve(t))
	s, err := b.Source("bing")
	require.NoError(t, err)
	for results, err := range s.Search(t.Context(), "cat") {
		require.NoError(t, err)
		require.Len(t, results, 20)
		break
	}
	b.o.Max = 50
	results, _, err := search(t, b, "bing", "cat")
	require.NoError(t, err)
	require.Len(t, results, 50)
	b.o.Quiet = 300 * time.Millisecond
	began := time.Now()
	results, _, err = search(t, b, "bing", "never-end")
	require.NoError(t, err)
	require.Len(t, results, 1)
	require.Less(t, time.Since(began), 15*time.Second)
}

func TestABrowserThatIsNotThereIsNamed(t *testing.T) {
	_, err := Open(t.Context(), Options{Exec: "/nowhere/chromium"})
	require.ErrorContains(t, err, "/nowhere/chromium")
}

func TestEnginesAreData(t *testing.T) {
	all, err := Engines()
	require.NoError(t, err)
	require.Len(t, all, 2)
	const good = `{"name":"x","address":"https://x.example/?q={query}","rules":[{"item":"a","url":"dom:@href"}]}`
	all, err = ReadEngines(strings.NewReader("[" + good + "]"))
	require.NoError(t, err)
	require.Equal(t, "https://x.example/?q=a+b%26c", all[0].address("a b&c"))
	for change, want := range map[[2]string]string{
		{`"name":"x",`, ``}:                        "no name",
		{`{query}`, ``}:                            "{query}",
		{`https:`, `file:`}:                        "http or https",
		{`"rules"`, `"rulez"`}:                     "rulez",
		{`[{"item":"a","url":"dom:@href"}]`, `[]`}: "no rules",
		{`"item":"a",`, ``}:                        `item is ""`,
		{`dom:@href`, `dom:href`}:                  `field "dom:href"`,
		{`dom:@href`, `json:a`}:                    `field "json:a"`,
		{`dom:@href`, `href`}:                      `field "href"`,
		{`"url"`, `"script":"(","url"`}:            "script: ",
	} {
		_, err := ReadEngines(strings.NewReader("[" + strings.Replace(good, change[0], change[1], 1) + "]"))
		require.ErrorContains(t, err, want)
	}
	_, err = ReadEngines(strings.NewReader("{"))
	require.Error(t, err)
	require.False(t, errors.Is(err, scrape.ErrAnswer))
}
