package nn

import "math"

// A block is the steps of one layer of a network's outermost sequence: between
// blocks one value is alive.
type block struct {
	first, end int // steps
	weights    int // floats
	memory     int // floats a picture: what it reads, writes and needs in between
}

// A stretch is consecutive steps that a batch goes through some pictures at a
// time, so that what they compute is still in cache when it is read.
type stretch struct {
	first, end int // steps
	chunk      int // pictures at a time and core; 0: all
	scratch    int // floats a picture of what lives within it
}

// pictures is how many of n a core takes at a time.
func (s *stretch) pictures(n int) int {
	if s.chunk == 0 {
		return n
	}
	return min(n, s.chunk)
}

// network plans the whole of a simplified network.
func (c *planner) network(l Layer, in, out value) {
	all, ok := l.(Seq)
	if !ok || len(all) == 0 {
		all = Seq{l}
	}
	c.seq(all, in, sink{dst: &out}, func(l Layer, in value, s sink) value {
		b := block{first: len(c.steps)}
		y := c.layer(l, in, s)
		b.end = len(c.steps)
		_, _ = visit(l, in.shape, func(l Layer, in, _ Shape) { // checked before
			for _, p := range layerParams(l, in) {
				b.weights += p.Size()
			}
		})
		var inside []span
		for _, s := range c.spans[firstBuffer:] {
			if s.from >= b.first {
				inside = append(inside, s)
			}
		}
		_, b.memory = layout(inside)
		b.memory += in.shape.Size()
		c.blocks = append(c.blocks, b)
		return y
	})
}

// chunks decides how many pictures each block takes at a time.
func (c *planner) chunks() []int {
	chunks := make([]int, len(c.blocks))
	for i, b := range c.blocks {
		chunks[i] = b.chunk()
	}
	return chunks
}

// cacheFloats is about how much of activations a core finds in cache again.
const cacheFloats = 1 << 20

// chunk is the number of pictures at a time that takes the least from memory a
// picture: weights, which the pictures of a chunk share, and the part of the
// activations that is not in cache any more.
func (b *block) chunk() int {
	best, least := 0, math.Inf(1)
	for _, n := range [...]int{1, 2, 4, 8, 16, 32} {
		used := float64(n * b.memory)
		cost := float64(b.weights)/float64(n) + float64(b.memory)*used/(used+cacheFloats)
		if cost < least {
			best, least = n, cost
		}
	}
	if best == 32 {
		return 0
	}
	return best
}

// stretches joins blocks that take as many pictures at a time.
func (c *planner) stretches(chunks []int) (out []stretch) {
	for i, b := range c.blocks {
		if n := len(out); n > 0 && out[n-1].chunk == chunks[i] {
			out[n-1].end = b.end
		} else {
			out = append(out, stretch{first: b.first, end: b.end, chunk: chunks[i]})
		}
	}
	return out
}

// stretchOf is the stretch that a buffer lives in.
func stretchOf(all []stretch, s span) int {
	for i := range all {
		if all[i].first <= s.from && s.to < all[i].end {
			return i
		}
	}
	return anywhere
}

// widened is s in whole stretches where these take a batch in chunks: what the last
// chunk reads must outlive what the first one writes.
func widened(all []stretch, s span) span {
	out := s
	for i := range all {
		t := &all[i]
		if t.chunk != 0 && t.first <= s.to && s.from < t.end {
			out.from, out.to = min(out.from, t.first), max(out.to, t.end-1)
		}
	}
	return out
}
