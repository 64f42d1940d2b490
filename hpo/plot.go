package hpo

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/argus-go/argus/internal/svg"
)

const (
	blue, pale, red, grey = "#1f77b4", "#1f77b433", "#d62728", "#9a9a9a"

	plotted    = 8  // parameters of a figure at most
	curveCodes = 33 // of a curve
	cellCodes  = 13 // of a side of a map
)

// WriteConvergence draws, as SVG, the values of trials in their order and the
// lowest so far.
func WriteConvergence(w io.Writer, o *Optimizer) error {
	trials := o.Trials()
	var done []float64
	for _, t := range trials {
		if t.State == Done {
			done = append(done, t.Value)
		}
	}
	if len(done) == 0 {
		return fmt.Errorf("hpo: convergence: %w", ErrFewTrials)
	}
	c := svg.New(640, 400)
	x := svg.Scale{Lo: 0, Hi: float64(len(trials)) + 1, From: 80, To: 620, Whole: true}
	y := valueScale(done, 340, 64)
	c.Axes(x, y, "trial", "value", 8, false, false)
	c.Text(350, 22, 14, "middle", 0, "Convergence")
	var px, py []float64
	lowest := math.Inf(1)
	for i, t := range trials {
		at := x.At(float64(i + 1))
		switch {
		case t.State == Failed:
			c.Cross(at, 68, 3, red)
		case t.State == Done:
			c.Dot(at, y.At(min(t.Value, y.Hi)), 3, grey, "")
			if len(px) > 0 {
				px, py = append(px, at), append(py, py[len(py)-1])
			}
			lowest = min(lowest, t.Value)
			px, py = append(px, at), append(py, y.At(lowest))
		}
	}
	c.Path(px, py, blue, 2)
	for i, name := range []string{"lowest so far", "trial", "failed trial"} {
		at := 220 + 110*float64(i)
		c.Rect(at, 36, 10, 10, []string{blue, grey, red}[i])
		c.Text(at+16, 45, 12, "start", 0, name)
	}
	_, err := c.WriteTo(w)
	return err
}

// valueScale is for values: by magnitude where they are above 0 and differ by
// more than eight times; few that are far above the rest are cut off.
func valueScale(values []float64, from, to float64) svg.Scale {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	lo, hi := sorted[0], sorted[len(sorted)-1]
	if lo > 0 && hi > 8*lo {
		return svg.Scale{Lo: lo / 1.2, Hi: hi * 1.2, From: from, To: to, Log: true}
	}
	if q := sorted[len(sorted)*9/10]; hi-lo > 10*(q-lo) && q > lo {
		hi = lo + 2*(q-lo)
	}
	pad := (hi - lo) * .06
	if pad == 0 {
		pad = max(math.Abs(lo)*.1, 1e-9)
	}
	return svg.Scale{Lo: lo - pad, Hi: hi + pad, From: from, To: to}
}

// WriteImportance draws, as SVG, which parameters matter.
func WriteImportance(w io.Writer, o *Optimizer) error {
	all, err := o.Importances()
	if err != nil {
		return err
	}
	all = all[:min(len(all), 3*plotted)]
	height := 80 + 30*len(all)
	c := svg.New(640, height)
	bottom := float64(height - 46)
	most := max(all[0].Total*1.05, .05)
	x := svg.Scale{Lo: 0, Hi: most, From: 170, To: 600}
	c.Axes(x, svg.Scale{From: bottom, To: 40, Labels: []string{}}, "share of the variance", "", 6, false, true)
	c.Text(320, 22, 14, "middle", 0, "Importance of parameters")
	for i, im := range all {
		y := 46 + 30*float64(i)
		c.Text(160, y+14, 12, "end", 0, im.Name)
		c.Rect(171, y, x.At(im.Total)-171, 20, pale)
		c.Rect(171, y, max(0, x.At(im.Main)-171), 20, blue)
		c.Text(x.At(im.Total)+5, y+14, 11, "start", 0, fmt.Sprintf("%.2f", im.Total))
	}
	legend(c, 400, bottom-34)
	_, err = c.WriteTo(w)
	return err
}

