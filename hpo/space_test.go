package hpo

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// anySpace is one with all there is.
func anySpace(t testing.TB) *Space {
	s, err := NewSpace(
		Real("x", -3, 5), LogReal("rate", 1e-6, 1e-2), Int("layers", 1, 3), LogInt("hidden1", 6, 2048),
		LogInt("hidden2", 6, 2048).IfAtLeast("layers", 2),
		Categorical("act", "relu", "tanh", "swish"), Ordinal("size", "s", "m", "l", "xl"), Bool("tune"),
		Real("alpha", 0, 1).If("act", "swish", "relu"), LogReal("tunerate", 1e-7, 1e-3).If("tune", true),
		Int("deep", 0, 1000).If("hidden2", 7, 8, 9), Real("fixed", 2, 2), Int("single", 7, 7))
	require.NoError(t, err)
	return s
}

func TestEveryPointThatIsDrawnComesBackFromItsCode(t *testing.T) {
	s := anySpace(t)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		x := s.draw(rng)
		p := s.decode(x)
		y, err := s.encode(p)
		require.NoError(t, err)
		for i := range x {
			require.Equal(t, math.IsNaN(x[i]), math.IsNaN(y[i]))
			if !math.IsNaN(x[i]) {
				require.InDelta(t, x[i], y[i], 1e-12)
			}
		}
		q, err := s.Canonical(p)
		require.NoError(t, err)
		require.Equal(t, p, q)
		require.Equal(t, x.key(), s.settle(append(code{}, x...)).key(), "a drawn code is settled")
	}
}

func TestPointsSurviveJSON(t *testing.T) {
	s := anySpace(t)
	rng := rand.New(rand.NewPCG(2, 1))
	for range 500 {
		p := s.decode(s.draw(rng))
		b, err := json.Marshal(p)
		require.NoError(t, err)
		var q Point
		require.NoError(t, json.Unmarshal(b, &q))
		q, err = s.Canonical(q)
		require.NoError(t, err)
		require.Equal(t, p, q)
	}
}

func TestSpacesSurviveJSON(t *testing.T) {
	s, err := anySpace(t).Constrain(Constraint{map[string]float64{"layers": 1, "x": 2}, 5})
	require.NoError(t, err)
	b, err := json.Marshal(s)
	require.NoError(t, err)
	var again Space
	require.NoError(t, json.Unmarshal(b, &again))
	require.Equal(t, *s, again)
}

func TestWhatDoesNotCountHasNoValue(t *testing.T) {
	s := anySpace(t)
	rng := rand.New(rand.NewPCG(3, 1))
	seen := map[bool]int{}
	for range 2000 {
		p := s.decode(s.settle(s.near(s.draw(rng), .3, rng)))
		require.Equal(t, p.Int("layers") >= 2, p.Has("hidden2"))
		require.Equal(t, p.Bool("tune"), p.Has("tunerate"))
		require.Equal(t, p.Choice("act") != "tanh", p.Has("alpha"))
		require.Equal(t, p.Int("hidden2") >= 7 && p.Int("hidden2") <= 9, p.Has("deep"), "grandchildren count with their parents")
		seen[p.Has("deep")]++
	}
	require.Len(t, seen, 2)
}

func TestValuesOfEachKindAreDrawnEvenly(t *testing.T) {
	s, err := NewSpace(Int("i", 0, 3), Categorical("c", "a", "b"), LogReal("r", 1e-4, 1))
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(3, 1))
	counts := map[string]int{}
	for range 4000 {
		p := s.decode(s.draw(rng))
		counts[fmt.Sprint("i", p.Int("i"))]++
		counts[p.Choice("c")]++
		counts[fmt.Sprint("r", math.Floor(math.Log10(p.Float("r"))))]++
	}
	for k, n := range counts {
		want := 1000.
		if k == "a" || k == "b" {
			want = 2000
		}
		require.InDelta(t, want, n, 200, k)
	}
}

