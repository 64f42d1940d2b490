// Command depthwise writes the row loops of package depthwise.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/argus-go/argus/internal/kernel/_asm/lanes"
)

// Fields of type task in the package, 8 bytes each; the clamp is two float32.
const (
	x, w, bias, y         = 0, 8, 16, 24
	pixels, rows          = 32, 40
	nextX, nextXRow       = 48, 56
	inRow, inPixel, nextW = 64, 72, 80
	nextY, nextYRow       = 88, 96
	lo, hi                = 104, 108
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

// loadBias loads the bias, or zero where there is none.
func loadBias(v lanes.ISA, r reg.VecPhysical) {
	VXORPS(r, r, r)
	MOVQ(field(bias), tmp)
	TESTQ(tmp, tmp)
	JZ(LabelRef("unbiased"))
	VMOVUPS(lanes.At(tmp, 0), r)
	Label("unbiased")
}

func clamp(low, high, r reg.VecPhysical) {
	VMAXPS(r, low, r) // NaN stays: the second source wins
	VMINPS(r, high, r)
}

// held is the forward loop with all k² weights in registers.
func held(v lanes.ISA, k int) {
	restore := begin(fmt.Sprintf("forward%d%s", k, v.Name))
	// Weights first, then bias, four sums, and the clamp.
	b := v.R(k * k)
	sum := []reg.VecPhysical{v.R(k*k + 1), v.R(k*k + 2), v.R(k*k + 3), v.R(k*k + 4)}
	low, high := v.R(k*k+5), v.R(k*k+6)
	MOVQ(field(w), out)
	MOVQ(field(nextW), tmp)
	for i := range k * k {
		VMOVUPS(Mem{Base: out}, v.R(i))
		ADDQ(tmp, out)
	}
	loadBias(v, b)
	VBROADCASTSS(field(lo), low)
	VBROADCASTSS(field(hi), high)
	Label("row")
	startRow(k)
	Label("pixel")
	for i := range k {
		for j := range k {
			q := i*k + j
			switch {
			case q == 0:
				VMOVAPS(b, sum[0])
			case q < 4:
				VMULPS(tap(in[i], j), v.R(q), sum[q])
				continue
			}
			VFMADD231PS(tap(in[i], j), v.R(q), sum[q%4])
		}
	}
	VADDPS(sum[0], sum[1], sum[0])
	VADDPS(sum[2], sum[3], sum[2])
	VADDPS(sum[0], sum[2], sum[0])
	clamp(low, high, sum[0])
	VMOVUPS(sum[0], Mem{Base: out})
	ADDQ(cy, out)
	for i := range k {
		ADDQ(step, in[i])
	}
	DECQ(n)
	JNZ(LabelRef("pixel"))
	endRow("row", restore)
}

// streamed is the forward loop for more weights than registers: four pixels
// share each weight.
func streamed(v lanes.ISA, k int) {
	restore := begin(fmt.Sprintf("forward%d%s", k, v.Name))
	weight, b, low, high := v.R(8), v.R(9), v.R(10), v.R(11)
	loadBias(v, b)
	VBROADCASTSS(field(lo), low)
	VBROADCASTSS(field(hi), high)
	base, weights := reg.GPPhysical(reg.RSI), n // n itself goes to the stack
	left := AllocLocal(8)
	Label("row")
	startRow(1)
	MOVQ(in[0], base)
	MOVQ(n, left)
	block := func(label string, p int) {
		Label(label)
		CMPQ(left, U8(uint8(p)))
		JL(LabelRef(label + "Not"))
		MOVQ(base, in[0])
		for i := 1; i < p; i++ {
			LEAQ(Mem{Base: in[i-1], Index: step, Scale: 1}, in[i])
		}
		for i := range p {
			VMOVAPS(b, v.R(i))
		}
		MOVQ(field(w), weights)
		for i := range k {
			for j := range k {
				VMOVUPS(Mem{Base: weights}, weight)
				for q := range p {
					VFMADD231PS(tap(in[q], j), weight, v.R(q))
				}
				ADDQ(field(nextW), weights)
			}
			if i == k-1 {
				break
			}
			for q := range p {
				ADDQ(field(inRow), in[q])
			}
		}
		for q := range p {
			clamp(low, high, v.R(q))
			VMOVUPS(v.R(q), Mem{Base: out})
			ADDQ(cy, out)
			ADDQ(step, base)
		}
		SUBQ(U8(uint8(p)), left)
		JMP(LabelRef(label))
		Label(label + "Not")
	}
	block("four", 4)
	block("one", 1)
	endRow("row", restore)
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
	for _, v := range lanes.Both {
		held(v, 3)
		gradient(v, 3, 3)
		if v.Wide() {
			held(v, 5)
			gradient(v, 5, 5)
		} else {
			streamed(v, 5)
			gradient(v, 1, 5)
		}
	}
	Generate()
}