func legend(c *svg.Canvas, x, y float64) {
	c.Rect(x, y-9, 10, 10, blue)
	c.Text(x+16, y, 12, "start", 0, "alone")
	c.Rect(x, y+9, 10, 10, pale)
	c.Text(x+16, y+18, 12, "start", 0, "with interactions")
}

// A pane is a parameter of a figure of dependences.
type pane struct {
	Param
	at     int
	codes  []float64 // along a curve
	coarse []float64 // along a side of a map
}

// values of codes as they are drawn.
func (p pane) drawn(u float64) float64 {
	if p.numeric() {
		return p.fromUnit(u)
	}
	return float64(p.position(u))
}

func (p pane) scale(from, to float64) svg.Scale {
	if p.numeric() {
		s := svg.Scale{Lo: p.Low, Hi: p.High, From: from, To: to, Log: p.Log, Whole: p.Kind == IntKind}
		if p.narrow() {
			s.Lo, s.Hi = s.Lo-.5, s.Hi+.5
		}
		return s
	}
	labels := p.Choices
	if p.Kind == BoolKind {
		labels = []string{"false", "true"}
	}
	return svg.Scale{Lo: -.5, Hi: float64(len(labels)) - .5, From: from, To: to, Labels: labels}
}

// narrow says whether each whole number has a column of its own.
func (p pane) narrow() bool { return p.Kind == IntKind && !p.Log && p.levels() <= cellCodes }

func paneOf(p Param, at int) pane {
	out := pane{Param: p, at: at}
	out.codes, out.coarse = p.spread(curveCodes), p.spread(cellCodes)
	return out
}

// spread is at most n codes over all the range.
func (p Param) spread(n int) []float64 {
	var out []float64
	if l := p.levels(); l > 0 && l <= n || p.unordered() {
		for i := range min(l, 2*n) {
			out = append(out, p.place(i))
		}
		return out
	}
	for i := range n {
		if u := p.snap(float64(i) / float64(n-1)); len(out) == 0 || u != out[len(out)-1] {
			out = append(out, u)
		}
	}
	return out
}

// WriteDependence draws, as SVG, how the value depends on the parameters that
// matter most, the others being as they may (Friedman, Ann. Statist. 29, 2001): each alone,
// with a standard deviation, on the diagonal, and two at a time below. White dots
// are trials, the red one is the best.
func WriteDependence(w io.Writer, o *Optimizer) error {
	v, err := o.view()
	if err != nil {
		return fmt.Errorf("hpo: dependence: %w", err)
	}
	var panes []pane
	for _, im := range v.importances() {
		at := v.space.index[im.Name]
		if p := v.space.params[at]; p.levels() != 1 && len(panes) < plotted {
			panes = append(panes, paneOf(p, at))
		}
	}
	if len(panes) == 0 {
		return fmt.Errorf("hpo: dependence: no parameter has two values")
	}
	_, err = v.drawPanes(panes).WriteTo(w)
	return err
}

const (
	paneSize, paneGap = 150., 20.
	paneLeft, paneTop = 104., 50.
)

func (v *view) drawPanes(panes []pane) *svg.Canvas {
	n := float64(len(panes))
	width := int(paneLeft + n*(paneSize+paneGap) + 70)
	c := svg.New(width, int(paneTop+n*(paneSize+paneGap)+50))
	c.Text(paneLeft+paneSize+2*paneGap, 24, 14, "start", 0, "Partial dependence")
	if len(panes) > 1 {
		c.Text(paneLeft+paneSize+2*paneGap, 42, 11, "start", 0, "maps: dark is low, white are trials, red is the best")
	}
	curves := make([][3][]float64, len(panes))
	var all []float64
	for k, p := range panes {
		low, middle, high := v.dependence(p.at, p.codes)
		curves[k] = [3][]float64{low, middle, high}
		all = append(all, middle...)
	}
	all = slices.DeleteFunc(all, func(f float64) bool { return math.IsNaN(f) || math.IsInf(f, 0) })
	best := v.done[0]
	for _, t := range v.done {
		if t.Value < best.Value {
			best = t
		}
	}
	for k, p := range panes {
		left, top := paneLeft+float64(k)*(paneSize+paneGap), paneTop+float64(k)*(paneSize+paneGap)
		x, y := p.scale(left, left+paneSize), valueScale(all, top+paneSize, top)
		v.curve(c, p, x, y, curves[k])
		c.Text(left+paneSize/2, top-6, 12, "middle", 0, p.Name)
		if !math.IsNaN(best.x[p.at]) {
			at := x.At(p.drawn(best.x[p.at]))
			c.Line(at, top, at, top+paneSize, red, 1)
		}
		c.Axes(x, y, "", "", 4, k < len(panes)-1, k > 0)
		for l := range k {
			v.cellMap(c, panes[l], p, paneLeft+float64(l)*(paneSize+paneGap), top, best, k == len(panes)-1, l == 0)
		}
	}
	return c
}

