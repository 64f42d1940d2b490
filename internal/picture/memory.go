package picture

import "sync"

// Blank is a picture to be written over: it holds anything.
func Blank(w, h int) *RGB { return &RGB{W: w, H: h, Pix: pixels(3 * w * h)} }

// pixels is memory of n bytes, new or of a picture that was freed.
func pixels(n int) []uint8 {
	pix := spare.Get().(*[]uint8)
	if cap(*pix) < n {
		return make([]uint8, n)
	}
	return (*pix)[:n]
}

// mostSpare is the longest that Free keeps: 16 MB, five million pixels.
const mostSpare = 16 << 20

// Free gives the memory of a picture that nobody uses any more to those to come. It
// need not be called.
func (p *RGB) Free() {
	Reuse(p.Pix)
	p.Pix = nil
}

// Reuse is Free for pixels alone.
func Reuse(pix []uint8) {
	if cap(pix) > 0 && cap(pix) <= mostSpare {
		spare.Put(&pix)
	}
}

var spare = sync.Pool{New: func() any { return new([]uint8) }}
