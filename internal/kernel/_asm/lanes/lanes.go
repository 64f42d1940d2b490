// Package lanes writes loops over float32 vectors once for AVX2 and AVX-512.
package lanes

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// ISA is a vector width.
type ISA struct {
	Name  string
	Lanes int
	regs  []reg.VecPhysical
}

var AVX2 = ISA{"AVX2", 8, []reg.VecPhysical{
	reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
	reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}}

var AVX512 = ISA{"AVX512", 16, []reg.VecPhysical{
	reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
	reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
	reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
	reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31}}

var Both = []ISA{AVX512, AVX2}

// R is vector register i. On AVX2, 15 belongs to the tail's mask; on AVX-512,
// K1 does.
func (v ISA) R(i int) reg.VecPhysical { return v.regs[i] }

// Wide says whether v is AVX-512.
func (v ISA) Wide() bool { return v.Lanes == 16 }

// Bytes is the width of a vector.
func (v ISA) Bytes() int { return 4 * v.Lanes }

const tailReg = 15

// Load loads m, its first lanes alone and zeros after them where tail is set.
func (v ISA) Load(m Mem, r reg.VecPhysical, tail bool) {
	switch {
	case !tail:
		VMOVUPS(m, r)
	case v.Wide():
		VMOVUPS_Z(m, reg.K1, r)
	default:
		VMASKMOVPS(m, v.R(tailReg), r)
	}
}

// Store stores r, its first lanes alone where tail is set.
func (v ISA) Store(r reg.VecPhysical, m Mem, tail bool) {
	switch {
	case !tail:
		VMOVUPS(r, m)
	case v.Wide():
		VMOVUPS(r, reg.K1, m)
	default:
		VMASKMOVPS(r, v.R(tailReg), m)
	}
}

var masks Mem

// Masks declares the table of AVX2 tail masks; call it once per file.
func Masks() {
	masks = GLOBL("tailMasks", 24) // RODATA|NOPTR
	for i := range 16 {
		m := uint32(0xffffffff)
		if i >= 8 {
			m = 0
		}
		DATA(4*i, U32(m))
	}
}

// Tail makes the mask of the first n%Lanes lanes; it uses CX and tmp, and
// leaves n alone.
func (v ISA) Tail(n, tmp reg.GPPhysical) {
	cx := reg.GPPhysical(reg.RCX)
	MOVQ(n, cx)
	ANDQ(U32(uint32(v.Lanes-1)), cx)
	if v.Wide() {
		MOVL(U32(1), tmp.As32())
		SHLL(reg.CL, tmp.As32())
		DECL(tmp.As32())
		KMOVW(tmp.As32(), reg.K1)
		return
	}
	NEGQ(cx)
	LEAQ(masks, tmp)
	VMOVUPS(Mem{Base: tmp, Index: cx, Scale: 4, Disp: 32}, v.R(tailReg))
}

// At is memory at base + disp.
func At(base reg.GPPhysical, disp int) Mem { return Mem{Base: base, Disp: disp} }

// Flush makes denormal numbers count as zero until Restore, so that none
// slows the loop down.
func Flush() (restore func()) {
	saved := AllocLocal(8)
	mode := AllocLocal(8)
	STMXCSR(saved)
	MOVL(saved, reg.EAX)
	ORL(U32(0x8040), reg.EAX)
	MOVL(reg.EAX, mode)
	LDMXCSR(mode)
	return func() { LDMXCSR(saved) }
}

// A Ptr is a pointer argument of a Rows loop; Channel says that it points to
// one value per channel and starts again with every row.
type Ptr struct {
	Name    string
	Channel bool
}

var pointers = []reg.GPPhysical{reg.RSI, reg.RDI, reg.R8, reg.R9, reg.R10, reg.R11}

// A Body computes one vector: load and store move pointer i's vector.
type Body func(load func(i int, r reg.VecPhysical), store func(r reg.VecPhysical, i int))

// A Group computes n vectors next to each other, each in registers of its own.
type Group func(n int, load func(i, vector int, r reg.VecPhysical), store func(r reg.VecPhysical, i, vector int))

