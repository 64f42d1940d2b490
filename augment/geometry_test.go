package augment

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/picture"
)

func only(op Op) Augmentor { return Augmentor{Steps: []Step{{Op: op}}} }

// at is level c of pixel (x, y).
func at(p *RGB, x, y, c int) int { return int(p.Pix[3*(y*p.W+x)+c]) }

func TestFlipsAreExactInEveryFilter(t *testing.T) {
	p := scene(31, 20)
	for filter := range Filter(len(filterNames)) {
		a := only(FlipLeftRight{})
		a.Filter = filter
		lr := apply(t, a, p, Key{})
		b := only(FlipTopBottom{})
		b.Filter = filter
		tb := apply(t, b, p, Key{})
		for y := range p.H {
			for x := range p.W {
				for c := range 3 {
					require.Equal(t, at(p, x, y, c), at(lr, p.W-1-x, y, c), "%v", filter)
					require.Equal(t, at(p, x, y, c), at(tb, x, p.H-1-y, c), "%v", filter)
				}
			}
		}
		twice := Augmentor{Filter: filter, Steps: []Step{{Op: FlipLeftRight{}}, {Op: FlipTopBottom{}}, {Op: FlipLeftRight{}}, {Op: FlipTopBottom{}}}}
		require.Equal(t, p.Pix, apply(t, twice, p, Key{}).Pix)
	}
}

// quarter turns by 90° exactly.
type quarter struct{ Rotate }

func (quarter) apply(w *work) { w.rotate(90, true) }

func TestAQuarterTurnMovesWholePixelsInEveryFilter(t *testing.T) {
	p := scene(24, 24)
	for filter := range Filter(len(filterNames)) {
		a := only(quarter{})
		a.Filter = filter
		q := apply(t, a, p, Key{})
		for y := range 24 {
			for x := range 24 {
				require.Equal(t, at(p, 23-y, x, 0), at(q, x, y, 0), "%v (%d,%d)", filter, x, y)
			}
		}
	}
}

func TestGeometryIsOneResampling(t *testing.T) {
	// Six turns there and back: done one by one they would blur the picture.
	p := scene(40, 40)
	a := Augmentor{}
	for range 3 {
		a.Steps = append(a.Steps, Step{Op: fixedTurn(17)}, Step{Op: fixedTurn(-17)})
	}
	require.Equal(t, p.Pix, apply(t, a, p, Key{}).Pix)
}

type fixedTurn float64

func (fixedTurn) kind() string    { return "turn" }
func (fixedTurn) check() error    { return nil }
func (d fixedTurn) apply(w *work) { w.rotate(float64(d), true) }

func TestTurnedAndCroppedPicturesShowNoFill(t *testing.T) {
	for _, op := range []Op{Rotate{Degrees: 45}, Rotate{Degrees: 180}, Crop{.2, 1, 3}, Perspective{.3}, GridDistortion{}} {
		for _, size := range [][2]int{{60, 40}, {40, 90}, {64, 64}} {
			p := picture.Blank(size[0], size[1])
			for i := range p.Pix {
				p.Pix[i] = 200
			}
			a := only(op)
			a.Fill = Constant
			for e := range 50 {
				q := apply(t, a, p, key("", e))
				lo := uint8(255)
				for _, v := range q.Pix {
					lo = min(lo, v)
				}
				// Half a pixel beyond the outermost pixels' middles is fill.
				require.GreaterOrEqual(t, lo, uint8(48), "%T %v epoch %d", op, size, e)
			}
		}
	}
}

func TestFillsAreWhatTheyAreCalled(t *testing.T) {
	p := &RGB{W: 3, H: 1, Pix: []uint8{10, 10, 10, 20, 20, 20, 30, 30, 30}}
	for fill, want := range map[Fill][]int{
		Edge: {10, 10, 10, 10, 20, 30, 30, 30, 30}, Reflect: {30, 20, 10, 10, 20, 30, 30, 20, 10}, Constant: {7, 7, 7, 10, 20, 30, 7, 7, 7},
	} {
		for _, filter := range []Filter{Bilinear, Nearest, Bicubic} {
			a := Augmentor{Filter: filter, Fill: fill, Color: [3]uint8{7, 7, 7}, Steps: []Step{{Op: Resize{9, 1}}, {Op: Zoom{1. / 3, 1. / 3, false}}}}
			// Resize and zoom cancel across: what is seen is three pictures wide.
			a.Steps[1].Op = across(3)
			q := apply(t, a, p, Key{})
			for x, v := range want {
				require.Equal(t, v, at(q, x, 0, 0), "%v %v pixel %d", fill, filter, x)
			}
		}
	}
}

