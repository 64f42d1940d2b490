package scrape

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// Bing searches by key with version 7 of the Bing Image Search API. Microsoft
// gives no new keys since August 2025; BaseURL reaches services that speak the same.
type Bing struct {
	API
	Key string
	// Licence is the service's filter, such as "Public", "Share" or "Modify". The
	// results do not say their licences.
	Licence string
}

// Name returns "bing".
func (Bing) Name() string { return "bing" }

type bingAnswer struct {
	Type       string `json:"_type"`
	NextOffset int    `json:"nextOffset"`
	Total      int    `json:"totalEstimatedMatches"`
	Value      []struct {
		Name    string `json:"name"`
		URL     string `json:"contentUrl"`
		Landing string `json:"hostPageUrl"`
	} `json:"value"`
}

// Search yields pages of up to 150.
func (b Bing) Search(ctx context.Context, query string) iter.Seq2[[]Result, error] {
	offset := 0
	return paged(func(int) (results []Result, more bool, err error) {
		if b.Key == "" {
			return nil, false, ErrKey
		}
		q := question{
			path:   "/v7.0/images/search",
			values: url.Values{"q": {query}, "count": {"150"}, "offset": {strconv.Itoa(offset)}, "imageType": {"Photo"}, "safeSearch": {"Strict"}},
			header: http.Header{"Ocp-Apim-Subscription-Key": {b.Key}},
		}
		if b.Licence != "" {
			q.values.Set("license", b.Licence)
		}
		var a bingAnswer
		if err := b.ask(ctx, "https://api.bing.microsoft.com", q, &a); err != nil {
			return nil, false, err
		}
		if a.Type != "Images" {
			return nil, false, fmt.Errorf("%w: its _type is %q, want Images", ErrAnswer, a.Type)
		}
		for _, r := range a.Value {
			results = append(results, Result{URL: r.URL, Title: r.Name, Page: r.Landing})
		}
		last := offset
		offset = max(a.NextOffset, offset+len(a.Value))
		return results, offset > last && offset < a.Total, nil
	})
}
