// Package gemm multiplies float32 matrices, row-major with any leading
// dimension, on tiles of registers. A may also be gathered from pieces of a
// picture (Rows), which makes a convolution of it without a copy.
//
// Every element of C is one chain of multiply-adds in the order of k, whatever
// the shape of the tiles and whoever works on them: the bits of a product
// depend on its operands and the instruction set only.
package gemm

import (
	"fmt"
	"math"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// An Epilogue is what happens to a product on its way to C:
//
//	C = Then(clamp(A·B + Bias + Add))
//
// The zero value is the plain product.
type Epilogue struct {
	Bias   []float32 // one a column; nil: none
	Add    []float32 // as many rows as C, AddLd apart (0: as C's); nil: none. It may be C itself.
	AddLd  int
	Lo, Hi float32 // bounds; both 0: none. ReLU is 0, +Inf, ReLU6 is 0, 6. NaN stays NaN.

	// Then, unless nil, replaces each of some values of C by a function of it:
	// rows of width values, ld apart. It is called for pieces of C that have just
	// been written, on any thread of the crew.
	Then func(rows, width int, c []float32, ld int)

	// Accumulate starts from what C holds, in place of Bias, which must be nil.
	Accumulate bool
}

// bounds returns the clamp to apply, and whether there is one.
func (e *Epilogue) bounds() (lo, hi float32, clamp bool) {
	if e.Lo == 0 && e.Hi == 0 {
		return float32(math.Inf(-1)), float32(math.Inf(1)), false
	}
	return e.Lo, e.Hi, true
}

func (e *Epilogue) check(n int) {
	if e.Bias != nil && len(e.Bias) < n {
		panic(fmt.Sprintf("gemm: bias has %d elements, C has %d columns", len(e.Bias), n))
	}
	if e.Bias != nil && e.Accumulate {
		panic("gemm: bias and accumulate exclude each other")
	}
}

// Mul computes the m×n matrix C = op(A)·op(B), or adds it to C, where op(A) is
// m×k and op(B) k×n: as stored, or transposed.
func Mul(crew *parallel.Crew, transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, accumulate bool) {
	if m == 0 || n == 0 {
		return
	}
	if transA && !transB {
		if k == 0 {
			clearUnless(accumulate, c, m, n, ldc)
			return
		}
		rows := strided(k, m, lda, depthT)
		rows.TransMul(crew, 1, a, 0, n, b, 0, ldb, c, ldc, accumulate)
		rows.free()
		return
	}
	if transA {
		t := vec.Floats.Take(m * k)
		vec.Transpose(a, lda, k, m, *t, k)
		Mul(crew, false, true, m, n, k, *t, k, b, ldb, c, ldc, accumulate)
		vec.Floats.Give(t)
		return
	}
	mulPacking(crew, transB, m, n, k, a, lda, b, ldb, c, ldc, accumulate)
}

// packFloats bounds the panels that mulPacking holds at a time.
const packFloats = 1 << 20

// mulPacking multiplies by B in pieces of K and N, packing each.
func mulPacking(crew *parallel.Crew, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, accumulate bool) {
	if k == 0 {
		clearUnless(accumulate, c, m, n, ldc)
		return
	}
	kc := min(k, depth)
	nc := max(packFloats/kc/wide*wide, wide)
	p := Lend(kc, min(nc, n))
	for k0 := 0; k0 < k; k0 += kc {
		for n0 := 0; n0 < n; n0 += nc {
			at := k0*ldb + n0
			if transB {
				at = n0*ldb + k0
			}
			p.pack(crew, b[at:], min(kc, k-k0), min(nc, n-n0), ldb, transB)
			p.Mul(crew, m, a[k0:], lda, c[n0:], ldc, Epilogue{Accumulate: accumulate || k0 > 0})
		}
	}
	p.GiveBack()
}

// clearUnless is a product of no columns.
func clearUnless(accumulate bool, c []float32, m, n, ldc int) {
	for i := range m {
		if !accumulate {
			clear(c[i*ldc:][:n])
		}
	}
}
