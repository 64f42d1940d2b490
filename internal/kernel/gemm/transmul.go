package gemm

import (
	"fmt"
	"sync"

	"github.com/argus-go/argus/internal/parallel"
)

// TransMul computes C = Aᵀ·B, or adds it to C, where A is gathered from n
// images of a and B has as many rows, n·M, each of cols, ldb apart and the
// images imageB apart. C has Segs·Seg rows. This is a convolution's gradient
// with respect to its kernel.
func (r *Rows) TransMul(crew *parallel.Crew, n int, a []float32, image int, cols int, b []float32, imageB, ldb int, c []float32, ldc int, accumulate bool) {
	if cols == 0 || r.Segs*r.Seg == 0 {
		return
	}
	if n == 0 || r.M == 0 {
		clearUnless(accumulate, c, r.Segs*r.Seg, cols, ldc)
		return
	}
	r.check(n, a, image)
	if need := (n-1)*imageB + (r.M-1)*ldb + cols; len(b) < need {
		panic(fmt.Sprintf("gemm: B has %d elements, %d×%d rows need %d", len(b), n, r.M, need))
	}
	if need := (r.Segs*r.Seg-1)*ldc + cols; len(c) < need {
		panic(fmt.Sprintf("gemm: C has %d elements, %d rows need %d", len(c), r.Segs*r.Seg, need))
	}
	j := transProducts.Get().(*transProduct)
	*j = transProduct{panels: j.panels, r: r, impl: best, n: n, a: a, image: image, b: b, imageB: imageB, ldb: ldb, c: c, ldc: ldc, accumulate: accumulate}
	j.panels = best.split(j.panels[:0], cols)
	if 2*n*r.M*r.Segs*r.Seg*cols < smallFlops {
		crew = nil
	}
	panels, parts := len(j.panels), (r.Seg+partT-1)/partT
	if crew.Threads() > 1 {
		parts = max(parts, min((r.Seg+3)/4, (4*crew.Threads()+panels*r.Segs-1)/(panels*r.Segs)))
	}
	// All tasks work on some blocks of rows before any goes on to the next: as
	// many as stay in the cache, or more where C is larger than they.
	blocks := n * j.perImage()
	chunk := max(chunkBytes/4, r.Segs*r.Seg*cols)/(depthT*(r.Seg+cols)) + 1
	for g := 0; g < blocks; g += chunk {
		parallel.Each(crew, r.Segs*panels*parts, transTask{j, g, min(g+chunk, blocks), parts}, func(t transTask, i int) {
			// Neighbouring tasks share a part of A, which stays in the cache.
			panels := len(t.panels)
			t.task(t.g0, t.g1, i/panels/t.parts, &t.panels[i%panels], i/panels%t.parts, t.parts)
		})
	}
	*j = transProduct{panels: j.panels} // holds on to nothing else
	transProducts.Put(j)
}

var transProducts = sync.Pool{New: func() any { return new(transProduct) }}

// A transTask is some blocks of rows of a transProduct.
type transTask struct {
	*transProduct
	g0, g1, parts int
}

// partT is the columns of A that tasks share.
const partT = 256

// chunkBytes of A and B stay in the second-level cache.
const chunkBytes = 512 << 10

// A transProduct is one call of TransMul.
type transProduct struct {
	r             *Rows
	impl          *implementation
	n             int
	a, b, c       []float32
	image, imageB int
	ldb, ldc      int
	accumulate    bool
	panels        []panel
}

// perImage returns the blocks of depthT rows in an image.
func (j *transProduct) perImage() int { return (j.r.M + depthT - 1) / depthT }

// task adds blocks g0 to g1 of the rows to a share of piece s of C in one
// panel.
func (j *transProduct) task(g0, g1, s int, w *panel, part, parts int) {
	r, m := j.r, j.impl
	t := tiles.Get().(*tile)
	t.tail(w, m.lanes)
	t.zeros, t.ldb, t.ldc = r.zeros, j.ldb, j.ldc
	most := m.rows[w.vectors]
	count := (r.Seg + most - 1) / most
	for g := g0; g < g1; g++ {
		b, k0 := g/j.perImage(), g%j.perImage()*depthT
		t.segs = min(depthT, r.M-k0)
		t.bias = nil
		if g == 0 && !j.accumulate {
			t.bias = zeroBias[:]
		}
		a, offs := r.at(j.a, j.image, b, k0)
		if !r.plain {
			offs = offs[s*r.M:]
		}
		t.offs = offs[:t.segs]
		// The next block is about as far away as in the middle of a line of pixels.
		t.aheadA = 0
		if h := t.segs / 2; h > 0 {
			t.aheadA = depthT * int(offs[h]-offs[h-1])
		}
		t.b = j.b[b*j.imageB+k0*j.ldb+w.n0:]
		last := (part+1)*count/parts - 1
		for i := part * count / parts; i <= last; i++ {
			// All tiles read the same block of B, and the next is of use to the first of
			// them: the last two fetch it.
			t.aheadB = 0
			if i >= last-1 {
				t.aheadB = depthT * j.ldb
			}
			i0, i1 := i*r.Seg/count, (i+1)*r.Seg/count
			t.a = a[i0:]
			t.c = j.c[(s*r.Seg+i0)*j.ldc+w.n0:]
			m.runT(t, i1-i0, w.vectors)
		}
	}
	*t = tile{}
	tiles.Put(t)
}
