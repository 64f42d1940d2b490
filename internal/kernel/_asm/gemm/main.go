// Command gemm writes the tiles of internal/kernel/gemm:
//
//	go run ./gemm -out ../gemm/tile_amd64.s -stubs ../gemm/stubs_amd64.go -pkg gemm
//
// A tile is R rows by N vectors of C, every element in a register. A tile of
// Rows reaches the R rows of A through R pointers, looked up once per piece,
// so that nothing but B is packed. A tile of Trans reads R neighbouring
// elements of a row of A, and looks up one pointer per row.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of tile (../../gemm/tile.go); of a slice, its pointer.
const (
	fA, fOffs, fZeros, fB, fC, fBias, fAdd, fLanes = 0, 24, 48, 72, 96, 120, 144, 168
	fOffStep, fSegs, fSeg, fLdb, fLdc, fAddLd      = 192, 200, 208, 216, 224, 232
	fAheadA, fAheadB, fStep                        = 288, 296, 304
	fMask, fClamp, fLo, fHi, fNext                 = 240, 248, 256, 260, 264
)

var gp = []reg.GPPhysical{
	reg.RAX, reg.RCX, reg.RDX, reg.RBX, reg.RSI, reg.RDI, reg.R8, reg.R9,
	reg.R10, reg.R11, reg.R12, reg.R13, reg.R14, reg.R15, reg.RBP,
}

// An isa is an instruction set with vectors of size bytes in regs.
type isa struct {
	name string
	size int
	regs []reg.VecPhysical
	rows []int // most rows of a tile by vectors

	// load and store leave out the lanes that are not in C; m holds them.
	mask        func(t reg.GPPhysical, m reg.VecPhysical)
	load, store func(mem Mem, m, v reg.VecPhysical)
}

var avx512 = isa{
	name: "avx512", size: 64, rows: []int{1: 12, 2: 12, 3: 9},
	regs: []reg.VecPhysical{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
		reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
		reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
	},
	mask:  func(t reg.GPPhysical, _ reg.VecPhysical) { KMOVW(at(t, fMask), reg.K1) },
	load:  func(mem Mem, _, v reg.VecPhysical) { VMOVUPS_Z(mem, reg.K1, v) },
	store: func(mem Mem, _, v reg.VecPhysical) { VMOVUPS(v, reg.K1, mem) },
}

var avx2 = isa{
	name: "avx2", size: 32, rows: []int{1: 12, 2: 6},
	regs: []reg.VecPhysical{
		reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
	},
	mask: func(t reg.GPPhysical, m reg.VecPhysical) {
		MOVQ(at(t, fLanes), t)
		VMOVUPS(at(t, 0), m)
	},
	load:  func(mem Mem, m, v reg.VecPhysical) { VMASKMOVPS(mem, m, v) },
	store: func(mem Mem, m, v reg.VecPhysical) { VMASKMOVPS(v, m, mem) },
}

func at(base reg.GPPhysical, disp int) Mem { return Mem{Base: base, Disp: disp} }

// A kernel is one tile being written: its registers.
type kernel struct {
	isa
	R, N int
	b    []reg.VecPhysical // a row of B; free outside of the loop
	a    []reg.VecPhysical // elements of A; free outside of the loop, at least two
}

func newKernel(i isa, R, N int) kernel {
	return kernel{isa: i, R: R, N: N, b: i.regs[R*N : R*N+N], a: i.regs[R*N+N:]}
}

func (k *kernel) acc(i, j int) reg.VecPhysical { return k.regs[i*k.N+j] }

// get loads vector j of a row that begins at p.
func (k *kernel) get(p reg.GPPhysical, j int, mask, v reg.VecPhysical) {
	if j == k.N-1 {
		k.load(at(p, k.size*j), mask, v)
	} else {
		VMOVUPS(at(p, k.size*j), v)
	}
}

// bytes turns the floats in field f into bytes.
func bytes(t reg.GPPhysical, f int, r reg.GPPhysical) {
	MOVQ(at(t, f), r)
	SHLQ(U8(2), r)
}

// fetch begins to fetch the lines of rows at p, q bytes apart. It clobbers p.
func (k *kernel) fetch(p, q reg.GPPhysical, prefetch func(p reg.GPPhysical, disp int)) {
	for i := range k.R {
		for line := 0; line < k.size*k.N; line += 64 {
			prefetch(p, line)
		}
		if i < k.R-1 {
			ADDQ(q, p)
		}
	}
}

func prefetchToRead(p reg.GPPhysical, disp int) { PREFETCHT0(at(p, disp)) }

// prefetchToWrite is PREFETCHW, which Go's assembler does not know: no other core keeps
// the line.
func prefetchToWrite(p reg.GPPhysical, disp int) {
	base := uint64(p.PhysicalIndex())
	if base&7 == 4 {
		panic("gemm: this base would take another byte")
	}
	code := 0x40 | base>>3 | 0x0f<<8 | 0x0d<<16 | (0x88|base&7)<<24 | uint64(disp)<<32
	Instruction(&ir.Instruction{Opcode: "QUAD", Operands: []Op{U64(code)}})
}

