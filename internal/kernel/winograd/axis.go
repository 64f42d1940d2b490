package winograd

// An axis is the transform F(out, taps) in one direction: out neighbouring
// sums of taps products,
//
//	y[i] = Σj x[i+j]·g[j],
//
// are y = from·((kernel·g)∘(into·x)) with size = out+taps-1 products, by
// interpolation of polynomials at size-1 points and at infinity (Lavin and Gray,
// arXiv:1509.09308, and the appendix of wincnn).
type axis struct {
	out, taps, size    int
	into, kernel, from [][]float64 // size×size, size×taps, out×size
	spread             [][]float64 // from, transposed
}

// toom makes the axis of some points. Products of small powers of two are
// exact, so that rounding comes from sums alone.
func toom(out, taps int, points ...float64) *axis {
	n := len(points)
	a := &axis{out: out, taps: taps, size: n + 1}
	for i, p := range points {
		scale := 1.0
		for j, q := range points {
			if j != i {
				scale *= p - q
			}
		}
		row := make([]float64, taps)
		for j := range row {
			row[j] = power(p, j) / scale
		}
		a.kernel = append(a.kernel, row)
		a.into = append(a.into, polynomial(points, i))
	}
	last := make([]float64, taps)
	last[taps-1] = 1
	a.kernel = append(a.kernel, last)
	a.into = append(a.into, polynomial(points, -1))
	for i := range out {
		row := make([]float64, n+1)
		for j, p := range points {
			row[j] = power(p, i)
		}
		a.from = append(a.from, row)
	}
	a.from[out-1][n] = 1
	a.spread = transposed(a.from)
	return a
}

func transposed(m [][]float64) [][]float64 {
	t := make([][]float64, len(m[0]))
	for j := range t {
		for _, row := range m {
			t[j] = append(t[j], row[j])
		}
	}
	return t
}

func power(p float64, n int) float64 {
	v := 1.0
	for range n {
		v *= p
	}
	return v
}

// polynomial returns the coefficients of Π (x - p) over all points but one,
// the lowest first, with room for one more than points.
func polynomial(points []float64, without int) []float64 {
	c := make([]float64, len(points)+1)
	c[0] = 1
	for i, p := range points {
		if i == without {
			continue
		}
		for j := len(c) - 1; j >= 0; j-- {
			c[j] *= -p
			if j > 0 {
				c[j] += c[j-1]
			}
		}
	}
	return c
}

// The points are those of the least error among fractions tried (decision
// 0014). ../_asm/winograd knows them.
var (
	f11 = &axis{out: 1, taps: 1, size: 1, into: one, kernel: one, from: one, spread: one}
	f23 = toom(2, 3, 0, 1, -1)
	f43 = toom(4, 3, 0, 1, -1, -2, 0.5)
	f45 = toom(4, 5, 0, 1, -1, 2, -2, 0.5, -0.5)
	f37 = toom(3, 7, 0, 1, -1, 2, -2, 0.75, -0.75, -0.25)
	one = [][]float64{{1}}
)

// A form is an axis down the columns and one across the rows of pixels.
type form struct{ down, across *axis }

// points returns the products of a tile.
func (f form) points() int { return f.down.size * f.across.size }
