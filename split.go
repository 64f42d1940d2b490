package argus

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// SplitOptions says how Dataset.Split divides a dataset.
type SplitOptions struct {
	// Val and Test are the fractions of the samples; 0 means .15, a negative
	// number none. A split that the dataset has already stays as it is.
	Val  float64 `json:"val,omitempty"`
	Test float64 `json:"test,omitempty"`
	Seed uint64  `json:"seed,omitempty"`
	// Group, if set, names the group of a sample: the samples of one get the same
	// split, which is drawn by that name in place of their contents; "" is no
	// group. Package clean's Report.Groups makes groups of near duplicates. It is
	// called by many goroutines.
	Group func(Sample) string `json:"-"`
	// Limits holds for the files, all of which are read that are in no group.
	Limits Limits `json:"limits"`
}

// Split returns the dataset with a split for each sample, moving no file. The
// samples that have none, or are training samples where val or test is missing,
// are divided anew:
//
// The SHA-256 of seed and file content, read as a number from 0 to 1, puts a
// sample into test below Test, into val below Test+Val, else into train. So a
// sample stays where it is when files are added or renamed, identical files
// share a split, and each class is divided near the fractions, within the
// scatter of independent draws. A class that thus lacks a split gives it the
// picture that is nearest to it by that number, which is the one thing that may
// change when files are added.
//
// It is an error if a class has fewer different pictures than there are splits
// to fill. A file that cannot be read goes by its path instead of its content.
func (d Dataset) Split(ctx context.Context, o SplitOptions) (Dataset, error) {
	shares, err := d.shares(o)
	if err != nil {
		return Dataset{}, d.errorf("%w", err)
	}
	out := Dataset{d.name, d.classes, slices.Clone(d.samples)}
	if len(shares) == 1 { // every split is there, or none is wanted
		for i := range out.samples {
			out.samples[i].Split = cmp.Or(out.samples[i].Split, TrainSplit)
		}
		return out, nil
	}
	draws, err := d.draws(ctx, o)
	if err != nil {
		return Dataset{}, d.errorf("%w", err)
	}
	splits := map[float64]Split{}
	for label := range d.classes {
		if err := d.assign(splits, draws, label, shares); err != nil {
			return Dataset{}, d.errorf("%w", err)
		}
	}
	for i := range out.samples {
		if d.free(i) {
			out.samples[i].Split = splits[draws[i]]
		}
	}
	order := []Split{TrainSplit, ValSplit, TestSplit}
	slices.SortStableFunc(out.samples, func(a, b Sample) int {
		return cmp.Compare(slices.Index(order, a.Split), slices.Index(order, b.Split))
	})
	return out, nil
}

// share is the range of draws, from 0 to 1, that belongs to a split.
type share struct {
	split    Split
	from, to float64
}

// away is how far u is outside of the range.
func (s share) away(u float64) float64 { return max(s.from-u, u-s.to, 0) }

// free says whether sample i is one to divide.
func (d Dataset) free(i int) bool {
	return d.samples[i].Split == "" || d.samples[i].Split == TrainSplit
}

// shares returns the ranges of the splits that are to be filled, train last.
func (d Dataset) shares(o SplitOptions) ([]share, error) {
	var shares []share
	at := 0.0
	for _, want := range []struct {
		split    Split
		fraction float64
	}{{TestSplit, o.Test}, {ValSplit, o.Val}} {
		f := want.fraction
		if !(f < 1) {
			return nil, fmt.Errorf("split: %s fraction is %v, want below 1", want.split, f)
		}
		if f < 0 || d.part(want.split).Len() > 0 {
			continue
		}
		if f == 0 {
			f = .15
		}
		shares = append(shares, share{want.split, at, at + f})
		at += f
	}
	if at >= 1 {
		return nil, fmt.Errorf("split: val and test fractions add up to %v, want below 1", at)
	}
	return append(shares, share{TrainSplit, at, 1}), nil
}

// draws returns a number from 0 to 1 for each free sample.
func (d Dataset) draws(ctx context.Context, o SplitOptions) ([]float64, error) {
	draws := make([]float64, len(d.samples))
	var workers sync.WaitGroup
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(draws) && ctx.Err() == nil; i = next.Add(1) - 1 {
				if d.free(int(i)) {
					draws[i] = d.samples[i].draw(o)
				}
			}
		})
	}
	workers.Wait()
	return draws, ctx.Err()
}

func (s Sample) draw(o SplitOptions) float64 {
	hash, err := s.drawnBy(o)
	if err != nil {
		hash = sha256.Sum256([]byte(s.Path))
	}
	sum := sha256.Sum256(append(binary.LittleEndian.AppendUint64(nil, o.Seed), hash[:]...))
	return float64(binary.LittleEndian.Uint64(sum[:])>>11) / (1 << 53)
}

// drawnBy is the hash of the sample's group, or else of its content.
func (s Sample) drawnBy(o SplitOptions) (contentHash, error) {
	if o.Group != nil {
		if group := o.Group(s); group != "" {
			return sha256.Sum256([]byte(group)), nil
		}
	}
	return s.hash(o.Limits)
}

// assign gives each different draw of a class its split. A split left empty
// then takes the draw nearest to its range from a split that has two or more.
func (d Dataset) assign(splits map[float64]Split, draws []float64, label int, shares []share) error {
	var own []float64
	for i, s := range d.samples {
		if s.Label == label && d.free(i) {
			own = append(own, draws[i])
		}
	}
	slices.Sort(own)
	own = slices.Compact(own)
	if len(own) < len(shares) {
		return fmt.Errorf("split: class %q has %d different pictures, want one or more for each of %d splits", d.classes[label], len(own), len(shares))
	}
	count := map[Split]int{}
	for _, u := range own {
		if splits[u] == "" { // else an identical file of an earlier class has it
			splits[u] = splitOf(shares, u)
		}
		count[splits[u]]++
	}
	for _, s := range shares {
		if count[s.split] > 0 {
			continue
		}
		nearest := -1.0
		for _, u := range own {
			if count[splits[u]] > 1 && (nearest < 0 || s.away(u) < s.away(nearest)) {
				nearest = u
			}
		}
		count[splits[nearest]]--
		splits[nearest] = s.split
		count[s.split]++
	}
	return nil
}

func splitOf(shares []share, u float64) Split {
	for _, s := range shares {
		if u < s.to {
			return s.split
		}
	}
	return TrainSplit
}
