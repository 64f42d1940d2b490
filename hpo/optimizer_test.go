package hpo

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func minimise(t testing.TB, s *Space, o Options, n int, f func(Point) float64) *Optimizer {
	opt, err := New(s, o)
	require.NoError(t, err)
	for range n {
		trial, err := opt.Ask(t.Context())
		require.NoError(t, err)
		_, err = s.Canonical(trial.Point)
		require.NoError(t, err)
		require.NoError(t, opt.Tell(trial.ID, f(trial.Point)))
	}
	return opt
}

func mustSpace(t testing.TB, params ...Param) *Space {
	s, err := NewSpace(params...)
	require.NoError(t, err)
	return s
}

func bowl(p Point) float64 {
	x, y := p.Float("x")-.3, p.Float("y")-.8
	return x*x + 2*y*y + .3*x*y
}

func TestTheProcessFindsTheBottomOfABowl(t *testing.T) {
	for _, a := range []Acquisition{LogEI, EI, LCB, PI, Hedge} {
		opt := minimise(t, mustSpace(t, Real("x", 0, 1), Real("y", 0, 1)), Options{Acquisition: a, Seed: 1}, 25, bowl)
		best, ok := opt.Best()
		require.True(t, ok)
		require.Less(t, best.Value, 1e-3, a)
	}
}

func TestTheProcessBeatsChanceOnAMixedSpace(t *testing.T) {
	s := mustSpace(t, Real("x", 0, 1), LogInt("n", 1, 1000), Categorical("c", "a", "b", "c"), Bool("b"),
		Real("y", 0, 1).If("b", true), Ordinal("o", "0", "1", "2", "3"))
	f := func(p Point) float64 {
		v := math.Abs(math.Log10(p.Float("n"))-2) + math.Pow(p.Float("x")-.4, 2)
		v += map[string]float64{"a": .5, "b": 0, "c": 1}[p.Choice("c")]
		if !p.Bool("b") {
			v += .4
		}
		v += math.Abs(p.Float("y") - .7)
		return v + map[string]float64{"0": 1, "1": .3, "2": 0, "3": .2}[p.Choice("o")]
	}
	total := map[Method]float64{}
	for _, m := range []Method{GP, TPE, Random} {
		for seed := range uint64(4) {
			best, _ := minimise(t, s, Options{Method: m, Seed: seed}, 40, f).Best()
			total[m] += best.Value / 4
		}
	}
	require.Less(t, total[GP], .1)
	require.Less(t, total[GP], total[TPE])
	require.Less(t, total[TPE], total[Random])
}

func TestTheSameSeedGivesTheSamePointsWithAnyThreads(t *testing.T) {
	s := anySpace(t)
	f := func(p Point) float64 { return p.Float("x")*p.Float("x") + float64(p.Int("layers")) }
	run := func(o Options) string { return fmt.Sprint(minimise(t, s, o, 20, f).Trials()) }
	a := run(Options{Seed: 3, Threads: 1})
	require.Equal(t, a, run(Options{Seed: 3, Threads: 4}))
	require.NotEqual(t, a, run(Options{Seed: 4, Threads: 1}))
}

func TestManyTrialsGiveTheSameProposalOnAnyCores(t *testing.T) {
	s := mustSpace(t, Real("x", 0, 1), Real("y", 0, 1), Int("n", 0, 50))
	opt := minimise(t, s, Options{Method: Random}, 200, bowl)
	opt.options.Method = GP
	propose := func(cores int) (code, model) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		r := record{opt.space, opt.options, opt.trials, opt.taken, opt.model}
		p, err := r.propose()
		require.NoError(t, err)
		return p.x, p.model
	}
	x, m := propose(1)
	y, n := propose(4)
	require.Equal(t, x, y)
	require.Equal(t, m, n)
}

func TestNoPointIsProposedTwiceWhileThereAreOthers(t *testing.T) {
	for _, m := range []Method{GP, TPE, Random} {
		s := mustSpace(t, Int("a", 0, 4), Categorical("b", "x", "y", "z"), Int("c", 1, 2).If("b", "x"))
		f := func(p Point) float64 { return p.Float("a") }
		seen := map[string]int{}
		for _, trial := range minimise(t, s, Options{Method: m}, 20, f).Trials() {
			seen[fmt.Sprint(trial.Point)]++
		}
		require.Len(t, seen, 20, m)
		require.Len(t, minimise(t, s, Options{Method: m}, 24, f).Trials(), 24, "then points repeat")
	}
}

