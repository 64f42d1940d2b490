// Package svg draws charts: a canvas of lines, bars and text, and axes for it.
package svg

import (
	"fmt"
	"html"
	"io"
	"math"
	"strconv"
	"strings"
)

// Canvas is a drawing; x grows to the right, y downwards, both in pixels.
type Canvas struct {
	w, h int
	b    strings.Builder
}

// New returns an empty canvas on white.
func New(w, h int) *Canvas {
	c := &Canvas{w: w, h: h}
	c.Rect(0, 0, float64(w), float64(h), "#fff")
	return c
}

// num is short and the same everywhere.
func num(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }

// Line draws a line.
func (c *Canvas) Line(x1, y1, x2, y2 float64, colour string, width float64) {
	fmt.Fprintf(&c.b, `<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s" stroke-width="%s"/>`+"\n", num(x1), num(y1), num(x2), num(y2), colour, num(width))
}

// Path draws lines from point to point.
func (c *Canvas) Path(x, y []float64, colour string, width float64) {
	fmt.Fprintf(&c.b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="%s" stroke-linejoin="round"/>`+"\n", points(x, y), colour, num(width))
}

// Area fills what points enclose.
func (c *Canvas) Area(x, y []float64, colour string) {
	fmt.Fprintf(&c.b, `<polygon points="%s" fill="%s"/>`+"\n", points(x, y), colour)
}

func points(x, y []float64) string {
	var s []string
	for i := range x {
		s = append(s, num(x[i])+","+num(y[i]))
	}
	return strings.Join(s, " ")
}

// Rect fills a rectangle.
func (c *Canvas) Rect(x, y, w, h float64, colour string) {
	fmt.Fprintf(&c.b, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s"/>`+"\n", num(x), num(y), num(w), num(h), colour)
}

// Dot fills a circle; edge "" leaves its outline out.
func (c *Canvas) Dot(x, y, r float64, colour, edge string) {
	if edge != "" {
		edge = ` stroke="` + edge + `"`
	}
	fmt.Fprintf(&c.b, `<circle cx="%s" cy="%s" r="%s" fill="%s"%s/>`+"\n", num(x), num(y), num(r), colour, edge)
}

// Cross draws an ×.
func (c *Canvas) Cross(x, y, r float64, colour string) {
	c.Line(x-r, y-r, x+r, y+r, colour, 1.5)
	c.Line(x-r, y+r, x+r, y-r, colour, 1.5)
}

// Text writes s with its anchor, start, middle or end, at x and its base line at
// y, turned by degrees.
func (c *Canvas) Text(x, y, size float64, anchor string, turn float64, s string) {
	rotate := ""
	if turn != 0 {
		rotate = fmt.Sprintf(` transform="rotate(%s %s %s)"`, num(turn), num(x), num(y))
	}
	fmt.Fprintf(&c.b, `<text x="%s" y="%s" font-size="%s" text-anchor="%s"%s>%s</text>`+"\n", num(x), num(y), num(size), anchor, rotate, html.EscapeString(s))
}

