package augment

import (
	"cmp"
	"fmt"
)

// A matrix takes a point (x, y, 1) of the result to where its colour is found:
// [0 1 2; 3 4 5; 6 7 8], in pixels from the middle of the picture, divided by
// the third component.
type matrix [9]float64

var identity = matrix{1, 0, 0, 0, 1, 0, 0, 0, 1}

// times is the matrix that does n first and then m.
func (m matrix) times(n matrix) (p matrix) {
	for i := range 3 {
		for j := range 3 {
			p[3*i+j] = mul(m[3*i], n[j]) + mul(m[3*i+1], n[3+j]) + mul(m[3*i+2], n[6+j])
		}
	}
	return p
}

func scaling(x, y float64) matrix { return matrix{x, 0, 0, 0, y, 0, 0, 0, 1} }

func moving(x, y float64) matrix { return matrix{1, 0, x, 0, 1, y, 0, 0, 1} }

// A bound is a field and what it may be.
type bound struct {
	name   string
	value  float64
	lo, hi float64
}

func within(bounds ...bound) error {
	for _, b := range bounds {
		if !(b.value >= b.lo && b.value <= b.hi) {
			return fmt.Errorf("%s is %v, want %v to %v", b.name, b.value, b.lo, b.hi)
		}
	}
	return nil
}

// FlipLeftRight mirrors the picture: left becomes right.
type FlipLeftRight struct{}

func (FlipLeftRight) kind() string  { return "flip_left_right" }
func (FlipLeftRight) check() error  { return nil }
func (FlipLeftRight) apply(w *work) { w.move(scaling(-1, 1)) }

// FlipTopBottom puts the picture upside down, mirrored.
type FlipTopBottom struct{}

func (FlipTopBottom) kind() string  { return "flip_top_bottom" }
func (FlipTopBottom) check() error  { return nil }
func (FlipTopBottom) apply(w *work) { w.move(scaling(1, -1)) }

// Crop keeps a part of the picture and enlarges it to the whole size.
type Crop struct {
	// Min and Max are the bounds of the part of each side that is kept, above 0
	// to 1. Min defaults to .75, Max to Min.
	Min float64 `json:"min,omitempty"`
	Max float64 `json:"max,omitempty"`
	// Stretch is the most by which the part's shape may differ from the
	// picture's, from 1 on; default 1.
	Stretch float64 `json:"stretch,omitempty"`
}

func (o Crop) bounds() (lo, hi, stretch float64) {
	lo = cmp.Or(o.Min, .75)
	return lo, cmp.Or(o.Max, lo), cmp.Or(o.Stretch, 1)
}

func (Crop) kind() string { return "crop" }

func (o Crop) check() error {
	lo, hi, stretch := o.bounds()
	return within(bound{"min", lo, 1e-3, 1}, bound{"max", hi, lo, 1}, bound{"stretch", stretch, 1, 100})
}

func (o Crop) apply(w *work) {
	lo, hi, stretch := o.bounds()
	x := w.between(lo, hi)
	y := x
	if ratio := w.ratio(stretch); ratio > 1 {
		y = y / ratio
	} else {
		x = mul(x, ratio)
	}
	width, height := w.size()
	w.move(moving(mul(mul(1-x, width), w.about(.5)), mul(mul(1-y, height), w.about(.5))).times(scaling(x, y)))
}

// Rotate turns the picture about its middle, by up to Degrees (default 10) either way.
// It is enlarged so that nothing outside of it comes into view.
type Rotate struct {
	Degrees float64 `json:"degrees,omitempty"`
	// Corners keeps the size of what is seen: corners are filled.
	Corners bool `json:"corners,omitempty"`
}

func (Rotate) kind() string    { return "rotate" }
func (o Rotate) most() float64 { return cmp.Or(o.Degrees, 10) }
func (o Rotate) check() error  { return within(bound{"degrees", o.most(), 0, 180}) }
func (o Rotate) apply(w *work) { w.rotate(w.about(o.most()), o.Corners) }

// rotate turns by degrees; without corners what is seen is the greatest
// rectangle of the picture's shape inside of the turned picture.
func (w *work) rotate(degrees float64, corners bool) {
	sin, cos := sinCos(degrees)
	scale := 1.0
	if !corners {
		width, height := w.size()
		scale = 1 / (abs(cos) + mul(abs(sin), max(width/height, height/width)))
	}
	w.move(matrix{mul(cos, scale), mul(-sin, scale), 0, mul(sin, scale), mul(cos, scale), 0, 0, 0, 1})
}

func abs(x float64) float64 { return max(x, -x) }

// Shift moves the picture by up to the parts X of its width and Y of its height,
// both .1 by default.
type Shift struct {
	X float64 `json:"x,omitempty"`
	Y float64 `json:"y,omitempty"`
}