// group does one vector after the other.
func (b Body) group(n int, load func(i, vector int, r reg.VecPhysical), store func(r reg.VecPhysical, i, vector int)) {
	for u := range n {
		b(func(i int, r reg.VecPhysical) { load(i, u, r) }, func(r reg.VecPhysical, i int) { store(r, i, u) })
	}
}

// Rows writes the function func(pointers, rows, c int, scalars float32):
// body over every vector of rows·c values. Scalars are broadcast into the
// registers from 8 on. Setup comes after that and may return what to do at
// the end.
func (v ISA) Rows(name string, ptrs []Ptr, scalars []string, setup func() func(), body Body) {
	v.rows(name, ptrs, scalars, false, setup, body.group)
}

// Groups is Rows with some vectors at a time.
func (v ISA) Groups(name string, ptrs []Ptr, setup func() func(), body Group) {
	v.rows(name, ptrs, nil, false, setup, body)
}

// Strips is Groups over rows that lie ld floats apart:
// func(pointers, rows, c, ld int).
func (v ISA) Strips(name string, ptrs []Ptr, setup func() func(), body Group) {
	v.rows(name, ptrs, nil, true, setup, body)
}

func (v ISA) rows(name string, ptrs []Ptr, scalars []string, strips bool, setup func() func(), body Group) {
	var names []string
	for _, p := range ptrs {
		names = append(names, p.Name)
	}
	sig := "func(" + strings.Join(names, ", ") + " *float32, rows, c"
	if strips {
		sig += ", ld"
	}
	sig += " int"
	if len(scalars) > 0 {
		sig += ", " + strings.Join(scalars, ", ") + " float32"
	}
	TEXT(name+v.Name, NOSPLIT, sig+")")
	Pragma("noescape")
	rows, c, i, end, tmp := reg.GPPhysical(reg.RDX), reg.GPPhysical(reg.RBX), reg.GPPhysical(reg.R12), reg.GPPhysical(reg.R13), reg.GPPhysical(reg.RAX)
	for j, p := range ptrs {
		Load(Param(p.Name), pointers[j])
	}
	Load(Param("rows"), rows)
	Load(Param("c"), c)
	for j, s := range scalars {
		VBROADCASTSS(NewParamAddr(s, 8*len(ptrs)+16+4*j), v.R(8+j))
	}
	v.Tail(c, tmp)
	var done func()
	if setup != nil {
		done = setup()
	}
	vectors := func(n int, tail bool) {
		m := func(j, u int) Mem { return Mem{Base: pointers[j], Index: i, Scale: 1, Disp: u * v.Bytes()} }
		body(n, func(j, u int, r reg.VecPhysical) { v.Load(m(j, u), r, tail) },
			func(r reg.VecPhysical, j, u int) { v.Store(r, m(j, u), tail) })
	}
	SHLQ(U8(2), c)
	ld := c
	if strips {
		ld = reg.GPPhysical(reg.R15)
		Load(Param("ld"), ld)
		SHLQ(U8(2), ld)
	}
	const unroll = 4
	Label("row")
	XORQ(i, i)
	Label("wide")
	LEAQ(Mem{Base: i, Disp: unroll * v.Bytes()}, end)
	CMPQ(end, c)
	JG(LabelRef("narrow"))
	vectors(unroll, false)
	MOVQ(end, i)
	JMP(LabelRef("wide"))
	Label("narrow")
	LEAQ(Mem{Base: i, Disp: v.Bytes()}, end)
	CMPQ(end, c)
	JG(LabelRef("tail"))
	vectors(1, false)
	MOVQ(end, i)
	JMP(LabelRef("narrow"))
	Label("tail")
	CMPQ(i, c)
	JGE(LabelRef("next"))
	vectors(1, true)
	Label("next")
	for j, p := range ptrs {
		if !p.Channel {
			ADDQ(ld, pointers[j])
		}
	}
	DECQ(rows)
	JNZ(LabelRef("row"))
	if done != nil {
		done()
	}
	VZEROUPPER()
	RET()
}

