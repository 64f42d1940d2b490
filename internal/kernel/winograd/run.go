package winograd

import (
	"fmt"
	"math"
	"sync"

	"github.com/argus-go/argus/internal/kernel/gemm"
	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// maxPixels bounds what a tile of outputs has.
const maxPixels = 16

// A run is one call of Run.
type run struct {
	*Conv
	n       int
	x, y    []float32
	ldy     int
	ep      gemm.Epilogue
	lo, hi  float32
	tiles   int
	parts   int               // that they are shared out in
	slices  int               // that channels of y are
	groups  int               // that tiles are transformed in, where there are slices
	all     *work             // for all tiles together
	apart   bool              // sums go to memory of their own first: something is added to them
	offsets [4][maxPixels]int // of a tile's pixels in y: whole, cut below, cut at the right, both
}

var runs = sync.Pool{New: func() any { return new(run) }}

// Run convolves n pictures x [n][H][W][Cin], pixels LdX floats apart, into y
// [n][OutH][OutW][Cout], pixels ldy floats apart. The epilogue's rows are y's
// pixels.
func (c *Conv) Run(crew *parallel.Crew, n int, x, y []float32, ldy int, ep gemm.Epilogue) {
	if n == 0 {
		return
	}
	r := runs.Get().(*run)
	r.Conv, r.n, r.x, r.y, r.ldy, r.ep = c, n, x, y, ldy, ep
	r.prepare()
	r.tiles = n * c.rows * c.cols
	if r.share(crew.Threads()); r.slices == 1 {
		parallel.Each(crew, r.parts, r, (*run).apiece)
	} else {
		r.together(crew)
	}
	*r = run{}
	runs.Put(r)
}

// share decides how many parts tiles are cut into, as many for each thread and none
// too large for the cache, and how many slices channels of y. Without slices a
// thread does all for its tiles, but each part reads the whole kernel; slices read
// parts of the kernel, but each reads all transformed tiles.
func (r *run) share(threads int) {
	groups := (r.tiles + r.group - 1) / r.group
	most := max(1, r.tiles/leastGroup)
	r.parts, r.slices = (groups+threads-1)/threads*threads, 1
	if threads > 1 && (r.parts > most || r.Cout > fewTiles*r.tiles) {
		r.slices = min(threads, r.kernel[0].Panels())
		r.parts = (threads + r.slices - 1) / r.slices
	}
	r.parts = min(r.parts, most)
}

// part returns the first of the tiles of part i, and the end of them.
func (r *run) part(i int) (first, end int) { return i * r.tiles / r.parts, (i + 1) * r.tiles / r.parts }

// apiece computes group i alone.
func (r *run) apiece(i int) {
	first, end := r.part(i)
	w := r.borrow(end - first)
	r.into(w, first, 0, end-first)
	r.multiply(w, 0, end-first, 0)
	r.from(w, first, 0, end-first, 0, r.Cout)
	works.Put(w)
}

// together transforms all tiles, and then computes slices of channels.
func (r *run) together(crew *parallel.Crew) {
	r.all = r.borrow(r.tiles)
	r.groups = min(r.tiles, 4*crew.Threads())
	parallel.Each(crew, r.groups, r, func(r *run, i int) {
		r.into(r.all, 0, i*r.tiles/r.groups, (i+1)*r.tiles/r.groups)
	})
	parallel.Each(crew, r.parts*r.slices, r, (*run).slice)
	works.Put(r.all)
}

// slice computes some channels of a part of all tiles.
func (r *run) slice(i int) {
	first, end := r.part(i / r.slices)
	i %= r.slices
	r.multiply(r.all, first, end, i)
	c0, c1 := r.kernel[0].Part(i, r.slices)
	r.from(r.all, 0, first, end, c0, c1)
}

func (r *run) prepare() {
	s := &r.Shape
	if need := (r.n*s.H*s.W-1)*s.LdX + s.Cin; len(r.x) < need {
		panic(fmt.Sprintf("winograd: x has %d elements, %d pictures need %d", len(r.x), r.n, need))
	}
	pixels := r.n * s.OutH * s.OutW
	if need := (pixels-1)*r.ldy + s.Cout; len(r.y) < need {
		panic(fmt.Sprintf("winograd: y has %d elements, %d pictures need %d", len(r.y), r.n, need))
	}
	if r.ep.Bias == nil {
		r.ep.Bias = r.zeros
	}
	if r.ep.Accumulate {
		if r.ep.Add != nil {
			panic("winograd: an addend and accumulate exclude each other")
		}
		r.ep.Add, r.ep.AddLd = r.y, r.ldy
	}
	if r.ep.AddLd == 0 {
		r.ep.AddLd = r.ldy
	}
	r.apart = r.ep.Add != nil
	if need := (pixels-1)*r.ep.AddLd + s.Cout; r.apart && len(r.ep.Add) < need {
		panic(fmt.Sprintf("winograd: addend has %d elements, %d pictures need %d", len(r.ep.Add), r.n, need))
	}
	r.lo, r.hi = r.ep.Lo, r.ep.Hi
	if r.lo == 0 && r.hi == 0 {
		r.lo, r.hi = float32(math.Inf(-1)), float32(math.Inf(1))
	}
	r.placePixels()
}

// placePixels finds where the pixels of tiles lie in y, or in memory of their
// own.
func (r *run) placePixels() {
	h, w := r.form.down.out, r.form.across.out
	row, pixel := r.OutW*r.ldy, r.ldy
	if r.apart {
		row, pixel = w*r.Cout, r.Cout
	}
	for kind := range r.offsets {
		r.outputs(&r.Shape, r.form, kind, row, pixel, r.offsets[kind][:h*w])
	}
}

// A work is the memory of a group of tiles: element p of tile t is at
// p·plane + t·pitch, transformed from pixels in v, and to be transformed to
// pixels in m.
type work struct {
	v, m           []float32
	tiles          int
	vPitch, vPlane int
	mPitch, mPlane int
}

var works = sync.Pool{New: func() any { return new(work) }}

func (r *run) borrow(tiles int) *work {
	w := works.Get().(*work)
	w.tiles = tiles
	w.vPitch, w.vPlane = spacing(tiles, r.Cin)
	w.mPitch, w.mPlane = spacing(tiles, r.Cout)
	w.v = vec.Grow(w.v, r.points()*w.vPlane)
	w.m = vec.Grow(w.m, r.points()*w.mPlane)
	return w
}

// line is the floats of a cache line, and of the widest vector.
const line = 16

// spacing returns how far apart tiles of c channels lie, and elements: whole
// lines, and an odd number of them, so that neither fall into the same set of the
// cache.
func spacing(tiles, c int) (pitch, plane int) {
	odd := func(n int) int { return ((n+line-1)/line | 1) * line }
	return odd(c), odd(tiles * odd(c))
}

// multiply computes a slice of all elements of tiles t0 to t1.
func (r *run) multiply(w *work, t0, t1, slice int) {
	for p, k := range r.kernel {
		var next *gemm.Packed
		if p < len(r.kernel)-1 {
			next = r.kernel[p+1]
		}
		v, m := w.v[p*w.vPlane+t0*w.vPitch:], w.m[p*w.mPlane+t0*w.mPitch:]
		k.MulPart(slice, r.slices, t1-t0, v, w.vPitch, m, w.mPitch, next)
	}
}

// A lane is what one goroutine transforms with.
type lane struct {
	tile
	own []float32 // outputs that are not in y
}

var lanes = sync.Pool{New: func() any { return &lane{tile: tile{tmp: vec.Aligned(maxPoints * line)}} }}

func (l *lane) end() {
	l.tile = tile{tmp: l.tmp} // holds on to nothing
	lanes.Put(l)
}

// into transforms tiles t0 to t1 of a group that begins at first.
func (r *run) into(w *work, first, t0, t1 int) {
	l := lanes.Get().(*lane)
	l.none, l.plane, l.c = r.zeros, w.vPlane, r.Cin
	for t := t0; t < t1; t++ {
		r.place(&r.Shape, &l.tile, r.x, first+t)
		l.flat = w.v[t*w.vPitch:]
		r.transform.into(&l.tile)
	}
	l.end()
}

// from is into's way back, for channels c0 to c1.
func (r *run) from(w *work, first, t0, t1, c0, c1 int) {
	l := lanes.Get().(*lane)
	h, wide := r.form.down.out, r.form.across.out
	l.own = vec.Grow(l.own, (maxPixels+1)*r.Cout)
	l.none, l.plane, l.c = l.own[maxPixels*r.Cout:], w.mPlane, c1-c0
	l.bias, l.lo, l.hi = r.ep.Bias[c0:], r.lo, r.hi
	if r.apart {
		l.pix, l.lo, l.hi = l.own, float32(math.Inf(-1)), float32(math.Inf(1))
	}
	for t := t0; t < t1; t++ {
		b, row, col := r.tileAt(first + t)
		kind := r.kind(row, col)
		pixel := (b*r.OutH+row*h)*r.OutW + col*wide
		if !r.apart {
			l.pix = r.y[pixel*r.ldy+c0:]
		}
		l.offs = r.offsets[kind][:h*wide]
		l.flat = w.m[t*w.mPitch+c0:]
		r.transform.from(&l.tile)
		if r.apart || r.ep.Then != nil {
			r.finish(l, pixel, kind, c0, c1)
		}
	}
	l.end()
}

// finish adds to the sums of a tile that begins at the given pixel, and does
// what comes then.
func (r *run) finish(l *lane, pixel, kind, c0, c1 int) {
	rows, cols := r.inside(&r.Shape, r.form, kind)
	for i := range rows {
		at := pixel + i*r.OutW
		if r.apart {
			for j := range cols {
				r.add(l.own[(i*r.form.across.out+j)*r.Cout:][:c1-c0], at+j, c0)
			}
		}
		if r.ep.Then != nil {
			r.ep.Then(cols, c1-c0, r.y[at*r.ldy+c0:], r.ldy)
		}
	}
}

// add writes channels from c0 on of pixel p of y.
func (r *run) add(sums []float32, p, c0 int) {
	y, add := r.y[p*r.ldy+c0:][:len(sums)], r.ep.Add[p*r.ep.AddLd+c0:]
	for i, v := range sums {
		v += add[i]
		if v < r.lo {
			v = r.lo
		}
		if v > r.hi {
			v = r.hi
		}
		y[i] = v
	}
}
