// Command winograd writes the transforms of package winograd: of a tile of
// pixels to elements, and of a tile of elements to pixels, a vector of channels
// at a time.
package main

import (
	"fmt"
	"math"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/argus-go/argus/internal/kernel/_asm/lanes"
)

// Offsets of the fields of type tile in the package; of a slice, its pointer.
const (
	fPix, fAt, fOffs, fNone, fFlat, fPlane, fTmp, fBias, fC = 0, 24, 32, 56, 80, 104, 112, 136, 160
	fLo, fHi                                                = 168, 172
)

var (
	task  = reg.GPPhysical(reg.R14)
	ptr   = reg.GPPhysical(reg.RAX)
	left  = reg.GPPhysical(reg.RBX)
	flat  = reg.GPPhysical(reg.RDX)
	at    = reg.GPPhysical(reg.RSI)
	tmp   = reg.GPPhysical(reg.RDI)
	plane = reg.GPPhysical(reg.R8)
	elem  = reg.GPPhysical(reg.R9)
	bias  = reg.GPPhysical(reg.R10)
)

// constants are coefficients, one line of equal numbers each.
type constants struct {
	table Mem
	list  []float32
}

func (k *constants) add(c float64) {
	f := float32(math.Abs(c))
	if f == 0 || f == 1 || slices.Contains(k.list, f) {
		return
	}
	i := len(k.list)
	k.list = append(k.list, f)
	for l := range 16 {
		DATA(64*i+4*l, U32(math.Float32bits(f)))
	}
}

// A writer writes one function for one instruction set.
type writer struct {
	lanes.ISA
	k     *constants
	d     []reg.VecPhysical // what a line is made of
	temps []reg.VecPhysical
	held  map[float32]reg.VecPhysical // constants in registers
	next  int
}

// newWriter gives n registers to a line's operands, four to its results, own
// to the caller, and the rest to the constants of the matrices.
func newWriter(v lanes.ISA, k *constants, n, own int, ms ...[][]float64) (*writer, []reg.VecPhysical) {
	count, used := 32, 0
	if !v.Wide() {
		count = 15 // the last is the tail's mask
	}
	take := func(n int) (r []reg.VecPhysical) {
		for range n {
			r = append(r, v.R(used))
			used++
		}
		return r
	}
	w := &writer{ISA: v, k: k, held: map[float32]reg.VecPhysical{}}
	w.d = take(n)
	mine := take(own)
	w.temps = take(min(4, count-used))
	var all []float32
	for _, m := range ms {
		for _, row := range m {
			for _, c := range row {
				if f := float32(math.Abs(c)); f != 0 && f != 1 && !slices.Contains(all, f) {
					all = append(all, f)
				}
			}
		}
	}
	for _, f := range all {
		if used < count {
			w.held[f] = take(1)[0]
		}
	}
	return w, mine
}

// hold loads the constants that have registers.
func (w *writer) hold() {
	for i, f := range w.k.list {
		if r, ok := w.held[f]; ok {
			VMOVUPS(w.constant(i), r)
		}
	}
}

func (w *writer) constant(i int) Mem { return w.k.table.Offset(64 * i) }

// operand is where the size of c is.
func (w *writer) operand(c float64) Op {
	f := float32(math.Abs(c))
	if r, ok := w.held[f]; ok {
		return r
	}
	return w.constant(slices.Index(w.k.list, f))
}

// line computes m·d, and hands each element to emit: the first term that is
// taken as it is, the others of size one, then the rest.
func (w *writer) line(m [][]float64, emit func(i int, r reg.VecPhysical)) {
	for i, row := range m {
		var order []int
		for _, kind := range []func(c float64) bool{
			func(c float64) bool { return c == 1 },
			func(c float64) bool { return c == -1 },
			func(c float64) bool { return c != 0 && math.Abs(c) != 1 },
		} {
			for j, c := range row {
				if kind(c) {
					order = append(order, j)
				}
			}
		}
		emit(i, w.sum(row, order))
	}
}

// sum adds the terms of a row in the given order, of which the first has the
// coefficient 1.
func (w *writer) sum(row []float64, order []int) reg.VecPhysical {
	first := order[0]
	if row[first] != 1 {
		panic(fmt.Sprintf("no coefficient of %v is 1", row))
	}
	r := w.d[first]
	if len(order) == 1 {
		return r
	}
	t := w.temps[w.next%len(w.temps)]
	w.next++
	for _, j := range order[1:] {
		switch c := row[j]; {
		case c == 1:
			VADDPS(w.d[j], r, t)
		case c == -1:
			VSUBPS(w.d[j], r, t)
		default:
			if r != t {
				VMOVAPS(r, t)
			}
			if c > 0 {
				VFMADD231PS(w.operand(c), w.d[j], t)
			} else {
				VFNMADD231PS(w.operand(c), w.d[j], t)
			}
		}
		r = t
	}
	return r
}

