package conv

import "github.com/argus-go/argus/internal/kernel/winograd"

// newWinograd returns the convolution in Winograd's form, or nil where s has
// strides or the sum of products is faster.
func newWinograd(s Shape, kernel []float32) *winograd.Conv {
	if s.StrideH != 1 || s.StrideW != 1 {
		return nil
	}
	return winograd.New(s.winograd(), kernel)
}

// newWinogradBackward is newWinograd for the gradient with respect to the
// input.
func newWinogradBackward(s Shape) *winograd.Backward {
	if s.StrideH != 1 || s.StrideW != 1 {
		return nil
	}
	return winograd.NewBackward(s.winograd())
}

// newWinogradBackwardKernel is newWinograd for the gradient with respect to the
// kernel.
func newWinogradBackwardKernel(s Shape) *winograd.BackwardKernel {
	if s.StrideH != 1 || s.StrideW != 1 {
		return nil
	}
	return winograd.NewBackwardKernel(s.winograd())
}

func (s *Shape) winograd() winograd.Shape {
	return winograd.Shape{
		H: s.H, W: s.W, Cin: s.Cin, Cout: s.Cout, KH: s.KH, KW: s.KW,
		Top: s.Top, Left: s.Left, OutH: s.OutH, OutW: s.OutW, LdX: s.ldx(),
	}
}