func TestFirstPointsComeFirstAndGivenOnesCount(t *testing.T) {
	s := mustSpace(t, Real("x", 0, 1), Real("y", 0, 1))
	first := []Point{{"x": .1, "y": .2}, {"x": .3, "y": .4}}
	opt, err := New(s, Options{First: first, Initial: 5})
	require.NoError(t, err)
	require.NoError(t, opt.Add(Point{"x": .5, "y": .5}, 1))
	require.NoError(t, opt.Add(Point{"x": 1, "y": 0}, 2))
	var by []string
	for range 4 {
		trial, err := opt.Ask(t.Context())
		require.NoError(t, err)
		by = append(by, trial.By)
		require.NoError(t, opt.Tell(trial.ID, bowl(trial.Point)))
	}
	require.Equal(t, []string{"first", "first", "initial", "logei"}, by)
	require.Equal(t, first[0], opt.Trials()[2].Point)
	_, err = New(s, Options{First: []Point{{"x": 2., "y": 0.}}})
	require.EqualError(t, err, `hpo: first point 0: parameter "x": value is 2, want real from 0 to 1`)
}

func TestABatchIsSpreadOut(t *testing.T) {
	s := mustSpace(t, Real("x", 0, 1), Real("y", 0, 1))
	opt := minimise(t, s, Options{}, 12, bowl)
	batch, err := opt.AskBatch(t.Context(), 4)
	require.NoError(t, err)
	for i, a := range batch {
		for _, b := range batch[:i] {
			require.Greater(t, math.Hypot(a.Point.Float("x")-b.Point.Float("x"), a.Point.Float("y")-b.Point.Float("y")), 1e-5)
		}
	}
	for _, b := range batch {
		require.NoError(t, opt.Tell(b.ID, bowl(b.Point)))
	}
}

func TestTheSearchKeepsAwayFromWhereTrialsFail(t *testing.T) {
	s := mustSpace(t, Real("x", 0, 1), Real("y", 0, 1))
	opt := minimise(t, s, Options{Seed: 4}, 40, func(p Point) float64 {
		if p.Float("x") < .5 {
			return math.NaN()
		}
		return p.Float("x") + math.Pow(p.Float("y")-.5, 2)
	})
	failed := 0
	for _, trial := range opt.Trials()[20:] {
		if trial.State == Failed {
			require.Equal(t, "the value is NaN", trial.Err)
			failed++
		}
	}
	require.Less(t, failed, 10)
	best, _ := opt.Best()
	require.Less(t, best.Value, .53)
}

func TestObjectivesThatAreHardOnArithmeticGetProposals(t *testing.T) {
	n := 0
	objectives := map[string]func(Point) float64{
		"constant":       func(Point) float64 { return 7 },
		"NaN":            func(Point) float64 { return math.NaN() },
		"infinite":       func(Point) float64 { return math.Inf(1) },
		"1e300":          func(p Point) float64 { return 1e300 * (p.Float("x") - .5) },
		"largest":        func(p Point) float64 { return math.MaxFloat64 * (2*p.Float("x") - 1) },
		"one outlier":    func(p Point) float64 { n++; return map[bool]float64{true: 1e300, false: p.Float("x")}[n == 5] },
		"one low":        func(p Point) float64 { n++; return map[bool]float64{true: -1e300, false: p.Float("x")}[n == 5] },
		"1e-300":         func(p Point) float64 { return 1e-300 * p.Float("x") },
		"mostly failing": func(p Point) float64 { n++; return map[bool]float64{true: 1, false: math.NaN()}[n%9 == 0] },
		"noise":          func(Point) float64 { n++; return math.Sin(1e6 * float64(n)) },
	}
	spaces := map[string]*Space{
		"line":           mustSpace(t, Real("x", 0, 1)),
		"one point":      mustSpace(t, Int("x", 3, 3)),
		"two points":     mustSpace(t, Bool("b")),
		"1000 labels":    mustSpace(t, Categorical("c", labels(1000)...)),
		"labels and x":   mustSpace(t, Categorical("c", labels(1000)...), Real("x", 0, 1)),
		"any":            anySpace(t),
		"whole integers": mustSpace(t, Int("x", -1<<52, 1<<52)),
	}
	for on, f := range objectives {
		for in, s := range spaces {
			for _, m := range []Method{GP, TPE} {
				if m == TPE && on != "1e300" && on != "mostly failing" {
					continue
				}
				n = 0
				t.Run(fmt.Sprint(on, " on ", in, " by ", m), func(t *testing.T) { minimise(t, s, Options{Method: m}, 14, f) })
			}
		}
	}
}

func labels(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint("label", i))
	}
	return out
}

func TestIdenticalPointsWithDifferentValuesAreFine(t *testing.T) {
	s := mustSpace(t, Real("x", 0, 1))
	opt, err := New(s, Options{})
	require.NoError(t, err)
	for i := range 20 {
		require.NoError(t, opt.Add(Point{"x": .5}, float64(i)))
		require.NoError(t, opt.Add(Point{"x": .5 + 1e-14*float64(i)}, -float64(i)))
	}
	for range 10 {
		trial, err := opt.Ask(t.Context())
		require.NoError(t, err)
		require.NoError(t, opt.Tell(trial.ID, trial.Point.Float("x")))
	}
}

