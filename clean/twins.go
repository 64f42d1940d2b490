package clean

import (
	"cmp"
	"context"
	"crypto/sha256"
	"slices"
)

// A pair is two files, by number, that show the same photograph; a < b.
type pair struct {
	a, b     int
	same     Sameness
	bits     int
	score    float64
	mirrored bool
}

// twins finds pairs of all degrees among the pictures that could be read.
// Identical files are paired with the first of them, and near duplicates of
// identical pixels with the first of those.
func (c *checker) twins(ctx context.Context) ([]pair, error) {
	var pairs []pair
	first := func(known map[[sha256.Size]byte]int, sum [sha256.Size]byte, i int, same Sameness) bool {
		j, ok := known[sum]
		if ok {
			pairs = append(pairs, pair{a: j, b: i, same: same})
		} else {
			known[sum] = i
		}
		return !ok
	}
	bytes, pixels := map[[sha256.Size]byte]int{}, map[[sha256.Size]byte]int{}
	var different []int // pictures to look for near duplicates among
	for i, s := range c.seen {
		decoded := s.pixels != [sha256.Size]byte{}
		if decoded && first(bytes, s.hash, i, SameBytes) && first(pixels, s.pixels, i, SamePixels) && s.print != nil {
			different = append(different, i)
		}
	}
	if c.NoNear {
		return pairs, nil
	}
	candidates, err := c.candidates(ctx, different)
	if err != nil {
		return nil, err
	}
	scores, err := c.scores(ctx, candidates)
	for i, m := range candidates {
		if scores[i] >= alikeFrom {
			pairs = append(pairs, pair{m.low(), m.high(), SamePhoto, m.bits, scores[i], m.mirrored()})
		}
	}
	return pairs, err
}

// A candidate is two pictures one of which, or a part of it, has the hash of the
// other, roughly.
type candidate struct {
	of, as int // numbers of files: part of the first is like the whole of the second
	bits   int
	part   int // index into imprint.hashes: of parts, times 2, plus 1 if mirrored
}

// shortList keeps, of the pictures that one is like, the nearest.
type shortList []uint64

const longest = 64 // of a shortList

// enter adds a candidate: bits above part above the other's number, so that the
// least number is the best.
func (l *shortList) enter(bits uint8, part, other uint32) {
	*l = append(*l, uint64(bits)<<40|uint64(part)<<32|uint64(other))
	if len(*l) >= 4*longest {
		l.trim()
	}
}

// trim keeps the best candidate of each other picture, and the best of those.
func (l *shortList) trim() {
	slices.Sort(*l)
	seen := map[uint32]bool{}
	kept := (*l)[:0]
	for _, v := range *l {
		if len(kept) < longest && !seen[uint32(v)] {
			seen[uint32(v)] = true
			kept = append(kept, v)
		}
	}
	*l = kept
}

// candidates finds, for each of the pictures, those that are near to it or to a
// part of it by hash, the nearest alone where they are many. No two are of the
// same pair; they are in the order of its numbers.
func (c *checker) candidates(ctx context.Context, pictures []int) ([]candidate, error) {
	const n = uint32(len(imprint{}.hashes))
	var queries, entries []hash
	for _, i := range pictures {
		p := c.seen[i].print
		queries = append(queries, p.hashes[:]...)
		entries = append(entries, p.hashes[0])
	}
	asked, askedAt := distinct(queries)
	kept, keptAt := distinct(entries)
	askers, owners := groupsOf(askedAt, len(asked)), groupsOf(keptAt, len(kept))

	lists := make([]shortList, len(pictures))
	err := near(ctx, c.Threads, asked, kept, func(found []match) {
		for _, m := range found {
			as := owners[m.entry]
			for _, q := range askers[m.query] {
				of := q / n
				// Of many pictures of one hash, those that come after.
				start, _ := slices.BinarySearch(as, of)
				for k := range min(len(as), longest) {
					if other := as[(start+k)%len(as)]; other != of {
						lists[of].enter(m.bits, q%n, other)
					}
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	var all []candidate
	for i, l := range lists {
		l.trim()
		for _, v := range l {
			all = append(all, candidate{pictures[i], pictures[uint32(v)], int(v >> 40), int(v >> 32 & 0xff)})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.low(), b.low()), cmp.Compare(a.high(), b.high()),
			cmp.Compare(a.bits, b.bits), cmp.Compare(a.part, b.part), cmp.Compare(a.of, b.of))
	})
	return slices.CompactFunc(all, func(a, b candidate) bool { return a.low() == b.low() && a.high() == b.high() }), nil
}

func (c candidate) low() int  { return min(c.of, c.as) }
func (c candidate) high() int { return max(c.of, c.as) }

// groupsOf lists, for each place, what is at it.
func groupsOf(at []uint32, places int) [][]uint32 {
	groups := make([][]uint32, places)
	for i, p := range at {
		groups[p] = append(groups[p], uint32(i))
	}
	return groups
}

// scores compares the candidates.
func (c *checker) scores(ctx context.Context, candidates []candidate) ([]float64, error) {
	var starts []int // where another low number begins
	for i, m := range candidates {
		if i == 0 || m.low() != candidates[i-1].low() {
			starts = append(starts, i)
		}
	}
	scores := make([]float64, len(candidates))
	err := each(ctx, c.Threads, len(starts), func(k int) {
		end := len(candidates)
		if k+1 < len(starts) {
			end = starts[k+1]
		}
		low := candidates[starts[k]].low()
		lowViews, ok := c.views(low)
		for i := starts[k]; i < end && ok; i++ {
			m := candidates[i]
			highViews, ok := c.views(m.high())
			if !ok {
				continue
			}
			of, as := lowViews, highViews
			if m.of != low {
				of, as = as, of
			}
			scores[i], _ = compare(of, as, m.guess())
		}
	})
	return scores, err
}

func (c candidate) mirrored() bool { return c.part%2 == 1 }

func (c candidate) guess() warp { return onto(parts[c.part/2], parts[0], c.mirrored()) }

// views of picture i, which is decoded once more where its thumb was not kept.
// It is false if the file has changed meanwhile.
func (c *checker) views(i int) ([2]view, bool) {
	thumb := c.seen[i].print.thumb
	if thumb == nil {
		again := c.inspect(file{path: c.seen[i].Path})
		if again.print == nil || again.pixels != c.seen[i].pixels {
			return [2]view{}, false
		}
		thumb = again.print.thumb
	}
	return views(thumb), true
}
