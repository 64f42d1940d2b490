package parallel

import "sync"

// Each is c.Do for f(a, 0) … f(a, n-1). Where f is no closure, a call allocates
// nothing.
func Each[A any](c *Crew, n int, a A, f func(a A, i int)) {
	if !c.shares(n) {
		for i := range n {
			f(a, i)
		}
		return
	}
	b := borrow[A]()
	b.a, b.each = a, f
	c.do(n, b)
	b.giveBack()
}

// Spans calls f(a, lo, hi) for [0, n) in consecutive spans of the given length,
// in any order and on any thread of c. Where f is no closure, a call allocates
// nothing.
func Spans[A any](c *Crew, n, span int, a A, f func(a A, lo, hi int)) {
	tasks := (n + span - 1) / span
	if !c.shares(tasks) {
		for lo := 0; lo < n; lo += span {
			f(a, lo, min(n, lo+span))
		}
		return
	}
	b := borrow[A]()
	b.a, b.spans, b.span, b.n = a, f, span, n
	c.do(tasks, b)
	b.giveBack()
}

// A box is a function with its argument, kept for the next call with an argument
// of this type.
type box[A any] struct {
	a       A
	each    func(a A, i int)
	spans   func(a A, lo, hi int)
	span, n int
	home    *sync.Pool
}

func (b *box[A]) run(i int) {
	if b.spans == nil {
		b.each(b.a, i)
		return
	}
	lo := i * b.span
	b.spans(b.a, lo, min(b.n, lo+b.span))
}

// boxes are those that nobody uses: a *sync.Pool of a type's under its nil pointer.
var boxes sync.Map

func borrow[A any]() *box[A] {
	at, ok := boxes.Load((*A)(nil))
	if !ok {
		at, _ = boxes.LoadOrStore((*A)(nil), new(sync.Pool))
	}
	home := at.(*sync.Pool)
	if b, ok := home.Get().(*box[A]); ok {
		return b
	}
	return &box[A]{home: home}
}

func (b *box[A]) giveBack() {
	*b = box[A]{home: b.home}
	b.home.Put(b)
}
