package main

import "fmt"

// Offsets of the fields of tile (../../gemm/tile.go); of a slice, its pointer.
const (
	fA, fOffs, fZeros, fB, fC, fBias, fAdd    = 0, 24, 48, 72, 96, 120, 144
	fOffStep, fSegs, fSeg, fLdb, fLdc, fAddLd = 192, 200, 208, 216, 224, 232
	fMask, fClamp, fLo, fHi                   = 240, 248, 256, 260
)

// mostRows of a tile, by vectors: 24 sums leave room for two rows of B, so that
// two elements of a row of A come with one load.
var mostRows = []int{1: 12, 2: 12, 3: 8}

// General registers. The rows of A are R1 to R12.
const (
	tileR, kR, bR, countR, offsR, aR, zerosR, stepR, segR = 0, 13, 14, 15, 16, 17, 19, 20, 21
	pR, qR, uR, maskR                                     = 22, 23, 24, 25
)

var lanesOfC = mask{maskR, uR}

// A tile is R rows by N vectors of C, every element in a register.
type tile struct {
	*assembler
	R, N int
	free []int // vector registers that are not sums
}

func newTile(a *assembler, kind string, R, N int) *tile {
	a.function(fmt.Sprintf("neon%s%dx%d", kind, R, N), "t *byte", 8)
	t := &tile{assembler: a, R: R, N: N}
	for v := R * N; v < 32; v++ {
		t.free = append(t.free, v)
	}
	a.do("MOVD t+0(FP), R%d", tileR)
	a.do("MOVD %d(R%d), R%d", fMask, tileR, maskR)
	return t
}

func (t *tile) sum(i, j int) int { return i*t.N + j }

func (t *tile) field(f, r int) { t.do("MOVD %d(R%d), R%d", f, tileR, r) }

// bytes turns the floats in field f into bytes.
func (t *tile) bytes(f, r int) {
	t.field(f, r)
	t.do("LSL $2, R%d, R%d", r, r)
}

// rows visits rows at p, q bytes apart.
func (t *tile) rows(p, q int, f func(i int)) {
	for i := range t.R {
		f(i)
		if i < t.R-1 {
			t.do("ADD R%d, R%d", q, p)
		}
	}
}

// get loads vector j of a row that begins at p.
func (t *tile) get(p, j, v int) {
	if j == t.N-1 {
		t.load(lanesOfC, p, 16*j, v)
	} else {
		t.do("FMOVQ %d(R%d), F%d", 16*j, p, v)
	}
}

// start fills the sums from the bias, or from C.
func (t *tile) start() {
	t.field(fBias, pR)
	t.do("CBZ R%d, fromC", pR)
	for j := range t.N {
		t.get(pR, j, t.sum(0, j))
	}
	for i := 1; i < t.R; i++ {
		for j := range t.N {
			t.copy(t.sum(i, j), t.sum(0, j))
		}
	}
	t.do("JMP started")
	t.label("fromC")
	t.field(fC, pR)
	t.bytes(fLdc, qR)
	t.rows(pR, qR, func(i int) {
		for j := range t.N {
			t.get(pR, j, t.sum(i, j))
		}
	})
	t.label("started")
}

// finish adds, clamps and stores the sums.
func (t *tile) finish() {
	tmp, lo, hi := t.free[0], t.free[1], t.free[2]
	t.field(fAdd, pR)
	t.do("CBZ R%d, added", pR)
	t.bytes(fAddLd, qR)
	t.rows(pR, qR, func(i int) {
		for j := range t.N {
			t.get(pR, j, tmp)
			t.v3("fadd", t.sum(i, j), t.sum(i, j), tmp)
		}
	})
	t.label("added")
	t.field(fClamp, pR)
	t.do("CBZ R%d, clamped", pR)
	t.splat(tileR, fLo, lo)
	t.splat(tileR, fHi, hi)
	for v := range t.R * t.N {
		t.clamp(v, lo, hi, tmp)
	}
	t.label("clamped")
	t.put()
}

// put stores the sums and returns.
func (t *tile) put() {
	t.field(fC, pR)
	t.bytes(fLdc, qR)
	t.rows(pR, qR, func(i int) {
		for j := range t.N {
			if j == t.N-1 {
				t.store(lanesOfC, t.sum(i, j), pR, 16*j)
			} else {
				t.do("FMOVQ F%d, %d(R%d)", t.sum(i, j), 16*j, pR)
			}
		}
	})
	t.do("RET")
}

// pointer finds the piece whose offset is in memory at R16 + disp.
func (t *tile) pointer(disp, r int) {
	t.do("MOVW %d(R%d), R%d", disp, offsR, pR)
	t.do("ADD R%d<<2, R%d, R%d", pR, aR, r)
	t.do("CMP $0, R%d", pR)
	t.do("CSEL LT, R%d, R%d, R%d", zerosR, r, r)
}