// WriteTo writes the file.
func (c *Canvas) WriteTo(w io.Writer) (int64, error) {
	n, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="Helvetica, Arial, sans-serif" fill="#222">
%s</svg>
`, c.w, c.h, c.w, c.h, c.b.String())
	return int64(n), err
}

// Scale maps values to pixels.
type Scale struct {
	Lo, Hi   float64 // values
	From, To float64 // their pixels
	Log      bool
	Whole    bool     // ticks are at whole numbers only
	Labels   []string // of the values 0, 1, …, in place of numbers
}

// At is the pixel of a value.
func (s Scale) At(v float64) float64 {
	lo, hi := s.Lo, s.Hi
	if s.Log {
		lo, hi, v = math.Log(lo), math.Log(hi), math.Log(v)
	}
	if hi == lo {
		return (s.From + s.To) / 2
	}
	return s.From + (v-lo)/(hi-lo)*(s.To-s.From)
}

// A Tick is a labelled value of an axis.
type Tick struct {
	Value float64
	Label string
}

// Ticks are about n round values between Lo and Hi.
func (s Scale) Ticks(n int) []Tick {
	switch {
	case s.Labels != nil:
		var out []Tick
		for i, l := range s.Labels {
			if i%(1+(len(s.Labels)-1)/max(1, n)) == 0 {
				out = append(out, Tick{float64(i), Shorten(l, 10)})
			}
		}
		return out
	case s.Lo == s.Hi:
		return []Tick{{s.Lo, label(s.Lo)}}
	case s.Log:
		return logTicks(s.Lo, s.Hi, n)
	}
	step := roundStep((s.Hi - s.Lo) / float64(max(1, n)))
	if s.Whole {
		step = max(step, 1)
	}
	var out []Tick
	for k := math.Ceil(s.Lo/step - 1e-9); k*step <= s.Hi+1e-9*step; k++ {
		out = append(out, Tick{k * step, label(k * step)})
	}
	return out
}

// roundStep is 1, 2 or 5 times a power of ten, not under v.
func roundStep(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*p >= v*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

func logTicks(lo, hi float64, n int) []Tick {
	decades := math.Log10(hi / lo)
	steps := []float64{1}
	if decades < float64(n)/2 {
		steps = []float64{1, 2, 5}
	}
	every := max(1, math.Ceil(decades/float64(max(1, n))))
	var out []Tick
	for e := math.Floor(math.Log10(lo)); e <= math.Log10(hi); e++ {
		if math.Mod(e, every) != 0 {
			continue
		}
		for _, m := range steps {
			if v := m * math.Pow(10, e); v >= lo*(1-1e-9) && v <= hi*(1+1e-9) {
				out = append(out, Tick{v, label(v)})
			}
		}
	}
	return out
}

// label writes a number with at most four digits.
func label(v float64) string {
	if math.Abs(v) < 1e-12 {
		return "0"
	}
	s := strconv.FormatFloat(v, 'g', 4, 64)
	if mantissa, exponent, ok := strings.Cut(s, "e"); ok {
		n, _ := strconv.Atoi(exponent)
		return mantissa + "e" + strconv.Itoa(n)
	}
	return s
}

// Shorten cuts s to n characters, the last one an ellipsis.
func Shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// Axes draws a frame of two scales with ticks and titles; a title "" is left out,
// and so are labels where bare is set.
func (c *Canvas) Axes(x, y Scale, xTitle, yTitle string, ticks int, bareX, bareY bool) {
	const grey, size = "#888", 11.
	left, right, bottom, top := min(x.From, x.To), max(x.From, x.To), max(y.From, y.To), min(y.From, y.To)
	for _, side := range [][4]float64{{left, bottom, right, bottom}, {left, top, left, bottom}} {
		c.Line(side[0], side[1], side[2], side[3], grey, 1)
	}
	for _, t := range x.Ticks(ticks) {
		p := x.At(t.Value)
		c.Line(p, bottom, p, bottom+4, grey, 1)
		if !bareX {
			c.Text(p, bottom+16, size, "middle", 0, t.Label)
		}
	}
	for _, t := range y.Ticks(ticks) {
		p := y.At(t.Value)
		c.Line(left-4, p, left, p, grey, 1)
		if !bareY {
			c.Text(left-7, p+4, size, "end", 0, t.Label)
		}
	}
	if xTitle != "" {
		c.Text((left+right)/2, bottom+34, 12, "middle", 0, xTitle)
	}
	if yTitle != "" {
		c.Text(left-52, (top+bottom)/2, 12, "middle", -90, yTitle)
	}
}

// Heat is a colour from dark, for 0, to bright, for 1.
func Heat(v float64) string {
	stops := [][3]float64{{68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {253, 231, 37}} // viridis
	v = min(max(v, 0), 1) * float64(len(stops)-1)
	i := min(int(v), len(stops)-2)
	f := v - float64(i)
	at := func(k int) int { return int(math.Round(stops[i][k]*(1-f) + stops[i+1][k]*f)) }
	return fmt.Sprintf("#%02x%02x%02x", at(0), at(1), at(2))
}
