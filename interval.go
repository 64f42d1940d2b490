package argus

import (
	"fmt"
	"math"
)

// Interval is a proportion with its 95 % confidence interval.
type Interval struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	N     int     `json:"n"` // what it is a proportion of
}

// String is "0.947 (0.898 to 0.973, n = 150)".
func (p Interval) String() string {
	return fmt.Sprintf("%.3f (%.3f to %.3f, n = %d)", p.Value, p.Low, p.High, p.N)
}

// wilson is Wilson's score interval of k of n (JASA 22 (1927) 209–212). It is
// 0 to 1 for none of none.
func wilson(k, n int) Interval {
	if n == 0 {
		return Interval{High: 1}
	}
	const z = 1.959963984540054 // the normal distribution's 97.5 % point
	p, m := float64(k)/float64(n), float64(n)
	centre := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return Interval{p, max(0, centre-half), min(1, centre+half), n}
}
