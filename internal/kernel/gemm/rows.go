package gemm

import (
	"fmt"
	"math"
	"sync"
)

// Rows says how the rows of a matrix A, M for each of a batch of images, are
// gathered: row i is Segs pieces of Seg floats each, of which piece s begins
// Offsets[s*M+i] floats into the image, or is all zeros where that is
// negative. A has Segs·Seg columns.
type Rows struct {
	M, Segs, Seg int
	Offsets      []int32

	// Rows of C come in lines of Line (0: M) that begin LineStep floats apart;
	// within a line they are ldc apart.
	Line, LineStep int

	reach  int // floats of an image that pieces lie in
	zeros  []float32
	plain  bool // a matrix as it is, its rows step apart: Offsets[i] is i·step for the first filled
	step   int
	filled int
}

// NewRows checks the offsets and returns them as Rows.
func NewRows(m, segs, seg int, offsets []int32) *Rows {
	if segs < 1 || len(offsets) != m*segs {
		panic(fmt.Sprintf("gemm: %d offsets for %d rows of %d pieces", len(offsets), m, segs))
	}
	r := &Rows{M: m, Segs: segs, Seg: seg, Offsets: offsets, zeros: make([]float32, max(seg, 16))}
	for _, o := range offsets {
		if o >= 0 {
			r.reach = max(r.reach, int(o)+seg)
		}
	}
	return r
}

var plainRows = sync.Pool{New: func() any { return &Rows{Segs: 1, plain: true, zeros: make([]float32, 16)} }}

// strided borrows the rows of a plain m×k matrix, lda apart; tiles may take n
// of them at a time.
func strided(m, k, lda, n int) *Rows {
	if n = min(n, m); lda > math.MaxInt32/n {
		panic(fmt.Sprintf("gemm: rows are %d apart, the most is %d", lda, math.MaxInt32/n))
	}
	r := plainRows.Get().(*Rows)
	r.M, r.Seg = m, k
	if len(r.Offsets) < n {
		r.Offsets = make([]int32, n)
	}
	if r.step != lda || r.filled < n {
		for i := range r.Offsets[:n] {
			r.Offsets[i] = int32(i * lda)
		}
		r.step, r.filled = lda, n
	}
	return r
}

func (r *Rows) free() { plainRows.Put(r) }

// at returns image b of a from row i on, and the offsets of the first pieces.
func (r *Rows) at(a []float32, image, b, i int) ([]float32, []int32) {
	if r.plain {
		return a[i*r.step:], r.Offsets
	}
	return a[b*image:], r.Offsets[i:]
}

// check panics where a does not hold n images.
func (r *Rows) check(n int, a []float32, image int) {
	need := (n-1)*image + r.reach
	if r.plain {
		need = (r.M-1)*r.step + r.Seg
	}
	if len(a) < need {
		panic(fmt.Sprintf("gemm: A has %d elements, %d×%d rows need %d", len(a), n, r.M, need))
	}
}
