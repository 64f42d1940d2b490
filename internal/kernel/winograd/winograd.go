// Package winograd convolves with stride 1 by fewer multiplications: tiles of
// the picture are transformed, channel by channel, to elements that are
// multiplied by the elements of the kernel, as matrices over the channels, and
// the products are transformed back (Winograd 1980; Lavin and Gray,
// arXiv:1509.09308).
//
// Results differ from those of the sum of products by rounding (decision
// 0014), and depend on the shape and the operands only. Where an output pixel
// sees a NaN or an infinity it is not finite; so may be others of its tile.
package winograd

import (
	"fmt"
	"sync"

	"github.com/argus-go/argus/internal/kernel/gemm"
	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// A Shape is the geometry of a convolution of one picture with stride 1.
// Output pixel (y, x) sees input pixels (y-Top+i, x-Left+j) for i, j in the
// kernel; those outside the picture are zero.
type Shape struct {
	H, W, Cin, Cout int
	KH, KW          int
	Top, Left       int
	OutH, OutW      int
	LdX             int // floats from one input pixel to the next
}

// A Conv is a convolution with its kernel transformed and packed. Many
// goroutines may run it at once.
type Conv struct {
	Shape
	form
	grid
	transform
	impl   *implementation
	kernel []*gemm.Packed // one for each product of a tile
	turned bool           // the kernel that packed values are of is turned by 180°, and its channels swapped
	zeros  []float32
}

// New transforms and packs kernel [KH][KW][Cin][Cout]; or returns nil where
// nothing is gained by this package.
func New(s Shape, kernel []float32) *Conv {
	f, ok := choose(&s)
	if !ok {
		return nil
	}
	return newConv(s, f, kernel)
}

func newConv(s Shape, f form, kernel []float32) *Conv {
	c := &Conv{}
	c.shape(s, f)
	c.pack(nil, kernel)
	return c
}

// shape makes c one for kernels to be packed.
func (c *Conv) shape(s Shape, f form) {
	*c = Conv{Shape: s, form: f, grid: newGrid(&s, f), transform: best.transform(f), impl: best, zeros: make([]float32, max(s.Cin, s.Cout)), turned: c.turned}
	c.kernel = make([]*gemm.Packed, f.points())
}

// Repack takes over new values of the kernel, and others to come: from the
// first time on the form is that for kernels that change. Where there is none it
// returns false and has done nothing. Nobody may run c meanwhile.
func (c *Conv) Repack(crew *parallel.Crew, kernel []float32) bool {
	f, ok := c.form.changing()
	if !ok {
		return false
	}
	if f != c.form {
		c.shape(c.Shape, f)
	}
	c.pack(crew, kernel)
	return true
}

func (c *Conv) pack(crew *parallel.Crew, kernel []float32) {
	if need := c.KH * c.KW * c.Cin * c.Cout; len(kernel) < need {
		panic(fmt.Sprintf("winograd: kernel has %d elements, needs %d", len(kernel), need))
	}
	crew.Do(len(c.kernel), func(p int) {
		u := vec.Floats.Take(c.Cin * c.Cout)
		c.element(p, kernel, *u)
		switch {
		case c.kernel[p] != nil:
			c.kernel[p].Repack(nil, *u)
		case c.turned:
			c.kernel[p] = gemm.Pack(*u, c.Cin, c.Cout, c.Cin, true)
		default:
			c.kernel[p] = gemm.Pack(*u, c.Cin, c.Cout, c.Cout, false)
		}
		vec.Floats.Give(u)
	})
}

// element computes element p of the transformed kernel, u [Cin][Cout], or
// where it is turned [Cout][Cin].
func (c *Conv) element(p int, kernel, u []float32) {
	t := terms.Get().(*term)
	n := 0
	for i, a := range c.down.kernel[p/c.across.size] {
		for j, b := range c.across.kernel[p%c.across.size] {
			if a*b == 0 {
				continue
			}
			tap := i*c.KW + j
			if c.turned {
				tap = c.KH*c.KW - 1 - tap
			}
			t.distances[n], t.factors[n] = tap*len(u), float32(a*b)
			n++
		}
	}
	c.impl.combine(u, kernel, t.distances[:n], t.factors[:n])
	terms.Put(t)
}

// A term is what the taps of a kernel are multiplied by.
type term struct {
	distances [maxTaps]int
	factors   [maxTaps]float32
}

// maxTaps bounds what a kernel has.
const maxTaps = 25

var terms = sync.Pool{New: func() any { return new(term) }}

// A Backward is the gradient of a convolution with respect to its input, which
// is a convolution with the kernel turned by 180°, its channels swapped.
type Backward struct {
	Shape
	form
	idle sync.Pool
}

// NewBackward returns the gradient for a shape, or nil where nothing is gained
// by this package.
func NewBackward(s Shape) *Backward {
	back := backward(s)
	f, ok := choose(&back)
	if ok {
		f, ok = f.changing()
	}
	if !ok {
		return nil
	}
	return &Backward{Shape: back, form: f}
}

func backward(s Shape) Shape {
	return Shape{
		H: s.OutH, W: s.OutW, Cin: s.Cout, Cout: s.Cin, KH: s.KH, KW: s.KW,
		Top: s.KH - 1 - s.Top, Left: s.KW - 1 - s.Left, OutH: s.H, OutW: s.W, LdX: s.Cout,
	}
}

// Run computes dx [n][H][W], pixels ld floats apart, from dy
// [n][OutH][OutW][Cout] and kernel [KH][KW][Cin][Cout].
func (b *Backward) Run(crew *parallel.Crew, n int, kernel, dy, dx []float32, ld int) {
	c, ok := b.idle.Get().(*Conv)
	if !ok || c.impl != best {
		c = &Conv{turned: true}
		c.shape(b.Shape, b.form)
	}
	c.pack(crew, kernel)
	c.Run(crew, n, dy, dx, ld, gemm.Epilogue{})
	b.idle.Put(c)
}
