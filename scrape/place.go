package scrape

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// groupKeys are what pictures of one split share: the page that shows them, or
// else the URL, and the content, in whichever class.
func groupKeys(p Picture) []key {
	return []key{keyOf("page", pageOf(p.Result)), keyOf("content", p.SHA256)}
}

// pageOf names the page that a picture is from, without what does not tell
// pages apart.
func pageOf(r Result) string {
	page := r.Page
	if page == "" {
		page = r.URL
	}
	u, err := url.Parse(page)
	if err != nil {
		return page
	}
	u.Fragment = ""
	u.Host = strings.ToLower(u.Host)
	if u.Scheme == "http" {
		u.Scheme = "https"
	}
	return strings.TrimSuffix(u.String(), "/")
}

// shares are the fractions of val and test; train has the rest.
type shares struct {
	val, test float64
	seed      uint64
}

func newShares(o Options) (shares, error) {
	s := shares{orDefault(o.Val, .15), orDefault(o.Test, .15), o.Seed}
	if !(s.val+s.test < 1) {
		return s, fmt.Errorf("val and test fractions add up to %v, want below 1", s.val+s.test)
	}
	return s, nil
}

// draw reads SHA-256(seed, page) as a number from 0 to 1. So a page has its split
// whatever else there is, and however the run went.
func (s shares) draw(page string) Split {
	sum := sha256.Sum256(append(binary.LittleEndian.AppendUint64(nil, s.seed), page...))
	switch u := float64(binary.LittleEndian.Uint64(sum[:])>>11) / (1 << 53); {
	case u < s.test:
		return Test
	case u < s.test+s.val:
		return Val
	}
	return Train
}

// missing are the splits that a class has no picture of, counts being those that
// it has.
func (s shares) missing(counts []int) (missing []Split) {
	for i, share := range []float64{1, s.val, s.test} {
		if share > 0 && (counts == nil || counts[i] == 0) {
			missing = append(missing, splitOrder[i])
		}
	}
	return missing
}

// place fills in the split and the path of one of so many wanted pictures of a
// term, or says why it can have none.
func (s *store) place(p *Picture, wanted int, how shares) *Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	split := p.Asked
	bound := false // by a picture that is there
	for _, k := range groupKeys(*p) {
		at, there := s.groups[k]
		if !there {
			continue
		}
		other := splitOrder[at]
		if split != "" && split != other {
			return &Refusal{URL: p.URL, Reason: Straddles, Err: fmt.Errorf("%s, as it would be in %s", other, split)}
		}
		split, bound = other, true
	}
	if split == "" && !bound {
		split = s.draw(p.Class, pageOf(p.Result), wanted-s.terms[p.term().key()], how)
	}
	p.Split = split
	s.last[p.Class]++
	p.Path = path.Join(string(split), p.Class, fmt.Sprintf("%s_%d%s", p.Class, s.last[p.Class], extensions[p.Format]))
	for _, k := range groupKeys(*p) {
		s.groups[k] = byte(slices.Index(splitOrder, split))
	}
	s.terms[p.term().key()]++
	s.count(p.Class, split, 1)
	return nil
}

// draw draws a split, but gives the last pictures of a term, of which left are
// wanted, to splits that the class would lack.
func (s *store) draw(class, page string, left int, how shares) Split {
	if missing := how.missing(s.splits[class]); len(missing) > 0 && left <= len(missing) {
		return missing[0]
	}
	return how.draw(page)
}

// extensions are the formats that are kept, as image.DecodeConfig names them.
var extensions = map[string]string{
	"jpeg": ".jpg", "png": ".png", "gif": ".gif", "bmp": ".bmp", "tiff": ".tif", "webp": ".webp",
}
