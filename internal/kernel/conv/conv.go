// Package conv convolves pictures, NHWC with kernels HWIO, by products of
// matrices whose rows are gathered from the picture in place (indirect GEMM:
// Dukhan, arXiv:1907.02129), and computes both gradients the same way.
package conv

import (
	"fmt"

	"github.com/argus-go/argus/internal/kernel/gemm"
	"github.com/argus-go/argus/internal/kernel/winograd"
	"github.com/argus-go/argus/internal/parallel"
)

// A Shape is the geometry of a convolution of one picture. Output pixel
// (y, x) sees input pixels (y·StrideH - Top + i, x·StrideW - Left + j) for i,
// j in the kernel; those outside the picture are zero.
type Shape struct {
	H, W, Cin, Cout  int
	KH, KW           int
	StrideH, StrideW int
	Top, Left        int // padding; below and right it follows from the output's size
	OutH, OutW       int
	LdX              int // floats from one input pixel to the next; 0: Cin
}

// ldx returns LdX with its default.
func (s *Shape) ldx() int {
	if s.LdX == 0 {
		return s.Cin
	}
	return s.LdX
}

// FLOP returns the floating-point operations for one picture, two for a
// multiply-add, padding included.
func (s *Shape) FLOP() float64 {
	return 2 * float64(s.OutH*s.OutW) * float64(s.KH*s.KW) * float64(s.Cin*s.Cout)
}

// pointwise says whether the input pixels are the rows of a plain matrix.
func (s *Shape) pointwise() bool {
	return s.KH == 1 && s.KW == 1 && s.StrideH == 1 && s.StrideW == 1 &&
		s.Top == 0 && s.Left == 0 && s.OutH == s.H && s.OutW == s.W
}

func (s *Shape) check() {
	for _, v := range [...]int{s.H, s.W, s.Cin, s.Cout, s.KH, s.KW, s.StrideH, s.StrideW, s.OutH, s.OutW} {
		if v < 1 {
			panic(fmt.Sprintf("conv: a size below 1 in %+v", *s))
		}
	}
	if s.LdX != 0 && s.LdX < s.Cin {
		panic(fmt.Sprintf("conv: pixels are %d floats apart, they have %d channels", s.LdX, s.Cin))
	}
}

// A Conv is a convolution with its kernel packed. Many goroutines may run it
// at once.
type Conv struct {
	Shape
	table    *table
	kernel   *gemm.Packed
	winograd *winograd.Conv // in place of kernel; nil: not
}

// New packs kernel [KH][KW][Cin][Cout].
func New(s Shape, kernel []float32) *Conv {
	s.check()
	if w := newWinograd(s, kernel); w != nil {
		return &Conv{Shape: s, table: tableOf(s), winograd: w}
	}
	return newDirect(s, kernel)
}

// newDirect is New for sums of products.
func newDirect(s Shape, kernel []float32) *Conv {
	return &Conv{
		Shape:  s,
		table:  tableOf(s),
		kernel: gemm.Pack(kernel, s.KH*s.KW*s.Cin, s.Cout, s.Cout, false),
	}
}

// Ends returns what is multiplied by first, and last, in a run.
func (c *Conv) Ends() (first, last *gemm.Packed) {
	if c.winograd != nil {
		return c.winograd.Ends()
	}
	return c.kernel, c.kernel
}

// Repack takes over new values of the kernel. Nobody may run c meanwhile.
func (c *Conv) Repack(crew *parallel.Crew, kernel []float32) {
	switch {
	case c.winograd == nil:
		c.kernel.Repack(crew, kernel)
	case !c.winograd.Repack(crew, kernel):
		*c = *newDirect(c.Shape, kernel)
	}
}

// Run convolves n pictures x [n][H][W][Cin], pixels LdX floats apart, into y
// [n][OutH][OutW][Cout], pixels ldy floats apart. The epilogue's rows are y's
// pixels.
func (c *Conv) Run(crew *parallel.Crew, n int, x, y []float32, ldy int, ep gemm.Epilogue) {
	if c.winograd != nil {
		c.winograd.Run(crew, n, x, y, ldy, ep)
		return
	}
	if c.pointwise() {
		c.kernel.Mul(crew, n*c.H*c.W, x, c.ldx(), y, ldy, ep)
		return
	}
	c.kernel.MulRows(crew, c.table.forward(), n, x, c.H*c.W*c.ldx(), y, c.OutH*c.OutW*ldy, ldy, ep)
}
