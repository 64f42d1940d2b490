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
	taps   []sum // by which the kernel's gradient is made of that of its elements
	plane  int   // floats from one element of that to the next
	pixels [4][]int
	zeros  []float32
}

// A sum is what to add of some elements.
type sum struct {
	distances []int
	factors   []float32
}

// NewBackwardKernel returns the gradient for a shape, or nil where nothing is
// gained by this package.
func NewBackwardKernel(s Shape) *BackwardKernel {
	f, ok := chooseBackward(&s)
	if !ok {
		return nil
	}
	return newBackwardKernel(s, f)
}

func newBackwardKernel(s Shape, f form) *BackwardKernel {
	b := &BackwardKernel{Shape: s, form: f, grid: newGrid(&s, f), impl: best, zeros: make([]float32, max(s.Cin, s.Cout))}
	b.group = max(gradientBytes/(4*f.points()*(s.Cin+s.Cout)), gradientGroup)
	_, b.plane = spacing(1, s.Cin*s.Cout)
	for tap := range s.KH * s.KW {
		b.taps = append(b.taps, b.tap(tap/s.KW, tap%s.KW))
	}
	for kind := range b.pixels {
		b.pixels[kind] = b.pixelsOf(kind)
	}
	return b
}

// tap returns what tap i, j of the kernel weighs in the transformed one.
func (b *BackwardKernel) tap(i, j int) (s sum) {
	for p := range b.points() {
		if v := b.down.kernel[p/b.across.size][i] * b.across.kernel[p%b.across.size][j]; v != 0 {
			s.distances = append(s.distances, p*b.plane)
			s.factors = append(s.factors, float32(v))
		}
	}
	return s
}

// pixelsOf returns where the outputs of a kind of tile are, from its first.
func (b *BackwardKernel) pixelsOf(kind int) (offsets []int) {
	rows, cols := b.inside(&b.Shape, b.form, kind)
	for i := range b.down.out {
		for j := range b.across.out {
			if i < rows && j < cols {
				offsets = append(offsets, (i*b.OutW+j)*b.Cout)
			} else {
				offsets = append(offsets, -1)
			}
		}
	}
	return offsets
}

// A gradient is one call of Run.
type gradient struct {
	*BackwardKernel
	transform
	work
	x, dy, u, dk []float32
	first, parts int // of the tiles at work, and parts of the columns
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
	*g = gradient{BackwardKernel: b, transform: b.impl.transform(b.form), x: x, dy: dy, dk: dk}
	group := min(b.group, tiles)
	g.vPitch, g.vPlane = spacing(group, b.Cin)
	g.mPitch, g.mPlane = spacing(group, b.Cout)
	v, m, u := vec.Floats.Take(b.points()*g.vPlane), vec.Floats.Take(b.points()*g.mPlane), vec.Floats.Take(b.points()*b.plane)
	g.v, g.m, g.u = *v, *m, *u
	g.parts = max(1, min((tasksPerThread*crew.Threads()+b.points()-1)/b.points(), b.Cout/columns))
	for g.first = 0; g.first < tiles; g.first += group {
		g.tiles = min(group, tiles-g.first)
		parallel.Spans(crew, g.tiles, 4, g, (*gradient).transformTiles)
		parallel.Each(crew, b.points()*g.parts, g, (*gradient).multiply)
	}
	parallel.Spans(crew, b.Cin*b.Cout, 1024, g, (*gradient).combine)
	vec.Floats.Give(v)
	vec.Floats.Give(m)
	vec.Floats.Give(u)
	*g = gradient{} // holds on to nothing
	gradients.Put(g)
}

const (
	gradientBytes  = 8 << 20 // about what a group of tiles takes
	gradientGroup  = 128     // tiles at least, or C is read too often
	tasksPerThread = 8
	columns        = 64 // of a task, at least
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
	for t := lo; t < hi; t++ {
		g.place(&g.Shape, &l.tile, g.x, g.first+t)
		l.c, l.plane, l.flat = g.Cin, g.vPlane, g.v[t*g.vPitch:]
		g.into(&l.tile)
	}
	for t := lo; t < hi; t++ {
		b, row, col := g.tileAt(g.first + t)
		l.pix, l.at = g.dy, ((b*g.OutH+row*g.down.out)*g.OutW+col*g.across.out)*g.Cout
		l.offs = g.pixels[g.kind(row, col)]
		l.c, l.plane, l.flat = g.Cout, g.mPlane, g.m[t*g.mPitch:]
		g.spread(&l.tile)
	}
	l.end()
}

// multiply adds to the gradient of one element, in some columns, what the tiles
// at work give.
func (g *gradient) multiply(i int) {
	p, part := i/g.parts, i%g.parts
	panels := (g.Cout + columns - 1) / columns
	lo, hi := part*panels/g.parts*columns, min((part+1)*panels/g.parts*columns, g.Cout)
	gemm.Mul(nil, true, false, g.Cin, hi-lo, g.tiles,
		g.v[p*g.vPlane:], g.vPitch, g.m[p*g.mPlane+lo:], g.mPitch, g.u[p*g.plane+lo:], g.Cout, g.first > 0)
}

// combine makes all taps for some pairs of channels.
func (g *gradient) combine(lo, hi int) {
	size := g.Cin * g.Cout
	for t, tap := range g.taps {
		g.impl.combine(g.dk[t*size+lo:t*size+hi], g.u[lo:], tap.distances, tap.factors)
	}
}
