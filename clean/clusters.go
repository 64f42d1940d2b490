package clean

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A clump is the numbers of the files of a cluster, in order, and its pairs.
type clump struct {
	files   []seen // all
	members []int
	pairs   []pair
}

// clusters joins pairs, in the order of their first files.
func clusters(files int, pairs []pair) []*clump {
	root := make([]int, files)
	for i := range root {
		root[i] = i
	}
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	for _, p := range pairs {
		a, b := find(p.a), find(p.b)
		root[max(a, b)] = min(a, b) // so that a root is the first of its cluster
	}
	at := map[int]*clump{}
	var all []*clump
	for _, p := range pairs {
		r := find(p.a)
		if at[r] == nil {
			at[r] = &clump{}
			all = append(all, at[r])
		}
		c := at[r]
		c.pairs = append(c.pairs, p)
		c.members = append(c.members, p.a, p.b)
	}
	for _, c := range all {
		slices.Sort(c.members)
		c.members = slices.Compact(c.members)
		slices.SortFunc(c.pairs, func(p, q pair) int { return cmp.Or(cmp.Compare(p.a, q.a), cmp.Compare(p.b, q.b)) })
	}
	return all
}

func (c *clump) cluster() Cluster {
	var out Cluster
	for _, i := range c.members {
		s := c.files[i]
		out.Paths = append(out.Paths, s.Path)
		if out.Key == "" || s.SHA256 < out.Key {
			out.Key = s.SHA256
		}
	}
	for _, p := range c.pairs {
		out.Pairs = append(out.Pairs, Pair{c.files[p.a].Path, c.files[p.b].Path, p.same, p.bits, p.score, p.mirrored})
	}
	return out
}

// faults are those of being there twice.
func (c *clump) faults() []Fault {
	return slices.Concat(
		c.across(Leak, func(i, j seen) bool { return rank(i) >= 0 && rank(i) < rank(j) }),
		c.across(LabelConflict, func(i, j seen) bool { return i.Class != "" && j.Class != "" && i.Class != j.Class }),
		c.twice(),
	)
}

// rank orders the splits; what has none does not leak.
func rank(s seen) int { return slices.Index([]string{Train, Val, Test}, s.Split) }

// across gives a fault to each member for which bad says yes with another.
func (c *clump) across(kind Kind, bad func(i, j seen) bool) []Fault {
	var faults []Fault
	// One member of each class and split stands for the rest: clusters may be big.
	type place struct{ class, split string }
	byPlace := map[place][]int{}
	var places []place
	for _, i := range c.members {
		p := place{c.files[i].Class, c.files[i].Split}
		if byPlace[p] == nil {
			places = append(places, p)
		}
		byPlace[p] = append(byPlace[p], i)
	}
	partners := c.partners()
	for _, from := range places {
		var others []int
		for _, to := range places {
			if bad(c.files[byPlace[from][0]], c.files[byPlace[to][0]]) {
				others = append(others, byPlace[to]...)
			}
		}
		if len(others) == 0 {
			continue
		}
		copies := map[[32]byte]int{}
		for _, j := range others {
			copies[c.files[j].pixels] = j
		}
		for _, i := range byPlace[from] {
			j, how := others[0], "by way of others"
			if copy, ok := copies[c.files[i].pixels]; ok {
				j, how = copy, pair{same: c.sameness(i, copy)}.String()
			}
			for _, p := range partners[i] {
				if other := p.a + p.b - i; slices.Contains(others, other) {
					j, how = other, p.String()
					break
				}
			}
			where := c.files[j].Split
			if kind == LabelConflict {
				where = c.files[j].Class
			}
			faults = append(faults, Fault{c.files[i].Path, kind, fmt.Sprintf("is in %s, too: %s", where, how), c.files[j].Path})
		}
	}
	return faults
}

// partners are the pairs of each member, the most alike first.
func (c *clump) partners() map[int][]pair {
	all := map[int][]pair{}
	for _, p := range c.pairs {
		all[p.a] = append(all[p.a], p)
		all[p.b] = append(all[p.b], p)
	}
	order := []Sameness{SameBytes, SamePixels, SamePhoto}
	for _, ps := range all {
		slices.SortStableFunc(ps, func(p, q pair) int {
			return cmp.Or(cmp.Compare(slices.Index(order, p.same), slices.Index(order, q.same)), -cmp.Compare(p.score, q.score))
		})
	}
	return all
}

func (p pair) String() string {
	if p.same != SamePhoto {
		return fmt.Sprintf("the same %s", p.same)
	}
	mirrored := ""
	if p.mirrored {
		mirrored = ", mirrored"
	}
	return fmt.Sprintf("alike by %.2f, %d bits apart%s", p.score, p.bits, mirrored)
}

// twice gives a fault to all but the best of the members of each class and
// split: Duplicate to those whose pixels a better one has.
func (c *clump) twice() []Fault {
	sorted := slices.Clone(c.members)
	slices.SortStableFunc(sorted, func(i, j int) int { // the best of each class and split first
		a, b := c.files[i], c.files[j]
		return cmp.Or(strings.Compare(a.Split, b.Split), strings.Compare(a.Class, b.Class),
			cmp.Compare(b.Width*b.Height, a.Width*a.Height), cmpBool(a.link, b.link), strings.Compare(a.Path, b.Path))
	})
	var faults []Fault
	best := 0
	pixels := map[[32]byte]int{}
	for k, i := range sorted {
		a, b := c.files[sorted[best]], c.files[i]
		if k == 0 || a.Class != b.Class || a.Split != b.Split {
			best = k
			pixels = map[[32]byte]int{c.files[i].pixels: i}
			continue
		}
		if same, ok := pixels[c.files[i].pixels]; ok {
			how := pair{same: c.sameness(i, same)}
			faults = append(faults, Fault{b.Path, Duplicate, how.String(), c.files[same].Path})
			continue
		}
		pixels[c.files[i].pixels] = i
		faults = append(faults, Fault{b.Path, NearDuplicate, "shows the same photograph", a.Path})
	}
	return faults
}

// sameness of files of the same content.
func (c *clump) sameness(i, j int) Sameness {
	if c.files[i].hash == c.files[j].hash {
		return SameBytes
	}
	return SamePixels
}

func cmpBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
