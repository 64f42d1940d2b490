package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/argus-go/argus/internal/kernel/gemm"
	"github.com/argus-go/argus/internal/kernel/gemm/guard"
	"github.com/argus-go/argus/internal/parallel"
	"github.com/stretchr/testify/require"
)

// each runs f with every implementation that this machine has.
func each(t *testing.T, f func(t *testing.T)) {
	for _, name := range gemm.Implementations() {
		t.Run(name, func(t *testing.T) {
			defer gemm.Use(name)()
			f(t)
		})
	}
}

func crew(t testing.TB, threads int) *parallel.Crew {
	old := runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0)))
	c := parallel.Begin(threads)
	t.Cleanup(func() { c.End(); runtime.GOMAXPROCS(old) })
	return c
}

func random() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// taps calls f for every product of a convolution of n pictures, by the
// indices of pixels in x, weights and pixels in y.
func taps(s Shape, n int, f func(x, tap, y int)) {
	for b := range n {
		for y := range s.OutH {
			for x := range s.OutW {
				for i := range s.KH {
					for j := range s.KW {
						v, u := y*s.StrideH-s.Top+i, x*s.StrideW-s.Left+j
						if v >= 0 && v < s.H && u >= 0 && u < s.W {
							f((b*s.H+v)*s.W+u, i*s.KW+j, (b*s.OutH+y)*s.OutW+x)
						}
					}
				}
			}
		}
	}
}

// forward, backwardInput and backwardKernel are the definitions.
func forward(s Shape, n int, x, k []float32) []float64 {
	y := make([]float64, n*s.OutH*s.OutW*s.Cout)
	taps(s, n, func(xi, tap, yi int) {
		for ci, v := range x[xi*s.ldx():][:s.Cin] {
			for co, w := range k[(tap*s.Cin+ci)*s.Cout:][:s.Cout] {
				y[yi*s.Cout+co] += float64(v) * float64(w)
			}
		}
	})
	return y
}

func backwardInput(s Shape, n int, k, dy []float32) []float64 {
	dx := make([]float64, n*s.H*s.W*s.Cin)
	taps(s, n, func(xi, tap, yi int) {
		for ci := range s.Cin {
			for co, w := range k[(tap*s.Cin+ci)*s.Cout:][:s.Cout] {
				dx[xi*s.Cin+ci] += float64(dy[yi*s.Cout+co]) * float64(w)
			}
		}
	})
	return dx
}

func backwardKernel(s Shape, n int, x, dy []float32) []float64 {
	dk := make([]float64, s.KH*s.KW*s.Cin*s.Cout)
	taps(s, n, func(xi, tap, yi int) {
		for ci, v := range x[xi*s.ldx():][:s.Cin] {
			for co, w := range dy[yi*s.Cout:][:s.Cout] {
				dk[(tap*s.Cin+ci)*s.Cout+co] += float64(v) * float64(w)
			}
		}
	})
	return dk
}

// odd shapes: every kind of padding, stride, remainder and gap.
func odd() (list []Shape) {
	for _, c := range [][2]int{{1, 1}, {3, 32}, {5, 7}, {16, 24}, {10, 40}, {8, 48}, {4, 100}} {
		for _, g := range []layer{
			{h: 9, w: 11, kh: 3, kw: 3, stride: 1, same: true},
			{h: 9, w: 11, kh: 3, kw: 3, stride: 2},
			{h: 10, w: 12, kh: 3, kw: 3, stride: 2, same: true},
			{h: 9, w: 11, kh: 1, kw: 7, stride: 1, same: true},
			{h: 9, w: 11, kh: 7, kw: 1, stride: 1, same: true},
			{h: 9, w: 11, kh: 1, kw: 1, stride: 1},
			{h: 9, w: 11, kh: 1, kw: 1, stride: 2, same: true},
			{h: 10, w: 12, kh: 5, kw: 5, stride: 3, same: true},
			{h: 5, w: 3, kh: 5, kw: 3, stride: 1},
			{h: 2, w: 2, kh: 5, kw: 5, stride: 1, same: true},
			{h: 2, w: 1, kh: 3, kw: 3, stride: 4, same: true},
		} {
			g.cin, g.cout = c[0], c[1]
			s := g.shape()
			list = append(list, s)
			s.LdX = s.Cin + 3
			list = append(list, s)
		}
	}
	return append(list,
		Shape{H: 6, W: 7, Cin: 3, Cout: 5, KH: 3, KW: 2, StrideH: 2, StrideW: 1, Top: 3, Left: 1, OutH: 5, OutW: 9}, // padded by more than it needs, unevenly
		Shape{H: 8, W: 8, Cin: 3, Cout: 5, KH: 2, KW: 2, StrideH: 3, StrideW: 3, OutH: 2, OutW: 2},                  // skips pixels
		Shape{H: 4, W: 4, Cin: 2, Cout: 3, KH: 1, KW: 1, StrideH: 1, StrideW: 1, Top: 1, Left: 1, OutH: 6, OutW: 6}) // a padded pointwise one
}

