package augment

import (
	"sync"

	"github.com/argus-go/argus/internal/kernel/pixel"
)

// A sampler reads a picture at coordinates of 8 bits after the point.
type sampler struct {
	*RGB
	filter Filter
	fill   Fill
	color  [3]uint8
}

func newSampler(p *RGB, a Augmentor) sampler { return sampler{p, a.Filter, a.Fill, a.Color} }

// row writes a pixel for each of the coordinates.
func (s *sampler) row(dst []uint8, xs, ys []int32) {
	switch s.filter {
	case Nearest:
		s.nearest(dst, xs, ys)
	case Bicubic:
		s.bicubic(dst, xs, ys)
	default:
		s.bilinear(dst, xs, ys)
	}
}

// index is where pixel i of a side of n is found, −1 where nowhere.
func (s *sampler) index(i, n int) int {
	if uint(i) < uint(n) {
		return i
	}
	switch s.fill {
	case Constant:
		return -1
	case Reflect:
		i %= 2 * n
		if i < 0 {
			i += 2 * n
		}
		return min(i, 2*n-1-i)
	}
	return min(max(i, 0), n-1)
}

// pixel is the one at (x, y), also outside.
func (s *sampler) pixel(x, y int) []uint8 {
	x, y = s.index(x, s.W), s.index(y, s.H)
	if x < 0 || y < 0 {
		return s.color[:]
	}
	return s.Pix[3*(y*s.W+x):][:3]
}

func (s *sampler) nearest(dst []uint8, xs, ys []int32) {
	for i := range xs {
		x, y := int((xs[i]+one/2)>>fraction), int((ys[i]+one/2)>>fraction)
		p := s.pixel(x, y)
		d := dst[3*i:][:3]
		d[0], d[1], d[2] = p[0], p[1], p[2]
	}
}

// bilinear hands on what lies inside in one piece. Inside leaves a pixel over, as
// pixel.Bilinear reads eight bytes for six.
func (s *sampler) bilinear(dst []uint8, xs, ys []int32) {
	right, bottom := uint32(max(0, s.W-2)*one), uint32(max(0, s.H-1)*one)
	ys = ys[:len(xs)]
	for i := 0; i < len(xs); {
		at := i
		for i < len(xs) && uint32(xs[i]) < right && uint32(ys[i]) < bottom {
			i++
		}
		if i > at {
			pixel.Bilinear(dst[3*at:3*i], s.Pix, 3*s.W, xs[at:i], ys[at:i])
			continue
		}
		s.bilinearEdge(dst[3*i:3*i+3], int(xs[i]>>fraction), int(ys[i]>>fraction), uint32(xs[i]&(one-1)), uint32(ys[i]&(one-1)))
		i++
	}
}

// bilinearEdge is bilinear where not all of the four pixels are inside.
func (s *sampler) bilinearEdge(d []uint8, x, y int, u, v uint32) {
	a, b, e, f := s.pixel(x, y), s.pixel(x+1, y), s.pixel(x, y+1), s.pixel(x+1, y+1)
	for c := range 3 {
		top := (one-u)*uint32(a[c]) + u*uint32(b[c])
		bottom := (one-u)*uint32(e[c]) + u*uint32(f[c])
		d[c] = uint8(((one-v)*top + v*bottom + one*one/2) >> (2 * fraction))
	}
}

// cubics are Keys' weights (IEEE TASSP 29, 1981) of four pixels in a row, for
// each fraction of the way from the second to the third, in units of 2⁻¹¹.
var cubics = sync.OnceValue(func() *[one][4]int32 {
	var t [one][4]int32
	for i := range t {
		// For a = −1/2 and t = i/256, doubled: numerators of 256³.
		const n = one
		i64 := int64(i)
		w := [4]int64{
			-i64*i64*i64 + 2*n*i64*i64 - n*n*i64,
			3*i64*i64*i64 - 5*n*i64*i64 + 2*n*n*n,
			-3*i64*i64*i64 + 4*n*i64*i64 + n*n*i64,
			i64*i64*i64 - n*i64*i64,
		}
		sum := int32(0)
		for k, v := range w {
			t[i][k] = int32((v+1<<13+1<<40)>>14 - 1<<26) // ·2¹¹ / 2·256³, to the nearest
			sum += t[i][k]
		}
		t[i][1+i/(one/2)] += 1<<11 - sum
	}
	return &t
})

func (s *sampler) bicubic(dst []uint8, xs, ys []int32) {
	const bits = 22
	table := cubics()
	for i := range xs {
		x, y := int(xs[i]>>fraction)-1, int(ys[i]>>fraction)-1
		wx, wy := &table[xs[i]&(one-1)], &table[ys[i]&(one-1)]
		inside := x >= 0 && y >= 0 && x <= s.W-4 && y <= s.H-4
		var sum [3]int32
		for j, v := range wy {
			var line [3]int32
			if inside {
				p := s.Pix[3*((y+j)*s.W+x):][:12]
				for c := range line {
					line[c] = wx[0]*int32(p[c]) + wx[1]*int32(p[3+c]) + wx[2]*int32(p[6+c]) + wx[3]*int32(p[9+c])
				}
			} else {
				for k, u := range wx {
					p := s.pixel(x+k, y+j)
					for c := range line {
						line[c] += u * int32(p[c])
					}
				}
			}
			for c := range sum {
				sum[c] += v * line[c]
			}
		}
		for c, v := range sum {
			dst[3*i+c] = clip((v + 1<<(bits-1)) >> bits)
		}
	}
}
