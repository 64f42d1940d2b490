package pool

import (
	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// GlobalAvg computes y[n,c], the mean of x [n,hw,c] over its hw pixels.
func GlobalAvg(crew *parallel.Crew, n, hw, c int, x, y []float32) {
	checkGlobal(n, hw, c, len(x), len(y))
	vec.SumImages(crew, n, hw, y, vec.Terms{C: c, X: x}, vec.Terms.SumX)
	for i := range y {
		y[i] /= float32(hw)
	}
}

// GlobalAvgBackward computes dx [n,hw,c] (overwritten) from dy [n,c].
func GlobalAvgBackward(crew *parallel.Crew, n, hw, c int, dy, dx []float32) {
	checkGlobal(n, hw, c, len(dx), len(dy))
	type in struct {
		hw, c  int
		dy, dx []float32
	}
	vec.Over(crew, n*hw, c, in{hw, c, dy, dx}, func(a in, lo, hi int) {
		lent := vec.Floats.Take(a.c)
		defer vec.Floats.Give(lent)
		mean, img := *lent, -1
		for p := lo; p < hi; p++ {
			if p/a.hw != img {
				img = p / a.hw
				for j, v := range a.dy[img*a.c : (img+1)*a.c] {
					mean[j] = v / float32(a.hw)
				}
			}
			copy(a.dx[p*a.c:(p+1)*a.c], mean)
		}
	})
}

// GlobalMax computes y[n,c], the largest of x [n,hw,c] over its pixels; NaN
// where one is.
func GlobalMax(crew *parallel.Crew, n, hw, c int, x, y []float32) {
	checkGlobal(n, hw, c, len(x), len(y))
	Max(crew, whole(hw, c), n, x, y, c)
}

// GlobalMaxBackward computes dx [n,hw,c] (overwritten) from x, y =
// GlobalMax(x) and dy; the gradient goes to one element, as in MaxBackward.
func GlobalMaxBackward(crew *parallel.Crew, n, hw, c int, x, y, dy, dx []float32) {
	checkGlobal(n, hw, c, len(x), len(y))
	MaxBackward(crew, whole(hw, c), n, x, y, dy, dx)
}

// whole is the window over all pixels of a picture.
func whole(hw, c int) Shape {
	return Shape{H: 1, W: hw, C: c, KH: 1, KW: hw, StrideH: 1, StrideW: 1, OutH: 1, OutW: 1}
}

func checkGlobal(n, hw, c, x, y int) {
	if hw < 1 || c < 1 || x != n*hw*c || y != n*c {
		panic("pool: slices do not fit the shape")
	}
}
