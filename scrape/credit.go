package scrape

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// licence heads a section of the credits.
type licence struct{ name, url string }

// credited is a picture that is to be credited, without what only its line in the
// manifest has to hold.
type credited struct {
	under      *licence
	path       string
	start, end int64 // of the line
}

// credit writes AttributionFile: who made the pictures that are there, and which
// page has them, by licence.
func (s *store) credit() error {
	all, err := s.credited()
	if err != nil {
		return err
	}
	manifest, err := s.root.Open(ManifestFile)
	if err != nil {
		return err
	}
	defer manifest.Close()
	return s.replace(AttributionFile, func(w io.Writer) error { return writeCredits(w, all, manifest) })
}

// credited lists the pictures in the order of the credits.
func (s *store) credited() (all []credited, err error) {
	licences := map[licence]*licence{}
	for line, err := range presentLines(s.root) {
		if err != nil {
			return nil, err
		}
		under := licence{line.Licence, line.LicenceURL}
		if licences[under] == nil {
			licences[under] = &under
		}
		all = append(all, credited{licences[under], strings.Clone(line.Path), line.start, line.end})
	}
	slices.SortFunc(all, func(a, b credited) int {
		return cmp.Or(strings.Compare(a.under.name, b.under.name), strings.Compare(a.under.url, b.under.url), strings.Compare(a.path, b.path))
	})
	return all, nil
}

// writeCredits writes Markdown.
func writeCredits(to io.Writer, all []credited, manifest *os.File) error {
	w := bufio.NewWriter(to)
	w.WriteString("# Sources of the pictures\n")
	var under *licence
	var text []byte
	for _, c := range all {
		text = slices.Grow(text[:0], int(c.end-c.start))[:c.end-c.start]
		if _, err := manifest.ReadAt(text, c.start); err != nil {
			return err
		}
		var p manifestLine
		if err := p.parse(text); err != nil {
			return err
		}
		if c.under != under {
			under = c.under
			fmt.Fprintf(w, "\n## %s\n\n", strings.TrimSpace(cmp.Or(oneLine(under.name), "Licence not known")+" "+link(under.url)))
		}
		fmt.Fprintf(w, "- %s: %s, by %s, %s (%s)\n", oneLine(c.path), cmp.Or(oneLine(p.Title), "untitled"),
			cmp.Or(oneLine(p.Author), "an unknown author"), link(cmp.Or(p.Page, p.URL)), oneLine(p.Source))
	}
	return w.Flush()
}

// link is an address to follow, or just to read where it is not one of the web.
func link(address string) string {
	if _, err := webAddress(address); err != nil {
		return oneLine(address)
	}
	return "<" + strings.NewReplacer("<", "%3C", ">", "%3E", " ", "%20").Replace(strings.Join(strings.Fields(address), " ")) + ">"
}

var markdown = strings.NewReplacer("<", "&lt;", "[", `\[`, "]", `\]`, "`", "'", "*", `\*`, `\`, `\\`)

// oneLine is text that a source gave, with nothing that Markdown would read as
// more than text.
func oneLine(s string) string { return markdown.Replace(strings.Join(strings.Fields(s), " ")) }
