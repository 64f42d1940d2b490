package nn

import (
	"cmp"
	"slices"
)

// A span is a piece of memory that is in use from one step to another, both
// included.
type span struct{ size, from, to int }

// layout places spans in one arena so that spans in use at the same step do not
// overlap: largest first, each at the lowest place that is free.
func layout(spans []span) (offsets []int, total int) {
	order := make([]int, len(spans))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(spans[b].size, spans[a].size) })
	offsets = make([]int, len(spans))
	var placed []int // by offset
	for _, i := range order {
		s, at := spans[i], 0
		for _, j := range placed {
			p := spans[j]
			if p.from > s.to || p.to < s.from || s.size == 0 || p.size == 0 {
				continue
			}
			if at+s.size <= offsets[j] {
				break
			}
			at = max(at, offsets[j]+p.size)
		}
		offsets[i] = at
		k, _ := slices.BinarySearchFunc(placed, at, func(j, at int) int { return cmp.Compare(offsets[j], at) })
		placed = slices.Insert(placed, k, i)
		total = max(total, at+s.size)
	}
	return offsets, total
}

// line is a cache line in floats; pieces of an arena start on one.
const line = 16

func roundUp(n int) int { return (n + line - 1) / line * line }