// start fills the sums from the bias, or from C. It clobbers t, p, q.
func (k *kernel) start(t, p, q reg.GPPhysical, mask reg.VecPhysical) {
	MOVQ(at(t, fBias), p)
	TESTQ(p, p)
	JZ(LabelRef("fromC"))
	MOVQ(at(t, fC), p)
	bytes(t, fLdc, q)
	k.fetch(p, q, prefetchToWrite)
	MOVQ(at(t, fAdd), p)
	TESTQ(p, p)
	JZ(LabelRef("fetched"))
	bytes(t, fAddLd, q)
	k.fetch(p, q, prefetchToRead)
	Label("fetched")
	MOVQ(at(t, fBias), p)
	k.mask(t, mask)
	for j := range k.N {
		k.get(p, j, mask, k.b[j])
	}
	for i := range k.R {
		for j := range k.N {
			VMOVAPS(k.b[j], k.acc(i, j))
		}
	}
	JMP(LabelRef("started"))
	Label("fromC")
	MOVQ(at(t, fC), p)
	bytes(t, fLdc, q)
	k.mask(t, mask)
	for i := range k.R {
		for j := range k.N {
			k.get(p, j, mask, k.acc(i, j))
		}
		if i < k.R-1 {
			ADDQ(q, p)
		}
	}
	Label("started")
}

// finish adds, clamps and stores the sums.
func (k *kernel) finish(t, p, q, u reg.GPPhysical) {
	mask, tmp := k.a[0], k.a[1]
	MOVQ(at(t, fAdd), p)
	TESTQ(p, p)
	JZ(LabelRef("added"))
	bytes(t, fAddLd, q)
	MOVQ(t, u)
	k.mask(u, mask)
	for i := range k.R {
		for j := range k.N {
			k.get(p, j, mask, tmp)
			VADDPS(tmp, k.acc(i, j), k.acc(i, j))
		}
		if i < k.R-1 {
			ADDQ(q, p)
		}
	}
	Label("added")
	CMPQ(at(t, fClamp), U8(0))
	JE(LabelRef("clamped"))
	lo, hi := k.b[0], tmp
	VBROADCASTSS(at(t, fLo), lo)
	VBROADCASTSS(at(t, fHi), hi)
	for i := range k.R * k.N { // where one is NaN, the first operand is the result
		VMAXPS(k.regs[i], lo, k.regs[i])
		VMINPS(k.regs[i], hi, k.regs[i])
	}
	Label("clamped")
	k.put(t, p, q, mask)
}

// put stores the sums and returns.
func (k *kernel) put(t, p, q reg.GPPhysical, mask reg.VecPhysical) {
	MOVQ(at(t, fC), p)
	bytes(t, fLdc, q)
	k.mask(t, mask)
	for i := range k.R {
		for j := range k.N {
			if j == k.N-1 {
				k.store(at(p, k.size*j), mask, k.acc(i, j))
			} else {
				VMOVUPS(k.acc(i, j), at(p, k.size*j))
			}
		}
		if i < k.R-1 {
			ADDQ(q, p)
		}
	}
	VZEROUPPER()
	RET()
}

// multiply adds the products of a row of B in k.b and R elements of A.
func (k *kernel) multiply(elem func(i int) Mem, spare []reg.VecPhysical) {
	for i := range k.R {
		v := spare[i%min(len(spare), 4)]
		VBROADCASTSS(elem(i), v)
		for j := range k.N {
			VFMADD231PS(k.b[j], v, k.acc(i, j))
		}
	}
}

// prefetch is how many bytes ahead B is fetched: new weights come from memory.
const prefetch = 512

