package winograd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/argus-go/argus/internal/kernel/gemm"
	"github.com/argus-go/argus/internal/kernel/gemm/guard"
	"github.com/argus-go/argus/internal/parallel"
	"github.com/stretchr/testify/require"
)

// forms are all that shapes may be given, with the largest error on normal
// numbers, relative to the root mean square, that they may have.
var forms = []struct {
	name string
	form
	limit float64
}{
	{"F(2×2,3×3)", form{f23, f23}, 5e-6},
	{"F(4×4,3×3)", form{f43, f43}, 3e-5},
	{"F(4×4,5×5)", form{f45, f45}, 5e-5},
	{"F(4,3) across", form{f11, f43}, 1e-5},
	{"F(4,3) down", form{f43, f11}, 1e-5},
	{"F(3,7) across", form{f11, f37}, 3e-5},
	{"F(3,7) down", form{f37, f11}, 3e-5},
}

func each(t *testing.T, f func(t *testing.T)) {
	for _, name := range Implementations() {
		t.Run(name, func(t *testing.T) {
			defer Use(name)()
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

// shape pads as TensorFlow's "same" does, or not at all.
func shape(f form, h, w, cin, cout int, same bool) Shape {
	s := Shape{H: h, W: w, Cin: cin, Cout: cout, KH: f.down.taps, KW: f.across.taps, OutH: h, OutW: w, LdX: cin}
	if same {
		s.Top, s.Left = (s.KH-1)/2, (s.KW-1)/2
	} else {
		s.OutH, s.OutW = h-s.KH+1, w-s.KW+1
	}
	return s
}

// define is the definition: y [n][OutH][OutW][Cout] in float64.
func define(s Shape, n int, x, k []float32) []float64 {
	y := make([]float64, n*s.OutH*s.OutW*s.Cout)
	for p := range n * s.OutH * s.OutW {
		b, oy, ox := p/(s.OutH*s.OutW), p/s.OutW%s.OutH, p%s.OutW
		out := y[p*s.Cout:][:s.Cout]
		for tap := range s.KH * s.KW {
			v, u := oy-s.Top+tap/s.KW, ox-s.Left+tap%s.KW
			if v < 0 || v >= s.H || u < 0 || u >= s.W {
				continue
			}
			for ci, a := range x[((b*s.H+v)*s.W+u)*s.LdX:][:s.Cin] {
				for co, w := range k[(tap*s.Cin+ci)*s.Cout:][:s.Cout] {
					out[co] += float64(a) * float64(w)
				}
			}
		}
	}
	return y
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

func rms(v []float64) float64 {
	sum := 0.0
	for _, a := range v {
		sum += a * a
	}
	return math.Sqrt(sum / float64(len(v)))
}

// compare requires pixels, ld apart, to be within limit of want.
func compare(t *testing.T, want []float64, got *guard.Output, c, ld int, limit float64, msg string) {
	t.Helper()
	got.Check(t)
	for i, v := range got.V {
		if p, j := i/ld, i%ld; j >= c {
			require.True(t, got.Untouched(i), "%s: wrote channel %d of pixel %d, which has %d", msg, j, p, c)
		} else if !(math.Abs(want[p*c+j]-float64(v)) <= limit) {
			require.InDelta(t, want[p*c+j], float64(v), limit, "%s: pixel %d channel %d", msg, p, j)
		}
	}
}

func odd(f form) (list []Shape) {
	for _, c := range [][2]int{{1, 1}, {5, 7}, {16, 24}, {40, 17}, {33, 48}} {
		for _, g := range [][2]int{{9, 11}, {1, 1}, {2, 5}, {8, 4}} {
			s := shape(f, g[0], g[1], c[0], c[1], true)
			s.LdX += g[0] % 3
			list = append(list, s)
		}
		list = append(list, shape(f, 10, 13, c[0], c[1], false))
	}
	s := shape(f, 6, 7, 3, 5, true)
	s.Top, s.Left, s.OutH, s.OutW = 3, -1, 11, 4 // padded by more than it needs, and cut
	return append(list, s)
}

func TestEveryFormEqualsTheDefinitionOnOddShapes(t *testing.T) {
	for _, f := range forms {
		for _, s := range odd(f.form) {
			const n = 2
			r := random()
			k := guard.Normal(t, r, s.KH*s.KW*s.Cin*s.Cout)
			x := spread(t, guard.Normal(t, r, n*s.H*s.W*s.Cin), s.Cin, s.LdX)
			want := define(s, n, x, k)
			limit := f.limit * math.Sqrt(float64(s.KH*s.KW*s.Cin)) * 2
			for _, name := range Implementations() {
				restore := Use(name)
				msg := fmt.Sprintf("%s %s %+v", name, f.name, s)
				ldy := s.Cout + 5
				c := newConv(s, f.form, make([]float32, len(k)))
				c.pack(nil, k)
				y := guard.NewOutput(t, (n*s.OutH*s.OutW-1)*ldy+s.Cout)
				c.Run(nil, n, x, y.V, ldy, gemm.Epilogue{})
				compare(t, want, y, s.Cout, ldy, limit, msg)
				restore()
			}
		}
	}
}

// On channels of the networks, with activations as they are after ReLU.
func TestErrorsAreWithinTheFormsLimits(t *testing.T) {
	for _, f := range forms {
		for _, relu := range []bool{false, true} {
			s := shape(f.form, 8, 11, 160, 40, true)
			r := random()
			x, k := guard.Normal(t, r, s.H*s.W*s.Cin), guard.Normal(t, r, s.KH*s.KW*s.Cin*s.Cout)
			if relu {
				for i := range x {
					x[i] = max(0, x[i])
				}
			}
			want := define(s, 1, x, k)
			size := rms(want)
			for _, name := range Implementations() {
				restore := Use(name)
				y := guard.NewOutput(t, len(want))
				newConv(s, f.form, k).Run(nil, 1, x, y.V, s.Cout, gemm.Epilogue{})
				errs, worst := make([]float64, len(want)), 0.0
				for i, v := range y.V {
					errs[i] = (float64(v) - want[i]) / size
					worst = max(worst, math.Abs(errs[i]))
				}
				t.Logf("%s, %s, ReLU %v: root mean square %.1e, most %.1e", f.name, name, relu, rms(errs), worst)
				require.Less(t, worst, f.limit)
				restore()
			}
		}
	}
}

func TestTheEpilogueIsAppliedToPixels(t *testing.T) {
	crews := []*parallel.Crew{nil, crew(t, 4)} // with slices of channels, too
	each(t, func(t *testing.T) {
		for _, f := range forms {
			const n = 2
			s := shape(f.form, 9, 10, 20, 52, true)
			r := random()
			k, x := guard.Normal(t, r, s.KH*s.KW*s.Cin*s.Cout), guard.Normal(t, r, n*s.H*s.W*s.Cin)
			ldy := s.Cout + 3
			bias, add := guard.Normal(t, r, s.Cout), guard.Normal(t, r, n*s.OutH*s.OutW*ldy)
			sums := define(s, n, x, k)
			double := func(rows, width int, c []float32, ld int) {
				for i := range rows {
					for j := range width {
						c[i*ld+j] *= 2
					}
				}
			}
			for _, c := range []struct {
				name string
				ep   gemm.Epilogue
				want func(sum, bias, add float64) float64
			}{
				{"bias and clamp", gemm.Epilogue{Bias: bias, Hi: 6}, func(s, b, a float64) float64 { return min(6, max(0, s+b)) }},
				{"sum", gemm.Epilogue{Bias: bias, Add: add, AddLd: ldy, Hi: 6}, func(s, b, a float64) float64 { return min(6, max(0, s+b+a)) }},
				{"sum in place", gemm.Epilogue{Add: add, Then: double}, func(s, b, a float64) float64 { return 2 * (s + a) }},
				{"accumulate", gemm.Epilogue{Accumulate: true}, func(s, b, a float64) float64 { return s + a }},
				{"then", gemm.Epilogue{Bias: bias, Lo: -1, Hi: 1, Then: double}, func(s, b, a float64) float64 { return 2 * min(1, max(-1, s+b)) }},
			} {
				for _, crew := range crews {
					y := guard.NewOutput(t, (n*s.OutH*s.OutW-1)*ldy+s.Cout)
					want := make([]float64, len(sums))
					for i := range want {
						p, j := i/s.Cout, i%s.Cout
						want[i] = c.want(sums[i], float64(bias[j]), float64(add[p*ldy+j]))
						if c.ep.Accumulate || c.ep.Then != nil && c.ep.Add != nil {
							y.V[p*ldy+j] = add[p*ldy+j]
						}
					}
					if c.ep.Then != nil && c.ep.Add != nil {
						c.ep.Add = y.V
					}
					newConv(s, f.form, k).Run(crew, n, x, y.V, ldy, c.ep)
					compare(t, want, y, s.Cout, ldy, 2e-3, f.name+", "+c.name)
				}
			}
		}
	})
}

func TestBitsDoNotDependOnTheCrewTheBatchOrTheGroups(t *testing.T) {
	crew := crew(t, 4)
	for _, f := range forms {
		for _, side := range []int{17, 6} { // with groups for all threads, and with tiles for one
			s := shape(f.form, side, side, 40, 72, true)
			const n = 5
			r := random()
			k, x := guard.Normal(t, r, s.KH*s.KW*s.Cin*s.Cout), guard.Normal(t, r, n*s.H*s.W*s.Cin)
			out := s.OutH * s.OutW * s.Cout
			c := newConv(s, f.form, k)
			y := make([]float32, n*out)
			c.Run(nil, n, x, y, s.Cout, gemm.Epilogue{})
			for _, group := range []int{1, 7, 60, 10000} {
				c.group = group
				again := make([]float32, n*out)
				c.Run(crew, n, x, again, s.Cout, gemm.Epilogue{})
				require.Equal(t, y, again)
				clear(again)
				c.Run(crew, 1, x[2*s.H*s.W*s.Cin:], again[:out], s.Cout, gemm.Epilogue{})
				require.Equal(t, y[2*out:3*out], again[:out])
			}
		}
	}
}

func TestAssemblyAgreesBitForBit(t *testing.T) {
	for _, f := range forms {
		s := shape(f.form, 11, 10, 37, 50, true)
		r := random()
		k, x := guard.Normal(t, r, s.KH*s.KW*s.Cin*s.Cout), guard.Normal(t, r, s.H*s.W*s.Cin)
		var first []float32
		for _, name := range Implementations() {
			if name == portable.name {
				continue
			}
			restore := Use(name)
			y := make([]float32, s.OutH*s.OutW*s.Cout)
			newConv(s, f.form, k).Run(nil, 1, x, y, s.Cout, gemm.Epilogue{Hi: 2})
			if first == nil {
				first = y
			}
			require.Equal(t, first, y)
			restore()
		}
	}
}

func TestNumbersThatAreNotFiniteReachEveryPixelThatSeesThem(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, f := range forms {
			for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				s := shape(f.form, 13, 14, 18, 20, true)
				r := random()
				k := guard.Normal(t, r, s.KH*s.KW*s.Cin*s.Cout)
				c := newConv(s, f.form, k)
				for range 20 {
					x := guard.Normal(t, r, s.H*s.W*s.Cin)
					v, u := r.IntN(s.H), r.IntN(s.W)
					x[(v*s.W+u)*s.Cin+r.IntN(s.Cin)] = float32(bad)
					y := make([]float32, s.OutH*s.OutW*s.Cout)
					c.Run(nil, 1, x, y, s.Cout, gemm.Epilogue{})
					for i, a := range y {
						oy, ox := i/s.Cout/s.OutW, i/s.Cout%s.OutW
						sees := v >= oy-s.Top && v < oy-s.Top+s.KH && u >= ox-s.Left && u < ox-s.Left+s.KW
						if finite := float64(a)-float64(a) == 0; sees && finite {
							t.Fatalf("%s: x has %v at %d, %d; pixel %d, %d is %v", f.name, bad, v, u, oy, ox, a)
						}
					}
				}
			}
		}
	})
}

func TestBackwardEqualsTheDefinition(t *testing.T) {
	for _, f := range forms {
		for _, s := range odd(f.form) {
			const n = 2
			r := random()
			k := guard.Normal(t, r, s.KH*s.KW*s.Cin*s.Cout)
			dy := guard.Normal(t, r, n*s.OutH*s.OutW*s.Cout)
			want := defineBackward(s, n, k, dy)
			b := NewBackward(Shape{H: 1, W: 1, Cin: 32, Cout: 32, KH: 3, KW: 3, OutH: 1, OutW: 1, LdX: 32})
			if b == nil {
				t.Skip("no assembly")
			}
			b.Shape = backward(s)
			b.form = f.form
			for range 2 {
				dx := guard.NewOutput(t, (n*s.H*s.W-1)*s.LdX+s.Cin)
				b.Run(nil, n, k, dy, dx.V, s.LdX)
				compare(t, want, dx, s.Cin, s.LdX, f.limit*2*math.Sqrt(float64(s.KH*s.KW*s.Cout)), fmt.Sprintf("%s %+v", f.name, s))
			}
		}
	}
}

// defineBackward is the definition of the gradient: dx [n][H][W][Cin].
func defineBackward(s Shape, n int, k, dy []float32) []float64 {
	dx := make([]float64, n*s.H*s.W*s.Cin)
	for p := range n * s.OutH * s.OutW {
		b, oy, ox := p/(s.OutH*s.OutW), p/s.OutW%s.OutH, p%s.OutW
		for tap := range s.KH * s.KW {
			v, u := oy-s.Top+tap/s.KW, ox-s.Left+tap%s.KW
			if v < 0 || v >= s.H || u < 0 || u >= s.W {
				continue
			}
			for ci := range s.Cin {
				for co, w := range k[(tap*s.Cin+ci)*s.Cout:][:s.Cout] {
					dx[((b*s.H+v)*s.W+u)*s.Cin+ci] += float64(dy[p*s.Cout+co]) * float64(w)
				}
			}
		}
	}
	return dx
}

// Kernels that change are transformed in their own form, new ones as before.
func TestRepackTakesOverANewKernel(t *testing.T) {
	s := shape(form{f43, f43}, 20, 21, 18, 20, true)
	r := random()
	x, k := guard.Normal(t, r, s.H*s.W*s.Cin), guard.Normal(t, r, 9*s.Cin*s.Cout)
	c := New(s, make([]float32, len(k)))
	if c == nil {
		t.Skip("no assembly")
	}
	for range 2 {
		require.True(t, c.Repack(nil, k))
		y := guard.NewOutput(t, s.OutH*s.OutW*s.Cout)
		c.Run(nil, 1, x, y.V, s.Cout, gemm.Epilogue{})
		compare(t, define(s, 1, x, k), y, s.Cout, s.Cout, 1e-4, "repacked")
		k = guard.Normal(t, r, len(k))
	}
}

func TestASteadyRunMakesLittleGarbage(t *testing.T) {
	f := forms[1].form
	s := shape(f, 12, 12, 16, 20, true)
	x, k := make([]float32, s.H*s.W*s.Cin), make([]float32, 9*s.Cin*s.Cout)
	y := make([]float32, s.OutH*s.OutW*s.Cout)
	c := newConv(s, f, k)
	require.Less(t, guard.Garbage(t, func() { c.Run(nil, 1, x, y, s.Cout, gemm.Epilogue{}) }), 1024)
	require.Less(t, guard.Garbage(t, func() { c.Repack(nil, k) }), 36*128)
}

// The smallest numbers cost what others do.
func TestDenormalsCostNoCliff(t *testing.T) {
	if testing.Short() || guard.Race {
		t.Skip("timing")
	}
	each(t, func(t *testing.T) {
		for _, f := range forms {
			s := shape(f.form, 16, 16, 32, 32, true)
			r := random()
			k := guard.Normal(t, r, s.KH*s.KW*s.Cin*s.Cout)
			c := newConv(s, f.form, k)
			x, y := guard.Normal(t, r, s.H*s.W*s.Cin), make([]float32, s.OutH*s.OutW*s.Cout)
			fastest := func(x []float32) time.Duration {
				best := time.Hour
				for range 7 {
					start := time.Now()
					c.Run(nil, 1, x, y, s.Cout, gemm.Epilogue{})
					best = min(best, time.Since(start))
				}
				return best
			}
			normal := fastest(x)
			tiny := make([]float32, len(x))
			for i := range tiny {
				tiny[i] = x[i] * 1e-40
			}
			require.Less(t, fastest(tiny), 20*normal, f.name)
		}
	})
}