func TestConstraintsHoldForEveryProposal(t *testing.T) {
	for _, m := range []Method{GP, TPE, Random} {
		s := mustSpace(t, Real("x", 0, 1), Int("n", 0, 100), Bool("b"))
		s, err := s.Constrain(Constraint{map[string]float64{"x": 100, "n": 1}, 60})
		require.NoError(t, err)
		s.Where(func(p Point) bool { return p.Bool("b") || p.Int("n") > 10 })
		minimise(t, s, Options{Method: m}, 25, func(p Point) float64 { return -p.Float("x") - p.Float("n")/100 })
	}
}

func TestASpaceThatNothingKeepsSaysSo(t *testing.T) {
	opt, err := New(mustSpace(t, Real("x", 0, 1)).Where(func(Point) bool { return false }), Options{})
	require.NoError(t, err)
	_, err = opt.Ask(t.Context())
	require.ErrorIs(t, err, ErrInfeasible)
}

func TestATrialIsToldOnce(t *testing.T) {
	opt, err := New(mustSpace(t, Real("x", 0, 1)), Options{})
	require.NoError(t, err)
	require.ErrorIs(t, opt.Tell(0, 1), ErrTrial)
	trial, err := opt.Ask(t.Context())
	require.NoError(t, err)
	require.NoError(t, opt.Tell(trial.ID, 1))
	require.ErrorIs(t, opt.Fail(trial.ID, "late"), ErrTrial)
	require.ErrorIs(t, opt.Tell(-1, 1), ErrTrial)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = opt.Ask(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	s := mustSpace(t, Real("x", 0, 1))
	for want, o := range map[string]Options{
		`hpo: method is "best", want gp, tpe or random`:               {Method: "best"},
		`hpo: acquisition is "ucb", want logei, ei, lcb, pi or hedge`: {Acquisition: "ucb"},
		`hpo: design is "grid", want sobol, lhs or uniform`:           {Design: "grid"},
		`hpo: initial is -1 and threads 2, want neither below 0`:      {Initial: -1},
	} {
		_, err := New(s, o)
		require.EqualError(t, err, want)
	}
}

// work asks and tells from many goroutines until there are n trials, and checks
// the record.
func work(t *testing.T, opt *Optimizer, goroutines, n int) {
	var group sync.WaitGroup
	var mu sync.Mutex
	asked := map[int]bool{}
	for range goroutines {
		group.Go(func() {
			for {
				mu.Lock()
				over := len(asked) >= n
				mu.Unlock()
				if over {
					return
				}
				trial, err := opt.Ask(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if asked[trial.ID] {
					t.Errorf("trial %d was proposed twice", trial.ID)
				}
				asked[trial.ID] = true
				mu.Unlock()
				if err := opt.Tell(trial.ID, bowl(trial.Point)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	trials := opt.Trials()
	require.GreaterOrEqual(t, len(trials), n)
	require.Len(t, asked, len(trials))
	seen := map[string]bool{}
	for i, trial := range trials {
		require.Equal(t, i, trial.ID)
		require.Equal(t, Done, trial.State)
		require.Equal(t, bowl(trial.Point), trial.Value)
		seen[trial.x.key()] = true
	}
	require.Len(t, seen, len(trials))
}

func TestManyGoroutinesAskAndTellEveryTrialOnce(t *testing.T) {
	s := mustSpace(t, Real("x", 0, 1), Real("y", 0, 1))
	for _, m := range []Method{Random, TPE} {
		opt, err := New(s, Options{Method: m})
		require.NoError(t, err)
		work(t, opt, 16, 1000)
	}
	opt, err := New(s, Options{})
	require.NoError(t, err)
	work(t, opt, 16, 60)
}

func BenchmarkAsk(b *testing.B) {
	for _, n := range []int{40, 500} {
		b.Run(fmt.Sprint(n, " trials"), func(b *testing.B) {
			var params []Param
			for i := range 6 {
				params = append(params, Real(fmt.Sprint("x", i), 0, 1))
			}
			s := mustSpace(b, params...)
			f := func(p Point) float64 {
				v := 0.0
				for i := range 6 {
					v += math.Sin(5*p.Float(fmt.Sprint("x", i))) * float64(i)
				}
				return v
			}
			opt := minimise(b, s, Options{Method: Random}, n, f)
			opt.options.Method = GP
			for b.Loop() { // refits fall due on the way
				trial, err := opt.Ask(b.Context())
				require.NoError(b, err)
				require.NoError(b, opt.Tell(trial.ID, f(trial.Point)))
			}
		})
	}
}