// begin finds the pixels and loads what the loop needs.
func begin(w *writer, name string, pixels int) (pointer func(i int) Mem) {
	TEXT(name+w.Name, NOSPLIT, "func(t *byte)")
	Pragma("noescape")
	table := AllocLocal(8 * pixels)
	Load(Param("t"), task)
	MOVQ(lanes.At(task, fC), left)
	w.Tail(left, ptr)
	base, none, offs := elem, plane, tmp
	MOVQ(lanes.At(task, fAt), base)
	SHLQ(U8(2), base)
	ADDQ(lanes.At(task, fPix), base)
	MOVQ(lanes.At(task, fNone), none)
	MOVQ(lanes.At(task, fOffs), offs)
	for i := range pixels {
		r := []reg.GPPhysical{ptr, reg.RCX, flat}[i%3]
		MOVQ(lanes.At(offs, 8*i), r)
		TESTQ(r, r)
		LEAQ(Mem{Base: base, Index: r, Scale: 4}, r)
		CMOVQMI(none, r)
		MOVQ(r, table.Offset(8*i))
	}
	MOVQ(lanes.At(task, fFlat), flat)
	MOVQ(lanes.At(task, fPlane), plane)
	SHLQ(U8(2), plane)
	MOVQ(lanes.At(task, fTmp), tmp)
	w.hold()
	XORQ(at, at)
	return func(i int) Mem { return table.Offset(8 * i) }
}

// vectors runs body for every vector of channels.
func vectors(v lanes.ISA, body func(tail bool)) {
	Label("loop")
	CMPQ(left, U8(uint8(v.Lanes)))
	JL(LabelRef("tail"))
	body(false)
	ADDQ(U8(uint8(v.Bytes())), at)
	ADDQ(U8(uint8(v.Bytes())), flat)
	SUBQ(U8(uint8(v.Lanes)), left)
	JMP(LabelRef("loop"))
	Label("tail")
	TESTQ(left, left)
	JZ(LabelRef("done"))
	body(true)
	Label("done")
	VZEROUPPER()
	RET()
}

func pixel() Mem { return Mem{Base: ptr, Index: at, Scale: 1} }

// elements writes the transform of pixels to elements by one matrix down the
// columns, then by the other across.
func elements(v lanes.ISA, k *constants, name string, down, across [][]float64) {
	rows, cols := len(down), len(across)
	h, n := len(down[0]), len(across[0])
	w, _ := newWriter(v, k, max(h, n), 0, down, across)
	pointer := begin(w, name+size(rows, cols), h*n)
	room := func(i, j int) Mem { return lanes.At(tmp, v.Bytes()*(i*n+j)) }
	vectors(v, func(tail bool) {
		if rows > 1 {
			for j := range n {
				for i := range h {
					MOVQ(pointer(i*n+j), ptr)
					v.Load(pixel(), w.d[i], tail)
				}
				w.line(down, func(i int, r reg.VecPhysical) { VMOVUPS(r, room(i, j)) })
			}
		}
		MOVQ(flat, elem)
		for i := range rows {
			for j := range n {
				if rows > 1 {
					VMOVUPS(room(i, j), w.d[j])
				} else {
					MOVQ(pointer(j), ptr)
					v.Load(pixel(), w.d[j], tail)
				}
			}
			w.line(across, func(j int, r reg.VecPhysical) {
				VMOVUPS(r, Mem{Base: elem})
				ADDQ(plane, elem)
			})
		}
	})
}

// from writes the transform of elements to pixels, with bias and clamp.
func from(v lanes.ISA, k *constants, down, across [][]float64) {
	h, n := len(down[0]), len(across[0])
	oh, on := len(down), len(across)
	w, own := newWriter(v, k, max(h, n), 3, down, across)
	b, lo, hi := own[0], own[1], own[2]
	pointer := begin(w, "from"+size(h, n), oh*on)
	MOVQ(lanes.At(task, fBias), bias)
	VBROADCASTSS(lanes.At(task, fLo), lo)
	VBROADCASTSS(lanes.At(task, fHi), hi)
	room := func(i, j int) Mem { return lanes.At(tmp, v.Bytes()*(i*on+j)) }
	vectors(v, func(tail bool) {
		v.Load(Mem{Base: bias, Index: at, Scale: 1}, b, tail)
		put := func(i int, r reg.VecPhysical) {
			t := w.temps[0]
			if slices.Contains(w.temps, r) {
				t = r
			}
			VADDPS(b, r, t)
			VMAXPS(t, lo, t) // NaN stays: the second source wins
			VMINPS(t, hi, t)
			MOVQ(pointer(i), ptr)
			v.Store(t, pixel(), tail)
		}
		MOVQ(flat, elem)
		for i := range h {
			for j := range n {
				VMOVUPS(Mem{Base: elem}, w.d[j])
				if i+1 < h || j+1 < n {
					ADDQ(plane, elem)
				}
			}
			w.line(across, func(j int, r reg.VecPhysical) {
				if h > 1 {
					VMOVUPS(r, room(i, j))
				} else {
					put(j, r)
				}
			})
		}
		for j := range on {
			if h == 1 {
				break
			}
			for i := range h {
				VMOVUPS(room(i, j), w.d[i])
			}
			w.line(down, func(i int, r reg.VecPhysical) { put(i*on+j, r) })
		}
	})
}

