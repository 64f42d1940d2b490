//go:build (amd64 || arm64) && !purego

package depthwise

import (
	"math"
	"sync"
	"unsafe"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// The kernel's gradient works on a band: some rows of a picture and a group of its
// channels, copied with their padding so that every window lies inside.

// bandBytes is what a copied band may take: a share of the second-level cache.
const bandBytes = 256 << 10

// task is what one call of the assembly needs, in bytes where it is not a
// count. A vector of channels at a time.
type task struct {
	x, w, y               *float32
	pixels, rows          int
	nextX, nextXRow       int // from one output's window to the next
	inRow, inPixel, nextW int
	nextY, nextYRow       int
}

// assembly holds the loops of one instruction set for k×k windows.
type assembly struct {
	lanes    int
	forward  map[loop]func(t *byte)
	gradient map[int]gradientLoop
}

// gradientLoop sums for so many rows of taps at a time.
type gradientLoop struct {
	rows int
	f    func(t *byte)
}

// A loop is one of the forward loops: k×k taps, columns so far apart.
type loop struct{ k, stride int }

// table puts portable code where the assembly does not reach.
func (a assembly) table() kernels {
	return kernels{
		run: func(crew *parallel.Crew, s Shape, n int, x, kernel, y []float32, ep Epilogue, sums []float32) {
			f := a.forward[loop{s.KH, s.StrideW}]
			if f == nil || s.KH != s.KW || s.C < a.lanes {
				run(crew, s, n, x, kernel, y, ep, sums)
				return
			}
			r := rings{Shape: s, n: n, lanes: a.lanes, f: f, upH: 1, upW: 1}
			r.run(crew, x, kernel, y, ep, sums)
		},
		// The strides come back as zeros between the pixels of dy, which the
		// kernel turned by 180° passes over.
		backward: func(crew *parallel.Crew, s Shape, n int, kernel, dy, dx []float32) {
			f := a.forward[loop{s.KH, 1}]
			if f == nil || s.KH != s.KW || s.C < a.lanes || s.StrideH > 2 {
				backward(crew, s, n, kernel, dy, dx)
				return
			}
			back := Shape{H: s.OutH, W: s.OutW, C: s.C, KH: s.KH, KW: s.KW, StrideH: 1, StrideW: 1,
				Top: s.KH - 1 - s.Top, Left: s.KW - 1 - s.Left, OutH: s.H, OutW: s.W}
			r := rings{Shape: back, n: n, lanes: a.lanes, f: f, upH: s.StrideH, upW: s.StrideW, turned: true}
			inf := float32(math.Inf(1))
			r.run(crew, dy, kernel, dx, Epilogue{Lo: -inf, Hi: inf}, nil)
		},
		gradient: func(crew *parallel.Crew, s Shape, n int, x, dy, dk []float32) {
			g := a.gradient[s.KH]
			if g.f == nil || s.KH != s.KW || s.C < a.lanes {
				gradient(crew, s, n, x, dy, dk)
				return
			}
			p := s.bands(n)
			lent := vec.Floats.TakeZero(n * p.bands * len(dk))
			defer vec.Floats.Give(lent)
			parts := *lent
			parallel.Each(crew, n*p.bands*p.groups, gradients{p, a.lanes, g, x, dy, parts, len(dk)}, gradients.band)
			sumParts(parts, dk)
		},
	}
}

// plan cuts n pictures into bands of rows and groups of channels, by shape
// alone.
type plan struct {
	Shape
	n, bands, height, groups int
	width                    int // pixels in a copied row
}

func (s Shape) bands(n int) plan {
	p := plan{Shape: s, n: n, bands: 1, height: s.OutH, groups: 1, width: (s.OutW-1)*s.StrideW + s.KW}
	for p.bytes() > bandBytes && p.height > 4 {
		p.height = (p.height + 1) / 2
	}
	p.bands = (s.OutH + p.height - 1) / p.height
	// Some tasks for every core, none narrower than 64 channels.
	for s.C/(p.groups+1) >= 64 && (p.bytes() > bandBytes || n*p.bands*p.groups < 8) {
		p.groups++
	}
	return p
}

func (p plan) inRows(height int) int { return (height-1)*p.StrideH + p.KH }
func (p plan) bytes() int {
	return 4 * p.inRows(p.height) * p.width * ((p.C + p.groups - 1) / p.groups)
}

// band is one task: output rows [r0, r1) and channels [c0, c1) of a picture,
// and the input copied for them, [row][width][c1-c0].
type band struct {
	plan
	picture, index, r0, r1, c0, c1 int
	x                              []float32
	task                           task
}

var idle = sync.Pool{New: func() any { return new(band) }}

// gradients is one call of the kernel's gradient: each band has size values of its
// own in parts.
type gradients struct {
	plan
	lanes        int
	loop         gradientLoop
	x, dy, parts []float32
	size         int
}

// band copies band i and computes its gradient.
func (j gradients) band(i int) {
	b := idle.Get().(*band)
	defer idle.Put(b)
	b.plan, b.picture, b.index = j.plan, i/j.groups/j.plan.bands, i/j.groups%j.plan.bands
	b.r0 = b.index * j.height
	b.r1 = min(b.r0+j.height, j.OutH)
	units, g := j.C/16, i%j.groups
	b.c0, b.c1 = g*units/j.groups*16, (g+1)*units/j.groups*16
	if g == j.groups-1 {
		b.c1 = j.C
	}
	size := j.inRows(b.r1-b.r0) * j.width * (b.c1 - b.c0)
	if cap(b.x) < size {
		b.x = make([]float32, size)
	}
	b.x = b.x[:size]
	b.copy(j.x[b.picture*j.in():][:j.in()])
	b.gradient(j.lanes, j.loop, j.dy, j.parts[(b.picture*j.plan.bands+b.index)*j.size:][:j.size])
	b.task = task{}
}

// copy fills b.x from a picture, zero outside it.
func (b *band) copy(x []float32) {
	c := b.c1 - b.c0
	first, end := span(-b.Left, b.width, b.W) // columns inside the picture
	end = max(first, end)
	for r := range b.inRows(b.r1 - b.r0) {
		row := b.x[r*b.width*c:][:b.width*c]
		h := b.r0*b.StrideH - b.Top + r
		if h < 0 || h >= b.H {
			clear(row)
			continue
		}
		from := x[h*b.W*b.C+b.c0:]
		clear(row[:first*c])
		clear(row[end*c:])
		copyPixels(row[first*c:end*c], from[min(len(from), (first-b.Left)*b.C):], c, b.C)
	}
}

// copyPixels copies the first c of every ld values until to is full.
func copyPixels(to, from []float32, c, ld int) {
	if c == ld {
		copy(to, from)
		return
	}
	for j := 0; j < len(to); j += c {
		copy(to[j:j+c], from[j/c*ld:])
	}
}

// describe fills in the task for all pixels of the band, y's first value for
// them among y.
func (b *band) describe(c int, y []float32) *task {
	ld := 4 * (b.c1 - b.c0)
	b.task = task{
		x: &b.x[c], y: &y[((b.picture*b.OutH+b.r0)*b.OutW)*b.C+b.c0+c],
		pixels: b.OutW, rows: b.r1 - b.r0,
		nextX: b.StrideW * ld, nextXRow: b.StrideH * b.width * ld,
		inRow: b.width * ld, inPixel: ld, nextW: 4 * b.C,
		nextY: 4 * b.C, nextYRow: 4 * b.OutW * b.C,
	}
	return &b.task
}

func (b *band) gradient(lanes int, g gradientLoop, dy, dk []float32) {
	n := b.c1 - b.c0
	for c := 0; c < n; c += lanes {
		c := min(c, n-lanes) // the last vector may overlap the one before
		for kh := 0; kh < b.KH; kh += g.rows {
			t := b.describe(c, dy)
			t.x = &b.x[kh*b.width*n+c]
			t.w = &dk[kh*b.KW*b.C+b.c0+c]
			g.f((*byte)(unsafe.Pointer(t)))
		}
	}
}
