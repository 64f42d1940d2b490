package scrape

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"
)

// Google searches by key with the Custom Search JSON API, which gives the first
// 100 results.
type Google struct {
	API
	Key    string
	Engine string // the id of a Programmable Search Engine that searches for pictures ("cx")
	// Rights is the service's filter by licence, such as
	// "cc_publicdomain|cc_attribute". The results do not say their licences.
	Rights string
}

// Name returns "google".
func (Google) Name() string { return "google" }

const googleResults = 100

type googleAnswer struct {
	Queries struct {
		Next []struct {
			Start int `json:"startIndex"`
		} `json:"nextPage"`
	} `json:"queries"`
	Items []struct {
		Title string `json:"title"`
		Link  string `json:"link"`
		Image struct {
			Landing string `json:"contextLink"`
		} `json:"image"`
	} `json:"items"`
}

// Search yields pages of 10.
func (g Google) Search(ctx context.Context, query string) iter.Seq2[[]Result, error] {
	start := 1
	return paged(func(int) (results []Result, more bool, err error) {
		if g.Key == "" || g.Engine == "" {
			return nil, false, fmt.Errorf("%w: want Key and Engine", ErrKey)
		}
		values := url.Values{"key": {g.Key}, "cx": {g.Engine}, "q": {query}, "searchType": {"image"}, "num": {"10"}, "start": {strconv.Itoa(start)}, "safe": {"active"}}
		if g.Rights != "" {
			values.Set("rights", g.Rights)
		}
		var a googleAnswer
		if err := g.ask(ctx, "https://www.googleapis.com", question{path: "/customsearch/v1", values: values, verdict: googleVerdict}, &a); err != nil {
			return nil, false, err
		}
		for _, item := range a.Items {
			results = append(results, Result{URL: item.Link, Title: item.Title, Page: item.Image.Landing})
		}
		if len(a.Queries.Next) == 0 || a.Queries.Next[0].Start <= start {
			return results, false, nil
		}
		start = a.Queries.Next[0].Start
		return results, start+9 <= googleResults, nil
	})
}

// googleVerdict tells the quota of a day, which no waiting gives back soon, from
// other reasons of status 403 and 429, and a bad key from a bad question.
func googleVerdict(status int, body []byte) error {
	code, message := anError(body)
	switch code {
	case "dailyLimitExceeded", "quotaExceeded":
		return fmt.Errorf("%w: %s", ErrQuota, message)
	case "rateLimitExceeded", "userRateLimitExceeded":
		return &statusError{status: 429, body: message}
	case "badRequest", "keyInvalid", "forbidden":
		if strings.Contains(message, "API key") {
			return fmt.Errorf("%w: %d: %s", ErrKey, status, message)
		}
	}
	return nil
}