// gathered reaches the R rows of A through R pointers, looked up once per
// piece, so that nothing but B is packed.
func gathered(a *assembler, R, N int) {
	t := newTile(a, "Rows", R, N)
	t.start()
	t.field(fSegs, countR)
	t.field(fOffs, offsR)
	t.bytes(fOffStep, stepR)
	t.bytes(fSeg, segR)
	// Pieces end at 0: k counts up to it in bytes.
	for _, end := range [][2]int{{fA, aR}, {fZeros, zerosR}} {
		t.field(end[0], end[1])
		t.do("ADD R%d, R%d", segR, end[1])
	}
	t.field(fB, bR)

	t.label("piece")
	for i := range R {
		t.pointer(4*i, 1+i)
	}
	t.do("ADD R%d, R%d", stepR, offsR)
	t.do("NEG R%d, R%d", segR, kR)
	t.do("TBZ $2, R%d, even", segR)
	t.step("FMOVS", 1)
	t.label("even")
	t.do("CBZ R%d, next", kR)
	t.label("loop")
	t.step("FMOVD", 2)
	t.do("CBNZ R%d, loop", kR)
	t.label("next")
	t.do("SUB $1, R%d", countR)
	t.do("CBNZ R%d, piece", countR)
	t.finish()
}

// step adds the products of n rows of B and the n elements of every row of A
// that one move loads.
func (t *tile) step(move string, n int) {
	b, elems := t.free[:n*t.N], t.free[n*t.N:]
	t.loads(bR, b)
	t.do("ADD $%d, R%d", 16*len(b), bR)
	for i0, most := 0, min(len(elems), 4); i0 < t.R; i0 += most {
		rows := min(most, t.R-i0)
		for i := range rows {
			t.do("%s (R%d)(R%d), F%d", move, 1+i0+i, kR, elems[i])
		}
		for k := range n {
			for i := range rows {
				for j := range t.N {
					t.lane("fmla", t.sum(i0+i, j), b[k*t.N+j], elems[i], k)
				}
			}
		}
	}
	t.do("ADD $%d, R%d", 4*n, kR)
}

// transposed reads R neighbouring elements of a row of A, and looks up one
// pointer per row.
func transposed(a *assembler, R, N int) {
	t := newTile(a, "Trans", R, N)
	b, elems, ptr := t.free[:N], t.free[N:], 1
	t.start()
	t.field(fSegs, countR)
	t.field(fOffs, offsR)
	t.field(fA, aR)
	t.field(fZeros, zerosR)
	t.field(fB, bR)
	t.bytes(fLdb, stepR)
	t.label("loop")
	t.pointer(0, ptr)
	for j := range N {
		t.get(bR, j, b[j])
	}
	t.loads(ptr, elems[:R/4])
	rest := elems[R/4]
	switch at := 4 * (R - R%4); R % 4 {
	case 1:
		t.do("FMOVS %d(R%d), F%d", at, ptr, rest)
	case 2:
		t.do("FMOVD %d(R%d), F%d", at, ptr, rest)
	case 3:
		t.do("FMOVD %d(R%d), F%d", at, ptr, rest)
		t.do("ADD $%d, R%d", at+8, ptr)
		t.do("VLD1 (R%d), V%d.S[2]", ptr, rest)
	}
	for i := range R {
		for j := range N {
			t.lane("fmla", t.sum(i, j), b[j], elems[i/4], i%4)
		}
	}
	t.do("ADD $4, R%d", offsR)
	t.do("ADD R%d, R%d", stepR, bR)
	t.do("SUB $1, R%d", countR)
	t.do("CBNZ R%d, loop", countR)
	t.put()
}

// peakSums are independent multiply-adds: more than any core has under way.
const peakSums = 24

// peak runs n rounds of as many independent multiply-adds as keep a core busy.
func peak(a *assembler) {
	a.function("neonPeak", "n int", 8)
	a.do("MOVD n+0(FP), R0")
	for v := range peakSums + 2 { // zeros: denormals may be slow
		a.zero(v)
	}
	a.label("loop")
	for v := range peakSums {
		a.lane("fmla", v, peakSums, peakSums+1, 0)
	}
	a.do("SUB $1, R0")
	a.do("CBNZ R0, loop")
	a.do("RET")
}

func gemm(a *assembler) {
	for n, most := range mostRows {
		for r := 1; r <= most; r++ {
			gathered(a, r, n)
			transposed(a, r, n)
		}
	}
	peak(a)
}
