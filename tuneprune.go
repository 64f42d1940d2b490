package argus

import (
	"fmt"
	"math"
	"slices"
)

const (
	pruneAfter  = 4 // trials and epochs before the median counts
	halvingRung = 3 // epochs of the first rung, and how many trials one is the best of
)

// A pruner knows the lowest losses of trials after each epoch.
type pruner struct {
	rule   Pruning
	curves [][]float64 // of trials that ended by themselves, for the median
	rungs  map[int][]float64
}

func newPruner(rule Pruning) (pruner, error) {
	if rule == "" {
		rule = MedianPruning
	}
	if rule != MedianPruning && rule != Halving && rule != NoPruning {
		return pruner{}, fmt.Errorf("prune is %q, want median, halving or none", rule)
	}
	return pruner{rule: rule, rungs: map[int][]float64{}}, nil
}

// A watched trial is one that is going on.
type watched struct {
	*pruner
	lowest []float64 // after each epoch
	pruned bool
}

func (p *pruner) trial() *watched { return &watched{pruner: p} }

// hopeless takes the loss of another epoch and says whether to end the trial.
func (w *watched) hopeless(loss float64) bool {
	if n := len(w.lowest); n > 0 {
		loss = min(loss, w.lowest[n-1])
	}
	w.lowest = append(w.lowest, loss)
	n := len(w.lowest)
	switch w.rule {
	case MedianPruning:
		w.pruned = w.pruned || n > pruneAfter && loss > w.median(n)
	case Halving:
		if w.isRung(n) {
			w.rungs[n] = append(w.rungs[n], loss)
			reached := slices.Sorted(slices.Values(w.rungs[n]))
			w.pruned = w.pruned || len(reached) >= halvingRung && loss > reached[len(reached)/halvingRung]
		}
	}
	return w.pruned
}

func (w *watched) isRung(n int) bool {
	r := halvingRung
	for r < n {
		r *= halvingRung
	}
	return r == n
}

// median of what the others had after n epochs; those that were over by then had
// what they ended with.
func (p *pruner) median(n int) float64 {
	if len(p.curves) < pruneAfter {
		return math.Inf(1)
	}
	var at []float64
	for _, c := range p.curves {
		at = append(at, c[min(n, len(c))-1])
	}
	slices.Sort(at)
	return at[len(at)/2]
}

// end keeps the curve of a trial that was not pruned.
func (w *watched) end() {
	if !w.pruned && len(w.lowest) > 0 {
		w.curves = append(w.curves, w.lowest)
	}
}
