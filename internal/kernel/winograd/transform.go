package winograd

import "slices"

// maxPoints bounds the elements of a tile.
const maxPoints = 64

// A tile is the pixels and the elements of one tile, c channels each. The
// assembly reads the fields at their offsets: ../_asm/winograd knows them.
type tile struct {
	pix    []float32 // a picture
	at     int       // where the tile's first pixel is in pix, or would be
	offs   []int     // of its pixels from there; negative: none stands for the pixel
	none   []float32
	flat   []float32 // element p is at p·plane, padded to whole vectors
	plane  int
	tmp    []float32 // room for a vector a point
	bias   []float32 // added to pixels
	c      int
	lo, hi float32 // bounds of pixels; NaN passes
}

// A transform computes elements from pixels of the input, pixels of the output
// from elements, and elements from gradients of the output's pixels, which is
// from's transpose.
type transform struct{ into, from, spread func(t *tile) }

// Terms are what to add up: values at some distances, times a factor each.
type terms struct {
	distances []int
	factors   []float32
	reach     int // the largest distance
}

// add adds a term, unless it is nothing.
func (t *terms) add(distance int, factor float64) {
	if factor != 0 {
		t.distances = append(t.distances, distance)
		t.factors = append(t.factors, float32(factor))
		t.reach = max(t.reach, distance)
	}
}

// An implementation has transforms for some forms; the others are portable.
type implementation struct {
	name    string
	combine func(t terms, rows, n int, src []float32, srcStep int, dst []float32, dstStep int)
	tables  map[[2]int]transform // by points down and across; in one direction alone: by 1 and its points
}

func (m *implementation) transform(f form) transform {
	size := [2]int{f.down.size, f.across.size}
	if size[1] == 1 {
		size = [2]int{1, size[0]}
	}
	if t, ok := m.tables[size]; ok {
		return t
	}
	return transform{f.intoPortable, f.fromPortable, f.spreadPortable}
}

var best = implementations()[0]

// Implementations names what this machine can run, the fastest first.
func Implementations() (names []string) {
	for _, m := range implementations() {
		names = append(names, m.name)
	}
	return names
}

// Use makes the named implementation the one that convolutions are made for
// from now on, for tests and benchmarks: nothing else may run meanwhile.
func Use(name string) (restore func()) {
	old := best
	all := implementations()
	best = all[slices.IndexFunc(all, func(m *implementation) bool { return m.name == name })]
	return func() { best = old }
}

var portable = &implementation{name: "portable", combine: combine}
