package bfgs

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func valley(x, g []float64) float64 {
	a, b := x[1]-x[0]*x[0], 1-x[0]
	g[0], g[1] = -400*a*x[0]-2*b, 200*a
	return 100*a*a + b*b
}

func TestTheBottomOfACurvedValleyIsFound(t *testing.T) {
	x := []float64{-1.2, 1}
	v := Minimize(valley, x, []float64{-5, -5}, []float64{5, 5}, Options{Steps: 200, Tolerance: 1e-14})
	require.Less(t, v, 1e-9)
	require.InDelta(t, 1, x[0], 1e-3)
}

func TestBoundsHoldAndAreFoundToBeTheMinimum(t *testing.T) {
	x := []float64{-1.2, 1}
	v := Minimize(func(x, g []float64) float64 {
		for i, u := range x {
			require.True(t, u >= -2 && u <= .5, "x[%d] is %v", i, u)
		}
		return valley(x, g)
	}, x, []float64{-2, -2}, []float64{.5, .5}, Options{Steps: 200, Tolerance: 1e-14})
	require.InDelta(t, .25, v, 1e-6)
	require.Equal(t, .5, x[0])
	require.InDelta(t, .25, x[1], 1e-4)
}

func TestWhereTheFunctionIsNotDefinedTheSearchTurnsBack(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		x := []float64{3}
		Minimize(func(x, g []float64) float64 {
			if x[0] < 1 {
				return bad
			}
			g[0] = 1
			return x[0]
		}, x, []float64{-10}, []float64{10}, Options{})
		require.InDelta(t, 1, x[0], .1)
	}
}

func TestWhatCannotMoveStays(t *testing.T) {
	x := []float64{2, 9}
	v := Minimize(func(x, g []float64) float64 { g[0], g[1] = 1, 0; return x[0] }, x, []float64{2, 0}, []float64{2, 9}, Options{})
	require.Equal(t, 2., v)
	require.Equal(t, []float64{2, 9}, x)
}