func size(h, n int) string {
	if h == 1 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%dx%d", h, n)
}

// combine writes rows of n sums of values times a factor each, of vectors that
// begin at some distances from src.
func combine(v lanes.ISA) {
	TEXT("combine"+v.Name, NOSPLIT, "func(dst, src *float32, distances *int, factors *float32, terms, rows, n, dstStep, srcStep int)")
	Pragma("noescape")
	dst, src, distances, factors := reg.GPPhysical(reg.RDI), reg.GPPhysical(reg.RSI), reg.GPPhysical(reg.R8), reg.GPPhysical(reg.R9)
	terms, n, i, p := reg.GPPhysical(reg.R10), reg.GPPhysical(reg.RBX), reg.GPPhysical(reg.RDX), reg.GPPhysical(reg.R11)
	rows, dstRow, srcRow := reg.GPPhysical(reg.R12), reg.GPPhysical(reg.R13), reg.GPPhysical(reg.R15)
	Load(Param("dst"), dstRow)
	Load(Param("src"), srcRow)
	Load(Param("distances"), distances)
	Load(Param("factors"), factors)
	Load(Param("terms"), terms)
	Load(Param("rows"), rows)
	Load(Param("n"), n)
	v.Tail(n, ptr)
	block := func(label string, vectors int, tail bool) {
		for u := range vectors {
			VXORPS(v.R(u), v.R(u), v.R(u))
		}
		XORQ(i, i)
		Label(label)
		MOVQ(Mem{Base: distances, Index: i, Scale: 8}, p)
		LEAQ(Mem{Base: src, Index: p, Scale: 4}, p)
		VBROADCASTSS(Mem{Base: factors, Index: i, Scale: 4}, v.R(8))
		for u := range vectors {
			v.Load(lanes.At(p, u*v.Bytes()), v.R(4+u), tail)
			VFMADD231PS(v.R(4+u), v.R(8), v.R(u))
		}
		INCQ(i)
		CMPQ(i, terms)
		JL(LabelRef(label))
		for u := range vectors {
			v.Store(v.R(u), lanes.At(dst, u*v.Bytes()), tail)
		}
	}
	Label("row")
	MOVQ(dstRow, dst)
	MOVQ(srcRow, src)
	Load(Param("n"), n)
	for _, vectors := range []int{4, 3, 2, 1} {
		label := fmt.Sprintf("by%d", vectors)
		Label(label)
		CMPQ(n, U8(uint8(vectors*v.Lanes)))
		JL(LabelRef(label + "Not"))
		block(label+"Term", vectors, false)
		ADDQ(U32(uint32(vectors*v.Bytes())), dst)
		ADDQ(U32(uint32(vectors*v.Bytes())), src)
		SUBQ(U8(uint8(vectors*v.Lanes)), n)
		JMP(LabelRef(label))
		Label(label + "Not")
	}
	TESTQ(n, n)
	JZ(LabelRef("next"))
	block("tailTerm", 1, true)
	Label("next")
	Load(Param("dstStep"), p)
	LEAQ(Mem{Base: dstRow, Index: p, Scale: 4}, dstRow)
	Load(Param("srcStep"), p)
	LEAQ(Mem{Base: srcRow, Index: p, Scale: 4}, srcRow)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

var one = [][]float64{{1}}

func main() {
	ConstraintExpr("!purego")
	lanes.Masks()
	f11 := axis{one, one, one}
	f23, f43 := toom(2, 3, 0, 1, -1), toom(4, 3, 0, 1, -1, -2, 0.5)
	f45 := toom(4, 5, 0, 1, -1, 2, -2, 0.5, -0.5)
	f37 := toom(3, 7, 0, 1, -1, 2, -2, 0.75, -0.75, -0.25)
	k := &constants{table: GLOBL("constants", 24)}
	for _, a := range []axis{f23, f43, f37, f45} {
		for _, m := range [][][]float64{a.into, a.from} {
			for _, row := range m {
				for _, c := range row {
					k.add(c)
				}
			}
		}
	}
	for _, v := range lanes.Both {
		combine(v)
		for _, a := range []struct{ down, across axis }{{f43, f43}, {f23, f23}, {f45, f45}, {f11, f43}, {f11, f37}} {
			elements(v, k, "into", a.down.into, a.across.into)
			elements(v, k, "spread", a.down.spread, a.across.spread)
			from(v, k, a.down.from, a.across.from)
		}
	}
	Generate()
}
