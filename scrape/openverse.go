package scrape

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Openverse searches openly licensed pictures of many collections
// (https://api.openverse.org). It needs no key; without one it answers a few
// hundred questions a day.
type Openverse struct {
	API
	Token string // an OAuth2 access token, for more
	// Licences are those to look for, such as "by", "by-sa", "cc0", "pdm"; none
	// means all.
	Licences []string
}

// Name returns "openverse".
func (Openverse) Name() string { return "openverse" }

type openverseAnswer struct {
	PageCount int `json:"page_count"`
	Page      int `json:"page"`
	Results   []struct {
		Title      string `json:"title"`
		URL        string `json:"url"`
		Landing    string `json:"foreign_landing_url"`
		Creator    string `json:"creator"`
		Licence    string `json:"license"`
		Version    string `json:"license_version"`
		LicenceURL string `json:"license_url"`
	} `json:"results"`
}

// Search yields pages of 20, which is as many as it gives without a token.
func (o Openverse) Search(ctx context.Context, query string) iter.Seq2[[]Result, error] {
	return paged(func(page int) (results []Result, more bool, err error) {
		q := question{path: "/v1/images/", values: url.Values{"q": {query}, "page": {strconv.Itoa(page + 1)}, "page_size": {"20"}}}
		if len(o.Licences) > 0 {
			q.values.Set("license", strings.Join(o.Licences, ","))
		}
		if o.Token != "" {
			q.header = http.Header{"Authorization": {"Bearer " + o.Token}}
		}
		var a openverseAnswer
		err = o.ask(ctx, "https://api.openverse.org", q, &a)
		if page > 0 && o.Token == "" && errors.Is(err, ErrKey) {
			return nil, false, nil // without a token there is an end to pages
		}
		if err != nil {
			return nil, false, err
		}
		for _, r := range a.Results {
			results = append(results, Result{URL: r.URL, Title: r.Title, Licence: openLicence(r.Licence, r.Version), LicenceURL: r.LicenceURL, Author: r.Creator, Page: r.Landing})
		}
		return results, page+1 < a.PageCount, nil
	})
}

// openLicence is the usual name of one of Openverse's codes.
func openLicence(code, version string) string {
	switch code {
	case "":
		return ""
	case "cc0":
		return strings.TrimSpace("CC0 " + version)
	case "pdm":
		return "Public Domain Mark"
	}
	if strings.HasPrefix(code, "by") {
		code = "CC " + strings.ToUpper(code)
	}
	return strings.TrimSpace(code + " " + version)
}
