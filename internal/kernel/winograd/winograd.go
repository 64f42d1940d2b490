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
	sums   []terms        // that they are made of
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

// Ends returns what is multiplied by first, and last.
func (c *Conv) Ends() (first, last *gemm.Packed) { return c.kernel[0], c.kernel[len(c.kernel)-1] }

// shape makes c one for kernels to be packed.
func (c *Conv) shape(s Shape, f form) {
	*c = Conv{Shape: s, form: f, grid: newGrid(&s, f), transform: best.transform(f), impl: best, zeros: make([]float32, max(s.Cin, s.Cout)), turned: c.turned}
	for p := range f.points() {
		c.kernel = append(c.kernel, gemm.NewPacked(s.Cin, s.Cout))
		c.sums = append(c.sums, f.element(p, s.Cin*s.Cout))
	}
}

// element returns what element p of the transformed kernel is made of, whose taps
// are size apart.
func (f form) element(p, size int) (t terms) {
	for i, a := range f.down.kernel[p/f.across.size] {
		for j, b := range f.across.kernel[p%f.across.size] {
			t.add((i*f.across.taps+j)*size, a*b)
		}
	}
	return t
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
	if !c.turned {
		c.transformKernel(crew, kernel)
		return
	}
	turned := vec.Floats.Take(c.KH * c.KW * c.Cin * c.Cout)
	parallel.Spans(crew, c.KH*c.KW*c.Cout, 32, turning{c, kernel, *turned}, turning.run)
	c.transformKernel(crew, *turned)
	vec.Floats.Give(turned)
}

// transformKernel writes all elements, some rows of all of them at a time, which
// need the same values.
func (c *Conv) transformKernel(crew *parallel.Crew, kernel []float32) {
	parallel.Spans(crew, c.Cin, 16, kernelTask{c, kernel}, kernelTask.run)
}

// A kernelTask is one call of transformKernel.
type kernelTask struct {
	c      *Conv
	kernel []float32
}

func (t kernelTask) run(lo, hi int) {
	c := t.c
	for p, k := range c.kernel {
		for i := range k.Panels() {
			dst, n0, n, width := k.Panel(i)
			c.impl.combine(c.sums[p], hi-lo, n, t.kernel[lo*c.Cout+n0:], c.Cout, dst[lo*width:], width)
		}
	}
}

// A turning writes a kernel [KH][KW][Cout][Cin] as [KH][KW][Cin][Cout], the last
// tap first.
type turning struct {
	c          *Conv
	kernel, to []float32
}

// run does so for some of the rows of all taps.
func (t turning) run(lo, hi int) {
	c := t.c
	size := c.Cin * c.Cout
	for lo < hi {
		tap, at := lo/c.Cout, lo%c.Cout
		n := min(hi-lo, c.Cout-at)
		vec.Transpose(t.kernel[lo*c.Cin:], c.Cin, n, c.Cin, t.to[(c.KH*c.KW-1-tap)*size+at:], c.Cout)
		lo += n
	}
}

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
