package svg

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func labelsOf(ticks []Tick) string {
	var out []string
	for _, t := range ticks {
		out = append(out, t.Label)
	}
	return strings.Join(out, " ")
}

func TestTicksAreRoundAndWithinTheScale(t *testing.T) {
	for _, c := range []struct {
		scale Scale
		n     int
		want  string
	}{
		{Scale{Lo: 0, Hi: 1}, 5, "0 0.2 0.4 0.6 0.8 1"},
		{Scale{Lo: -3, Hi: 17}, 4, "0 5 10 15"},
		{Scale{Lo: .013, Hi: .0171}, 4, "0.014 0.016"},
		{Scale{Lo: 1e300, Hi: 5e300}, 4, "1e300 2e300 3e300 4e300 5e300"},
		{Scale{Lo: 1e-6, Hi: 1e-2, Log: true}, 4, "1e-6 1e-5 0.0001 0.001 0.01"},
		{Scale{Lo: 16, Hi: 512, Log: true}, 4, "20 50 100 200 500"},
		{Scale{Lo: -.5, Hi: 2.5, Whole: true}, 8, "0 1 2"},
		{Scale{Lo: 2, Hi: 2}, 4, "2"},
		{Scale{Labels: []string{"relu", "averylonglabel"}}, 4, "relu averylong…"},
		{Scale{Labels: strings.Fields("a b c d e f")}, 3, "a c e"},
	} {
		require.Equal(t, c.want, labelsOf(c.scale.Ticks(c.n)))
	}
}

func TestScalesMapTheirEndsToTheirPixels(t *testing.T) {
	s := Scale{Lo: 1, Hi: 100, From: 10, To: 30, Log: true}
	require.InDelta(t, 10, s.At(1), 1e-9)
	require.InDelta(t, 20, s.At(10), 1e-9)
	require.InDelta(t, 30, s.At(100), 1e-9)
	require.Equal(t, 20., Scale{Lo: 5, Hi: 5, From: 10, To: 30}.At(5))
}

func TestTextIsEscaped(t *testing.T) {
	c := New(10, 10)
	c.Text(1, 2, 3, "start", 0, `<script>&"`)
	var b strings.Builder
	_, err := c.WriteTo(&b)
	require.NoError(t, err)
	require.Contains(t, b.String(), "&lt;script&gt;&amp;&#34;")
}