// orBoth is x and y, or v for both if both are zero.
func orBoth(x, y, v float64) (float64, float64) {
	if x == 0 && y == 0 {
		return v, v
	}
	return x, y
}

func (Shift) kind() string { return "shift" }

func (o Shift) check() error { return within(bound{"x", o.X, 0, 1}, bound{"y", o.Y, 0, 1}) }

func (o Shift) apply(w *work) {
	x, y := orBoth(o.X, o.Y, .1)
	width, height := w.size()
	w.move(moving(mul(w.about(x), width), mul(w.about(y), height)))
}

// Shear makes the picture lean: by up to X pixels sideways for each pixel down,
// by up to Y pixels down for each sideways; both .1 by default.
type Shear struct {
	X float64 `json:"x,omitempty"`
	Y float64 `json:"y,omitempty"`
}

func (Shear) kind() string { return "shear" }

func (o Shear) check() error { return within(bound{"x", o.X, 0, 10}, bound{"y", o.Y, 0, 10}) }

func (o Shear) apply(w *work) {
	x, y := orBoth(o.X, o.Y, .1)
	w.move(matrix{1, w.about(x), 0, w.about(y), 1, 0, 0, 0, 1})
}

// Zoom makes what is seen bigger by Min to Max, .9 to 1.1 by default. Below 1
// what lies outside of the picture comes into view.
type Zoom struct {
	Min float64 `json:"min,omitempty"`
	Max float64 `json:"max,omitempty"`
	// Apart draws width and height each by itself.
	Apart bool `json:"apart,omitempty"`
}

func (o Zoom) bounds() (lo, hi float64) {
	if o.Min == 0 && o.Max == 0 {
		return .9, 1.1
	}
	return o.Min, o.Max
}

func (Zoom) kind() string { return "zoom" }

func (o Zoom) check() error {
	lo, hi := o.bounds()
	return within(bound{"min", lo, .01, 100}, bound{"max", hi, lo, 100})
}

func (o Zoom) apply(w *work) {
	lo, hi := o.bounds()
	x := w.between(lo, hi)
	y := x
	if o.Apart {
		y = w.between(lo, hi)
	}
	w.move(scaling(1/x, 1/y))
}

// Perspective moves each corner of what is seen inwards by up to the part By of the
// sides, .2 by default: the picture is seen from elsewhere.
type Perspective struct {
	By float64 `json:"by,omitempty"`
}

func (Perspective) kind() string    { return "perspective" }
func (o Perspective) most() float64 { return cmp.Or(o.By, .2) }
func (o Perspective) check() error  { return within(bound{"by", o.most(), 0, .45}) }

func (o Perspective) apply(w *work) {
	width, height := w.size()
	var corners [4][2]float64 // of the picture, for (0,0), (1,0), (1,1), (0,1) of the result
	for i, at := range [4][2]float64{{-1, -1}, {1, -1}, {1, 1}, {-1, 1}} {
		corners[i] = [2]float64{
			mul(mul(at[0], width/2), 1-w.between(0, o.most())),
			mul(mul(at[1], height/2), 1-w.between(0, o.most())),
		}
	}
	w.move(squareTo(corners).times(matrix{1 / width, 0, .5, 0, 1 / height, .5, 0, 0, 1}))
}

// squareTo takes the unit square to a quadrilateral (P. Heckbert, Fundamentals
// of Texture Mapping and Image Warping, 1989, section 2.2.3).
func squareTo(c [4][2]float64) matrix {
	dx1, dy1 := c[1][0]-c[2][0], c[1][1]-c[2][1]
	dx2, dy2 := c[3][0]-c[2][0], c[3][1]-c[2][1]
	sx := c[0][0] - c[1][0] + c[2][0] - c[3][0]
	sy := c[0][1] - c[1][1] + c[2][1] - c[3][1]
	det := mul(dx1, dy2) - mul(dx2, dy1)
	g := (mul(sx, dy2) - mul(dx2, sy)) / det
	h := (mul(dx1, sy) - mul(sx, dy1)) / det
	return matrix{
		c[1][0] - c[0][0] + mul(g, c[1][0]), c[3][0] - c[0][0] + mul(h, c[3][0]), c[0][0],
		c[1][1] - c[0][1] + mul(g, c[1][1]), c[3][1] - c[0][1] + mul(h, c[3][1]), c[0][1],
		g, h, 1,
	}
}

// Resize makes the picture W×H pixels, whatever its shape.
type Resize struct {
	W int `json:"w"`
	H int `json:"h"`
}

const maxSide = 1 << 14

func (Resize) kind() string { return "resize" }

func (o Resize) check() error {
	return within(bound{"w", float64(o.W), 1, maxSide}, bound{"h", float64(o.H), 1, maxSide})
}

func (o Resize) apply(w *work) {
	width, height := w.size()
	w.move(scaling(width/float64(o.W), height/float64(o.H)))
	w.chain.w, w.chain.h = o.W, o.H
}
