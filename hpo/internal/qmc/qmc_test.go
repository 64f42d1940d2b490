package qmc

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Any two dimensions of a digital net in base 2 have one of 2^k points, or
// nearly so, in each box of a 2^k-th of the square.
func TestSobolFillsEveryIntervalOfEveryDimensionOnce(t *testing.T) {
	const n = 64
	points := Sobol(0, n, 40, 3)
	for d := range 40 {
		seen := map[int]bool{}
		for _, p := range points {
			require.True(t, p[d] >= 0 && p[d] < 1)
			seen[int(p[d]*n)] = true
		}
		require.Len(t, seen, n, "dimension %d", d)
	}
}

func TestSobolFillsEverySquareOfTheFirstTwoDimensionsOnce(t *testing.T) {
	seen := map[[2]int]bool{}
	for _, p := range Sobol(0, 64, 2, 9) {
		seen[[2]int{int(p[0] * 8), int(p[1] * 8)}] = true
	}
	require.Len(t, seen, 64)
}

func TestSobolGoesOnWhereItStopped(t *testing.T) {
	all := Sobol(0, 20, 45, 5)
	require.Equal(t, all[13:], Sobol(13, 7, 45, 5))
}

func TestALatinHypercubeHasOnePointInEachSlice(t *testing.T) {
	points := LatinHypercube(10, 3, 1)
	for d := range 3 {
		seen := map[int]bool{}
		for _, p := range points {
			seen[int(p[d]*10)] = true
		}
		require.Len(t, seen, 10)
	}
}
