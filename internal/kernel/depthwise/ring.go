//go:build (amd64 || arm64) && !purego

package depthwise

import (
	"sync"
	"unsafe"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// The forward loops take one vector of channels through the rows of a picture. The
// input rows at hand, with their padding, lie in a ring of lines beside the weights,
// small enough for the first-level cache.

// pass is what one call of the assembly needs, in bytes where it is not a count.
type pass struct {
	x, w, bias, y, sums, ring       *float32
	rows, pixels                    int // of the output
	first                           int // input row where the first window begins
	height                          int // input rows, with those between
	gaps                            int // rows between two of x
	inside, stride                  int // pixels of x in a line; input rows from window to window
	nextX, nextXRow                 int
	nextW, nextY, nextYRow, nextSum int
	before, line, apart             int // in a line: what comes before x, all, from pixel to pixel
	swish                           int
	lo, hi                          float32
}

// rings is the forward loop over n pictures.
type rings struct {
	Shape
	n, lanes int
	f        func(t *byte)
	upH, upW int  // rows and columns from pixel to pixel of x, zeros between; 1 or 2
	turned   bool // the kernel by 180°
}

// A task is so many multiply-adds of vectors at least, and so many pixels at most: a
// share of a millisecond, as the collector waits for assembly.
const (
	leastWork  = 1 << 14
	mostPixels = 1 << 14
)

// split cuts pictures into bands of rows and groups of vectors of channels. It
// may depend on anything: no sum goes beyond a row of outputs.
func (r *rings) split(threads int) (height, bands, vectors, groups int) {
	all := (r.C + r.lanes - 1) / r.lanes
	bands = (r.OutH*r.OutW + mostPixels - 1) / mostPixels
	for r.n*all*bands < 4*threads && threads > 1 && r.OutH >= 4*r.KH*bands {
		bands *= 2
	}
	height = (r.OutH + bands - 1) / bands
	bands = (r.OutH + height - 1) / height
	vectors = min(all, 1+leastWork/(height*r.OutW*r.KH*r.KW))
	return height, bands, vectors, (all + vectors - 1) / vectors
}

// worker is the memory of a task.
type worker struct {
	pass
	slots []float32
}

var workers = sync.Pool{New: func() any { return new(worker) }}

// memory is zeros where no bias is, room for sums that nobody wants, and the ring,
// which begins at a cache line.
func (w *worker) memory(r *rings) (zeros, unwanted, ring *float32) {
	const line = 16
	w.slots = vec.Grow(w.slots, 2*line+r.lanes*(r.KH*r.KW+r.KH*r.width()))
	return &w.slots[0], &w.slots[line], &w.slots[2*line]
}

// width is the pixels of a line.
func (r *rings) width() int { return (r.OutW-1)*r.StrideW + r.KW }

// A ringsCall is one call of run.
type ringsCall struct {
	rings
	height, bands, vectors, groups int
	column                         int
	base                           pass
	x, kernel, y, bias, sumsOf     []float32
}

func (r *rings) run(crew *parallel.Crew, x, kernel, y []float32, ep Epilogue, sums []float32) {
	call := ringsCall{rings: *r, x: x, kernel: kernel, y: y, bias: ep.Bias, sumsOf: sums}
	call.height, call.bands, call.vectors, call.groups = r.split(crew.Threads())
	call.column, call.base = r.describe(ep)
	parallel.Each(crew, r.n*call.bands*call.groups, call, ringsCall.task)
}

func (r ringsCall) task(i int) {
	w := workers.Get().(*worker)
	defer workers.Put(w)
	picture, r0 := i/r.groups/r.bands, i/r.groups%r.bands*r.height
	base := r.base
	base.rows, base.first = min(r.height, r.OutH-r0), r0*r.StrideH-r.Top
	xAt := picture*r.in() + (r.row(base.first)*r.W+r.column)*r.C
	row := picture*r.OutH + r0
	zeros, unwanted, ring := w.memory(&r.rings)
	for c := i % r.groups * r.vectors * r.lanes; c < min(r.C, (i%r.groups+1)*r.vectors*r.lanes); c += r.lanes {
		c := min(c, r.C-r.lanes) // the last vector may overlap the one before
		p := &w.pass
		*p = base
		p.x, p.y, p.w = &r.x[xAt+c], &r.y[row*r.OutW*r.C+c], &r.kernel[c]
		if r.turned {
			p.w, p.nextW = &r.kernel[(r.KH*r.KW-1)*r.C+c], -p.nextW
		}
		p.bias, p.sums, p.ring = zeros, unwanted, ring
		if r.bias != nil {
			p.bias = &r.bias[c]
		}
		if r.sumsOf != nil {
			p.sums, p.nextSum = &r.sumsOf[row*r.C+c], 4*r.C
		}
		r.f((*byte)(unsafe.Pointer(p)))
	}
	w.pass = pass{}
}

// row is the first row of x that is not above row h of the input.
func (r *rings) row(h int) int {
	if h = (max(0, h) + r.upH - 1) / r.upH; h < r.H {
		return h
	}
	return 0 // none is
}

// describe is what all calls have in common, and the first column of x that a window
// sees.
func (r *rings) describe(ep Epilogue) (column int, p pass) {
	column = (max(0, -r.Left) + r.upW - 1) / r.upW
	before := column*r.upW + r.Left
	inside := max(0, min(r.W-column, (r.width()-before+r.upW-1)/r.upW))
	if inside == 0 {
		column, before = 0, 0
	}
	pixel, vector := 4*r.C, 4*r.lanes
	p = pass{
		pixels: r.OutW, height: (r.H-1)*r.upH + 1, gaps: r.upH - 1, inside: inside, stride: r.StrideH,
		nextX: pixel, nextXRow: r.W * pixel, nextW: pixel, nextY: pixel, nextYRow: r.OutW * pixel,
		before: before * vector, line: r.width() * vector, apart: r.upW * vector, lo: ep.Lo, hi: ep.Hi,
	}
	if ep.Swish {
		p.swish = 1
	}
	return column, p
}