// spread copies pixels of c channels so that they lie ld apart.
func spread(t *testing.T, v []float32, c, ld int) []float32 {
	n := len(v) / c
	w := guard.Floats(t, (n-1)*ld+c)
	for i := range w {
		w[i] = float32(math.NaN()) // between pixels: not to be read
	}
	for i := range n {
		copy(w[i*ld:], v[i*c:][:c])
	}
	return w
}

func requirePixels(t *testing.T, want []float64, got *guard.Output, c, ld int, msg string) {
	t.Helper()
	got.Check(t)
	for i, v := range got.V {
		if p, j := i/ld, i%ld; j >= c {
			require.True(t, got.Untouched(i), "%s: wrote channel %d of pixel %d, which has %d", msg, j, p, c)
		} else if float64(v) != want[p*c+j] {
			require.Equal(t, want[p*c+j], float64(v), "%s: pixel %d channel %d", msg, p, j)
		}
	}
}

func TestConvolutionAndGradientsEqualTheirDefinitionOnOddShapes(t *testing.T) {
	crew := crew(t, 3)
	for _, s := range odd() {
		checkShape(t, crew, s, 2)
	}
}

// checkShape compares all three on whole numbers, which are exact, with every
// implementation that this machine has.
func checkShape(t *testing.T, crew *parallel.Crew, s Shape, n int) {
	t.Helper()
	r := random()
	msg := fmt.Sprintf("%+v", s)
	k := guard.Ints(t, r, s.KH*s.KW*s.Cin*s.Cout)
	x := spread(t, guard.Ints(t, r, n*s.H*s.W*s.Cin), s.Cin, s.ldx())
	dy := guard.Ints(t, r, n*s.OutH*s.OutW*s.Cout)
	wantY, wantDx, wantDk := forward(s, n, x, k), backwardInput(s, n, k, dy), backwardKernel(s, n, x, dy)
	for _, name := range gemm.Implementations() {
		restore := gemm.Use(name)
		msg := name + " " + msg

		ldy := s.Cout + 5
		y := guard.NewOutput(t, (n*s.OutH*s.OutW-1)*ldy+s.Cout)
		c := newDirect(s, make([]float32, len(k)))
		c.Repack(crew, k)
		c.Run(crew, n, x, y.V, ldy, gemm.Epilogue{})
		requirePixels(t, wantY, y, s.Cout, ldy, msg)

		dx := guard.NewOutput(t, (n*s.H*s.W-1)*s.ldx()+s.Cin)
		if s.pointwise() {
			BackwardInput(crew, s, n, k, dy, dx.V)
		} else {
			tableOf(s).backwardInput(crew, &s, n, k, dy, dx.V)
		}
		requirePixels(t, wantDx, dx, s.Cin, s.ldx(), "dx of "+msg)

		dk := guard.NewOutput(t, len(k))
		if s.pointwise() {
			BackwardKernel(crew, s, n, x, dy, dk.V)
		} else {
			tableOf(s).backwardKernel(crew, &s, n, x, dy, dk.V)
		}
		requirePixels(t, wantDk, dk, s.Cout, s.Cout, "dk of "+msg)
		restore()
	}
}

// On pictures of some tiles, and not with hundreds of channels: the
// definition is slow.
func TestConvolutionAndGradientsEqualTheirDefinitionOnTheNetworksShapes(t *testing.T) {
	crew := crew(t, 2)
	done := map[Shape]bool{}
	for _, net := range networks {
		for _, l := range net.layers {
			l.h, l.w = min(l.h, 8-l.h%2), min(l.w, 8-l.w%2)
			l.cin, l.cout = shrink(l.cin), shrink(l.cout)
			if s := l.shape(); !done[s] {
				done[s] = true
				checkShape(t, crew, s, 1)
			}
		}
	}
}

// shrink takes multiples of 96, which every panel divides, from larger counts.
func shrink(c int) int {
	if c > 96 {
		return 96 + c%96
	}
	return c
}

