package argus

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Values from R's binom::binom.confint(method = "wilson") and from Newcombe,
// Statistics in Medicine 17 (1998) 857, table I.
func TestWilsonIntervalsAreThePublishedOnes(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		{81, 263, .2553, .3662},
		{15, 148, .0624, .1605},
		{0, 20, 0, .1611},
		{1, 29, .0061, .1718},
		{29, 29, .8830, 1},
	} {
		got := wilson(c.k, c.n)
		require.InDelta(t, c.low, got.Low, 5e-5, "%d of %d", c.k, c.n)
		require.InDelta(t, c.high, got.High, 5e-5, "%d of %d", c.k, c.n)
		require.Equal(t, c.n, got.N)
	}
	require.Equal(t, Interval{0, 0, 1, 0}, wilson(0, 0), "nothing seen, nothing known")
}
