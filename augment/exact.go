package augment

import "math"

// What is drawn must be the same on every processor, so that products are
// rounded by themselves (Go fuses x*y+z on some) and functions that package
// math has in assembly for some processors are computed here. Plain sums,
// products, quotients and square roots are exact to the last bit everywhere
// (IEEE 754).

// mul is a product rounded by itself.
func mul(a, b float64) float64 { return float64(a * b) }

// series is the sum of x[i]·yⁱ.
func series(y float64, x ...float64) float64 {
	sum := 0.0
	for i := len(x) - 1; i >= 0; i-- {
		sum = mul(sum, y) + x[i]
	}
	return sum
}

// sinCos returns sine and cosine of an angle in degrees.
func sinCos(degrees float64) (sin, cos float64) {
	quarter := math.Floor(degrees/90 + .5)
	x := mul(degrees-mul(quarter, 90), math.Pi/180) // within ±π/4
	y := mul(x, x)
	sin = mul(x, series(y, 1, -1./6, 1./120, -1./5040, 1./362880, -1./39916800, 1./6227020800))
	cos = series(y, 1, -1./2, 1./24, -1./720, 1./40320, -1./3628800, 1./479001600)
	switch int(quarter) & 3 {
	case 1:
		return cos, -sin
	case 2:
		return -sin, -cos
	case 3:
		return -cos, sin
	}
	return sin, cos
}

// exp is eˣ.
func exp(x float64) float64 {
	k := math.Floor(x/math.Ln2 + .5)
	r := x - mul(k, math.Ln2)
	return math.Ldexp(series(r, 1, 1, 1./2, 1./6, 1./24, 1./120, 1./720, 1./5040, 1./40320, 1./362880, 1./3628800, 1./39916800, 1./479001600), int(k))
}

// ln is the natural logarithm of a positive x.
func ln(x float64) float64 {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	t := (m - 1) / (m + 1)
	y := mul(t, t)
	return mul(2*t, series(y, 1, 1./3, 1./5, 1./7, 1./9, 1./11, 1./13, 1./15, 1./17, 1./19, 1./21)) + mul(float64(e), math.Ln2)
}

// round is the nearest whole number, halves up.
func round(x float64) int { return int(math.Floor(x + .5)) }

// clip holds v within 0–255.
func clip(v int32) uint8 { return uint8(min(max(v, 0), 255)) }
