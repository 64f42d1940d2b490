package scrape

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Commons searches Wikimedia Commons (https://commons.wikimedia.org) for
// photographs and drawings in pixels. It needs no key, but asks for a UserAgent that
// says how to reach you.
type Commons struct {
	API
	// Width, in pixels, asks for pictures made smaller: originals are often of
	// 20 megapixels and more. 0 means 1024; a negative number means originals.
	Width int
}

// Name returns "commons".
func (Commons) Name() string { return "commons" }

type commonsAnswer struct {
	Continue map[string]any `json:"continue"`
	Query    struct {
		Pages []commonsPage `json:"pages"`
	} `json:"query"`
}

type commonsPage struct {
	Title string `json:"title"`
	Index int    `json:"index"`
	Info  []struct {
		URL     string `json:"url"`
		Thumb   string `json:"thumburl"`
		Landing string `json:"descriptionurl"`
		Meta    map[string]struct {
			Value any `json:"value"`
		} `json:"extmetadata"`
	} `json:"imageinfo"`
}

// Search yields pages of 50.
func (c Commons) Search(ctx context.Context, query string) iter.Seq2[[]Result, error] {
	from := url.Values{}
	return paged(func(int) (results []Result, more bool, err error) {
		values := url.Values{
			"action": {"query"}, "format": {"json"}, "formatversion": {"2"}, "maxlag": {"5"},
			"generator": {"search"}, "gsrsearch": {"filetype:bitmap " + query}, "gsrnamespace": {"6"}, "gsrlimit": {"50"},
			"prop": {"imageinfo"}, "iiprop": {"url|extmetadata"}, "iiextmetadatafilter": {"LicenseShortName|LicenseUrl|Artist|ObjectName"},
		}
		if width := orDefault(c.Width, 1024); width > 0 {
			values.Set("iiurlwidth", strconv.Itoa(width))
		}
		for name := range from {
			values.Set(name, from.Get(name))
		}
		var a commonsAnswer
		if err := c.ask(ctx, "https://commons.wikimedia.org", question{path: "/w/api.php", values: values, verdict: commonsVerdict}, &a); err != nil {
			return nil, false, err
		}
		from = url.Values{}
		for name, value := range a.Continue {
			from.Set(name, fmt.Sprint(value))
		}
		return a.results(), len(from) > 0, nil
	})
}

func (a commonsAnswer) results() (results []Result) {
	pages := a.Query.Pages // in the order of their numbers
	slices.SortFunc(pages, func(x, y commonsPage) int { return cmp.Compare(x.Index, y.Index) })
	for _, p := range pages {
		for _, info := range p.Info {
			meta := func(name string) string {
				if info.Meta[name].Value == nil {
					return ""
				}
				return textOf(fmt.Sprint(info.Meta[name].Value))
			}
			results = append(results, Result{
				URL: cmp.Or(info.Thumb, info.URL), Title: cmp.Or(meta("ObjectName"), strings.TrimPrefix(p.Title, "File:")),
				Licence: meta("LicenseShortName"), LicenceURL: meta("LicenseUrl"), Author: meta("Artist"), Page: info.Landing,
			})
		}
	}
	return results
}

// commonsVerdict reads errors, which come with status 200.
func commonsVerdict(_ int, body []byte) error {
	switch code, message := anError(body); code {
	case "":
		return nil
	case "maxlag", "ratelimited", "readonly", "internal_api_error_DBQueryError":
		return &statusError{status: 503, body: code + ": " + message}
	default:
		return fmt.Errorf("%s: %s", code, message)
	}
}
