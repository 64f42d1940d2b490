// Command depthwise writes the row loops of package depthwise.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/argus-go/argus/internal/kernel/_asm/lanes"
)

// Fields of type task in the package, 8 bytes each.
const (
	x, w, y               = 0, 8, 16
	pixels, rows          = 24, 32
	nextX, nextXRow       = 40, 48
	inRow, inPixel, nextW = 56, 64, 72
	nextY, nextYRow       = 80, 88
)

var (
	task  = reg.GPPhysical(reg.R14)
	in    = []reg.GPPhysical{reg.RAX, reg.RCX, reg.RDX, reg.RBX, reg.RSI}
	out   = reg.GPPhysical(reg.RDI)
	n     = reg.GPPhysical(reg.R8)
	step  = reg.GPPhysical(reg.R9)
	cx    = reg.GPPhysical(reg.R10)
	cx3   = reg.GPPhysical(reg.R11)
	cy    = reg.GPPhysical(reg.R12)
	tmp   = reg.GPPhysical(reg.R13)
	lines = reg.GPPhysical(reg.R15)

	xAt, yAt Mem // where the row begins, on the stack
)

// tap is column j of the window at base.
func tap(base reg.GPPhysical, j int) Mem {
	m := Mem{Base: base}
	switch j {
	case 1, 2, 4:
		m.Index, m.Scale = cx, uint8(j)
	case 3:
		m.Index, m.Scale = cx3, 1
	}
	return m
}

func field(disp int) Mem { return lanes.At(task, disp) }

// begin loads what the loops have in common.
func begin(name string) (restore func()) {
	TEXT(name, NOSPLIT, "func(t *byte)")
	Pragma("noescape")
	restore = lanes.Flush()
	Load(Param("t"), task)
	MOVQ(field(nextX), step)
	MOVQ(field(inPixel), cx)
	LEAQ(Mem{Base: cx, Index: cx, Scale: 2}, cx3)
	MOVQ(field(nextY), cy)
	MOVQ(field(rows), lines)
	xAt, yAt = AllocLocal(8), AllocLocal(8)
	MOVQ(field(x), tmp)
	MOVQ(tmp, xAt)
	MOVQ(field(y), tmp)
	MOVQ(tmp, yAt)
	return restore
}

// startRow points in to k input rows and out to the output row.
func startRow(k int) {
	MOVQ(xAt, in[0])
	MOVQ(field(inRow), tmp)
	for i := 1; i < k; i++ {
		LEAQ(Mem{Base: in[i-1], Index: tmp, Scale: 1}, in[i])
	}
	MOVQ(yAt, out)
	MOVQ(field(pixels), n)
}

// endRow moves on by a row.
func endRow(label string, restore func()) {
	MOVQ(field(nextXRow), tmp)
	ADDQ(tmp, xAt)
	MOVQ(field(nextYRow), tmp)
	ADDQ(tmp, yAt)
	DECQ(lines)
	JNZ(LabelRef(label))
	restore()
	VZEROUPPER()
	RET()
}

// gradient sums x·dy for r rows of k taps, kept in registers over all pixels,
// and stores the sums to w.
func gradient(v lanes.ISA, r, k int) {
	restore := begin(fmt.Sprintf("gradient%dx%d%s", r, k, v.Name))
	dy := v.R(r * k)
	for i := range r * k {
		VXORPS(v.R(i), v.R(i), v.R(i))
	}
	Label("row")
	startRow(r)
	Label("pixel")
	VMOVUPS(Mem{Base: out}, dy)
	for i := range r {
		for j := range k {
			VFMADD231PS(tap(in[i], j), dy, v.R(i*k+j))
		}
	}
	ADDQ(cy, out)
	for i := range r {
		ADDQ(step, in[i])
	}
	DECQ(n)
	JNZ(LabelRef("pixel"))
	endRow("row", func() {
		MOVQ(field(w), out)
		MOVQ(field(nextW), tmp)
		for i := range r * k {
			VMOVUPS(v.R(i), Mem{Base: out})
			ADDQ(tmp, out)
		}
		restore()
	})
}

func main() {
	ConstraintExpr("!purego")
	lanes.Constants()
	for _, v := range lanes.Both {
		for _, k := range []int{3, 5} {
			for _, stride := range []int{1, 2} {
				forward(v, k, stride)
			}
		}
		gradient(v, 3, 3)
		if v.Wide() {
			gradient(v, 5, 5)
		} else {
			gradient(v, 1, 5)
		}
	}
	Generate()
}
