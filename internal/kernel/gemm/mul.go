package gemm

import (
	"fmt"
	"sync"

	"github.com/argus-go/argus/internal/parallel"
)

const (
	depth      = 4608      // most k of a plain product per pass over C: a panel stays in the second-level cache
	depthT     = 512       // the same for transposed tiles, whose rows are not packed
	taskBytes  = 128 << 10 // about as much of A goes into a task
	smallFlops = 1 << 16   // less is not worth sharing
)

var tiles = sync.Pool{New: func() any { return new(tile) }}

// Mul computes the m×n matrix C = clamp(A·B + …), A being m×k.
func (p *Packed) Mul(crew *parallel.Crew, m int, a []float32, lda int, c []float32, ldc int, ep Epilogue) {
	if m == 0 || p.n == 0 {
		return
	}
	rows := strided(m, p.k, lda, 16)
	p.MulRows(crew, rows, 1, a, 0, c, 0, ldc, ep)
	rows.free()
}

// MulRows is Mul for rows gathered from n images, which begin image floats
// apart in a and imageC floats apart in c.
func (p *Packed) MulRows(crew *parallel.Crew, rows *Rows, n int, a []float32, image int, c []float32, imageC, ldc int, ep Epilogue) {
	if rows.Segs*rows.Seg != p.k {
		panic(fmt.Sprintf("gemm: A has %d columns, B %d rows", rows.Segs*rows.Seg, p.k))
	}
	if n == 0 || rows.M == 0 || p.n == 0 {
		return
	}
	j := product{p: p, rows: rows, n: n, a: a, image: image, c: c, imageC: imageC, ldc: ldc, ep: ep}
	j.check()
	// Neighbouring tasks share rows of A, not a panel.
	panels := len(p.panels)
	parts := (4*n*rows.M*p.k/max(1, rows.Segs) + taskBytes - 1) / taskBytes
	parts = max(parts, (4*crew.Threads()+panels-1)/panels)
	parts = min(parts, n*rows.M/4+1)
	if 2*n*rows.M*p.n*p.k < smallFlops {
		parts, crew = 1, nil
	}
	j.parts = parts
	parallel.Each(crew, parts*panels, j, product.work)
}

// A product is one call of MulRows.
type product struct {
	p                  *Packed
	rows               *Rows
	n                  int
	a, c               []float32
	image, imageC, ldc int
	line, lineStep     int
	ep                 Epilogue
	parts              int // that the rows of a panel are divided into
}

// work does one task.
func (j product) work(i int) {
	panels := len(j.p.panels)
	j.task(&j.p.panels[i%panels], i/panels, j.parts)
}

func (j *product) check() {
	r := j.rows
	r.check(j.n, j.a, j.image)
	j.ep.check(j.p.n)
	j.line, j.lineStep = r.M, 0
	if r.Line > 0 {
		j.line, j.lineStep = r.Line, r.LineStep
	}
	if r.M%j.line != 0 {
		panic(fmt.Sprintf("gemm: %d rows in lines of %d", r.M, j.line))
	}
	if need := j.at(j.n-1, r.M-1) + j.p.n; len(j.c) < need {
		panic(fmt.Sprintf("gemm: C has %d elements, %d×%d rows need %d", len(j.c), j.n, r.M, need))
	}
	if j.ep.Add != nil && j.ep.AddLd == 0 {
		j.ep.AddLd = j.ldc
	}
	if need := (j.n*r.M-1)*j.ep.AddLd + j.p.n; j.ep.Add != nil && len(j.ep.Add) < need {
		panic(fmt.Sprintf("gemm: addend has %d elements, %d×%d rows need %d", len(j.ep.Add), j.n, r.M, need))
	}
}

// at returns where row i of image b begins in C.
func (j *product) at(b, i int) int {
	return b*j.imageC + i/j.line*j.lineStep + i%j.line*j.ldc
}

// task computes part of parts of the rows of a panel, in passes over k.
func (j *product) task(w *panel, part, parts int) {
	m := j.p.impl
	t := tiles.Get().(*tile)
	t.tail(w, m.lanes)
	t.zeros, t.ldc, t.addLd = j.rows.zeros, j.ldc, j.ep.AddLd
	t.segs, t.offStep = j.rows.Segs, j.rows.M
	pass := max(1, j.rows.Seg)
	if j.rows.plain && j.ep.Add == nil { // an addend may be C, which the first of several passes overwrites
		pass = min(pass, depth)
	}
	for k0 := 0; k0 == 0 || k0 < j.rows.Seg; k0 += pass {
		t.seg = min(pass, j.rows.Seg-k0)
		j.pass(t, m, w, k0, part, parts)
	}
	*t = tile{} // holds on to nothing
	tiles.Put(t)
}

func (j *product) pass(t *tile, m *implementation, w *panel, k0, part, parts int) {
	r := j.rows
	first, last := k0 == 0, k0+t.seg == r.Seg
	width := w.vectors * m.lanes
	t.b = j.p.data[w.at+k0*width:][:t.segs*t.seg*width]
	t.bias = nil
	switch {
	case first && j.ep.Bias != nil:
		t.bias = j.ep.Bias[w.n0:][:w.n]
	case first && !j.ep.Accumulate:
		t.bias = zeroBias[:width]
	}
	lo, hi, clamp := j.ep.bounds()
	t.lo, t.hi, t.clamp = lo, hi, 0
	if clamp && last {
		t.clamp = 1
	}
	most := m.rows[w.vectors]
	perLine := (j.line + most - 1) / most
	perImage := r.M / j.line * perLine
	total := j.n * perImage
	strip := strip{then: j.ep.Then, width: w.n, ld: j.ldc}
	for i := part * total / parts; i < (part+1)*total/parts; i++ {
		b, l, s := i/perImage, i%perImage/perLine, i%perLine
		i0, i1 := s*j.line/perLine, (s+1)*j.line/perLine
		i0, i1 = l*j.line+i0, l*j.line+i1
		t.a, t.offs = r.at(j.a, j.image, b, i0)
		t.a = t.a[k0:]
		t.c = j.c[j.at(b, i0)+w.n0:]
		t.add = nil
		if j.ep.Add != nil {
			t.add = j.ep.Add[(b*r.M+i0)*j.ep.AddLd+w.n0:]
		}
		m.run(t, i1-i0, w.vectors)
		if last && j.ep.Then != nil {
			strip.add(i1-i0, t.c)
		}
	}
	strip.flush()
}

// stripRows is how many rows of C are enough for a call of Epilogue.Then: as
// many as are still in the first-level cache, and more than a tile's, as a
// core waits for what it has only just stored.
const stripRows = 48

// A strip is rows of C in one panel, one below the other, for Epilogue.Then.
type strip struct {
	then            func(rows, width int, c []float32, ld int)
	rows, width, ld int
	c               []float32
}

// add takes rows at the start of c, which flush takes care of.
func (s *strip) add(rows int, c []float32) {
	if s.rows > 0 && (s.rows >= stripRows || &s.c[s.rows*s.ld] != &c[0]) {
		s.flush()
	}
	if s.rows == 0 {
		s.c = c
	}
	s.rows += rows
}

func (s *strip) flush() {
	if s.rows > 0 {
		s.then(s.rows, s.width, s.c, s.ld)
	}
	s.rows = 0
}
