package main

func vec(a *assembler) {
	const x, y, z, alpha, beta = 0, 1, 2, 31, 30
	type load = func(i, v int)
	type store = func(v, i int)
	a.rows(rowLoop{name: "add", pointers: []string{"a", "b", "y"}, body: func(load load, store store) {
		load(0, x)
		load(1, y)
		a.v3("fadd", x, x, y)
		store(x, 2)
	}})
	a.rows(rowLoop{name: "mul", pointers: []string{"a", "b", "y"}, body: func(load load, store store) {
		load(0, x)
		load(1, y)
		a.v3("fmul", x, x, y)
		store(x, 2)
	}})
	a.rows(rowLoop{name: "mulAdd", pointers: []string{"a", "b", "y"}, body: func(load load, store store) {
		load(0, x)
		load(1, y)
		load(2, z)
		a.mulAdd(z, x, y)
		store(z, 2)
	}})
	a.rows(rowLoop{name: "scaleAdd", pointers: []string{"a", "b", "y"}, floats: []string{"alpha", "beta"}, body: func(load load, store store) {
		load(0, x)
		load(1, y)
		a.v3("fmul", y, y, beta)
		a.mulAdd(y, x, alpha)
		store(y, 2)
	}})
	a.rows(rowLoop{name: "axpy", pointers: []string{"x", "y"}, floats: []string{"alpha"}, body: func(load load, store store) {
		load(0, x)
		load(1, y)
		a.mulAdd(y, x, alpha)
		store(y, 1)
	}})
	a.rows(rowLoop{name: "scale", pointers: []string{"x", "y"}, floats: []string{"alpha"}, body: func(load load, store store) {
		load(0, x)
		a.v3("fmul", x, x, alpha)
		store(x, 1)
	}})
	a.rows(rowLoop{name: "mulRows", pointers: []string{"x", ".gate", "y"}, body: func(load load, store store) {
		load(0, x)
		load(1, y)
		a.v3("fmul", x, x, y)
		store(x, 2)
	}})
	a.rows(rowLoop{name: "affine", pointers: []string{"x", ".scale", ".shift", "y"}, body: func(load load, store store) {
		load(0, x)
		load(1, y)
		load(2, z)
		a.mulAdd(z, x, y)
		store(z, 3)
	}})
	a.rows(rowLoop{name: "affineAdd", pointers: []string{"x", ".scale", "z", ".slope", ".shift", "y"}, body: func(load load, store store) {
		load(2, x)
		load(3, y)
		load(4, z)
		a.mulAdd(z, x, y)
		load(0, x)
		load(1, y)
		a.mulAdd(z, x, y)
		store(z, 5)
	}})

	const t, d = 16, 17
	sum := func(name string, moving, fixed []string, step func(u int, m mover)) {
		acc := len(moving) + len(fixed) - 1
		a.sums(sumLoop{name: name, moving: moving, fixed: fixed, step: step,
			begin: func(u int, m mover) { m.load(acc, u) },
			end:   func(u int, m mover) { m.store(u, acc) },
		})
	}
	sum("sumRows", []string{"x"}, []string{"acc"}, func(u int, m mover) {
		m.load(0, t)
		a.v3("fadd", u, u, t)
	})
	sum("sumOff", []string{"x"}, []string{"mean", "acc"}, func(u int, m mover) {
		m.load(0, t)
		m.load(1, d)
		a.v3("fsub", t, t, d)
		a.v3("fadd", u, u, t)
	})
	sum("sumAbout", []string{"x"}, []string{"mean", "acc"}, func(u int, m mover) {
		m.load(0, t)
		m.load(1, d)
		a.v3("fsub", t, t, d)
		a.mulAdd(u, t, t)
	})
	sum("dotRows", []string{"a", "b"}, []string{"mean", "acc"}, func(u int, m mover) {
		m.load(1, t)
		m.load(2, d)
		a.v3("fsub", t, t, d)
		m.load(0, d)
		a.mulAdd(u, d, t)
	})
}
