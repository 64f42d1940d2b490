package gemm

import (
	"fmt"
	"sync"

	"github.com/argus-go/argus/internal/parallel"
)

const (
	depth       = 4608      // most rows of B that are packed at a time
	blockFloats = 1 << 16   // of a panel are most that a pass over C takes: two blocks stay in the second-level cache
	depthT      = 128       // rows of A and B that transposed tiles take at a time, while they fetch as many
	taskBytes   = 256 << 10 // about as much of A goes into a task
	smallFlops  = 1 << 16   // less is not worth sharing
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
	j := product{p: p, panels: p.panels, next: p.next, of: 1, rows: rows, n: n, a: a, image: image, c: c, imageC: imageC, ldc: ldc, ep: ep}
	j.check()
	j.run(crew)
}

// Part returns the columns of one of n neighbouring parts, no more than panels.
func (p *Packed) Part(part, n int) (first, end int) {
	w := p.part(part, n)
	return w[0].n0, w[len(w)-1].n0 + w[len(w)-1].n
}

func (p *Packed) part(i, n int) []panel {
	return p.panels[i*len(p.panels)/n : (i+1)*len(p.panels)/n]
}

// MulPart computes the columns of one of n parts of C = A·B; a and c begin as for all
// columns. The same part of next, unless that is nil, is multiplied next.
func (p *Packed) MulPart(part, n, m int, a []float32, lda int, c []float32, ldc int, next *Packed) {
	rows := strided(m, p.k, lda, 16)
	if next == nil {
		next = p.next
	}
	j := product{p: p, panels: p.part(part, n), next: next, part: part, of: n, rows: rows, n: 1, a: a, c: c, ldc: ldc}
	j.check()
	j.run(nil)
	rows.free()
}

// run divides the product into tasks, as much work for each thread. Where columns are
// the fewer, threads share out rows, and each reads all of B; else they share out
// columns, and each reads all of A.
func (j product) run(crew *parallel.Crew) {
	rows, panels := j.n*j.rows.M, len(j.panels)
	size := 4 * rows * j.p.k / j.rows.Segs
	threads := crew.Threads()
	if 2*rows*j.p.n*j.p.k < smallFlops {
		threads, crew = 1, nil
	}
	j.crew = threads
	j.groups, j.threads, j.parts = 1, threads, (size+taskBytes-1)/taskBytes
	if threads > 1 && rows/j.rows.Segs <= j.p.n && j.divides(threads) {
		j.threads = 1
		if size <= 2*taskBytes { // A stays in the second-level cache, and B is read once
			j.parts = 1
		} else if panels%threads == 0 {
			j.groups = threads
		} else {
			j.threads = threads
		}
	}
	j.parts = max(j.parts, (4*threads+panels-1)/panels)
	if j.parts*panels%threads != 0 || j.parts <= threads {
		j.parts = (j.parts + j.threads - 1) / j.threads * j.threads
	}
	j.parts = min(j.parts, rows/4+1)
	parallel.Each(crew, j.parts*panels, j, product.work)
}

// divides says whether threads get nearly as many columns each.
func (j *product) divides(threads int) bool {
	panels := len(j.panels)
	most := (panels + threads - 1) / threads
	return most == panels || 8*threads*j.panels[most].n0 <= 9*j.p.n
}

// A product is one call of MulRows.
type product struct {
	p                  *Packed
	panels             []panel   // of p
	next               *Packed   // is multiplied by next
	part, of           int       // of the columns: which of how many
	after              []float32 // of use after this task, where that is the last of its thread; else nil
	rows               *Rows
	n                  int
	a, c               []float32
	image, imageC, ldc int
	line, lineStep     int
	ep                 Epilogue
	crew               int // threads
	groups             int // of panels
	threads            int // that share out the rows of a group
	parts              int // that the rows of a panel are divided into
}

