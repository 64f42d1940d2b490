package winograd

import (
	"fmt"
	"sync"

	"github.com/argus-go/argus/internal/kernel/gemm"
	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// A BackwardKernel is the gradient of a convolution with respect to its kernel.
// It is the transpose of the same algorithm: an element of the transformed kernel
// has the gradient Σ vᵀ·w over tiles, v [Cin] being that element of a tile's
// pixels and w [Cout] that of its outputs' gradients. Many goroutines may run it
// at once.
type BackwardKernel struct {
	Shape
	form
	grid
	impl   *implementation
	taps   []terms // by which the kernel's gradient is made of that of its elements
	strip  int     // columns of that at a time
	plane  int     // floats from one element of them to the next
	pixels [4][]int
	zeros  []float32
}

// NewBackwardKernel returns the gradient for a shape, or nil where nothing is
// gained by this package.
func NewBackwardKernel(s Shape) *BackwardKernel {
	f, ok := chooseBackward(&s)
	if !ok {
		return nil
	}
	return newBackwardKernel(s, f, stripOf(&s, f))
}

func newBackwardKernel(s Shape, f form, strip int) *BackwardKernel {
	b := &BackwardKernel{Shape: s, form: f, grid: newGrid(&s, f), impl: best, zeros: make([]float32, max(s.Cin, s.Cout))}
	b.group = groupBackward(&s, f)
	b.strip = strip
	_, b.plane = spacing(1, s.Cin*b.strip)
	for tap := range s.KH * s.KW {
		b.taps = append(b.taps, b.tap(tap/s.KW, tap%s.KW))
	}
	for kind := range b.pixels {
		b.pixels[kind] = make([]int, f.down.out*f.across.out)
		b.outputs(&s, f, kind, s.OutW*s.Cout, s.Cout, b.pixels[kind])
	}
	return b
}

// tap returns what tap i, j of the kernel weighs in the transformed one.
func (b *BackwardKernel) tap(i, j int) (t terms) {
	for p := range b.points() {
		t.add(p*b.plane, b.down.kernel[p/b.across.size][i]*b.across.kernel[p%b.across.size][j])
	}
	return t
}

// A gradient is one call of Run. Of its work, m is what dy's pixels are
// transformed to.
type gradient struct {
	*BackwardKernel
	transform
	work
	u           []float32 // the gradients of elements [Cin][strip]
	x, dy, dk   []float32
	first       int  // of the tiles at work
	c0, columns int  // of dk at work
	whole       bool // all tiles are at work: those of x stay as they are
	parts       int  // that columns are shared out in
}

var gradients = sync.Pool{New: func() any { return new(gradient) }}

// Run computes dk [KH][KW][Cin][Cout] from n pictures x [n][H][W][Cin], pixels
// LdX floats apart, and dy [n][OutH][OutW][Cout].
func (b *BackwardKernel) Run(crew *parallel.Crew, n int, x, dy, dk []float32) {
	b.check(n, x, dy, dk)
	tiles := n * b.rows * b.cols
	if tiles == 0 {
		clear(dk[:b.KH*b.KW*b.Cin*b.Cout])
		return
	}
	g := gradients.Get().(*gradient)
	*g = gradient{BackwardKernel: b, transform: b.impl.transform(b.form), work: g.work, u: g.u, x: x, dy: dy, dk: dk}
	group := min(b.group, tiles)
	g.whole = group == tiles
	g.vPitch, g.vPlane = spacing(group, b.Cin)
	g.mPitch, g.mPlane = spacing(group, b.strip)
	g.v, g.m, g.u = vec.Grow(g.v, b.points()*g.vPlane), vec.Grow(g.m, b.points()*g.mPlane), vec.Grow(g.u, b.points()*b.plane)
	for g.c0 = 0; g.c0 < b.Cout; g.c0 += b.strip {
		g.columns = min(b.strip, b.Cout-g.c0)
		g.parts = max(1, min((tasksPerThread*crew.Threads()+b.points()-1)/b.points(), g.columns/leastColumns))
		for g.first = 0; g.first < tiles; g.first += group {
			g.tiles = min(group, tiles-g.first)
			parallel.Spans(crew, g.tiles, 4, g, (*gradient).transformTiles)
			parallel.Each(crew, b.points()*g.parts, g, (*gradient).multiply)
		}
		parallel.Spans(crew, b.Cin, 8, g, (*gradient).combine)
	}
	*g = gradient{work: g.work, u: g.u} // holds on to nothing else
	gradients.Put(g)
}

const (
	tasksPerThread = 8
	leastColumns   = 64 // of a task
)

func (b *BackwardKernel) check(n int, x, dy, dk []float32) {
	if need := (n*b.H*b.W-1)*b.LdX + b.Cin; len(x) < need {
		panic(fmt.Sprintf("winograd: x has %d elements, %d pictures need %d", len(x), n, need))
	}
	if need := n * b.OutH * b.OutW * b.Cout; len(dy) < need {
		panic(fmt.Sprintf("winograd: dy has %d elements, %d pictures need %d", len(dy), n, need))
	}
	if need := b.KH * b.KW * b.Cin * b.Cout; len(dk) < need {
		panic(fmt.Sprintf("winograd: dk has %d elements, needs %d", len(dk), need))
	}
}

// transformTiles makes the elements of some of the tiles at work.
func (g *gradient) transformTiles(lo, hi int) {
	l := lanes.Get().(*lane)
	l.none = g.zeros
	if !g.whole || g.c0 == 0 {
		l.c, l.plane = g.Cin, g.vPlane
		for t := lo; t < hi; t++ {
			g.place(&g.Shape, &l.tile, g.x, g.first+t)
			l.flat = g.v[t*g.vPitch:]
			g.into(&l.tile)
		}
	}
	l.c, l.plane, l.pix = g.columns, g.mPlane, g.dy
	for t := lo; t < hi; t++ {
		b, row, col := g.tileAt(g.first + t)
		l.at = ((b*g.OutH+row*g.down.out)*g.OutW+col*g.across.out)*g.Cout + g.c0
		l.offs = g.pixels[g.kind(row, col)]
		l.flat = g.m[t*g.mPitch:]
		g.spread(&l.tile)
	}
	l.end()
}

// multiply adds to the gradient of one element, in some columns, what the tiles
// at work give.
func (g *gradient) multiply(i int) {
	p, part := i/g.parts, i%g.parts
	panels := (g.columns + leastColumns - 1) / leastColumns
	lo, hi := part*panels/g.parts*leastColumns, min((part+1)*panels/g.parts*leastColumns, g.columns)
	gemm.Mul(nil, true, false, g.Cin, hi-lo, g.tiles,
		g.v[p*g.vPlane:], g.vPitch, g.m[p*g.mPlane+lo:], g.mPitch, g.u[p*g.plane+lo:], g.strip, g.first > 0)
}

// combine makes the taps of the columns at work for some input channels.
func (g *gradient) combine(lo, hi int) {
	for t, tap := range g.taps {
		g.impl.combine(tap, hi-lo, g.columns, g.u[lo*g.strip:], g.strip, g.dk[(t*g.Cin+lo)*g.Cout+g.c0:], g.Cout)
	}
}
