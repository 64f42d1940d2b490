package gemm

import (
	"fmt"
	"math/bits"
	"sync"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// wide is a multiple of the columns of every implementation's panels.
const wide = 96

// Packed is a k×n matrix B in the order in which tiles read it: panels of some
// columns, each k rows one after the other, the last panel padded with zeros.
// Many goroutines may multiply by it at once.
type Packed struct {
	impl   *implementation
	k, n   int
	ldb    int
	trans  bool
	panels []panel
	data   []float32
	next   *Packed // is multiplied by after this one; nil: not known
}

// Before says that products by next follow those by p: the end of these fetches the
// beginning of next. Nobody may use p meanwhile.
func (p *Packed) Before(next *Packed) { p.next = next }

// begin is what one of n threads reads first.
func (p *Packed) begin(thread, n int) []float32 {
	if p == nil || len(p.panels) == 0 {
		return nil
	}
	return p.data[p.panels[thread*len(p.panels)/n].at:]
}

// A panel is what one tile is wide.
type panel struct {
	n0, n   int // columns
	vectors int // that hold them
	at      int // in Packed.data
}

// Pack packs the k×n matrix b, or where trans is set the transpose of the n×k
// matrix b. Rows of b are ldb apart.
func Pack(b []float32, k, n, ldb int, trans bool) *Packed {
	p := &Packed{}
	p.pack(nil, b, k, n, ldb, trans)
	return p
}

// NewPacked returns room for a k×n matrix, whose panels the caller writes.
func NewPacked(k, n int) *Packed {
	p := &Packed{ldb: n}
	p.layout(best, k, n)
	return p
}

// Panels returns how many panels there are.
func (p *Packed) Panels() int { return len(p.panels) }

// Panel returns panel i: columns n0 to n0+n of B, whose k rows are width floats
// apart; between them are zeros.
func (p *Packed) Panel(i int) (rows []float32, n0, n, width int) {
	w := &p.panels[i]
	width = w.vectors * p.impl.lanes
	return p.data[w.at:][:p.k*width], w.n0, w.n, width
}

// Repack packs another matrix of the same shape and order in place. Nobody
// may use p meanwhile.
func (p *Packed) Repack(crew *parallel.Crew, b []float32) { p.pack(crew, b, p.k, p.n, p.ldb, p.trans) }

// Size returns the shape of B.
func (p *Packed) Size() (k, n int) { return p.k, p.n }

func (p *Packed) pack(crew *parallel.Crew, b []float32, k, n, ldb int, trans bool) {
	if p.impl == nil || p.impl != best || p.k != k || p.n != n {
		p.layout(best, k, n)
	}
	p.ldb, p.trans = ldb, trans
	rows, cols := k, n
	if trans {
		rows, cols = n, k
	}
	if need := (rows-1)*ldb + cols; rows > 0 && cols > 0 && len(b) < need {
		panic(fmt.Sprintf("gemm: B has %d elements, %d×%d rows %d apart need %d", len(b), rows, cols, ldb, need))
	}
	if k*n < 1<<14 {
		crew = nil
	}
	parallel.Each(crew, len(p.panels), packing{p, b}, func(j packing, i int) {
		p, w := j.p, &j.p.panels[i]
		p.impl.packPanel(p.data[w.at:], w, j.b, p.k, p.ldb, p.trans)
	})
}

// A packing is one call of pack.
type packing struct {
	p *Packed
	b []float32
}

// layout divides n columns into panels of impl and makes room.
func (p *Packed) layout(impl *implementation, k, n int) {
	p.impl, p.k, p.n = impl, k, n
	p.panels = impl.split(p.panels[:0], n)
	size := 0
	for i := range p.panels {
		p.panels[i].at = size
		size += k * p.panels[i].vectors * impl.lanes
	}
	if cap(p.data) < size {
		p.data = vec.Aligned(size)
	}
	p.data = p.data[:size]
}

// split appends the panels that n columns are worked on in: as wide as the
// implementation likes best, with a rest that is not needlessly narrow.
func (m *implementation) split(panels []panel, n int) []panel {
	for n0 := 0; n0 < n; {
		left := (n - n0 + m.lanes - 1) / m.lanes
		v := m.vectors(left, n)
		cols := min(v*m.lanes, n-n0)
		panels = append(panels, panel{n0: n0, n: cols, vectors: v})
		n0 += cols
	}
	return panels
}

// vectors returns how wide the next panel of n columns is, with left vectors
// to go.
func (m *implementation) vectors(left, n int) int {
	most := m.maxVectors()
	if left <= most {
		return left
	}
	if most == 3 && (n+m.lanes-1)/m.lanes%3 != 0 {
		return 2
	}
	return most
}

func (m *implementation) packPanel(dst []float32, w *panel, b []float32, k, ldb int, trans bool) {
	width := w.vectors * m.lanes
	if trans {
		vec.Transpose(b[w.n0*ldb:], ldb, w.n, k, dst, width)
		for i := 0; i < k && w.n < width; i++ {
			clear(dst[i*width+w.n : (i+1)*width])
		}
		return
	}
	for i := range k {
		d := dst[i*width : (i+1)*width]
		copy(d, b[i*ldb+w.n0:][:w.n])
		clear(d[w.n:])
	}
}

// packs are kept by the power of two that their data has room for, so that one
// that is lent seldom has to grow.
var packs [48]sync.Pool

// Lend returns a Packed with room for a k×n matrix, for a call that packs anew.
func Lend(k, n int) *Packed {
	class := bits.Len(uint(k * (n + wide)))
	if p, ok := packs[class].Get().(*Packed); ok {
		return p
	}
	return &Packed{data: vec.Aligned(1 << class)}
}

// GiveBack ends a loan.
func (p *Packed) GiveBack() { packs[bits.Len(uint(cap(p.data)))-1].Put(p) }

// PackTaps packs the taps of a kernel [tap][n][k], each transposed, one below
// the other: B is (len(taps)·k)×n.
func (p *Packed) PackTaps(crew *parallel.Crew, kernel []float32, taps []int, n, k int) {
	if p.impl != best || p.k != len(taps)*k || p.n != n {
		p.layout(best, len(taps)*k, n)
	}
	p.ldb, p.trans = 0, false
	type taken struct {
		packing
		taps []int
		k    int
	}
	parallel.Each(crew, len(p.panels), taken{packing{p, kernel}, taps, k}, func(j taken, i int) {
		p, w := j.p, &j.p.panels[i]
		width := w.vectors * p.impl.lanes
		for t, tap := range j.taps {
			p.impl.packPanel(p.data[w.at+t*j.k*width:], w, j.b[tap*p.n*j.k:], j.k, j.k, true)
		}
	})
}
