package scrape

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Flickr searches photographs by key (https://www.flickr.com/services/api). It
// gives the first 4,000 results.
type Flickr struct {
	API
	Key string
	// Licences are numbers of flickr.photos.licenses.getInfo; none means all but 0, which
	// is "All Rights Reserved".
	Licences []int
}

// Name returns "flickr".
func (Flickr) Name() string { return "flickr" }

const flickrResults = 4000

type flickrAnswer struct {
	Photos struct {
		Pages int                    `json:"pages"`
		Photo []map[string]flickrAny `json:"photo"`
	} `json:"photos"`
}

// flickrAny is a string, or a number as a string: the service writes both.
type flickrAny string

func (f *flickrAny) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) != nil {
		s = string(data)
	}
	*f = flickrAny(s)
	return nil
}

type flickrLicences struct {
	Licences struct {
		Licence []struct {
			ID   flickrAny `json:"id"`
			Name string    `json:"name"`
			URL  string    `json:"url"`
		} `json:"license"`
	} `json:"licenses"`
}

const flickrPage = 250

// Search yields pages of 250. The names of the licences are asked for first.
func (f Flickr) Search(ctx context.Context, query string) iter.Seq2[[]Result, error] {
	names := map[flickrAny]Result{}
	var wanted []string
	return paged(func(page int) (results []Result, more bool, err error) {
		if f.Key == "" {
			return nil, false, ErrKey
		}
		if page == 0 {
			if wanted, err = f.licences(ctx, names); err != nil {
				return nil, false, err
			}
		}
		var a flickrAnswer
		err = f.call(ctx, "flickr.photos.search", url.Values{
			"text": {query}, "license": {strings.Join(wanted, ",")}, "media": {"photos"}, "safe_search": {"1"}, "sort": {"relevance"},
			"extras": {"license,owner_name," + strings.Join(flickrSizes, ",")}, "per_page": {strconv.Itoa(flickrPage)}, "page": {strconv.Itoa(page + 1)},
		}, &a)
		if err != nil {
			return nil, false, err
		}
		for _, p := range a.Photos.Photo {
			result := names[p["license"]]
			result.Title, result.Author = string(p["title"]), string(cmp.Or(p["ownername"], p["owner"]))
			result.Page = fmt.Sprintf("https://www.flickr.com/photos/%s/%s", url.PathEscape(string(p["owner"])), url.PathEscape(string(p["id"])))
			for _, size := range flickrSizes {
				result.URL = cmp.Or(result.URL, string(p[size]))
			}
			if result.URL != "" {
				results = append(results, result)
			}
		}
		return results, page+1 < a.Photos.Pages && (page+1)*flickrPage < flickrResults, nil
	})
}

// flickrSizes are addresses of a photograph, the best first: 1024, 800, 640,
// original, 500 pixels.
var flickrSizes = []string{"url_l", "url_c", "url_z", "url_o", "url_m"}

// licences fills names and returns the numbers to search for.
func (f Flickr) licences(ctx context.Context, names map[flickrAny]Result) (wanted []string, err error) {
	var a flickrLicences
	if err := f.call(ctx, "flickr.photos.licenses.getInfo", nil, &a); err != nil {
		return nil, err
	}
	for _, l := range a.Licences.Licence {
		names[l.ID] = Result{Licence: l.Name, LicenceURL: l.URL}
		if l.ID != "0" {
			wanted = append(wanted, string(l.ID))
		}
	}
	if len(f.Licences) > 0 {
		wanted = nil
		for _, n := range f.Licences {
			wanted = append(wanted, strconv.Itoa(n))
		}
	}
	return wanted, nil
}

func (f Flickr) call(ctx context.Context, method string, values url.Values, answer any) error {
	if values == nil {
		values = url.Values{}
	}
	for name, value := range map[string]string{"method": method, "api_key": f.Key, "format": "json", "nojsoncallback": "1"} {
		values.Set(name, value)
	}
	return f.ask(ctx, "https://api.flickr.com", question{path: "/services/rest/", values: values, verdict: flickrVerdict}, answer)
}

// flickrVerdict reads errors, which come with status 200.
func flickrVerdict(_ int, body []byte) error {
	var a struct {
		Stat    string `json:"stat"`
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &a) != nil || a.Stat != "fail" {
		return nil
	}
	switch a.Code {
	case 100: // invalid API key
		return fmt.Errorf("%w: %d: %s", ErrKey, a.Code, a.Message)
	case 10, 105: // the search, or the service, is not available now
		return &statusError{status: http.StatusServiceUnavailable, body: a.Message}
	}
	return fmt.Errorf("%d: %s", a.Code, a.Message)
}
