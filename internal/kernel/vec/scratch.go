package vec

import "sync"

// Scratch lends memory that kernels work in, so that a training step, which runs
// hundreds of them, leaves nothing to collect. What is lent holds any values.
type Scratch[T any] struct{ pool sync.Pool }

// Floats and Doubles are what most kernels need.
var (
	Floats  Scratch[float32]
	Doubles Scratch[float64]
)

// Take lends n values.
func (s *Scratch[T]) Take(n int) *[]T {
	p, ok := s.pool.Get().(*[]T)
	if !ok {
		p = new([]T)
	}
	if cap(*p) < n {
		*p = make([]T, n)
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
func (s *Scratch[T]) Give(p *[]T) { s.pool.Put(p) }
