package resize

import (
	"math"
	"slices"
	"sync"

	"github.com/argus-go/argus/internal/kernel/pixel"
)

const precision = 32 - 8 - 2 // fractional bits of a weight

// A side is what happens to the width or the height: a part of it becomes so many
// pixels.
type side struct {
	in  part
	out int
	f   Filter
}

// window holds the weights of one output position: input first, first+1, ….
type window struct {
	first   int
	weights []int32
}

// A table is the weights of a side.
type table struct {
	side
	windows []window
	flat    []int32
	raw     []float64
	across  *pixel.Windows // of rows
	room    []uint8        // for a row and what is read after it
}

// tables keeps tables that nobody uses: pictures often are of one size.
type tables struct {
	sync.Pool
	across bool
}

var (
	columns = &tables{}
	rows    = &tables{across: true}
)

// table is for s, and to be Put back.
func (p *tables) table(s side) *table {
	t, _ := p.Get().(*table)
	if t == nil {
		t = new(table)
	}
	if t.side == s {
		return t
	}
	t.side = side{} // until it is whole
	most := t.fill(s)
	if p.across {
		t.across = pixel.NewWindows(s.out, most)
		for i, w := range t.windows {
			t.across.Set(i, w.first, w.weights)
		}
	}
	t.side = s
	return t
}

// fill computes the windows and returns the most weights of one.
func (t *table) fill(s side) (most int) {
	in := s.in
	scale := (in.hi - in.lo) / float64(s.out)
	stretch := max(scale, 1)
	support := s.f.support() * stretch
	size := 2*int(math.Ceil(support)) + 1
	t.flat = slices.Grow(t.flat[:0], s.out*size)[:s.out*size]
	t.raw = slices.Grow(t.raw[:0], size)[:size]
	t.windows = slices.Grow(t.windows[:0], s.out)[:s.out]
	raw := t.raw
	for i := range t.windows {
		center := in.lo + float64((float64(i)+0.5)*scale)
		first := max(0, int(center-support+0.5))
		n := min(in.n, int(center+support+0.5)) - first
		sum := 0.0
		for j := range n {
			raw[j] = s.f.at(float64((float64(j+first) - center + 0.5) * (1 / stretch)))
			sum += raw[j]
		}
		w := window{first, t.flat[i*size:][:n:n]}
		for j := range n {
			w.weights[j] = fixed(raw[j] / sum)
		}
		t.windows[i] = w
		most = max(most, n)
	}
	return most
}

func fixed(w float64) int32 {
	return int32(math.Copysign(0.5, w) + float64(w*(1<<precision)))
}
