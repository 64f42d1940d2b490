package scrape

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
)

// Regroup moves pictures of a folder made by Run so that no group straddles two
// splits. groups gives the key of a picture's group by its path, as the report of
// package clean does; pages and equal contents bind, too. All of what is bound goes
// where most of it is; in doubt to train, then val. Paths that are not in the
// manifest are passed over.
//
// It returns the moves, old path to new. A call that was broken off is taken up by the
// next Run or Regroup.
func Regroup(ctx context.Context, folder string, groups map[string]string) (moved map[string]string, err error) {
	store, err := openStore(folder)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := store.close(); err == nil && closeErr != nil {
			err = fmt.Errorf("scrape: %w", closeErr)
		}
	}()
	pictures, err := ReadManifest(folder)
	if err != nil {
		return nil, err
	}
	moved = map[string]string{}
	var moves []Picture
	for _, group := range bound(pictures, groups) {
		to := majority(pictures, group)
		for _, i := range group {
			if p := pictures[i]; p.Split != to {
				moves = append(moves, store.moveTo(p, to))
			}
		}
	}
	for group := range slices.Chunk(moves, batch) {
		if err := ctx.Err(); err != nil {
			return moved, err
		}
		if err := store.commit(group); err != nil {
			return moved, fmt.Errorf("scrape: folder %s: %w", folder, err)
		}
		for _, p := range group {
			moved[p.From] = p.Path
		}
	}
	store.syncFolders()
	if err := store.credit(); err != nil {
		return moved, fmt.Errorf("scrape: folder %s: %w", folder, err)
	}
	return moved, nil
}

// moveTo is p in another split. It keeps its name, which is the class's only one
// with that number, unless somebody else's file has it.
func (s *store) moveTo(p Picture, split Split) Picture {
	p.From, p.Split = p.Path, split
	p.Path = path.Join(string(split), p.Class, path.Base(p.From))
	if _, err := s.root.Lstat(p.Path); err == nil {
		s.last[p.Class]++
		p.Path = path.Join(string(split), p.Class, fmt.Sprintf("%s_%d%s", p.Class, s.last[p.Class], path.Ext(p.From)))
	}
	return p
}

// bound returns the indices of pictures that are bound to each other.
func bound(pictures []Picture, groups map[string]string) [][]int {
	leader := make([]int, len(pictures)) // a forest: who leads whom
	find := func(i int) int {
		for leader[i] != i {
			leader[i] = leader[leader[i]]
			i = leader[i]
		}
		return i
	}
	first := map[key]int{}
	for i, p := range pictures {
		leader[i] = i
		keys := groupKeys(p)
		if group := groups[p.Path]; group != "" {
			keys = append(keys, keyOf("group", group))
		}
		for _, k := range keys {
			if other, ok := first[k]; ok {
				leader[find(i)] = find(other)
			} else {
				first[k] = i
			}
		}
	}
	byLeader := map[int][]int{}
	for i := range pictures {
		byLeader[find(i)] = append(byLeader[find(i)], i)
	}
	sorted := make([][]int, 0, len(byLeader))
	for _, g := range byLeader {
		sorted = append(sorted, g)
	}
	slices.SortFunc(sorted, func(a, b []int) int { return cmp.Compare(a[0], b[0]) })
	return sorted
}

// majority is the split that most of a group is in.
func majority(pictures []Picture, group []int) Split {
	counts := map[Split]int{}
	for _, i := range group {
		counts[pictures[i].Split]++
	}
	best := Train
	for _, s := range splitOrder {
		if counts[s] > counts[best] {
			best = s
		}
	}
	return best
}
