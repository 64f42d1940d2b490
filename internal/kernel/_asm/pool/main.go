// Command pool writes the loops over pooling windows.
package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/argus-go/argus/internal/kernel/_asm/lanes"
)

func main() {
	ConstraintExpr("!purego")
	lanes.Masks()
	lowest := GLOBL("lowest", 24) // RODATA|NOPTR
	DATA(0, U32(math.Float32bits(float32(math.Inf(-1)))))
	for _, v := range lanes.Both {
		maximum(v, lowest)
		average(v)
		maximumBack(v)
		spread(v)
	}
	Generate()
}

const ord, unord, equal = 7, 3, 0 // comparison predicates

// maximum keeps the maxima of vector u in register u. On AVX2 registers 4 to
// 7 remember NaN; on AVX-512 a lane that is NaN takes no more.
func maximum(v lanes.ISA, lowest Mem) {
	x, t := v.R(8), v.R(9)
	v.Sums("max", lanes.Sum{
		Ptrs: []string{"x"}, Fixed: []string{"y"}, Cols: true,
		Begin: func(u int, m func(int) Mem, tail bool) {
			VBROADCASTSS(lowest, v.R(u))
			if !v.Wide() {
				VXORPS(v.R(4+u), v.R(4+u), v.R(4+u))
			}
		},
		Step: func(u int, m func(int) Mem, tail bool) {
			v.Load(m(0), x, tail)
			if v.Wide() {
				VCMPPS(U8(ord), v.R(u), v.R(u), reg.K2)
				VMAXPS(x, v.R(u), reg.K2, v.R(u))
				return
			}
			VMAXPS(x, v.R(u), v.R(u))
			VCMPPS(U8(unord), x, x, t)
			VORPS(t, v.R(4+u), v.R(4+u))
		},
		End: func(u int, m func(int) Mem, tail bool) {
			if !v.Wide() {
				VORPS(v.R(4+u), v.R(u), v.R(u))
			}
			v.Store(v.R(u), m(1), tail)
		},
	})
}

// average sums and divides by the size of the window.
func average(v lanes.ISA) {
	x, size := v.R(8), v.R(14)
	v.Sums("avg", lanes.Sum{
		Ptrs: []string{"x"}, Fixed: []string{"y"}, Scalars: []string{"size"}, Cols: true,
		Begin: func(u int, m func(int) Mem, tail bool) { VXORPS(v.R(u), v.R(u), v.R(u)) },
		Step: func(u int, m func(int) Mem, tail bool) {
			v.Load(m(0), x, tail)
			VADDPS(x, v.R(u), v.R(u))
		},
		End: func(u int, m func(int) Mem, tail bool) {
			VDIVPS(size, v.R(u), v.R(u))
			v.Store(v.R(u), m(1), tail)
		},
	})
}

// maximumBack holds y in registers 0 to 3 and what is left of dy in 4 to 7.
func maximumBack(v lanes.ISA) {
	x, d, t, n := v.R(8), v.R(9), v.R(10), v.R(11)
	v.Sums("maxBack", lanes.Sum{
		Ptrs: []string{"x", "dx"}, Fixed: []string{"y", "dy"}, Cols: true,
		Begin: func(u int, m func(int) Mem, tail bool) {
			v.Load(m(2), v.R(u), tail)
			v.Load(m(3), v.R(4+u), tail)
		},
		Step: func(u int, m func(int) Mem, tail bool) {
			y, left := v.R(u), v.R(4+u)
			v.Load(m(0), x, tail)
			v.Load(m(1), d, tail)
			if v.Wide() {
				VCMPPS(U8(equal), y, x, reg.K2)
				VCMPPS(U8(unord), x, x, reg.K3)
				KORW(reg.K2, reg.K3, reg.K2)
				VADDPS(left, d, reg.K2, d)
				VXORPS(left, left, reg.K2, left)
			} else {
				VCMPPS(U8(equal), y, x, t)
				VCMPPS(U8(unord), x, x, n)
				VORPS(n, t, t)
				VANDPS(left, t, n)
				VADDPS(n, d, d)
				VANDNPS(left, t, left)
			}
			v.Store(d, m(1), tail)
		},
		End: func(u int, m func(int) Mem, tail bool) {},
	})
}

// spread adds dy divided by the window's size to every pixel.
func spread(v lanes.ISA) {
	d, size := v.R(8), v.R(14)
	v.Sums("spread", lanes.Sum{
		Ptrs: []string{"dx"}, Fixed: []string{"dy"}, Scalars: []string{"size"}, Cols: true,
		Begin: func(u int, m func(int) Mem, tail bool) {
			v.Load(m(1), v.R(u), tail)
			VDIVPS(size, v.R(u), v.R(u))
		},
		Step: func(u int, m func(int) Mem, tail bool) {
			v.Load(m(0), d, tail)
			VADDPS(v.R(u), d, d)
			v.Store(d, m(0), tail)
		},
		End: func(u int, m func(int) Mem, tail bool) {},
	})
}
