// Command hpo runs the optimizer on known functions from the points that
// peers.py began with, and sets it beside what peers.py recorded.
//
//	go run ./bench/hpo -seeds 50 -peers bench/hpo/peers.csv
package main

import (
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/argus-go/argus/hpo"
)

// at are the numbers of evaluations after which peers.csv has the lowest value.
var at = []int{10, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80}

// floor of regrets.
const floor = 1e-6

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		log.Fatal(err)
	}
}

type flags struct {
	seeds, evaluations int
	peers, only        string
	ours, out, plot    string
	heldOut            bool
	options            hpo.Options
	workers            int
}

func run(args []string, w io.Writer) error {
	var f flags
	set := flag.NewFlagSet("hpo", flag.ContinueOnError)
	set.IntVar(&f.seeds, "seeds", 10, "runs of each problem")
	set.IntVar(&f.evaluations, "evaluations", 40, "of each run")
	set.IntVar(&f.workers, "workers", 1, "runs at a time")
	set.StringVar(&f.peers, "peers", "", "what peers.py recorded")
	set.StringVar(&f.only, "problems", "", "names, by commas; default all")
	set.StringVar(&f.out, "out", "", "file to add own rows to, in the form of peers.csv")
	set.StringVar(&f.ours, "ours", "", "own rows of -out, in place of running")
	set.StringVar(&f.plot, "plot", "", "file for a figure of regrets")
	set.BoolVar(&f.heldOut, "held-out", false, "the problems nothing was tuned on")
	set.StringVar((*string)(&f.options.Method), "method", "", "gp, tpe or random")
	set.StringVar((*string)(&f.options.Acquisition), "acquisition", "", "of gp")
	set.BoolVar(&f.options.PlainInputs, "plain-inputs", false, "no warp of inputs")
	set.BoolVar(&f.options.PlainOutputs, "plain-outputs", false, "no warp of values")
	photos := set.String("record", "", "folder of photographs to write a table of losses of, to -out; features are kept in -cache")
	cache := set.String("cache", "", "")
	if err := set.Parse(args); err != nil {
		return err
	}
	if *photos != "" {
		return record(context.Background(), *photos, *cache, f.out)
	}
	all := problems
	if f.heldOut {
		all = heldOut
	}
	theirs, err := readRuns(f.peers)
	if err != nil {
		return err
	}
	before, err := readRuns(f.ours)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%-12s %-10s %9s %9s %6s %6s  median regret, ours ÷ theirs [95 %%] runs\n", "problem", "regret@20", "@40", "@80", "log10", "ms")
	ratios, curves := map[string][]float64{}, map[string][]curve{}
	if f.only != "" {
		all = slices.DeleteFunc(slices.Clone(all), func(p problem) bool { return !slices.Contains(strings.Split(f.only, ","), p.name) })
	}
	for _, p := range all {
		ours := before[p.name]["argus"]
		if ours == nil {
			if ours, err = f.runs(p); err != nil {
				return err
			}
		}
		if err := f.write(p, ours); err != nil {
			return err
		}
		if err := report(w, p, ours, theirs[p.name], f.evaluations, ratios); err != nil {
			return err
		}
		curves[p.name] = []curve{{"argus", ours}}
		for peer, runs := range theirs[p.name] {
			curves[p.name] = append(curves[p.name], curve{peer, runs})
		}
	}
	if f.plot != "" {
		if err := drawRegrets(f.plot, all, curves); err != nil {
			return err
		}
	}
	for _, peer := range sortedKeys(ratios) {
		fmt.Fprintf(w, "geometric mean ÷ %-10s %.3f over %d problems\n", peer, geometric(ratios[peer]), len(ratios[peer]))
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func geometric(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += math.Log(v)
	}
	return math.Exp(sum / float64(len(x)))
}

// A trace is the lowest value after each of at, NaN past the end, and the
// seconds of proposals at forty points.
type trace struct {
	seed    int
	lowest  []float64
	seconds float64
}

// runs minimises p once for each seed.
func (f flags) runs(p problem) ([]trace, error) {
	out, errs := make([]trace, f.seeds), make([]error, f.seeds)
	var group sync.WaitGroup
	for w := range f.workers {
		group.Go(func() {
			for seed := w; seed < f.seeds; seed += f.workers {
				out[seed], errs[seed] = f.one(p, seed)
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return out, nil
}

func (f flags) one(p problem, seed int) (trace, error) {
	t := trace{seed: seed}
	space, err := p.space()
	if err != nil {
		return t, err
	}
	o := f.options
	o.Seed = uint64(seed)
	opt, err := hpo.New(space, o)
	if err != nil {
		return t, err
	}
	lowest := math.Inf(1)
	see := func(v float64, n int) {
		lowest = min(lowest, v)
		if slices.Contains(at, n) {
			t.lowest = append(t.lowest, lowest)
		}
	}
	for i, u := range design(len(p.dims), seed) {
		x := p.fromUnit(u)
		v := p.f(x)
		if err := opt.Add(p.point(x), v); err != nil {
			return t, err
		}
		see(v, i+1)
	}
	for n := initial + 1; n <= f.evaluations; n++ {
		start := time.Now()
		trial, err := opt.Ask(context.Background())
		if err != nil {
			return t, err
		}
		if n > 35 && n <= 45 {
			t.seconds += time.Since(start).Seconds() / 10
		}
		v := p.f(p.values(trial.Point))
		if err := opt.Tell(trial.ID, v); err != nil {
			return t, err
		}
		see(v, n)
	}
	if f.evaluations < 45 {
		t.seconds *= 2
	}
	for len(t.lowest) < len(at) {
		t.lowest = append(t.lowest, math.NaN())
	}
	return t, nil
}

// regrets after n evaluations, floored.
func regrets(p problem, runs []trace, n int) []float64 {
	var out []float64
	for _, r := range runs {
		if v := r.lowest[slices.Index(at, n)]; !math.IsNaN(v) {
			out = append(out, max(v-p.lowest, floor))
		}
	}
	return out
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(x))
	return (s[len(s)/2] + s[(len(s)-1)/2]) / 2
}

// ratio of the medians of paired runs, and its bootstrap interval.
func ratio(a, b []float64) (r, lo, hi float64) {
	n := min(len(a), len(b))
	a, b = a[:n], b[:n]
	rng := rand.New(rand.NewPCG(1, 1))
	boot := make([]float64, 2000)
	x, y := make([]float64, n), make([]float64, n)
	for k := range boot {
		for i := range n {
			j := rng.IntN(n)
			x[i], y[i] = a[j], b[j]
		}
		boot[k] = median(x) / median(y)
	}
	slices.Sort(boot)
	return median(a) / median(b), boot[len(boot)/40], boot[len(boot)-1-len(boot)/40]
}

func report(w io.Writer, p problem, ours []trace, theirs map[string][]trace, evaluations int, ratios map[string][]float64) error {
	seconds := 0.0
	for _, t := range ours {
		seconds += t.seconds / float64(len(ours))
	}
	last := regrets(p, ours, evaluations)
	fmt.Fprintf(w, "%-12s %9.3g %9.3g %9.3g %6.2f %6.1f", p.name, median(regrets(p, ours, 20)), median(regrets(p, ours, 40)), median(regrets(p, ours, 80)),
		math.Log10(geometric(last)), seconds*1e3)
	ratios["one"] = append(ratios["one"], geometric(last))
	for _, peer := range sortedKeys(theirs) {
		mine, other := paired(ours, theirs[peer])
		for i := range mine {
			if a, b := mine[i].lowest[0], other[i].lowest[0]; math.Abs(a-b) > 1e-8*(1+math.Abs(b)) {
				return fmt.Errorf("%s, seed %d: the initial points' lowest value is %v, of %s it is %v", p.name, mine[i].seed, a, peer, b)
			}
		}
		a, b := regrets(p, mine, evaluations), regrets(p, other, evaluations)
		if len(b) == 0 {
			continue
		}
		r, lo, hi := ratio(a, b)
		ratios[peer] = append(ratios[peer], r)
		fmt.Fprintf(w, "  %s %.2g→%.3g [%.2g %.2g]%d", peer, median(b), r, lo, hi, len(b))
	}
	fmt.Fprintln(w)
	return nil
}

// paired returns the runs of seeds that both have, in the same order.
func paired(a, b []trace) (x, y []trace) {
	for _, s := range a {
		if i := slices.IndexFunc(b, func(t trace) bool { return t.seed == s.seed }); i >= 0 {
			x, y = append(x, s), append(y, b[i])
		}
	}
	return x, y
}

// readRuns reads a file of peers.py: problem, peer, runs.
func readRuns(path string) (map[string]map[string][]trace, error) {
	out := map[string]map[string][]trace{}
	if path == "" {
		return out, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		t := trace{}
		if t.seed, err = strconv.Atoi(r[2]); err != nil {
			return nil, err
		}
		if t.seconds, err = strconv.ParseFloat(r[3], 64); err != nil {
			return nil, err
		}
		for _, cell := range r[4:] {
			v := math.NaN()
			if cell != "" {
				if v, err = strconv.ParseFloat(cell, 64); err != nil {
					return nil, err
				}
			}
			t.lowest = append(t.lowest, v)
		}
		if out[r[1]] == nil {
			out[r[1]] = map[string][]trace{}
		}
		runs := out[r[1]][r[0]]
		if i := slices.IndexFunc(runs, func(old trace) bool { return old.seed == t.seed }); i >= 0 {
			runs[i] = t // of more evaluations
			continue
		}
		out[r[1]][r[0]] = append(runs, t)
	}
	return out, nil
}

// write adds own runs to the file of f.out.
func (f flags) write(p problem, runs []trace) error {
	if f.out == "" {
		return nil
	}
	file, err := os.OpenFile(f.out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	for _, t := range runs {
		row := []string{"argus", p.name, strconv.Itoa(t.seed), fmt.Sprintf("%.4f", t.seconds)}
		for _, v := range t.lowest {
			if math.IsNaN(v) {
				row = append(row, "")
				continue
			}
			row = append(row, strconv.FormatFloat(v, 'g', 10, 64))
		}
		fmt.Fprintln(file, strings.Join(row, ","))
	}
	return file.Close()
}
