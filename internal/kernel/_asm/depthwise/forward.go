package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/argus-go/argus/internal/kernel/_asm/lanes"
)

// field is the place of a field of type pass in the package: 8 bytes each, the
// clamp is two float32.
func passField(name string) Mem {
	for i, f := range []string{
		"x", "w", "bias", "y", "sums", "ring", // pointers
		"rows", "pixels", "first", "height", "gaps", "inside", "stride", // counts
		"nextX", "nextXRow", "nextW", "nextY", "nextYRow", "nextSum", // bytes in memory
		"before", "line", "apart", // bytes in the ring
		"swish", "lo",
	} {
		if f == name {
			return field(8 * i)
		}
	}
	panic("no field " + name)
}

// blocks are the numbers of pixels that share weights: pictures of 224 pixels
// shrink to multiples of 7.
var blocks = []int{7, 4, 2, 1}

// forward is the loop over the rows of one vector of channels, k×k taps. The k
// input rows of an output row lie in a ring of lines, with their padding, next to
// the weights: all in the first-level cache, whatever the distance of pixels.
func forward(v lanes.ISA, k, stride int) {
	TEXT(fmt.Sprintf("forward%dby%d%s", k, stride, v.Name), NOSPLIT, "func(t *byte)")
	Pragma("noescape")
	restore := lanes.Flush()
	Load(Param("t"), task)
	n, at, src, tmp, cy := reg.GPPhysical(reg.R8), reg.GPPhysical(reg.R9), reg.GPPhysical(reg.R10), reg.GPPhysical(reg.R11), reg.GPPhysical(reg.R12)
	weights, row := reg.GPPhysical(reg.R13), reg.GPPhysical(reg.R15)
	xAt, yAt, sumAt, left, lack := AllocLocal(8), AllocLocal(8), AllocLocal(8), AllocLocal(8), AllocLocal(8)
	keep := func(name string, slot Mem) {
		MOVQ(passField(name), tmp)
		MOVQ(tmp, slot)
	}
	keep("x", xAt)
	keep("y", yAt)
	keep("sums", sumAt)
	keep("rows", left)

	// Registers: sums of pixels, an input, weights of a row of taps, the sum over
	// pixels; the weights' are scratch at the end, and constants are held.
	p := blocks[0]
	acc := func(i int) reg.VecPhysical { return v.R(i) }
	in0, weight, total := v.R(p), func(j int) reg.VecPhysical { return v.R(p + 1 + j) }, v.R(p+6)
	lanes.Release()
	scratch := []reg.VecPhysical{in0, weight(0), weight(1), weight(2), weight(3), weight(4), v.R(14), v.R(15)}
	if v.Wide() {
		v.Hold(16, 11, lanes.NegexpConstants...)
		scratch = append(scratch, v.R(27), v.R(28), v.R(29), v.R(30), v.R(31))
	}

	// Weights into the ring, and zeros into its lines.
	MOVQ(passField("w"), src)
	MOVQ(passField("nextW"), tmp)
	MOVQ(passField("ring"), weights)
	for i := range k * k {
		VMOVUPS(Mem{Base: src}, in0)
		VMOVUPS(in0, lanes.At(weights, i*v.Bytes()))
		if i < k*k-1 {
			ADDQ(tmp, src)
		}
	}
	MOVQ(passField("line"), tmp)
	LEAQ(lanes.At(weights, k*k*v.Bytes()), in[0])
	for i := 1; i < k; i++ {
		LEAQ(Mem{Base: in[i-1], Index: tmp, Scale: 1}, in[i])
	}
	VXORPS(in0, in0, in0)
	MOVQ(in[0], src)
	ADDQ(in[k-1], tmp)
	Label("zero")
	VMOVUPS(in0, Mem{Base: src})
	ADDQ(U8(uint8(v.Bytes())), src)
	CMPQ(src, tmp)
	JL(LabelRef("zero"))

	MOVQ(passField("first"), row)
	MOVQ(U32(uint32(k)), lack)
	Label("row")
	nextLine(v, k, in0, src, tmp, n, at, cy, row, xAt)
	DECQ(lack)
	JNZ(LabelRef("row"))

	MOVQ(yAt, out)
	MOVQ(passField("nextY"), cy)
	MOVQ(passField("pixels"), n)
	XORQ(at, at)
	VXORPS(total, total, total)
	for _, p := range blocks {
		label := fmt.Sprintf("by%d", p)
		Label(label)
		CMPQ(n, U8(uint8(p)))
		JL(LabelRef(label + "Not"))
		MOVQ(passField("bias"), tmp)
		VMOVUPS(Mem{Base: tmp}, acc(0))
		for i := 1; i < p; i++ {
			VMOVAPS(acc(0), acc(i))
		}
		for i := range k {
			for j := range k {
				VMOVUPS(lanes.At(weights, (i*k+j)*v.Bytes()), weight(j))
			}
			for col := range (p-1)*stride + k {
				var uses [][2]int
				for q := range p {
					if j := col - q*stride; j >= 0 && j < k {
						uses = append(uses, [2]int{q, j})
					}
				}
				m := Mem{Base: in[i], Index: at, Scale: 1, Disp: col * v.Bytes()}
				if len(uses) == 1 {
					VFMADD231PS(m, weight(uses[0][1]), acc(uses[0][0]))
					continue
				}
				VMOVUPS(m, in0)
				for _, u := range uses {
					VFMADD231PS(in0, weight(u[1]), acc(u[0]))
				}
			}
		}
		CMPQ(passField("swish"), U8(0))
		JNE(LabelRef(label + "Swish"))
		VBROADCASTSS(passField("lo"), weight(0))
		hi := passField("lo")
		hi.Disp += 4
		VBROADCASTSS(hi, weight(1))
		for q := range p {
			VMAXPS(acc(q), weight(0), acc(q)) // NaN stays: the second source wins
			VMINPS(acc(q), weight(1), acc(q))
		}
		Label(label + "Store")
		for q := range p {
			VADDPS(acc(q), total, total)
			VMOVUPS(acc(q), Mem{Base: out})
			ADDQ(cy, out)
		}
		ADDQ(U32(uint32(p*stride*v.Bytes())), at)
		SUBQ(U8(uint8(p)), n)
		JMP(LabelRef(label))
		Label(label + "Not")
	}
	MOVQ(sumAt, tmp)
	VMOVUPS(total, Mem{Base: tmp})
	ADDQ(passField("nextSum"), tmp)
	MOVQ(tmp, sumAt)
	MOVQ(passField("nextYRow"), tmp)
	ADDQ(tmp, yAt)
	MOVQ(passField("stride"), tmp)
	MOVQ(tmp, lack)
	DECQ(left)
	JNZ(LabelRef("row"))
	restore()
	VZEROUPPER()
	RET()

	for _, p := range blocks {
		label := fmt.Sprintf("by%d", p)
		Label(label + "Swish")
		for q := 0; q < p; q += len(scratch) / 3 {
			g := min(p-q, len(scratch)/3)
			var x []reg.VecPhysical
			for i := range g {
				x = append(x, acc(q+i))
			}
			v.Swish(x, scratch[:g], scratch[g:2*g], scratch[2*g:3*g])
		}
		JMP(LabelRef(label + "Store"))
	}
}