func TestTheEpilogueIsAppliedToPixels(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, s := range []Shape{odd()[2], odd()[10]} {
			const n = 2
			r := random()
			k, x := guard.Ints(t, r, s.KH*s.KW*s.Cin*s.Cout), guard.Ints(t, r, n*s.H*s.W*s.Cin)
			y := guard.NewOutput(t, n*s.OutH*s.OutW*s.Cout)
			bias, add := guard.Ints(t, r, s.Cout), guard.Ints(t, r, len(y.V))
			want := forward(s, n, x, k)
			for i := range want {
				want[i] = min(6, max(0, want[i]+float64(bias[i%s.Cout])+float64(add[i])))
			}
			New(s, k).Run(nil, n, x, y.V, s.Cout, gemm.Epilogue{Bias: bias, Add: add, Lo: 0, Hi: 6})
			requirePixels(t, want, y, s.Cout, s.Cout, "")
		}
	})
}

func TestBitsDoNotDependOnTheCrewOrTheBatch(t *testing.T) {
	each(t, func(t *testing.T) {
		crew := crew(t, 4)
		s := layer{h: 17, w: 17, cin: 40, kh: 3, kw: 3, stride: 2, same: true, cout: 72}.shape()
		const n = 5
		r := random()
		k, x := guard.Normal(t, r, s.KH*s.KW*s.Cin*s.Cout), guard.Normal(t, r, n*s.H*s.W*s.Cin)
		out := s.OutH * s.OutW * s.Cout
		dy := guard.Normal(t, r, n*out)
		run := func(crew *parallel.Crew, n int, x []float32) (y, dx, dk []float32) {
			y, dx, dk = make([]float32, n*out), make([]float32, n*s.H*s.W*s.Cin), make([]float32, len(k))
			New(s, k).Run(crew, n, x, y, s.Cout, gemm.Epilogue{})
			BackwardInput(crew, s, n, k, dy, dx)
			BackwardKernel(crew, s, n, x, dy, dk)
			return y, dx, dk
		}
		y, dx, dk := run(nil, n, x)
		for range 5 {
			y2, dx2, dk2 := run(crew, n, x)
			require.Equal(t, y, y2)
			require.Equal(t, dx, dx2)
			require.Equal(t, dk, dk2)
		}
		for i := range n {
			one, _, _ := run(crew, 1, x[i*s.H*s.W*s.Cin:])
			require.Equal(t, y[i*out:][:out], one)
		}
	})
}

func TestManyGoroutinesShareOneConv(t *testing.T) {
	s := layer{h: 12, w: 12, cin: 8, kh: 3, kw: 3, stride: 1, same: true, cout: 20}.shape()
	r := random()
	x := guard.Ints(t, r, s.H*s.W*s.Cin)
	c := New(s, guard.Ints(t, r, 9*s.Cin*s.Cout))
	want := make([]float32, s.OutH*s.OutW*s.Cout)
	c.Run(nil, 1, x, want, s.Cout, gemm.Epilogue{})
	done := make(chan []float32)
	for range 16 {
		go func() {
			crew := parallel.Begin(0)
			defer crew.End()
			y := make([]float32, len(want))
			for range 10 {
				c.Run(crew, 1, x, y, s.Cout, gemm.Epilogue{})
			}
			done <- y
		}()
	}
	for range 16 {
		require.Equal(t, want, <-done)
	}
}

func TestConvolutionsOfOneShapeShareATableThatTheCollectorTakes(t *testing.T) {
	s := Shape{H: 5, W: 6, Cin: 7, Cout: 8, KH: 3, KW: 3, StrideH: 1, StrideW: 1, OutH: 3, OutW: 4}
	k := make([]float32, 9*7*8)
	a, b := New(s, k), New(s, k)
	require.Same(t, a.table, b.table)
	runtime.KeepAlive(a)
	a, b = nil, nil
	gone := func() bool {
		_, ok := tables.Load(s)
		return !ok
	}
	for range 100 {
		if gone() {
			return
		}
		runtime.GC()
		runtime.Gosched()
	}
	require.True(t, gone(), "the table lives on")
}

func TestASteadyRunMakesLittleGarbage(t *testing.T) {
	s := layer{h: 12, w: 12, cin: 8, kh: 3, kw: 3, stride: 2, same: true, cout: 20}.shape()
	x, k := make([]float32, s.H*s.W*s.Cin), make([]float32, 9*s.Cin*s.Cout)
	y := make([]float32, s.OutH*s.OutW*s.Cout)
	c := New(s, k)
	const most = 1024
	require.Less(t, guard.Garbage(t, func() { c.Run(nil, 1, x, y, s.Cout, gemm.Epilogue{}) }), most)
	require.Less(t, guard.Garbage(t, func() { BackwardKernel(nil, s, 1, x, y, k) }), most)
	require.Less(t, guard.Garbage(t, func() { BackwardInput(nil, s, 1, k, y, x) }), 4*most) // of four phases
	runtime.KeepAlive(c)
}
