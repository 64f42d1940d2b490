package scrape

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// Result is a picture that a source has found. Only URL must be known; a class has
// no two pictures of one URL.
type Result struct {
	URL        string `json:"url"`
	Title      string `json:"title,omitempty"`
	Licence    string `json:"licence,omitempty"` // as the source writes it, "CC BY-SA 4.0"
	LicenceURL string `json:"licence_url,omitempty"`
	Author     string `json:"author,omitempty"`
	Page       string `json:"page,omitempty"` // the landing page; pictures of one page share a split
	// Open, where it is set, gives the content in place of a request to URL.
	Open func(context.Context) (io.ReadCloser, error) `json:"-"`
}

const (
	longestText    = 1000 // bytes of a title, a licence, an author
	longestAddress = 8000
)

// cut is r with no more text than a manifest is for: sources pass on what strangers
// write.
func (r Result) cut() Result {
	for _, text := range []*string{&r.Title, &r.Licence, &r.Author} {
		if len(*text) > longestText {
			*text = strings.ToValidUTF8((*text)[:longestText], "")
		}
	}
	for _, address := range []*string{&r.LicenceURL, &r.Page} {
		if len(*address) > longestAddress {
			*address = ""
		}
	}
	return r
}

// Source finds pictures. Services come and go, so everything that is not a Source
// knows nothing of them.
type Source interface {
	// Name is the source's in the manifest and in messages.
	Name() string
	// Search yields pages of results, the likeliest first, until there are no
	// more or the consumer stops. After an error it yields nothing. Errors
	// that a caller can act on wrap ErrKey, ErrQuota or ErrAnswer.
	Search(ctx context.Context, query string) iter.Seq2[[]Result, error]
}

// What a SourceError may wrap.
var (
	ErrKey    = errors.New("the key is missing or refused")
	ErrQuota  = errors.New("the quota is used up")
	ErrAnswer = errors.New("the answer is not of the expected form")
)

// SourceError says which source failed at which query; the others go on.
type SourceError struct {
	Source string
	Query  string
	Err    error
}

func (e *SourceError) Error() string {
	return fmt.Sprintf("scrape: source %s: %q: %v", e.Source, e.Query, e.Err)
}

// Unwrap returns what the source said.
func (e *SourceError) Unwrap() error { return e.Err }