// across shrinks the width by a factor.
type across float64

func (across) kind() string    { return "across" }
func (across) check() error    { return nil }
func (d across) apply(w *work) { w.move(scaling(float64(d), 1)) }

func TestMeshesMoveTheirCornersAndStayInBetween(t *testing.T) {
	m := newMesh(2, 1, 10, 10)
	m.dx[1], m.dy[4] = 3, -2
	xs, ys := []float64{0, 0, 0, -5, 2.5}, []float64{-5, 5, 0, -5, -5}
	m.move(xs, ys)
	require.Equal(t, []float64{3, 0, 1.5, -5, 4}, xs)
	require.Equal(t, []float64{-5, 3, -1, -5, -5}, ys)
	level := []float64{0, -5, 2.5}
	heights := []float64{-5, -5, -5}
	m.move(level, heights)
	require.Equal(t, []float64{3, -5, 4}, level)
}

func TestASplineOfEqualValuesIsFlatAndWithinItsControls(t *testing.T) {
	control := make([]float64, 6*5)
	for i := range control {
		control[i] = 2.5
	}
	dst := make([]float64, (3*4+1)*(2*4+1))
	spline(dst, control, 3, 2, 4)
	for _, v := range dst {
		require.InDelta(t, 2.5, v, 1e-12)
	}
}

func TestPerspectiveTakesCornersToCorners(t *testing.T) {
	corners := [4][2]float64{{-3, -2}, {4, -1}, {5, 6}, {-2, 3}}
	m := squareTo(corners)
	xs, ys := []float64{0, 1, 1, 0}, []float64{0, 0, 1, 1}
	m.move(xs, ys)
	for i, c := range corners {
		require.InDelta(t, c[0], xs[i], 1e-12)
		require.InDelta(t, c[1], ys[i], 1e-12)
	}
}

func TestFarAwayAndNowhereAreNoPanic(t *testing.T) {
	q := make([]int32, 5)
	fixed(q, []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -1e9}, 1, 10)
	p := scene(10, 10)
	for fill := range Fill(len(fillNames)) {
		for filter := range Filter(len(filterNames)) {
			s := newSampler(p, Augmentor{Filter: filter, Fill: fill})
			s.row(make([]uint8, 15), q, q)
		}
	}
}

func TestBilinearAndBicubicAreWithinALevelOfTheirDefinition(t *testing.T) {
	p := scene(40, 30)
	a := Augmentor{Steps: []Step{{Op: fixedTurn(11)}, {Op: across(1.1)}}}
	for filter, width := range map[Filter]int{Bilinear: 1, Bicubic: 2} {
		a.Filter = filter
		q := apply(t, a, p, Key{})
		sin, cos := math.Sincos(11 * math.Pi / 180)
		for y := 10; y < 20; y++ {
			for x := 14; x < 26; x++ {
				u, v := (float64(x)-19.5)*1.1, float64(y)-14.5
				sx, sy := cos*u-sin*v+19.5, sin*u+cos*v+14.5
				for c := range 3 {
					sum := 0.0
					for j := int(sy) - width + 1; j <= int(sy)+width; j++ {
						for i := int(sx) - width + 1; i <= int(sx)+width; i++ {
							sum += float64(at(p, i, j, c)) * kernel(width, sx-float64(i)) * kernel(width, sy-float64(j))
						}
					}
					sum = min(max(sum, 0), 255)
					require.InDelta(t, sum, at(q, x, y, c), 1.5, "%v (%d,%d)", filter, x, y)
				}
			}
		}
	}
}

func kernel(width int, x float64) float64 {
	x = math.Abs(x)
	switch {
	case width == 1:
		return max(0, 1-x)
	case x < 1:
		return 1.5*x*x*x - 2.5*x*x + 1
	case x < 2:
		return -.5*x*x*x + 2.5*x*x - 4*x + 2
	}
	return 0
}
