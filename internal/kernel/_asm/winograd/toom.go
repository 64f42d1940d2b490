package main

// An axis is a transform of Cook and Toom, F(out, taps), at some points and at
// infinity: out sums of taps products each are from·((kernel)∘(into·pixels)). The
// matrices are those of package winograd, which says how they are made.
type axis struct{ into, from, spread [][]float64 } // the last is from, transposed

func toom(out, taps int, points ...float64) axis {
	n := len(points)
	if n != out+taps-2 {
		panic("winograd: wrong number of points")
	}
	a := axis{into: make([][]float64, n+1), from: make([][]float64, out)}
	for i := range n {
		a.into[i] = polynomial(points, i)
	}
	a.into[n] = polynomial(points, -1)
	for i := range out {
		a.from[i] = make([]float64, n+1)
		for j, p := range points {
			a.from[i][j] = 1
			for range i {
				a.from[i][j] *= p
			}
		}
	}
	a.from[out-1][n] = 1
	for j := range n + 1 {
		var row []float64
		for i := range out {
			row = append(row, a.from[i][j])
		}
		a.spread = append(a.spread, row)
	}
	return a
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