func rows(set isa, R, N int) {
	TEXT(fmt.Sprintf("%sRows%dx%d", set.name, R, N), NOSPLIT, "func(t *byte)")
	Pragma("noescape")
	kn := newKernel(set, R, N)
	ptr, next, k, b := gp[:R], gp[12], gp[13], gp[14]
	width := set.size * N

	// Pieces end at 0: k counts up to it in bytes.
	segs, tab, bsave := AllocLocal(8), AllocLocal(8), AllocLocal(8)
	a, zeros, step := AllocLocal(8), AllocLocal(8), AllocLocal(8)
	t := Load(Param("t"), b).(reg.GPPhysical)
	MOVQ(at(t, fSegs), k)
	MOVQ(k, segs)
	MOVQ(at(t, fOffs), k)
	MOVQ(k, tab)
	bytes(t, fSeg, k)
	ADDQ(at(t, fA), k)
	MOVQ(k, a)
	bytes(t, fSeg, k)
	ADDQ(at(t, fZeros), k)
	MOVQ(k, zeros)
	kn.start(t, k, gp[0], kn.a[0])
	Load(Param("t"), t)
	bytes(t, fStep, next)
	MOVQ(next, step)
	MOVQ(at(t, fNext), next)
	MOVQ(at(t, fB), b)

	Label("piece")
	MOVQ(b, bsave)
	MOVQ(tab, k)
	MOVQ(a, b)
	for i := range R {
		MOVLQSX(at(k, 4*i), ptr[i])
		TESTQ(ptr[i], ptr[i])
		LEAQ(Mem{Base: b, Index: ptr[i], Scale: 4}, ptr[i])
		CMOVQMI(zeros, ptr[i])
	}
	Load(Param("t"), b)
	MOVQ(at(b, fOffStep), k)
	SHLQ(U8(2), k)
	ADDQ(k, tab)
	bytes(b, fSeg, k)
	NEGQ(k)
	MOVQ(bsave, b)

	multiply := func(u int) {
		for j := range N {
			VMOVUPS(at(b, u*width+set.size*j), kn.b[j])
		}
		for line := (u*width + 63) / 64; line*64 < (u+1)*width; line++ {
			PREFETCHT0(at(b, 64*line+prefetch))
		}
		kn.multiply(func(i int) Mem { return Mem{Base: ptr[i], Index: k, Scale: 1, Disp: 4 * u} }, kn.a)
	}
	unroll := 4
	if R*N >= 12 {
		unroll = 2
	}
	Label("one")
	TESTQ(U32(4*unroll-1), k)
	JZ(LabelRef("many"))
	multiply(0)
	ADDQ(U32(width), b)
	ADDQ(U8(4), k)
	JMP(LabelRef("one"))
	Label("many")
	TESTQ(k, k)
	JZ(LabelRef("next"))
	Label("loop")
	for u := range unroll {
		multiply(u)
	}
	PREFETCHT1(at(next, 0))
	PREFETCHT1(at(next, 64))
	ADDQ(step, next)
	ADDQ(U32(width*unroll), b)
	ADDQ(U8(4*unroll), k)
	JNZ(LabelRef("loop"))
	Label("next")
	DECQ(segs)
	JNZ(LabelRef("piece"))

	t = Load(Param("t"), gp[0]).(reg.GPPhysical)
	kn.finish(t, k, b, gp[1])
}

func trans(set isa, R, N int) {
	TEXT(fmt.Sprintf("%sTrans%dx%d", set.name, R, N), NOSPLIT, "func(t *byte)")
	Pragma("noescape")
	kn := newKernel(set, R, N)
	mask, spare := kn.a[0], kn.a[1:]
	n, offs, a, zeros, b, ldb, ptr := gp[0], gp[1], gp[2], gp[3], gp[4], gp[5], gp[6]
	aheadA, aheadB := gp[8], gp[9]
	t := Load(Param("t"), gp[7]).(reg.GPPhysical)
	kn.start(t, a, b, mask)
	Load(Param("t"), t)
	MOVQ(at(t, fSegs), n)
	MOVQ(at(t, fOffs), offs)
	MOVQ(at(t, fA), a)
	MOVQ(at(t, fZeros), zeros)
	MOVQ(at(t, fB), b)
	bytes(t, fLdb, ldb)
	bytes(t, fAheadA, aheadA)
	bytes(t, fAheadB, aheadB)
	Label("loop")
	MOVLQSX(at(offs, 0), ptr)
	TESTQ(ptr, ptr)
	LEAQ(Mem{Base: a, Index: ptr, Scale: 4}, ptr)
	CMOVQMI(zeros, ptr)
	for j := range N {
		kn.get(b, j, mask, kn.b[j])
	}
	PREFETCHT1(Mem{Base: ptr, Index: aheadA, Scale: 1})
	for line := 0; line < set.size*N; line += 64 {
		PREFETCHT1(Mem{Base: b, Index: aheadB, Scale: 1, Disp: line})
	}
	kn.multiply(func(i int) Mem { return at(ptr, 4*i) }, spare)
	ADDQ(U8(4), offs)
	ADDQ(ldb, b)
	DECQ(n)
	JNZ(LabelRef("loop"))
	kn.put(t, a, b, mask)
}

// peak runs n times as many independent multiply-adds as keep a core busy.
func peak(set isa, count int) {
	TEXT(set.name+"Peak", NOSPLIT, "func(n int)")
	Load(Param("n"), reg.RAX)
	for _, r := range set.regs[:count+2] { // zeros: denormals are slow
		VXORPS(r.(reg.Vec).AsX(), r.(reg.Vec).AsX(), r.(reg.Vec).AsX())
	}
	Label("loop")
	for i := range count {
		VFMADD231PS(set.regs[count], set.regs[count+1], set.regs[i])
	}
	DECQ(reg.RAX)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func main() {
	ConstraintExpr("amd64,!purego")
	for _, set := range []isa{avx512, avx2} {
		for n, most := range set.rows {
			for r := 1; r <= most; r++ {
				rows(set, r, n)
				trans(set, r, n)
			}
		}
	}
	peak(avx512, 13)
	peak(avx2, 12)
	Generate()
}
