package augment

import (
	"cmp"
	"math"

	"github.com/argus-go/argus/internal/kernel/pixel"
	"github.com/argus-go/argus/internal/picture"
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
	src := w.settled()
	mid, out := picture.Blank(src.W, src.H), picture.Blank(src.W, src.H)
	blurAcross(mid, src, k)
	blurDown(out, mid, k)
	mid.Free()
	w.replace(out)
}

const blurBits = 14

// gaussian returns weights of sum 2¹⁴ for each distance from −r to r, three
// standard deviations.
func gaussian(sigma float64) []int16 {
	r := int(math.Ceil(mul(3, sigma)))
	raw := make([]float64, r+1)
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
	k := make([]int16, 2*r+1)
	rest := int16(1 << blurBits)
	for i := 1; i <= r; i++ {
		v := int16(round(mul(raw[i]/sum, 1<<blurBits)))
		k[r-i], k[r+i] = v, v
		rest -= 2 * v
	}
	k[r] = rest
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

func blurAcross(dst, src *RGB, k []int16) {
	r, n := len(k)/2, 3*src.W
	line := make([]uint8, n+6*r)
	rows := make([][]uint8, len(k))
	for i := range rows {
		rows[i] = line[3*i:]
	}
	for y := range src.H {
		row := src.Pix[y*n:][:n]
		copy(line[3*r:], row)
		for i := range r {
			copy(line[3*i:3*i+3], row[3*mirrored(i-r, src.W):])
			copy(line[3*(r+src.W+i):][:3], row[3*mirrored(src.W+i, src.W):])
		}
		pixel.Blend(dst.Pix[y*n:][:n], rows, k)
	}
}

func blurDown(dst, src *RGB, k []int16) {
	r, n := len(k)/2, 3*src.W
	rows := make([][]uint8, len(k))
	for y := range src.H {
		for i := range rows {
			rows[i] = src.Pix[mirrored(y+i-r, src.H)*n:][:n]
		}
		pixel.Blend(dst.Pix[y*n:][:n], rows, k)
	}
}

// Sharpen takes pixels 1 to 1+By times as far from the smoothed picture; By is up to
// 1, which is the default. The outermost pixels stay.
type Sharpen struct {
	By float64 `json:"by,omitempty"`
}

func (Sharpen) kind() string    { return "sharpen" }
func (o Sharpen) check() error  { return within(bound{"by", o.By, 0, 1}) }
func (o Sharpen) apply(w *work) { w.sharpen(1 + w.between(0, cmp.Or(o.By, 1))) }

// sharpen blends with Pillow's SMOOTH, the mean of 3×3 pixels with the middle one
// five times: a filter of 3×3 itself.
func (w *work) sharpen(factor float64) {
	src := w.settled()
	if src.W < 3 || src.H < 3 {
		return
	}
	out := picture.Blank(src.W, src.H)
	n := 3 * src.W
	copy(out.Pix[:n], src.Pix)
	copy(out.Pix[len(out.Pix)-n:], src.Pix[len(src.Pix)-n:])
	side := int16(round(mul((1-factor)/13, 1<<blurBits)))
	k := []int16{side, side, side, side, 1<<blurBits - 8*side, side, side, side, side}
	rows := make([][]uint8, len(k))
	for y := 1; y < src.H-1; y++ {
		for i := range rows {
			rows[i] = src.Pix[(y-1+i/3)*n+i%3*3:]
		}
		row := out.Pix[y*n:][:n]
		pixel.Blend(row[3:n-3], rows, k)
		copy(row[:3], src.Pix[y*n:])
		copy(row[n-3:], src.Pix[(y+1)*n-3:(y+1)*n])
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