// work does one task. Neighbours share rows of A, not a panel.
func (j product) work(i int) {
	panels := len(j.panels) / j.groups
	group := i / (panels * j.parts)
	tasks := len(j.panels) * j.parts
	if thread := i * j.crew / tasks; i == (thread+1)*tasks/j.crew-1 { // its last
		j.after = j.next.begin(j.part*j.crew+thread, j.of*j.crew)
	}
	j.task(&j.panels[group*panels+i%panels], i/panels%j.parts, j.parts)
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

// task computes part of parts of the rows of a panel, in passes over blocks of
// k that a panel is cut into.
func (j *product) task(w *panel, part, parts int) {
	m, r := j.p.impl, j.rows
	t := tiles.Get().(*tile)
	t.tail(w, m.lanes)
	t.zeros, t.ldc, t.addLd, t.offStep = r.zeros, j.ldc, j.ep.AddLd, r.M
	if r.Segs == 1 {
		for k0, n, i := 0, j.blocks(w), 0; i < n; i++ {
			k1 := (i + 1) * r.Seg / n
			j.pass(t, w, 0, 1, k0, k1, part, parts)
			k0 = k1
		}
	} else {
		for s0, n, i := 0, min(j.blocks(w), r.Segs), 0; i < n; i++ {
			s1 := (i + 1) * r.Segs / n
			j.pass(t, w, s0, s1, 0, r.Seg, part, parts)
			s0 = s1
		}
	}
	*t = tile{} // holds on to nothing
	tiles.Put(t)
}

// blocks returns how many passes over C a panel makes.
func (j *product) blocks(w *panel) int {
	if j.ep.Add != nil { // may be C, which the first of several passes overwrites
		return 1
	}
	size := j.p.k * w.vectors * j.p.impl.lanes
	return max(1, (size+blockFloats-1)/blockFloats)
}

// pass adds the products of pieces s0 to s1 of A, of each k0 to k1.
func (j *product) pass(t *tile, w *panel, s0, s1, k0, k1, part, parts int) {
	r, m := j.rows, j.p.impl
	first, last := s0 == 0 && k0 == 0, s1 == r.Segs && k1 == r.Seg
	width := w.vectors * m.lanes
	t.segs, t.seg = s1-s0, k1-k0
	b := j.p.data[w.at+(s0*r.Seg+k0)*width:]
	t.b = b[:t.segs*t.seg*width]
	next := b[len(t.b):] // the next block, or the next panel's first
	if last && j.after != nil {
		next = j.after
	}
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
	strip := strip{then: j.ep.Then, width: w.n, ld: j.ldc}
	fetchA := w.n0 == j.panels[0].n0 && r.plain && r.step == r.Seg
	cut := j.cut(m.rows[w.vectors])
	at := cut.tile(part * cut.total / parts)
	count := (part+1)*cut.total/parts - part*cut.total/parts
	fetched := fetchedFloats
	if count < fewTiles {
		fetched *= 2
	}
	t.step = 2 * fetched
	for range count {
		row, rows := cut.rows(&at)
		t.a, t.offs = r.at(j.a, j.image, at.image, at.line*j.line+row)
		t.a, t.offs = t.a[k0:], t.offs[s0*r.M:]
		t.c = j.c[at.image*j.imageC+at.line*j.lineStep+row*j.ldc+w.n0:]
		t.add = nil
		if j.ep.Add != nil {
			t.add = j.ep.Add[(at.image*r.M+at.line*j.line+row)*j.ep.AddLd+w.n0:]
		}
		t.next = t.b
		switch {
		case fetchA:
			t.next = t.a[min(rows*r.step, len(t.a)):]
		case len(next) > 0:
			t.next, next = next, next[min(len(next), fetched*t.segs*t.seg):]
		}
		m.run(t, rows, w.vectors)
		if last && j.ep.Then != nil {
			strip.add(rows, t.c)
		}
		cut.next(&at)
	}
	strip.flush()
}

// A cut is how the rows of a product are divided into tiles: each line into
// perLine of short or short+1 rows, the longer ones first.
type cut struct {
	perLine, lines, total int
	short, longer         int
}

func (j *product) cut(most int) cut {
	c := cut{perLine: (j.line + most - 1) / most, lines: j.rows.M / j.line}
	if j.n*c.lines == 1 { // as many for each thread, unless they become much smaller
		if even := (c.perLine + j.threads - 1) / j.threads * j.threads; 4*even <= 5*c.perLine {
			c.perLine = even
		}
	}
	c.total = j.n * c.lines * c.perLine
	c.short, c.longer = j.line/c.perLine, j.line%c.perLine
	return c
}

// A place is one tile's: of which image, line, and where in the line.
type place struct{ image, line, tile int }

func (c *cut) tile(i int) place {
	return place{i / c.perLine / c.lines, i / c.perLine % c.lines, i % c.perLine}
}

func (c *cut) next(p *place) {
	if p.tile++; p.tile == c.perLine {
		p.tile = 0
		if p.line++; p.line == c.lines {
			p.line = 0
			p.image++
		}
	}
}

// rows returns the first row of a tile, in its line, and how many it has.
func (c *cut) rows(p *place) (first, n int) {
	first = p.tile*c.short + min(p.tile, c.longer)
	if n = c.short; p.tile < c.longer {
		n++
	}
	return first, n
}

// A tile fetches so many floats of the next block for each k, half a line; or twice as
// many where few tiles are all that is done with a block.
const (
	fetchedFloats = 8
	fewTiles      = 4
)

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
