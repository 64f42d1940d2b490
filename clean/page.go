package clean

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"image/jpeg"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/argus-go/argus/internal/kernel/resize"
	"github.com/argus-go/argus/internal/picture"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// PageOptions says how a report becomes a page. The zero value is the good
// default.
type PageOptions struct {
	Title   string // default "Dataset report"
	PerKind int    // faults of a kind that are shown with pictures; default 60
	Side    int    // longer side of a small picture, pixels; default 160
	Limits  Limits // of pictures that are shown
}

// WriteHTML writes the report as one page that needs no other file: small
// pictures, read from fsys, the folder that was checked, are in it. A picture
// that cannot be read any more has none.
func (r Report) WriteHTML(ctx context.Context, w io.Writer, fsys fs.FS, o PageOptions) error {
	o.Title = cmp.Or(o.Title, "Dataset report")
	o.PerKind = cmp.Or(max(0, o.PerKind), 60)
	o.Side = cmp.Or(max(0, o.Side), 160)
	p := r.page(o)
	if err := p.load(ctx, fsys, o); err != nil {
		return fmt.Errorf("clean: page: %w", err)
	}
	// A template writes as it goes; a page that failed must not look whole.
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return fmt.Errorf("clean: page: %w", err)
	}
	_, err := b.WriteTo(w)
	return err
}

// page is what the template is given.
type page struct {
	Title    string
	Pictures int
	Others   int
	Faulty   int // pictures with a fault
	Splits   []string
	Rows     []countRow
	Sections []section
	thumbs   map[string]*thumbnail
}

// countRow is the pictures of a class in each of the splits.
type countRow struct {
	Class  string
	Counts []int
}

type section struct {
	Kind   Kind
	ID     string
	Count  int
	Hidden int // not shown
	Cards  []card
}

type card struct {
	Path, Detail, Other string
	Thumb, OtherThumb   *thumbnail
}

type thumbnail struct {
	URL  template.URL // data:, "" if there is none
	W, H int
}

func (r Report) page(o PageOptions) *page {
	p := &page{Title: o.Title, Pictures: len(r.Pictures), Others: r.Others, thumbs: map[string]*thumbnail{}}
	p.count(r.Pictures)
	faulty := map[string]bool{}
	byKind := map[Kind]*section{}
	for _, f := range r.Faults {
		faulty[f.Path] = true
		s := byKind[f.Kind]
		if s == nil {
			s = &section{Kind: f.Kind, ID: slug(f.Kind)}
			byKind[f.Kind] = s
		}
		s.Count++
		if len(s.Cards) == o.PerKind {
			s.Hidden++
			continue
		}
		c := card{Path: printable(f.Path), Detail: printable(f.Detail), Thumb: p.thumb(f.Path)}
		if f.Other != "" {
			c.Other, c.OtherThumb = printable(f.Other), p.thumb(f.Other)
		}
		s.Cards = append(s.Cards, c)
	}
	p.Faulty = len(faulty)
	for _, kind := range slices.Backward(kinds) { // what costs most comes last there
		if s := byKind[kind]; s != nil {
			p.Sections = append(p.Sections, *s)
		}
	}
	return p
}

// count fills in the table of classes and splits.
func (p *page) count(pictures []Picture) {
	type place struct{ class, split string }
	n := map[place]int{}
	var classes []string
	for _, pic := range pictures {
		n[place{pic.Class, pic.Split}]++
		classes = append(classes, pic.Class)
		if !slices.Contains(p.Splits, pic.Split) {
			p.Splits = append(p.Splits, pic.Split)
		}
	}
	order := []string{"", Train, Val, Test}
	slices.SortFunc(p.Splits, func(a, b string) int { return cmp.Compare(slices.Index(order, a), slices.Index(order, b)) })
	slices.Sort(classes)
	for _, class := range slices.Compact(classes) {
		row := countRow{Class: printable(class)}
		for _, split := range p.Splits {
			row.Counts = append(row.Counts, n[place{class, split}])
		}
		p.Rows = append(p.Rows, row)
	}
}

// thumb is the small picture of a file, to be loaded.
func (p *page) thumb(path string) *thumbnail {
	if p.thumbs[path] == nil {
		p.thumbs[path] = &thumbnail{}
	}
	return p.thumbs[path]
}

// load reads the pictures.
func (p *page) load(ctx context.Context, fsys fs.FS, o PageOptions) error {
	c := checker{Options: Options{Limits: o.Limits}, fsys: fsys}
	paths := make([]string, 0, len(p.thumbs))
	for path := range p.thumbs {
		paths = append(paths, path)
	}
	return each(ctx, runtime.GOMAXPROCS(0), len(paths), func(i int) {
		data, err := c.read(paths[i])
		if err != nil {
			return
		}
		_ = c.withPixels(data, func(m *picture.RGB) { *p.thumbs[paths[i]] = thumbnailOf(m, o.Side) })
	})
}

func thumbnailOf(m *picture.RGB, side int) thumbnail {
	w, h := m.W, m.H
	if long := max(w, h); long > side {
		w, h = max(1, w*side/long), max(1, h*side/long)
		small := &picture.RGB{W: w, H: h, Pix: make([]uint8, 3*w*h)}
		resize.RGB(resize.Image{Pix: small.Pix, W: w, H: h, Stride: 3 * w}, resize.Image{Pix: m.Pix, W: m.W, H: m.H, Stride: 3 * m.W}, resize.Bilinear)
		m = small
	}
	var b bytes.Buffer
	if jpeg.Encode(&b, rgbImage(m), &jpeg.Options{Quality: 75}) != nil {
		return thumbnail{}
	}
	return thumbnail{template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(b.Bytes())), w, h}
}

// printable is a name without what a page cannot show, or shows as another.
func printable(name string) string {
	name = strings.ToValidUTF8(name, "\ufffd")
	if strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return name
	}
	quoted := strconv.Quote(name)
	return quoted[1 : len(quoted)-1]
}
