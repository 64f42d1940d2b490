package main

import (
	"fmt"
	"strings"
)

// General registers of loops over values; pointers are R1 to R6.
const (
	rowsR, colsR, leftR, backR, skipR, rowR, ldR = 10, 11, 12, 13, 14, 15, 16
	lineR                                        = 20 // and on: a pointer each
	curR                                         = 22 // likewise
	modeR                                        = 25
)

// A parameters writes the parameter list of a function, and loads from it.
type parameters struct {
	list []string
	at   map[string]int
	size int
}

func (p *parameters) add(typ string, size int, names ...string) {
	if len(names) == 0 {
		return
	}
	p.list = append(p.list, strings.Join(names, ", ")+" "+typ)
	for _, n := range names {
		p.at[n] = p.size
		p.size += size
	}
}

// take loads integer or pointer n.
func (a *assembler) take(p *parameters, n string, r int) {
	a.do("MOVD %s+%d(FP), R%d", n, p.at[n], r)
}

// begin writes the head of a function of pointers, integers and floats, of
// which pointer i goes to register 1+i and float i is spread over vector 31-i.
func (a *assembler) begin(name string, pointers, ints, floats []string) *parameters {
	p := &parameters{at: map[string]int{}}
	p.add("*float32", 8, pointers...)
	p.add("int", 8, ints...)
	p.add("float32", 4, floats...)
	a.function(name, strings.Join(p.list, ", "), p.size)
	for i, n := range pointers {
		a.take(p, n, 1+i)
	}
	for i, n := range floats {
		a.do("FMOVS %s+%d(FP), F%d", n, p.at[n], 31-i)
		a.do("VDUP V%d.S[0], V%d.S4", 31-i, 31-i)
	}
	return p
}

// lastLanes makes the mask of the first c&3 lanes.
func (a *assembler) lastLanes(c int) mask {
	m := mask{reg: 17, tmp: 19}
	a.do("AND $3, R%d, R%d", c, m.tmp)
	a.do("MOVD $1, R%d", m.reg)
	a.do("LSL R%d, R%d", m.tmp, m.reg)
	a.do("SUB $1, R%d", m.reg)
	return m
}

// A rowLoop is a function of pointers, rows, c, with strips ld, and floats: body over every
// vector of rows of c values, ld apart where there are strips. A pointer with a
// dot before its name is to one row, the same for all.
type rowLoop struct {
	name     string
	pointers []string
	floats   []string
	strips   bool
	flush    bool // denormal numbers count as zero
	setup    func()
	body     func(load func(i, v int), store func(v, i int))
}

func (a *assembler) rows(l rowLoop) {
	names := make([]string, len(l.pointers))
	for i, n := range l.pointers {
		names[i] = strings.TrimPrefix(n, ".")
	}
	ints := []string{"rows", "c"}
	if l.strips {
		ints = append(ints, "ld")
	}
	p := a.begin(l.name+"NEON", names, ints, l.floats)
	a.take(p, "rows", rowsR)
	a.take(p, "c", leftR)
	tail := a.lastLanes(leftR)
	// Pointers have gone so many bytes when a row ends.
	a.do("LSR $2, R%d, R%d", leftR, backR)
	a.do("LSL $4, R%d", backR)
	last := ints[len(ints)-1]
	a.take(p, last, skipR)
	a.do("LSL $2, R%d", skipR)
	a.do("SUB R%d, R%d", backR, skipR)
	if l.flush {
		a.flushToZero()
	}
	if l.setup != nil {
		l.setup()
	}
	whole := func(n int) {
		for u := range n {
			l.body(func(i, v int) { a.do("FMOVQ %d(R%d), F%d", 16*u, 1+i, v) },
				func(v, i int) { a.do("FMOVQ F%d, %d(R%d)", v, 16*u, 1+i) })
		}
		for i := range names {
			a.do("ADD $%d, R%d", 16*n, 1+i)
		}
	}
	a.label("row")
	a.take(p, "c", leftR)
	for _, n := range []int{4, 1} {
		loop, less := fmt.Sprintf("by%d", n), fmt.Sprintf("less%d", n)
		a.do("SUBS $%d, R%d", 4*n, leftR)
		a.do("BLT %s", less)
		a.label(loop)
		whole(n)
		a.do("SUBS $%d, R%d", 4*n, leftR)
		a.do("BGE %s", loop)
		a.label(less)
		a.do("ADDS $%d, R%d", 4*n, leftR)
	}
	a.do("BEQ next")
	l.body(func(i, v int) { a.load(tail, 1+i, 0, v) }, func(v, i int) { a.store(tail, v, 1+i, 0) })
	a.label("next")
	for i, n := range l.pointers {
		if strings.HasPrefix(n, ".") {
			a.do("SUB R%d, R%d", backR, 1+i)
		} else {
			a.do("ADD R%d, R%d", skipR, 1+i)
		}
	}
	a.do("SUBS $1, R%d", rowsR)
	a.do("BNE row")
	if l.flush {
		a.restoreMode()
	}
	a.do("RET")
}

