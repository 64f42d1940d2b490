package augment

import (
	"cmp"
	"sync"

	"github.com/argus-go/argus/internal/kernel/pixel"
)

// A table says what becomes of each level of red, green and blue.
type table [3][256]uint8

// apply writes what becomes of src; dst may be src.
func (t *table) apply(dst, src []uint8) {
	if t[0] == t[1] && t[0] == t[2] {
		pixel.Table(dst, src, &t[0])
		return
	}
	for len(src) >= 3 && len(dst) >= 3 {
		dst[0], dst[1], dst[2] = t[0][src[0]], t[1][src[1]], t[2][src[2]]
		src, dst = src[3:], dst[3:]
	}
}

// levels makes f be done to every level, after what waits already.
func (w *work) levels(f func(v int) uint8) {
	var t [256]uint8
	for v := range t {
		t[v] = f(v)
	}
	w.then(&table{t, t, t})
}

// then makes t be done after what waits already.
func (w *work) then(t *table) {
	if w.table != nil {
		for c := range t {
			before := w.table[c]
			after := t[c]
			for v := range before {
				t[c][v] = after[before[v]]
			}
		}
	}
	w.table = t
}

// Amounts of light and colour are in units of 2⁻¹⁶.
const (
	unit     = 1 << 16
	halfUnit = unit / 2
)

// Weights of red, green and blue in a grey (ITU-R BT.601-7, section 2.5.1), in
// units of 2⁻¹⁶: Pillow's.
const (
	greyR = 19595
	greyG = 38470
	greyB = 7471
)

// blend is v as far from base as factor says, in units of 2⁻¹⁶.
func blend(base, v, factor int32) uint8 {
	return clip(int32((int64(base)<<16 + int64(v-base)*int64(factor) + halfUnit) >> 16))
}

func units(x float64) int32 { return int32(round(mul(x, unit))) }

// by is what changes of light and colour have in common: a factor drawn from
// 1−By to 1+By.
func by(v, otherwise float64) float64 { return cmp.Or(v, otherwise) }

func checkBy(v float64) error { return within(bound{"by", v, 0, 10}) }

func (w *work) factor(by float64) float64 { return max(0, 1+w.about(by)) }

// Brightness makes levels 1−By to 1+By times what they are; default .2.
type Brightness struct {
	By float64 `json:"by,omitempty"`
}

func (Brightness) kind() string    { return "brightness" }
func (o Brightness) check() error  { return checkBy(o.By) }
func (o Brightness) apply(w *work) { w.brightness(w.factor(by(o.By, .2))) }

func (w *work) brightness(factor float64) {
	f := units(factor)
	w.levels(func(v int) uint8 { return blend(0, int32(v), f) })
}

// Contrast takes levels 1−By to 1+By times as far from the picture's mean grey;
// default .2.
type Contrast struct {
	By float64 `json:"by,omitempty"`
}

func (Contrast) kind() string    { return "contrast" }
func (o Contrast) check() error  { return checkBy(o.By) }
func (o Contrast) apply(w *work) { w.contrast(w.factor(by(o.By, .2))) }

func (w *work) contrast(factor float64) {
	p := w.settled()
	sums := pixel.Sums(p.Pix)
	r, g, b := sums[0], sums[1], sums[2]
	n := int64(p.W * p.H)
	mean, f := int32(((greyR*r+greyG*g+greyB*b)/n+halfUnit)>>16), units(factor)
	w.levels(func(v int) uint8 { return blend(mean, int32(v), f) })
}

// Gamma raises levels, from 0 to 1, to a power between 1/Most and Most; default
// 1.5.
type Gamma struct {
	Most float64 `json:"most,omitempty"`
}

func (Gamma) kind() string   { return "gamma" }
func (o Gamma) check() error { return within(bound{"most", cmp.Or(o.Most, 1.5), 1, 100}) }

func (o Gamma) apply(w *work) {
	g := w.ratio(cmp.Or(o.Most, 1.5))
	logs := logarithms()
	w.levels(func(v int) uint8 {
		if v == 0 {
			return 0
		}
		return uint8(round(mul(255, exp(mul(g, logs[v])))))
	})
}

// logarithms are those of levels above 0, of 255.
var logarithms = sync.OnceValue(func() *[256]float64 {
	var t [256]float64
	for v := 1; v < len(t); v++ {
		t[v] = ln(float64(v) / 255)
	}
	return &t
})

// Saturation takes colours 1−By to 1+By times as far from grey; default .2.
type Saturation struct {
	By float64 `json:"by,omitempty"`
}

func (Saturation) kind() string    { return "saturation" }
func (o Saturation) check() error  { return checkBy(o.By) }
func (o Saturation) apply(w *work) { w.saturation(w.factor(by(o.By, .2))) }

func (w *work) saturation(factor float64) {
	f := units(factor)
	part := func(k int32) int32 { return int32((int64(unit-f)*int64(k) + halfUnit) >> 16) }
	r, g, b := part(greyR), part(greyG), part(greyB)
	w.matrix([9]int32{f + r, g, b, r, f + g, b, r, g, f + b})
}

