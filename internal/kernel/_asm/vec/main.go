// Command vec writes the vector loops of package vec.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/argus-go/argus/internal/kernel/_asm/lanes"
)

type (
	load  = func(i int, r reg.VecPhysical)
	store = func(r reg.VecPhysical, i int)
)

// ptrs makes pointer arguments; a leading dot marks one value per channel.
func ptrs(names ...string) []lanes.Ptr {
	var out []lanes.Ptr
	for _, n := range names {
		p := lanes.Ptr{Name: n}
		if n[0] == '.' {
			p = lanes.Ptr{Name: n[1:], Channel: true}
		}
		out = append(out, p)
	}
	return out
}

func main() {
	ConstraintExpr("!purego")
	lanes.Masks()
	for _, v := range lanes.Both {
		rows(v)
		sums(v)
	}
	transpose()
	Generate()
}

func rows(v lanes.ISA) {
	x, y, z, s, t := v.R(0), v.R(1), v.R(2), v.R(8), v.R(9)
	v.Rows("add", ptrs("a", "b", "y"), nil, nil, func(load load, store store) {
		load(0, x)
		load(1, y)
		VADDPS(y, x, x)
		store(x, 2)
	})
	v.Rows("mul", ptrs("a", "b", "y"), nil, nil, func(load load, store store) {
		load(0, x)
		load(1, y)
		VMULPS(y, x, x)
		store(x, 2)
	})
	v.Rows("mulAdd", ptrs("a", "b", "y"), nil, nil, func(load load, store store) {
		load(0, x)
		load(1, y)
		load(2, z)
		VFMADD231PS(y, x, z)
		store(z, 2)
	})
	v.Rows("scaleAdd", ptrs("a", "b", "y"), []string{"alpha", "beta"}, nil, func(load load, store store) {
		load(0, x)
		load(1, y)
		VMULPS(t, y, y)
		VFMADD231PS(x, s, y)
		store(y, 2)
	})
	v.Rows("axpy", ptrs("x", "y"), []string{"alpha"}, nil, func(load load, store store) {
		load(0, x)
		load(1, y)
		VFMADD231PS(x, s, y)
		store(y, 1)
	})
	v.Rows("scale", ptrs("x", "y"), []string{"alpha"}, nil, func(load load, store store) {
		load(0, x)
		VMULPS(s, x, x)
		store(x, 1)
	})
	v.Rows("mulRows", ptrs("x", ".gate", "y"), nil, nil, func(load load, store store) {
		load(0, x)
		load(1, y)
		VMULPS(y, x, x)
		store(x, 2)
	})
	v.Rows("affine", ptrs("x", ".scale", ".shift", "y"), nil, nil, func(load load, store store) {
		load(0, x)
		load(1, y)
		load(2, z)
		VFMADD231PS(y, x, z)
		store(z, 3)
	})
	v.Rows("affineAdd", ptrs("x", ".scale", "z", ".slope", ".shift", "y"), nil, nil, func(load load, store store) {
		load(2, x)
		load(3, y)
		load(4, z)
		VFMADD231PS(y, x, z)
		load(0, x)
		load(1, y)
		VFMADD231PS(y, x, z)
		store(z, 5)
	})
}

// sums keeps the sums of vector u in register u.
func sums(v lanes.ISA) {
	t, d := v.R(8), v.R(9)
	sum := func(name string, ptrs, fixed []string, step func(u int, m func(int) Mem, tail bool)) {
		acc := len(ptrs) + len(fixed) - 1
		v.Sums(name, lanes.Sum{
			Ptrs: ptrs, Fixed: fixed, Step: step,
			Begin: func(u int, m func(int) Mem, tail bool) { v.Load(m(acc), v.R(u), tail) },
			End:   func(u int, m func(int) Mem, tail bool) { v.Store(v.R(u), m(acc), tail) },
		})
	}
	sum("sumRows", []string{"x"}, []string{"acc"}, func(u int, m func(int) Mem, tail bool) {
		v.Load(m(0), t, tail)
		VADDPS(t, v.R(u), v.R(u))
	})
	sum("sumOff", []string{"x"}, []string{"mean", "acc"}, func(u int, m func(int) Mem, tail bool) {
		v.Load(m(0), t, tail)
		v.Load(m(1), d, tail)
		VSUBPS(d, t, t)
		VADDPS(t, v.R(u), v.R(u))
	})
	sum("sumAbout", []string{"x"}, []string{"mean", "acc"}, func(u int, m func(int) Mem, tail bool) {
		v.Load(m(0), t, tail)
		v.Load(m(1), d, tail)
		VSUBPS(d, t, t)
		VFMADD231PS(t, t, v.R(u))
	})
	sum("dotRows", []string{"a", "b"}, []string{"mean", "acc"}, func(u int, m func(int) Mem, tail bool) {
		v.Load(m(1), t, tail)
		v.Load(m(2), d, tail)
		VSUBPS(d, t, t)
		v.Load(m(0), d, tail)
		VFMADD231PS(d, t, v.R(u))
	})
}

// transpose writes blocks of eight columns of eight rows of src as rows of dst.
// Halves of rows i and i+4 share a register, so that no value has to cross from
// one half to the other.
func transpose() {
	TEXT("transpose8AVX2", NOSPLIT, "func(src, dst *float32, lds, ldd, blocks int)")
	Pragma("noescape")
	src, below, dst := reg.GPPhysical(reg.RSI), reg.GPPhysical(reg.R8), reg.GPPhysical(reg.RDI)
	lds, lds3, ldd, blocks := reg.GPPhysical(reg.RAX), reg.GPPhysical(reg.RBX), reg.GPPhysical(reg.RCX), reg.GPPhysical(reg.RDX)
	Load(Param("src"), src)
	Load(Param("dst"), dst)
	Load(Param("lds"), lds)
	Load(Param("ldd"), ldd)
	Load(Param("blocks"), blocks)
	LEAQ(Mem{Base: lds, Index: lds, Scale: 2}, lds3)
	LEAQ(Mem{Base: src, Index: lds, Scale: 4}, below)
	row := func(base reg.GPPhysical, i, half int) Mem {
		m := Mem{Base: base, Disp: 16 * half}
		if i > 0 {
			m.Index, m.Scale = []reg.GPPhysical{lds, lds, lds3}[i-1], []uint8{1, 2, 1}[i-1]
		}
		return m
	}
	Label("block")
	for half := range 2 {
		y, t, x := lanes.AVX2.R, func(i int) reg.VecPhysical { return lanes.AVX2.R(4 + i) }, []reg.VecPhysical{reg.X0, reg.X1, reg.X2, reg.X3}
		for i := range 4 {
			VMOVUPS(row(src, i, half), x[i])
			VINSERTF128(U8(1), row(below, i, half), y(i), y(i))
		}
		VUNPCKLPS(y(1), y(0), t(0))
		VUNPCKHPS(y(1), y(0), t(1))
		VUNPCKLPS(y(3), y(2), t(2))
		VUNPCKHPS(y(3), y(2), t(3))
		VUNPCKLPD(t(2), t(0), y(0))
		VUNPCKHPD(t(2), t(0), y(1))
		VUNPCKLPD(t(3), t(1), y(2))
		VUNPCKHPD(t(3), t(1), y(3))
		for i := range 4 {
			VMOVUPS(y(i), Mem{Base: dst})
			ADDQ(ldd, dst)
		}
	}
	ADDQ(U8(32), src)
	ADDQ(U8(32), below)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}