// nextLine makes the oldest line of the ring the newest and copies the next row of
// the picture there, or zeros where there is none.
func nextLine(v lanes.ISA, k int, r reg.VecPhysical, src, tmp, n, dst, step, row reg.GPPhysical, xAt Mem) {
	MOVQ(in[0], tmp)
	for i := 1; i < k; i++ {
		MOVQ(in[i], in[i-1])
	}
	MOVQ(tmp, in[k-1])
	MOVQ(passField("before"), dst)
	ADDQ(in[k-1], dst)
	MOVQ(passField("inside"), n)
	MOVQ(passField("apart"), tmp)
	TESTQ(n, n)
	JZ(LabelRef("copied"))
	CMPQ(row, passField("height")) // as numbers without sign: before the picture, too
	JAE(LabelRef("outside"))
	TESTQ(row, passField("gaps"))
	JNZ(LabelRef("outside"))
	MOVQ(xAt, src)
	MOVQ(passField("nextX"), step)
	MOVQ(passField("nextXRow"), out)
	Label("copy")
	VMOVUPS(Mem{Base: src}, r)
	VMOVUPS(r, Mem{Base: dst})
	PREFETCHT0(Mem{Base: src, Index: out, Scale: 2})
	ADDQ(step, src)
	ADDQ(tmp, dst)
	DECQ(n)
	JNZ(LabelRef("copy"))
	MOVQ(passField("nextXRow"), tmp)
	ADDQ(tmp, xAt)
	JMP(LabelRef("copied"))
	Label("outside")
	VXORPS(r, r, r)
	Label("clear")
	VMOVUPS(r, Mem{Base: dst})
	ADDQ(tmp, dst)
	DECQ(n)
	JNZ(LabelRef("clear"))
	Label("copied")
	INCQ(row)
}
