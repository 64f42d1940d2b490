package winograd

// choose returns the form for a shape, or false where sums of products are
// faster. What was measured is in decision 0014.
func choose(s *Shape) (form, bool) {
	if best == portable || s.Cin < 16 || s.Cout < 16 {
		return form{}, false
	}
	switch [2]int{s.KH, s.KW} {
	case [2]int{3, 3}:
		// The transformed kernel comes from memory: few tiles wait for it.
		if (s.OutH+3)/4*((s.OutW+3)/4) < 25 {
			return form{f23, f23}, true
		}
		return form{f43, f43}, true
	case [2]int{5, 5}:
		return form{f45, f45}, s.Cin <= 128 // errors grow as the root of it, and are the largest
	case [2]int{1, 3}:
		return form{f11, f43}, true
	case [2]int{3, 1}:
		return form{f43, f11}, true
	case [2]int{1, 7}:
		return form{f11, f37}, true
	case [2]int{7, 1}:
		return form{f37, f11}, true
	}
	return form{}, false
}

// changing returns the form in place of f for kernels that change from run to
// run, in training, where a last digit may make another input win a max pool, and
// so move its gradient: nearly as fast, with less to transform, and as exact as sums
// of products; or false for none.
func (f form) changing() (form, bool) {
	switch f {
	case form{f43, f43}:
		return form{f23, f23}, true
	case form{f45, f45}:
		return form{}, false
	}
	return f, true
}

// chooseBackward is choose for the gradient with respect to the kernel, where
// nothing waits for transformed kernels, and on whose digits nothing else builds.
func chooseBackward(s *Shape) (form, bool) {
	f, ok := choose(s)
	if f == (form{f23, f23}) {
		f = form{f43, f43}
	}
	return f, ok
}

const (
	groupBytes = 4 << 20 // about what a group of tiles takes, at most
	mostGroup  = 104     // tiles, of which no more make products faster
	leastGroup = 8       // fewer read the kernel too often
	fewTiles   = 4       // times as many channels of y: those are shared out, not tiles
)

// groupOf returns how many tiles are worked on at a time.
func groupOf(s *Shape, f form) int {
	return min(max(groupBytes/(4*f.points()*(s.Cin+s.Cout)), 26), mostGroup)
}

// For gradients with respect to kernels.
const (
	backwardBytes = 8 << 20 // about what a group of tiles takes, or columns of the gradient
	backwardGroup = 128     // tiles at least, or the gradient is read too often
	backwardStrip = 96      // columns at least, a multiple of all panels of gemm
)

// groupBackward returns how many tiles the gradient takes at a time.
func groupBackward(s *Shape, f form) int {
	return max(backwardBytes/(4*f.points()*(s.Cin+s.Cout)), backwardGroup)
}

// stripOf returns how many columns of the gradient are computed at a time.
func stripOf(s *Shape, f form) int {
	most := max(backwardBytes/(4*f.points()*s.Cin)/backwardStrip, 1)
	return min(most*backwardStrip, s.Cout)
}
