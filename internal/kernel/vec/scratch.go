package vec

import (
	"math/bits"
	"sync"
)

// Scratch lends memory that kernels work in, so that a training step, which runs
// hundreds of them, leaves nothing to collect. What is lent holds any values. It is
// kept by the power of two that it has room for, so that whatever is at hand fits.
type Scratch[T any] struct{ pools [48]sync.Pool }

// Floats and Doubles are what most kernels need.
var (
	Floats  Scratch[float32]
	Doubles Scratch[float64]
)

// Take lends n values.
func (s *Scratch[T]) Take(n int) *[]T {
	class := bits.Len(uint(max(0, n-1)))
	p, ok := s.pools[class].Get().(*[]T)
	if !ok {
		p = new([]T)
		*p = make([]T, 1<<class)
	}
	*p = (*p)[:n]
	return p
}

// TakeZero lends n zeros.
func (s *Scratch[T]) TakeZero(n int) *[]T {
	p := s.Take(n)
	clear(*p)
	return p
}

// Give takes back what was lent.
func (s *Scratch[T]) Give(p *[]T) { s.pools[bits.Len(uint(cap(*p)))-1].Put(p) }