// curve draws how the value depends on one parameter.
func (v *view) curve(c *svg.Canvas, p pane, x, y svg.Scale, curve [3][]float64) {
	within := func(f float64) float64 {
		if math.IsNaN(f) {
			f = y.Lo
		}
		return y.At(min(max(f, y.Lo), y.Hi))
	}
	if !p.numeric() || p.narrow() {
		half := math.Abs(x.At(1)-x.At(0)) * .35
		for i, u := range p.codes {
			at := x.At(p.drawn(u))
			c.Rect(at-half, within(curve[2][i]), 2*half, within(curve[0][i])-within(curve[2][i]), pale)
			c.Line(at-half, within(curve[1][i]), at+half, within(curve[1][i]), blue, 2)
		}
		return
	}
	var px, py, ax, ay []float64
	for i, u := range p.codes {
		px, py = append(px, x.At(p.drawn(u))), append(py, within(curve[1][i]))
		ax, ay = append(ax, px[i]), append(ay, within(curve[0][i]))
	}
	for i := len(p.codes) - 1; i >= 0; i-- {
		ax, ay = append(ax, px[i]), append(ay, within(curve[2][i]))
	}
	c.Area(ax, ay, pale)
	c.Path(px, py, blue, 2)
}

// cellMap draws how the value depends on two parameters: dark is low.
func (v *view) cellMap(c *svg.Canvas, px, py pane, left, top float64, best Trial, bottom, first bool) {
	x, y := px.scale(left, left+paneSize), py.scale(top+paneSize, top)
	cells := v.dependence2(px.at, py.at, px.coarse, py.coarse)
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, row := range cells {
		for _, f := range row {
			if !math.IsNaN(f) {
				lo, hi = min(lo, f), max(hi, f)
			}
		}
	}
	ex, ey := edges(px, x), edges(py, y)
	for i, row := range cells {
		for j, f := range row {
			colour := "#eee"
			if !math.IsNaN(f) {
				colour = svg.Heat((f - lo) / max(hi-lo, 1e-12))
			}
			c.Rect(ex[i], ey[j+1], ex[i+1]-ex[i]+.3, ey[j]-ey[j+1]+.3, colour)
		}
	}
	dot := func(t Trial, colour string, r float64) {
		if a, b := t.x[px.at], t.x[py.at]; !math.IsNaN(a) && !math.IsNaN(b) {
			c.Dot(x.At(px.drawn(a)), y.At(py.drawn(b)), r, colour, "#333")
		}
	}
	for _, t := range v.done {
		dot(t, "#fff", 2)
	}
	dot(best, red, 4)
	c.Axes(x, y, "", "", 4, !bottom, !first)
	if first {
		c.Text(22, top+paneSize/2, 12, "middle", -90, svg.Shorten(py.Name, 24))
	}
}

// edges are the pixels between which the cells of a map lie.
func edges(p pane, s svg.Scale) []float64 {
	out := []float64{s.From}
	for i := 1; i < len(p.coarse); i++ {
		out = append(out, (s.At(p.drawn(p.coarse[i-1]))+s.At(p.drawn(p.coarse[i])))/2)
	}
	return append(out, s.To)
}