// matrix makes colours k times what they are, in units of 2⁻¹⁶; greys stay.
func (w *work) matrix(k [9]int32) {
	for c := range 3 {
		k[4*c] += unit - k[3*c] - k[3*c+1] - k[3*c+2]
	}
	src := w.settled()
	dst := w.fresh()
	pixel.Matrix(dst.Pix, src.Pix, &k)
	w.replace(dst)
}

// Grey takes all colour away.
type Grey struct{}

func (Grey) kind() string  { return "grey" }
func (Grey) check() error  { return nil }
func (Grey) apply(w *work) { w.saturation(0) }

// Hue turns colours about the axis of greys by up to Degrees (default 18) either
// way, keeping lightness (W3C Filter Effects, feColorMatrix hueRotate).
type Hue struct {
	Degrees float64 `json:"degrees,omitempty"`
}

func (Hue) kind() string   { return "hue" }
func (o Hue) check() error { return within(bound{"degrees", o.Degrees, 0, 180}) }

func (o Hue) apply(w *work) {
	sin, cos := sinCos(w.about(cmp.Or(o.Degrees, 18)))
	const r, g, b = .213, .715, .072
	m := [9]float64{
		r + mul(cos, 1-r) - mul(sin, r), g - mul(cos, g) - mul(sin, g), b - mul(cos, b) + mul(sin, 1-b),
		r - mul(cos, r) + mul(sin, .143), g + mul(cos, 1-g) + mul(sin, .140), b - mul(cos, b) - mul(sin, .283),
		r - mul(cos, r) - mul(sin, 1-r), g - mul(cos, g) + mul(sin, g), b + mul(cos, 1-b) + mul(sin, b),
	}
	var k [9]int32
	for i, v := range m {
		k[i] = units(v)
	}
	w.matrix(k)
}

// Posterize keeps the highest Bits bits of each level, 1 to 8; default 4.
type Posterize struct {
	Bits int `json:"bits,omitempty"`
}

func (Posterize) kind() string   { return "posterize" }
func (o Posterize) check() error { return within(bound{"bits", float64(cmp.Or(o.Bits, 4)), 1, 8}) }

func (o Posterize) apply(w *work) {
	mask := uint8(0xff << (8 - cmp.Or(o.Bits, 4)))
	w.levels(func(v int) uint8 { return uint8(v) & mask })
}

// Solarize turns levels from Above on, 128 by default, into their negatives.
type Solarize struct {
	Above int `json:"above,omitempty"`
}

func (Solarize) kind() string    { return "solarize" }
func (o Solarize) check() error  { return within(bound{"above", float64(o.Above), 0, 256}) }
func (o Solarize) apply(w *work) { w.solarize(cmp.Or(o.Above, 128)) }

func (w *work) solarize(above int) {
	w.levels(func(v int) uint8 {
		if v >= above {
			v = 255 - v
		}
		return uint8(v)
	})
}

// histogram counts the levels of each channel.
func (p *histogram) count(pix []uint8) {
	for len(pix) >= 3 {
		p[0][pix[0]]++
		p[1][pix[1]]++
		p[2][pix[2]]++
		pix = pix[3:]
	}
}

type histogram [3][256]int

// AutoContrast stretches the levels of each channel to all from 0 to 255.
type AutoContrast struct{}

func (AutoContrast) kind() string { return "auto_contrast" }
func (AutoContrast) check() error { return nil }

func (AutoContrast) apply(w *work) {
	var h histogram
	h.count(w.settled().Pix)
	var lo, hi [3]int
	for c := range h {
		for lo[c] = 0; lo[c] < 255 && h[c][lo[c]] == 0; lo[c]++ {
		}
		for hi[c] = 255; hi[c] > 0 && h[c][hi[c]] == 0; hi[c]-- {
		}
	}
	var t table
	for c := range t {
		n := max(1, hi[c]-lo[c])
		for v := range t[c] {
			t[c][v] = clip(int32((2*255*(v-lo[c]) + n) / (2 * n)))
			if hi[c] <= lo[c] {
				t[c][v] = uint8(v)
			}
		}
	}
	w.then(&t)
}

// Equalize spreads the levels of each channel so that all are about as frequent,
// as Pillow's ImageOps.equalize does.
type Equalize struct{}

func (Equalize) kind() string { return "equalize" }
func (Equalize) check() error { return nil }

func (Equalize) apply(w *work) {
	var h histogram
	h.count(w.settled().Pix)
	var t table
	for c := range h {
		t[c] = equalized(&h[c])
	}
	w.then(&t)
}

func equalized(count *[256]int) (t [256]uint8) {
	used, total, last := 0, 0, 0
	for v, n := range count {
		t[v] = uint8(v)
		if n > 0 {
			used, total, last = used+1, total+n, n
		}
	}
	step := (total - last) / 255
	if used < 2 || step == 0 {
		return t
	}
	sum := step / 2
	for v, n := range count {
		t[v] = uint8(min(255, sum/step))
		sum += n
	}
	return t
}
