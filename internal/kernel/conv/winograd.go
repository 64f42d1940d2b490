package conv

import "github.com/argus-go/argus/internal/kernel/winograd"

// newWinograd returns the convolution in Winograd's form, or nil where s has
// strides or the sum of products is faster.
func newWinograd(s Shape, kernel []float32) *winograd.Conv {
	if w, ok := s.winograd(); ok {
		return winograd.New(w, kernel)
	}
	return nil
}

// newWinogradBackward is newWinograd for the gradient with respect to the
// input.
func newWinogradBackward(s Shape) *winograd.Backward {
	if w, ok := s.winograd(); ok {
		return winograd.NewBackward(w)
	}
	return nil
}

// newWinogradBackwardKernel is newWinograd for the gradient with respect to the
// kernel.
func newWinogradBackwardKernel(s Shape) *winograd.BackwardKernel {
	if w, ok := s.winograd(); ok {
		return winograd.NewBackwardKernel(w)
	}
	return nil
}

// winograd is the shape for package winograd, which has no strides.
func (s *Shape) winograd() (w winograd.Shape, ok bool) {
	return winograd.Shape{
		H: s.H, W: s.W, Cin: s.Cin, Cout: s.Cout, KH: s.KH, KW: s.KW,
		Top: s.Top, Left: s.Left, OutH: s.OutH, OutW: s.OutW, LdX: s.ldx(),
	}, s.StrideH == 1 && s.StrideW == 1
}
