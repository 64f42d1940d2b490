package augment

import (
	"cmp"
	"math"
)

// Blur is Gaussian, of a standard deviation of Min to Max pixels; default .5 to 1.5.
type Blur struct {
	Min float64 `json:"min,omitempty"`
	Max float64 `json:"max,omitempty"`
}

func (o Blur) bounds() (lo, hi float64) {
	if o.Min == 0 && o.Max == 0 {
		return .5, 1.5
	}
	return o.Min, o.Max
}

func (Blur) kind() string { return "blur" }

func (o Blur) check() error {
	lo, hi := o.bounds()
	return within(bound{"min", lo, 0, 50}, bound{"max", hi, lo, 50})
}

func (o Blur) apply(w *work) {
	k := gaussian(w.between(o.bounds()))
	if len(k) == 1 {
		return
	}
	p := w.pixels()
	blurAcross(p, k)
	blurDown(p, k)
}

const blurBits = 15

// gaussian returns weights of sum 2¹⁵ for the middle and each distance from it,
// up to three standard deviations.
func gaussian(sigma float64) []int32 {
	n := int(math.Ceil(mul(3, sigma)))
	raw := make([]float64, n+1)
	sum := 0.0
	for i := range raw {
		raw[i] = 1
		if i > 0 {
			t := float64(i) / sigma
			raw[i] = exp(-mul(t, t) / 2)
			sum += raw[i]
		}
		sum += raw[i]
	}
	k := make([]int32, n+1)
	rest := int32(1 << blurBits)
	for i := n; i > 0; i-- {
		k[i] = int32(round(mul(raw[i]/sum, 1<<blurBits)))
		rest -= 2 * k[i]
	}
	k[0] = rest
	return k
}

// mirrored is pixel i of a side of n, mirrored at the ends: c b | a b c.
func mirrored(i, n int) int {
	if n == 1 {
		return 0
	}
	i %= 2 * (n - 1)
	if i < 0 {
		i += 2 * (n - 1)
	}
	return min(i, 2*(n-1)-i)
}

func blurAcross(p *RGB, k []int32) {
	r := len(k) - 1
	line := make([]uint8, 3*(p.W+2*r))
	for y := range p.H {
		row := p.Pix[3*y*p.W:][:3*p.W]
		copy(line[3*r:], row)
		for i := range r {
			copy(line[3*i:3*i+3], row[3*mirrored(i-r, p.W):])
			copy(line[3*(r+p.W+i):][:3], row[3*mirrored(p.W+i, p.W):])
		}
		for i := range row {
			at := i + 3*r
			sum := k[0]*int32(line[at]) + 1<<(blurBits-1)
			for d := 1; d <= r; d++ {
				sum += k[d] * (int32(line[at-3*d]) + int32(line[at+3*d]))
			}
			row[i] = uint8(sum >> blurBits)
		}
	}
}

// blurDown adds whole rows; those above that are written already are kept.
func blurDown(p *RGB, k []int32) {
	r, n := len(k)-1, 3*p.W
	src := append([]uint8(nil), p.Pix...)
	row := func(y int) []uint8 { return src[mirrored(y, p.H)*n:][:n] }
	sums := make([]int32, n)
	for y := range p.H {
		for i, v := range row(y) {
			sums[i] = k[0]*int32(v) + 1<<(blurBits-1)
		}
		for d := 1; d <= r; d++ {
			above, below := row(y-d), row(y+d)
			below = below[:len(above)]
			s, f := sums[:len(above)], k[d]
			for i := range above {
				s[i] += f * (int32(above[i]) + int32(below[i]))
			}
		}
		out := p.Pix[y*n:][:n]
		for i, v := range sums {
			out[i] = uint8(v >> blurBits)
		}
	}
}

// Sharpen takes pixels 1 to 1+By times as far from the smoothed picture; default
// 1. The outermost pixels stay.
type Sharpen struct {
	By float64 `json:"by,omitempty"`
}

func (Sharpen) kind() string    { return "sharpen" }
func (o Sharpen) check() error  { return checkBy(o.By) }
func (o Sharpen) apply(w *work) { w.sharpen(1 + w.between(0, cmp.Or(o.By, 1))) }

// sharpen blends with Pillow's SMOOTH: the mean of 3×3 pixels, the middle one
// five times.
func (w *work) sharpen(factor float64) {
	src := w.settled()
	if src.W < 3 || src.H < 3 {
		return
	}
	out := &RGB{W: src.W, H: src.H, Pix: append([]uint8(nil), src.Pix...)}
	n, f := 3*src.W, units(factor)
	var table [511]int16 // what is added for a difference of −255…255
	for d := range table {
		table[d] = int16((int64(d-255)*int64(f-unit) + halfUnit) >> 16)
	}
	sums := make([]int32, n)
	for y := 1; y < src.H-1; y++ {
		a, b, c := src.Pix[(y-1)*n:][:n], src.Pix[y*n:][:n], src.Pix[(y+1)*n:][:n]
		for i := range sums {
			sums[i] = int32(a[i]) + int32(b[i]) + int32(c[i])
		}
		to := out.Pix[y*n:][:n]
		for i := 3; i < n-3; i++ {
			sum := sums[i-3] + sums[i] + sums[i+3] + 4*int32(b[i])
			smooth := (sum*10083 + 1<<16) >> 17 // sum/13, to the nearest
			v := int32(b[i])
			to[i] = clip(v + int32(table[v-smooth+255]))
		}
	}
	w.replace(out)
}

// Noise adds to each level what is drawn from a normal distribution of a
// standard deviation of 0 to Most levels; default 12.
type Noise struct {
	Most float64 `json:"most,omitempty"`
	// Grey adds the same to red, green and blue.
	Grey bool `json:"grey,omitempty"`
}

func (Noise) kind() string   { return "noise" }
func (o Noise) check() error { return within(bound{"most", o.Most, 0, 255}) }

func (o Noise) apply(w *work) {
	quantiles := normal(w.between(0, cmp.Or(o.Most, 12)))
	s := stream(w.Uint64())
	p := w.pixels()
	step := 1
	if o.Grey {
		step = 3
	}
	bits, left := uint64(0), 0
	for pix := p.Pix; len(pix) >= step; pix = pix[step:] {
		if left == 0 {
			bits, left = s.next(), 6
		}
		v := int32(quantiles[bits%normals])
		bits, left = bits/normals, left-1
		for i := range step {
			pix[i] = clip(int32(pix[i]) + v)
		}
	}
}

const normals = 1 << 10

// normal returns the quantiles of a normal distribution, rounded.
func normal(sigma float64) *[normals]int16 {
	var t [normals]int16
	for i := range normals / 2 {
		v := int16(round(mul(sigma, quantile((float64(i)+.5)/normals))))
		t[i], t[normals-1-i] = v, -v
	}
	return &t
}

// quantile is the inverse of the normal distribution for p below ½, within
// 4.5e-4 (Abramowitz and Stegun 26.2.23).
func quantile(p float64) float64 {
	t := math.Sqrt(-2 * ln(p))
	return -(t - series(t, 2.515517, .802853, .010328)/series(t, 1, 1.432788, .189269, .001308))
}
