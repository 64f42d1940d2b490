package augment

import (
	"cmp"
)

// A mesh moves points: by (dx, dy) at the corners of cols×rows equal cells over
// a w×h canvas, bilinearly between.
type mesh struct {
	cols, rows int
	w, h       float64
	dx, dy     []float64 // (rows+1)×(cols+1)
}

func newMesh(cols, rows int, w, h float64) *mesh {
	n := (cols + 1) * (rows + 1)
	return &mesh{cols, rows, w, h, make([]float64, n), make([]float64, n)}
}

// move moves the points of a row; coordinates are from the middle.
func (m *mesh) move(xs, ys []float64) {
	level := true
	for _, y := range ys {
		level = level && y == ys[0]
	}
	if level {
		m.moveLevel(xs, ys)
		return
	}
	perCol, perRow := float64(m.cols)/m.w, float64(m.rows)/m.h
	for i := range xs {
		row, v := cell(ys[i], m.h, perRow, m.rows)
		col, u := cell(xs[i], m.w, perCol, m.cols)
		at := row*(m.cols+1) + col
		xs[i] += bilinear(m.dx[at:], m.cols+1, u, v)
		ys[i] += bilinear(m.dy[at:], m.cols+1, u, v)
	}
}

// moveLevel is move for points on one level: the rows of corners above and below
// are blended once.
func (m *mesh) moveLevel(xs, ys []float64) {
	n := m.cols + 1
	row, v := cell(ys[0], m.h, float64(m.rows)/m.h, m.rows)
	line := make([]float64, 2*n)
	for i := range n {
		at := row*n + i
		line[i] = lerp(m.dx[at], m.dx[at+n], v)
		line[n+i] = lerp(m.dy[at], m.dy[at+n], v)
	}
	perCol := float64(m.cols) / m.w
	for i, x := range xs {
		col, u := cell(x, m.w, perCol, m.cols)
		xs[i] += lerp(line[col], line[col+1], u)
		ys[i] += lerp(line[n+col], line[n+col+1], u)
	}
}

// cell is the cell of n that x, from the middle of a side, lies in, and how far
// along it, 0–1; a pixel is the part per of a cell. What lies outside of all is at the
// end of the last.
func cell(x, side, per float64, n int) (int, float64) {
	g := mul(x+side/2, per)
	if !(g > 0) {
		g = 0
	} else if g > float64(n) {
		g = float64(n)
	}
	i := min(int(g), n-1)
	return i, g - float64(i)
}

func lerp(a, b, t float64) float64 { return a + mul(b-a, t) }

func bilinear(d []float64, stride int, u, v float64) float64 {
	return lerp(lerp(d[0], d[1], u), lerp(d[stride], d[stride+1], u), v)
}

// GridDistortion lays a grid over the picture and moves its inner corners, each
// by itself; what is between follows.
type GridDistortion struct {
	Cols int `json:"cols,omitempty"` // cells across and
	Rows int `json:"rows,omitempty"` // down; default 4
	// By is the most that a corner moves, in parts of the shorter side; default
	// .027, which is 8 pixels of 299.
	By float64 `json:"by,omitempty"`
}

func (o GridDistortion) completed() GridDistortion {
	return GridDistortion{cmp.Or(o.Cols, 4), cmp.Or(o.Rows, 4), cmp.Or(o.By, .027)}
}

func (GridDistortion) kind() string { return "grid_distortion" }

func (o GridDistortion) check() error {
	o = o.completed()
	return within(bound{"cols", float64(o.Cols), 1, 1000}, bound{"rows", float64(o.Rows), 1, 1000}, bound{"by", o.By, 0, 1})
}

func (o GridDistortion) apply(w *work) {
	o = o.completed()
	width, height := w.size()
	by := mul(o.By, min(width, height))
	m := newMesh(o.Cols, o.Rows, width, height)
	for row := 1; row < o.Rows; row++ {
		for col := 1; col < o.Cols; col++ {
			at := row*(o.Cols+1) + col
			m.dx[at], m.dy[at] = w.about(by), w.about(by)
		}
	}
	w.bend(m)
}

// Elastic bends the picture smoothly, as a rubber sheet (Simard, Steinkraus,
// Platt, Best Practices for Convolutional Neural Networks, 2003): random moves
// at every Scale, joined by a uniform cubic B-spline.
type Elastic struct {
	// By is the most that a point moves and Scale the distance between moves that
	// are independent, both in parts of the shorter side. Defaults .04 and .1.
	By    float64 `json:"by,omitempty"`
	Scale float64 `json:"scale,omitempty"`
}

func (o Elastic) completed() Elastic { return Elastic{cmp.Or(o.By, .04), cmp.Or(o.Scale, .1)} }

func (Elastic) kind() string { return "elastic" }

func (o Elastic) check() error {
	o = o.completed()
	return within(bound{"by", o.By, 0, 1}, bound{"scale", o.Scale, .01, 1})
}

func (o Elastic) apply(w *work) {
	o = o.completed()
	width, height := w.size()
	short := min(width, height)
	step := mul(o.Scale, short)
	cols, rows := round(width/step)+1, round(height/step)+1
	const fine = 4 // cells of the mesh for each distance
	m := newMesh(cols*fine, rows*fine, width, height)
	by := mul(o.By, short)
	for _, d := range [][]float64{m.dx, m.dy} {
		coarse := make([]float64, (cols+3)*(rows+3))
		for i := range coarse {
			coarse[i] = w.about(by)
		}
		spline(d, coarse, cols, rows, fine)
	}
	w.bend(m)
}

// spline writes the cubic B-spline of (cols+3)×(rows+3) control values, at
// fine points for each, (cols·fine+1)×(rows·fine+1) in all.
func spline(dst, control []float64, cols, rows, fine int) {
	along := func(i, n int) (int, [4]float64) { // first control and weights of point i
		at := min(i/fine, n-1)
		t := float64(i-at*fine) / float64(fine)
		t2 := mul(t, t)
		t3 := mul(t2, t)
		s := 1 - t
		return at, [4]float64{
			mul(mul(s, s), s) / 6,
			(4 - mul(6, t2) + mul(3, t3)) / 6,
			(1 + mul(3, t) + mul(3, t2) - mul(3, t3)) / 6,
			t3 / 6,
		}
	}
	n := cols + 3
	line := make([]float64, n)
	for y := range rows*fine + 1 {
		row, v := along(y, rows)
		for i := range line {
			c := control[row*n+i:]
			line[i] = mul(c[0], v[0]) + mul(c[n], v[1]) + mul(c[2*n], v[2]) + mul(c[3*n], v[3])
		}
		for x := range cols*fine + 1 {
			col, u := along(x, cols)
			c := line[col:]
			dst[y*(cols*fine+1)+x] = mul(c[0], u[0]) + mul(c[1], u[1]) + mul(c[2], u[2]) + mul(c[3], u[3])
		}
	}
}
