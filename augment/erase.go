package augment

import (
	"cmp"
	"math"
)

// Cover is what covers a part of a picture.
type Cover uint8

// The covers.
const (
	CoverNoise  Cover = iota // each level of each pixel by itself
	CoverColor               // one colour, drawn
	CoverConst               // Augmentor.Color: "constant" in JSON
	coverNumber = iota
)

var coverNames = []string{"noise", "color", "constant"}

// String returns the name that stands in JSON.
func (c Cover) String() string { return nameOf(coverNames, int(c)) }

// MarshalText returns the name; it is an error for a value that has none.
func (c Cover) MarshalText() ([]byte, error) { return marshalName("cover", coverNames, int(c)) }

// UnmarshalText reads a name; an unknown one is an error.
func (c *Cover) UnmarshalText(b []byte) error {
	return unmarshalName((*uint8)(c), "cover", coverNames, b)
}

// Erase covers a rectangle (Zhong et al., Random Erasing, arXiv:1708.04896).
type Erase struct {
	// Min and Max are the rectangle's part of the picture's area, above 0 to 1.
	// Defaults .02 and .25.
	Min float64 `json:"min,omitempty"`
	Max float64 `json:"max,omitempty"`
	// Stretch is the most by which a side is longer than the other; default 3.3.
	Stretch float64 `json:"stretch,omitempty"`
	Cover   Cover   `json:"cover"`
}

func (o Erase) completed() Erase {
	o.Min, o.Max, o.Stretch = cmp.Or(o.Min, .02), cmp.Or(o.Max, max(o.Min, .25)), cmp.Or(o.Stretch, 3.3)
	return o
}

func (Erase) kind() string { return "erase" }

func (o Erase) check() error {
	o = o.completed()
	return within(bound{"min", o.Min, 0, 1}, bound{"max", o.Max, o.Min, 1}, bound{"stretch", o.Stretch, 1, 100}, bound{"cover", float64(o.Cover), 0, coverNumber - 1})
}

func (o Erase) apply(w *work) {
	o = o.completed()
	p := w.pixels()
	area := mul(w.between(o.Min, o.Max), float64(p.W*p.H))
	ratio := w.ratio(o.Stretch)
	width := min(p.W, max(1, round(math.Sqrt(mul(area, ratio)))))
	height := min(p.H, max(1, round(math.Sqrt(area/ratio))))
	w.cover(w.below(p.W-width+1), w.below(p.H-height+1), width, height, o.Cover)
}

// Cutout covers squares (DeVries and Taylor, arXiv:1708.04552), which may lie
// partly outside.
type Cutout struct {
	// Side is that of a square, in parts of the picture's shorter side; default
	// .25.
	Side  float64 `json:"side,omitempty"`
	Holes int     `json:"holes,omitempty"` // default 1
	Cover Cover   `json:"cover"`
}

func (Cutout) kind() string { return "cutout" }

func (o Cutout) check() error {
	return within(bound{"side", o.Side, 0, 1}, bound{"holes", float64(o.Holes), 0, 1000}, bound{"cover", float64(o.Cover), 0, coverNumber - 1})
}

func (o Cutout) apply(w *work) {
	p := w.pixels()
	side := max(1, round(mul(cmp.Or(o.Side, .25), float64(min(p.W, p.H)))))
	for range cmp.Or(o.Holes, 1) {
		x, y := w.below(p.W)-side/2, w.below(p.H)-side/2
		x0, y0 := max(0, x), max(0, y)
		w.cover(x0, y0, min(p.W, x+side)-x0, min(p.H, y+side)-y0, o.Cover)
	}
}

// cover covers the width×height pixels from (x, y) on.
func (w *work) cover(x, y, width, height int, c Cover) {
	p := w.picture
	s := stream(w.Uint64())
	color := w.Color
	if c == CoverColor {
		v := s.next()
		color = [3]uint8{uint8(v), uint8(v >> 8), uint8(v >> 16)}
	}
	for row := y; row < y+height; row++ {
		pix := p.Pix[3*(row*p.W+x):][:3*width]
		for i := 0; i < len(pix); i += 3 {
			if c == CoverNoise {
				v := s.next()
				color = [3]uint8{uint8(v), uint8(v >> 8), uint8(v >> 16)}
			}
			copy(pix[i:i+3], color[:])
		}
	}
}
