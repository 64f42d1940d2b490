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
