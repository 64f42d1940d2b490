package main

func pool(a *assembler) {
	const x, d, t, o, n, zero, size = 16, 17, 18, 19, 20, 21, 31
	window := func(name string, moving, fixed []string, floats []string, begin, step, end func(u int, m mover)) {
		a.sums(sumLoop{name: name, moving: moving, fixed: fixed, floats: floats, cols: true, begin: begin, step: step, end: end})
	}
	nothing := func(int, mover) {}

	window("max", []string{"x"}, []string{"y"}, nil, func(u int, _ mover) {
		a.do("MOVD $0xff800000, R0") // -Inf
		a.do("VDUP R0, V%d.S4", u)
	}, func(u int, m mover) {
		m.load(0, x)
		a.v3("fmax", u, u, x)
	}, func(u int, m mover) { m.store(u, 1) })

	window("avg", []string{"x"}, []string{"y"}, []string{"size"}, func(u int, _ mover) {
		a.zero(u)
	}, func(u int, m mover) {
		m.load(0, x)
		a.v3("fadd", u, u, x)
	}, func(u int, m mover) {
		a.v3("fdiv", u, u, size)
		m.store(u, 1)
	})

	// y is in 0 to 7, and what is left of dy in 8 to 15.
	window("maxBack", []string{"x", "dx"}, []string{"y", "dy"}, nil, func(u int, m mover) {
		a.zero(zero)
		m.load(2, u)
		m.load(3, 8+u)
	}, func(u int, m mover) {
		left := 8 + u
		m.load(0, x)
		m.load(1, d)
		a.v3("fadd", n, d, left)
		a.v3("fcmeq", t, x, u)
		a.v3("fcmeq", o, x, x) // not NaN
		for _, to := range [][2]int{{d, n}, {left, zero}} {
			a.put(to[0], to[1], t)
			a.do("VBIF V%d.B16, V%d.B16, V%d.B16", o, to[1], to[0])
		}
		m.store(d, 1)
	}, nothing)

	window("spread", []string{"dx"}, []string{"dy"}, []string{"size"}, func(u int, m mover) {
		m.load(1, u)
		a.v3("fdiv", u, u, size)
	}, func(u int, m mover) {
		m.load(0, d)
		a.v3("fadd", d, d, u)
		m.store(d, 0)
	}, nothing)
}