func TestPointsOutsideTheSpaceAreRefused(t *testing.T) {
	s, err := NewSpace(Real("x", 0, 1), Int("n", 1, 9), Categorical("c", "a", "b"), Bool("b"), Real("y", 0, 1).If("b", true))
	require.NoError(t, err)
	s, err = s.Constrain(Constraint{map[string]float64{"x": 1, "y": 1}, 1})
	require.NoError(t, err)
	good := Point{"x": .5, "n": 3, "c": "a", "b": false}
	_, err = s.Canonical(good)
	require.NoError(t, err)
	for _, c := range []struct {
		name  string
		value any
		err   string
	}{
		{"x", 1.5, `hpo: parameter "x": value is 1.5, want real from 0 to 1`},
		{"x", math.NaN(), `hpo: parameter "x": value is NaN, want real from 0 to 1`},
		{"x", "a", `hpo: parameter "x": value is a, want real from 0 to 1`},
		{"n", 2.5, `hpo: parameter "n": value is 2.5, want int from 1 to 9`},
		{"c", "z", `hpo: parameter "c": value is z, want one of ["a" "b"]`},
		{"b", 1, `hpo: parameter "b": value is 1, want true or false`},
		{"b", true, `hpo: parameter "y" has no value`},
		{"y", .1, `hpo: parameter "y" does not count here and has value 0.1`},
		{"z", .1, `hpo: there is no parameter "z"`},
	} {
		p := Point{}
		for k, v := range good {
			p[k] = v
		}
		p[c.name] = c.value
		_, err := s.Canonical(p)
		require.EqualError(t, err, c.err)
	}
	_, err = s.Canonical(Point{"x": .6, "n": 3, "c": "a", "b": true, "y": .5})
	require.ErrorContains(t, err, "breaks a constraint")
}

func TestSpacesThatMakeNoSenseAreRefused(t *testing.T) {
	for _, c := range []struct {
		params []Param
		err    string
	}{
		{nil, "hpo: a space has no parameters"},
		{[]Param{Real("", 0, 1)}, "hpo: parameter 0 has no name"},
		{[]Param{Real("x", 0, 1), Bool("x")}, `hpo: there are two parameters "x"`},
		{[]Param{Real("x", 2, 1)}, `hpo: parameter "x": low 2 is above high 1`},
		{[]Param{Real("x", math.Inf(-1), 1)}, `hpo: parameter "x": low -Inf and high 1 are not finite`},
		{[]Param{LogReal("x", 0, 1)}, `hpo: parameter "x": low is 0, want above 0 on a log scale`},
		{[]Param{{Name: "x", Kind: IntKind, Low: .5, High: 2}}, `hpo: parameter "x": low 0.5 and high 2 are not whole numbers within ±2⁵²`},
		{[]Param{Categorical("x")}, `hpo: parameter "x": there are no choices`},
		{[]Param{Ordinal("x", "a", "a")}, `hpo: parameter "x": choice "a" stands twice`},
		{[]Param{{Name: "x", Kind: "complex"}}, `hpo: parameter "x": kind is "complex", want real, int, categorical, ordinal or bool`},
		{[]Param{Real("x", 0, 1).If("y", 1), Bool("y")}, `hpo: parameter "x" depends on "y", which is not before it`},
	} {
		_, err := NewSpace(c.params...)
		require.EqualError(t, err, c.err)
	}
	_, err := anySpace(t).Constrain(Constraint{map[string]float64{"act": 1}, 1})
	require.EqualError(t, err, `hpo: a constraint is on "act", which is no number of the space`)
}

// FuzzSpaceJSON asks that a space that can be read proposes points of its own.
func FuzzSpaceJSON(f *testing.F) {
	b, err := json.Marshal(anySpace(f))
	require.NoError(f, err)
	f.Add(b)
	f.Add([]byte(`{"params":[{"name":"a","kind":"int","low":-4503599627370496,"high":4503599627370496}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Space
		if json.Unmarshal(b, &s) != nil {
			return
		}
		rng := rand.New(rand.NewPCG(1, 1))
		for range 5 {
			x := s.draw(rng)
			if s.allowed(x) {
				_, err := s.encode(s.decode(x))
				require.NoError(t, err)
			}
		}
	})
}