// A Sum is a loop over windows of rows×cols pixels that keeps up to four
// vectors of channels in registers.
type Sum struct {
	Ptrs    []string // moved from pixel to pixel
	Fixed   []string // one value per channel
	Scalars []string // broadcast into register 14-i
	Cols    bool     // whether a window has columns, or rows alone
	Setup   func()
	// Vectors u of m(0) … are pointers' memory in order, Ptrs then Fixed.
	Begin, Step, End func(u int, m func(i int) Mem, tail bool)
}

// Sums writes func(ptrs, fixed, rows, [cols, row,] ld, c int, scalars
// float32): row and ld are bytes between rows and between pixels.
func (v ISA) Sums(name string, s Sum) {
	names := append(append([]string{}, s.Ptrs...), s.Fixed...)
	sig := "func(" + strings.Join(names, ", ") + " *float32, rows, "
	ints := 3
	if s.Cols {
		sig += "cols, row, "
		ints += 2
	}
	sig += "ld, c int"
	if len(s.Scalars) > 0 {
		sig += ", " + strings.Join(s.Scalars, ", ") + " float32"
	}
	TEXT(name+v.Name, NOSPLIT, sig+")")
	Pragma("noescape")
	rows, cols, row, ld, c := reg.GPPhysical(reg.RDX), reg.GPPhysical(reg.RCX), reg.GPPhysical(reg.R12), reg.GPPhysical(reg.R13), reg.GPPhysical(reg.RBX)
	at, tmp := reg.GPPhysical(reg.R15), reg.GPPhysical(reg.RAX)
	for j, p := range names {
		Load(Param(p), pointers[j])
	}
	Load(Param("c"), c)
	for j, x := range s.Scalars {
		VBROADCASTSS(NewParamAddr(x, 8*(len(names)+ints)+4*j), v.R(14-j))
	}
	v.Tail(c, tmp)
	if s.Cols {
		Load(Param("row"), row)
	}
	Load(Param("ld"), ld)
	if s.Setup != nil {
		s.Setup()
	}
	line := reg.GPPhysical(reg.R14)
	block := func(label string, n int, tail bool) {
		mem := func(u int, moving bool) func(i int) Mem {
			return func(i int) Mem {
				m := Mem{Base: pointers[i], Disp: u * v.Bytes()}
				if moving && i < len(s.Ptrs) {
					m.Index, m.Scale = at, 1
				}
				return m
			}
		}
		for u := range n {
			s.Begin(u, mem(u, false), tail)
		}
		Load(Param("rows"), rows)
		XORQ(at, at)
		if s.Cols {
			XORQ(line, line)
			Label(label + "Row")
			MOVQ(line, at)
			Load(Param("cols"), cols)
		}
		Label(label + "Pixel")
		for u := range n {
			s.Step(u, mem(u, true), tail)
		}
		ADDQ(ld, at)
		if s.Cols {
			DECQ(cols)
			JNZ(LabelRef(label + "Pixel"))
			ADDQ(row, line)
			DECQ(rows)
			JNZ(LabelRef(label + "Row"))
		} else {
			DECQ(rows)
			JNZ(LabelRef(label + "Pixel"))
		}
		for u := range n {
			s.End(u, mem(u, false), tail)
		}
		if tail {
			return
		}
		for j := range names {
			ADDQ(U32(uint32(n*v.Bytes())), pointers[j])
		}
		SUBQ(U32(uint32(n*v.Lanes)), c)
	}
	for _, n := range []int{4, 1} {
		label := fmt.Sprintf("by%d", n)
		Label(label)
		CMPQ(c, U32(uint32(n*v.Lanes)))
		JL(LabelRef(label + "Not"))
		block(label, n, false)
		JMP(LabelRef(label))
		Label(label + "Not")
	}
	TESTQ(c, c)
	JLE(LabelRef("done"))
	block("tail", 1, true)
	Label("done")
	VZEROUPPER()
	RET()
}
