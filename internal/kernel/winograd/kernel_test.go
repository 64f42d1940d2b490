package winograd

import (
	"fmt"
	"math"
	"testing"

	"github.com/argus-go/argus/internal/kernel/gemm/guard"
	"github.com/stretchr/testify/require"
)

// defineBackwardKernel is the definition of the gradient: dk [KH][KW][Cin][Cout].
func defineBackwardKernel(s Shape, n int, x, dy []float32) []float64 {
	dk := make([]float64, s.KH*s.KW*s.Cin*s.Cout)
	for p := range n * s.OutH * s.OutW {
		b, oy, ox := p/(s.OutH*s.OutW), p/s.OutW%s.OutH, p%s.OutW
		for tap := range s.KH * s.KW {
			v, u := oy-s.Top+tap/s.KW, ox-s.Left+tap%s.KW
			if v < 0 || v >= s.H || u < 0 || u >= s.W {
				continue
			}
			for ci, a := range x[((b*s.H+v)*s.W+u)*s.LdX:][:s.Cin] {
				for co, d := range dy[p*s.Cout:][:s.Cout] {
					dk[(tap*s.Cin+ci)*s.Cout+co] += float64(a) * float64(d)
				}
			}
		}
	}
	return dk
}

func TestTheKernelsGradientEqualsItsDefinitionOnOddShapes(t *testing.T) {
	for _, f := range forms {
		for _, s := range odd(f.form) {
			const n = 3
			r := random()
			x := spread(t, guard.Normal(t, r, n*s.H*s.W*s.Cin), s.Cin, s.LdX)
			dy := guard.Normal(t, r, n*s.OutH*s.OutW*s.Cout)
			want := defineBackwardKernel(s, n, x, dy)
			limit := f.limit * math.Sqrt(float64(n*s.OutH*s.OutW)) * 2
			for _, name := range Implementations() {
				restore := Use(name)
				for _, group := range []int{1000, 5} {
					b := newBackwardKernel(s, f.form, min(s.Cout, 7+group))
					b.group = group
					dk := guard.NewOutput(t, len(want))
					b.Run(nil, n, x, dy, dk.V)
					compare(t, want, dk, s.Cout, s.Cout, limit, fmt.Sprintf("%s %s %+v in groups of %d", name, f.name, s, group))
				}
				restore()
			}
		}
	}
}

// As the networks have them: some thousand pixels after ReLU.
func TestErrorsOfTheKernelsGradientAreWithinTheFormsLimits(t *testing.T) {
	for _, f := range forms {
		const n = 12
		s := shape(f.form, 9, 16, 24, 40, true)
		r := random()
		x, dy := guard.Normal(t, r, n*s.H*s.W*s.Cin), guard.Normal(t, r, n*s.OutH*s.OutW*s.Cout)
		for i := range x {
			x[i] = max(0, x[i])
		}
		want := defineBackwardKernel(s, n, x, dy)
		size := rms(want)
		error := func(dk []float32) (root, worst float64) {
			errs := make([]float64, len(want))
			for i, v := range dk {
				errs[i] = (float64(v) - want[i]) / size
				worst = max(worst, math.Abs(errs[i]))
			}
			return rms(errs), worst
		}
		for _, name := range Implementations() {
			restore := Use(name)
			dk := guard.NewOutput(t, len(want))
			newBackwardKernel(s, f.form, s.Cout).Run(nil, n, x, dy, dk.V)
			root, worst := error(dk.V)
			t.Logf("%s, %s: root mean square %.1e, most %.1e", f.name, name, root, worst)
			require.Less(t, worst, 2*f.limit)
			restore()
		}
	}
}

func TestBitsOfTheKernelsGradientDoNotDependOnTheCrewTheGroupsOrTheStrips(t *testing.T) {
	crew := crew(t, 4)
	for _, f := range forms {
		const n = 5
		s := shape(f.form, 17, 14, 40, 200, true)
		r := random()
		x, dy := guard.Normal(t, r, n*s.H*s.W*s.Cin), guard.Normal(t, r, n*s.OutH*s.OutW*s.Cout)
		b := newBackwardKernel(s, f.form, s.Cout)
		strips := newBackwardKernel(s, f.form, 96)
		want, got := make([]float32, s.KH*s.KW*s.Cin*s.Cout), make([]float32, s.KH*s.KW*s.Cin*s.Cout)
		b.Run(nil, n, x, dy, want)
		for _, group := range []int{1, 31, 10000} {
			for _, b := range []*BackwardKernel{b, strips} {
				b.group = group
				clear(got)
				b.Run(crew, n, x, dy, got)
				require.Equal(t, want, got)
			}
		}
	}
}

func TestAssemblyOfTheKernelsGradientAgreesBitForBit(t *testing.T) {
	for _, f := range forms {
		s := shape(f.form, 11, 10, 37, 50, true)
		r := random()
		x, dy := guard.Normal(t, r, s.H*s.W*s.Cin), guard.Normal(t, r, s.OutH*s.OutW*s.Cout)
		var first []float32
		for _, name := range Implementations() {
			if name == portable.name {
				continue
			}
			restore := Use(name)
			dk := make([]float32, s.KH*s.KW*s.Cin*s.Cout)
			newBackwardKernel(s, f.form, s.Cout).Run(nil, 1, x, dy, dk)
			if first == nil {
				first = dk
			}
			require.Equal(t, first, dk)
			restore()
		}
	}
}

func TestNumbersThatAreNotFiniteReachEveryTapThatSeesThem(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, f := range forms {
			for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				s := shape(f.form, 13, 14, 18, 20, true)
				r := random()
				b := newBackwardKernel(s, f.form, s.Cout)
				for range 10 {
					x, dy := guard.Normal(t, r, s.H*s.W*s.Cin), guard.Normal(t, r, s.OutH*s.OutW*s.Cout)
					v, u, ci := r.IntN(s.H), r.IntN(s.W), r.IntN(s.Cin)
					x[(v*s.W+u)*s.Cin+ci] = float32(bad)
					dk := make([]float32, s.KH*s.KW*s.Cin*s.Cout)
					b.Run(nil, 1, x, dy, dk)
					for i, a := range dk {
						tap := i / s.Cin / s.Cout
						oy, ox := v+s.Top-tap/s.KW, u+s.Left-tap%s.KW
						sees := i/s.Cout%s.Cin == ci && oy >= 0 && oy < s.OutH && ox >= 0 && ox < s.OutW
						if finite := float64(a)-float64(a) == 0; sees && finite {
							t.Fatalf("%s: x has %v at %d, %d, %d; element %d is %v", f.name, bad, v, u, ci, i, a)
						}
					}
				}
			}
		}
	})
}

func TestTheGradientOfNothingIsZero(t *testing.T) {
	s := shape(form{f23, f23}, 6, 6, 16, 16, true)
	dk := []float32{1: 1, 9*16*16 - 1: 2}
	newBackwardKernel(s, form{f23, f23}, s.Cout).Run(nil, 0, nil, nil, dk)
	require.Equal(t, make([]float32, len(dk)), dk)
}

func TestTheKernelsGradientMakesLittleGarbage(t *testing.T) {
	s := shape(forms[0].form, 12, 12, 16, 20, true)
	x, dy := make([]float32, s.H*s.W*s.Cin), make([]float32, s.OutH*s.OutW*s.Cout)
	dk := make([]float32, 9*s.Cin*s.Cout)
	b := newBackwardKernel(s, forms[0].form, s.Cout)
	require.Less(t, guard.Garbage(t, func() { b.Run(nil, 1, x, dy, dk) }), 256)
}
