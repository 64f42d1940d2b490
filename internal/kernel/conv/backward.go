package conv

import (
	"github.com/argus-go/argus/internal/kernel/gemm"
	"github.com/argus-go/argus/internal/parallel"
)

// BackwardKernel computes the gradient with respect to the kernel,
//
//	dk[i][j][ci][co] = Σ x[n][y·StrideH-Top+i][x·StrideW-Left+j][ci]·dy[n][y][x][co]
//
// over pictures and output pixels in this order. x is [n][H][W][Cin], pixels
// LdX floats apart; dy is [n][OutH][OutW][Cout]; dk is overwritten.
func BackwardKernel(crew *parallel.Crew, s Shape, n int, x, dy, dk []float32) {
	s.check()
	if s.pointwise() {
		gemm.Mul(crew, true, false, s.Cin, s.Cout, n*s.H*s.W, x, s.ldx(), dy, s.Cout, dk, s.Cout, false)
		return
	}
	t := tableOf(s)
	if w := t.winogradKernel(); w != nil {
		w.Run(crew, n, x, dy, dk)
		return
	}
	t.backwardKernel(crew, &s, n, x, dy, dk)
}

func (t *table) backwardKernel(crew *parallel.Crew, s *Shape, n int, x, dy, dk []float32) {
	t.forward().TransMul(crew, n, x, s.H*s.W*s.ldx(), s.Cout, dy, s.OutH*s.OutW*s.Cout, s.Cout, dk, s.Cout, false)
}

// BackwardInput computes the gradient with respect to the input: dx[n][H][W]
// of Cin floats, LdX apart, is overwritten; kernel is [KH][KW][Cin][Cout] and
// dy [n][OutH][OutW][Cout].
//
// Input pixels that are equal modulo the strides see the same taps: for each
// such phase it is a convolution of dy with those taps, transposed.
func BackwardInput(crew *parallel.Crew, s Shape, n int, kernel, dy, dx []float32) {
	s.check()
	if s.pointwise() {
		gemm.Mul(crew, false, true, n*s.H*s.W, s.Cin, s.Cout, dy, s.Cout, kernel, s.Cout, dx, s.ldx(), false)
		return
	}
	t := tableOf(s)
	if w := t.winograd(); w != nil {
		w.Run(crew, n, kernel, dy, dx, s.ldx())
		return
	}
	t.backwardInput(crew, &s, n, kernel, dy, dx)
}

func (t *table) backwardInput(crew *parallel.Crew, s *Shape, n int, kernel, dy, dx []float32) {
	for _, p := range t.backward() {
		p.run(crew, s, n, kernel, dy, dx)
	}
}

// A phase is the input pixels (y0+u·StrideH, x0+v·StrideW) for all u, v.
type phase struct {
	y0, x0 int
	taps   []int // numbers of the kernel's taps they see
	rows   *gemm.Rows
}

func phases(s Shape) (list []phase) {
	for y0 := range min(s.StrideH, s.H) {
		for x0 := range min(s.StrideW, s.W) {
			list = append(list, newPhase(&s, y0, x0))
		}
	}
	return list
}

// newPhase finds the output pixel that each tap i, j shows input pixel (y, x)
// to: ((y+Top-i)/StrideH, (x+Left-j)/StrideW), where the strides divide.
func newPhase(s *Shape, y0, x0 int) phase {
	p := phase{y0: y0, x0: x0}
	h, w := (s.H-y0+s.StrideH-1)/s.StrideH, (s.W-x0+s.StrideW-1)/s.StrideW
	var offsets []int32
	for i := (y0 + s.Top) % s.StrideH; i < s.KH; i += s.StrideH {
		for j := (x0 + s.Left) % s.StrideW; j < s.KW; j += s.StrideW {
			p.taps = append(p.taps, i*s.KW+j)
			for u := range h {
				for v := range w {
					y, x := (y0+s.Top-i)/s.StrideH+u, (x0+s.Left-j)/s.StrideW+v
					offsets = append(offsets, offset(y, x, s.OutH, s.OutW, s.Cout))
				}
			}
		}
	}
	if len(p.taps) == 0 { // seen by none: sums of nothing
		p.rows = gemm.NewRows(h*w, 1, 0, make([]int32, h*w))
	} else {
		p.rows = gemm.NewRows(h*w, len(p.taps), s.Cout, offsets)
	}
	p.rows.Line, p.rows.LineStep = w, s.StrideH*s.W*s.ldx()
	return p
}

func (p *phase) run(crew *parallel.Crew, s *Shape, n int, kernel, dy, dx []float32) {
	k := gemm.Lend(len(p.taps)*s.Cout, s.Cin)
	k.PackTaps(crew, kernel, p.taps, s.Cin, s.Cout)
	ld := s.ldx()
	at := (p.y0*s.W + p.x0) * ld
	k.MulRows(crew, p.rows, n, dy, s.OutH*s.OutW*s.Cout, dx[at:], s.H*s.W*ld, s.StrideW*ld, gemm.Epilogue{})
	k.GiveBack()
}