// A sumLoop is a loop over windows of rows×cols pixels that keeps up to eight
// vectors of channels in registers: vector u of what it sums in u, or 8+u.
type sumLoop struct {
	name   string
	moving []string // from pixel to pixel
	fixed  []string // one value per channel
	floats []string
	cols   bool // whether a window has columns, or rows alone
	// load and store move vector u of pointer i: moving, then fixed.
	begin, end func(u int, move mover)
	step       func(u int, move mover)
}

type mover struct {
	load  func(i, v int)
	store func(v, i int)
}

// sums writes the function of moving and fixed, rows, [cols, row,] ld, c int and
// floats: row and ld are bytes between rows and between pixels.
func (a *assembler) sums(l sumLoop) {
	names := append(append([]string{}, l.moving...), l.fixed...)
	ints := []string{"rows", "ld", "c"}
	if l.cols {
		ints = []string{"rows", "cols", "row", "ld", "c"}
	}
	p := a.begin(l.name+"NEON", names, ints, l.floats)
	a.take(p, "c", leftR)
	tail := a.lastLanes(leftR)
	if l.cols {
		a.take(p, "row", rowR)
	}
	a.take(p, "ld", ldR)
	block := func(label string, n int, partly bool) {
		move := func(u int, inside bool) mover {
			reg := func(i int) int {
				if inside && i < len(l.moving) {
					return curR + i
				}
				return 1 + i
			}
			if partly {
				return mover{func(i, v int) { a.load(tail, reg(i), 0, v) }, func(v, i int) { a.store(tail, v, reg(i), 0) }}
			}
			return mover{func(i, v int) { a.do("FMOVQ %d(R%d), F%d", 16*u, reg(i), v) },
				func(v, i int) { a.do("FMOVQ F%d, %d(R%d)", v, 16*u, reg(i)) }}
		}
		for u := range n {
			l.begin(u, move(u, false))
		}
		a.take(p, "rows", rowsR)
		start := lineR
		if !l.cols {
			start = curR
		}
		for i := range l.moving {
			a.do("MOVD R%d, R%d", 1+i, start+i)
		}
		if l.cols {
			a.label(label + "Row")
			for i := range l.moving {
				a.do("MOVD R%d, R%d", lineR+i, curR+i)
			}
			a.take(p, "cols", colsR)
		}
		a.label(label + "Pixel")
		for u := range n {
			l.step(u, move(u, true))
		}
		for i := range l.moving {
			a.do("ADD R%d, R%d", ldR, curR+i)
		}
		if l.cols {
			a.do("SUBS $1, R%d", colsR)
			a.do("BNE %sPixel", label)
			for i := range l.moving {
				a.do("ADD R%d, R%d", rowR, lineR+i)
			}
			a.do("SUBS $1, R%d", rowsR)
			a.do("BNE %sRow", label)
		} else {
			a.do("SUBS $1, R%d", rowsR)
			a.do("BNE %sPixel", label)
		}
		for u := range n {
			l.end(u, move(u, false))
		}
	}
	for _, n := range []int{8, 2, 1} {
		label := fmt.Sprintf("by%d", n)
		a.label(label)
		a.do("CMP $%d, R%d", 4*n, leftR)
		a.do("BLT %sNot", label)
		block(label, n, false)
		for i := range names {
			a.do("ADD $%d, R%d", 16*n, 1+i)
		}
		a.do("SUB $%d, R%d", 4*n, leftR)
		a.do("JMP %s", label)
		a.label(label + "Not")
	}
	a.do("CBZ R%d, done", leftR)
	block("tail", 1, true)
	a.label("done")
	a.do("RET")
}
