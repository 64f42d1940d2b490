package main

import "fmt"

// The loops of package depthwise take eight channels, two vectors, at a time.
const pairBytes = 32

// passField is where a field of type pass in the package lies: 8 bytes each,
// the clamp is two float32.
func passField(name string) int {
	for i, f := range []string{
		"x", "w", "bias", "y", "sums", "ring", // pointers
		"rows", "pixels", "first", "height", "gaps", "inside", "stride", // counts
		"nextX", "nextXRow", "nextW", "nextY", "nextYRow", "nextSum", // bytes in memory
		"before", "line", "apart", // bytes in the ring
		"swish", "lo",
	} {
		if f == name {
			return 8 * i
		}
	}
	panic("no field " + name)
}

// pixelBlocks are the numbers of pixels that share weights: pictures of 224
// pixels shrink to multiples of 7.
var pixelBlocks = []int{7, 4, 2, 1}

// loadPair and storePair move a pair of vectors from v on.
func (a *assembler) loadPair(p, disp, v int)  { a.do("FLDPQ %d(R%d), (F%d, F%d)", disp, p, v, v+1) }
func (a *assembler) storePair(v, p, disp int) { a.do("FSTPQ (F%d, F%d), %d(R%d)", v, v+1, disp, p) }

// General registers of the forward loops; the lines of the ring are R1 to R5.
const (
	passR                                      = 0
	rowAtR, lackR, leftRowsR, xAtR             = 6, 7, 8, 9
	yAtR, sumAtR, pixelsR, lineAtR, baseR      = 10, 11, 12, 13, 14
	weightsR, outR, nextYR, dwTmpR, dstR, srcR = 15, 16, 17, 19, 20, 21
	nextXR, countPixelsR, biasR, swishR        = 22, 23, 24, 26 // modeR is 25
)

// Vectors: pairs of sums of pixels from 0 on, the pair of sums over pixels, and
// from inputV on an input and the weights of a row of taps.
const totalV, inputV, weightV = 14, 16, 18

// forward is the loop over the rows of eight channels, k×k taps. The k input rows
// of an output row lie in a ring of lines, with their padding, next to the
// weights: all in the first-level cache, whatever the distance of pixels.
func forward(a *assembler, k, stride int) {
	a.function(fmt.Sprintf("forward%dby%dNEON", k, stride), "t *byte", 8)
	a.flushToZero()
	a.do("MOVD t+0(FP), R%d", passR)
	field := func(name string, r int) { a.do("MOVD %d(R%d), R%d", passField(name), passR, r) }
	for _, f := range []struct {
		name string
		r    int
	}{{"first", rowAtR}, {"rows", leftRowsR}, {"x", xAtR}, {"y", yAtR}, {"sums", sumAtR}, {"bias", biasR}, {"swish", swishR}, {"ring", weightsR}} {
		field(f.name, f.r)
	}

	// Weights into the ring, and zeros into its lines.
	field("w", srcR)
	field("nextW", dwTmpR)
	for i := range k * k {
		a.loadPair(srcR, 0, inputV)
		a.storePair(inputV, weightsR, i*pairBytes)
		a.do("ADD R%d, R%d", dwTmpR, srcR)
	}
	field("line", dwTmpR)
	a.do("ADD $%d, R%d, R1", k*k*pairBytes, weightsR)
	for i := 1; i < k; i++ {
		a.do("ADD R%d, R%d, R%d", dwTmpR, i, i+1)
	}
	a.zero(inputV)
	a.zero(inputV + 1)
	a.do("MOVD R1, R%d", dstR)
	a.do("ADD R%d, R%d", k, dwTmpR)
	a.label("zero")
	a.storePair(inputV, dstR, 0)
	a.do("ADD $%d, R%d", pairBytes, dstR)
	a.do("CMP R%d, R%d", dwTmpR, dstR)
	a.do("BLO zero")

	a.do("MOVD $%d, R%d", k, lackR)
	a.label("row")
	nextLine(a, k, field)
	a.do("SUBS $1, R%d", lackR)
	a.do("BNE row")

	a.do("MOVD R%d, R%d", yAtR, outR)
	field("nextY", nextYR)
	field("pixels", pixelsR)
	a.do("MOVD $0, R%d", lineAtR)
	a.zero(totalV)
	a.zero(totalV + 1)
	for _, p := range pixelBlocks {
		label := fmt.Sprintf("by%d", p)
		a.label(label)
		a.do("CMP $%d, R%d", p, pixelsR)
		a.do("BLT %sNot", label)
		a.convolve(k, stride, p)
		a.do("CBNZ R%d, %sSwish", swishR, label)
		lo, hi := weightV, weightV+1
		a.splat(passR, passField("lo"), lo)
		a.splat(passR, passField("lo")+4, hi)
		for v := range 2 * p {
			a.v3("fmax", v, v, lo)
			a.v3("fmin", v, v, hi)
		}
		a.label(label + "Store")
		for q := range p {
			a.v3("fadd", totalV, totalV, 2*q)
			a.v3("fadd", totalV+1, totalV+1, 2*q+1)
			a.storePair(2*q, outR, 0)
			a.do("ADD R%d, R%d", nextYR, outR)
		}
		a.do("ADD $%d, R%d", p*stride*pairBytes, lineAtR)
		a.do("SUB $%d, R%d", p, pixelsR)
		a.do("JMP %s", label)
		a.label(label + "Not")
	}
	a.storePair(totalV, sumAtR, 0)
	for _, to := range []struct {
		name string
		r    int
	}{{"nextSum", sumAtR}, {"nextYRow", yAtR}} {
		field(to.name, dwTmpR)
		a.do("ADD R%d, R%d", dwTmpR, to.r)
	}
	field("stride", lackR)
	a.do("SUBS $1, R%d", leftRowsR)
	a.do("BNE row")
	a.restoreMode()
	a.do("RET")

	for _, p := range pixelBlocks {
		label := fmt.Sprintf("by%d", p)
		a.label(label + "Swish")
		c := a.holdNegexp(16) // 11 of them
		for v := range 2 * p {
			a.swish(c, v, 27, scratch{28, 29, 30, 31})
		}
		a.do("JMP %sStore", label)
	}
}

// convolve makes the sums of p pixels: each input is loaded once for a row of taps.
func (a *assembler) convolve(k, stride, p int) {
	a.loadPair(biasR, 0, 0)
	for q := 1; q < p; q++ {
		a.copy(2*q, 0)
		a.copy(2*q+1, 1)
	}
	for i := range k {
		for j := range k {
			a.loadPair(weightsR, (i*k+j)*pairBytes, weightV+2*j)
		}
		a.do("ADD R%d, R%d, R%d", lineAtR, 1+i, baseR)
		for col := range (p-1)*stride + k {
			loaded := false
			for q := range p {
				j := col - q*stride
				if j < 0 || j >= k {
					continue
				}
				if !loaded {
					a.loadPair(baseR, col*pairBytes, inputV)
					loaded = true
				}
				a.mulAdd(2*q, inputV, weightV+2*j)
				a.mulAdd(2*q+1, inputV+1, weightV+2*j+1)
			}
		}
	}
}

// nextLine makes the oldest line of the ring the newest and copies the next row
// of the picture there, or zeros where there is none.
func nextLine(a *assembler, k int, field func(name string, r int)) {
	a.do("MOVD R1, R%d", dwTmpR)
	for i := 1; i < k; i++ {
		a.do("MOVD R%d, R%d", i+1, i)
	}
	a.do("MOVD R%d, R%d", dwTmpR, k)
	field("before", dstR)
	a.do("ADD R%d, R%d", k, dstR)
	field("inside", countPixelsR)
	field("apart", dwTmpR)
	a.do("CBZ R%d, copied", countPixelsR)
	field("height", srcR)
	a.do("CMP R%d, R%d", srcR, rowAtR) // as numbers without sign: before the picture, too
	a.do("BHS outside")
	field("gaps", srcR)
	a.do("TST R%d, R%d", srcR, rowAtR)
	a.do("BNE outside")
	a.do("MOVD R%d, R%d", xAtR, srcR)
	field("nextX", nextXR)
	a.label("copy")
	a.loadPair(srcR, 0, inputV)
	a.storePair(inputV, dstR, 0)
	a.do("ADD R%d, R%d", nextXR, srcR)
	a.do("ADD R%d, R%d", dwTmpR, dstR)
	a.do("SUBS $1, R%d", countPixelsR)
	a.do("BNE copy")
	field("nextXRow", dwTmpR)
	a.do("ADD R%d, R%d", dwTmpR, xAtR)
	a.do("JMP copied")
	a.label("outside")
	a.zero(inputV)
	a.zero(inputV + 1)
	a.label("clear")
	a.storePair(inputV, dstR, 0)
	a.do("ADD R%d, R%d", dwTmpR, dstR)
	a.do("SUBS $1, R%d", countPixelsR)
	a.do("BNE clear")
	a.label("copied")
	a.do("ADD $1, R%d", rowAtR)
}

// Fields of type task in the package, 8 bytes each.
const (
	taskX, taskW, taskY               = 0, 8, 16
	taskPixels, taskRows              = 24, 32
	taskNextX, taskNextXRow           = 40, 48
	taskInRow, taskInPixel, taskNextW = 56, 64, 72
	taskNextY, taskNextYRow           = 80, 88
)

// gradient sums x·dy for r rows of k taps, kept in registers over all pixels,
// and stores the sums to w. Every tap has a pointer, from R1 on.
func gradient(a *assembler, r, k int) {
	const taskR, dyR, nR, stepR, dyStepR, linesR, xAtR, yAtR, inRowR, inPixelR, tmpR = 0, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20
	taps := r * k
	dy, x := 2*taps, 2*taps+2
	a.function(fmt.Sprintf("gradient%dx%dNEON", r, k), "t *byte", 8)
	a.flushToZero()
	a.do("MOVD t+0(FP), R%d", taskR)
	for _, f := range [][2]int{{taskNextX, stepR}, {taskNextY, dyStepR}, {taskRows, linesR}, {taskX, xAtR}, {taskY, yAtR}, {taskInRow, inRowR}, {taskInPixel, inPixelR}} {
		a.do("MOVD %d(R%d), R%d", f[0], taskR, f[1])
	}
	for v := range 2 * taps {
		a.zero(v)
	}
	a.label("row")
	for i := range r {
		for j := range k {
			switch to := 1 + i*k + j; {
			case i+j == 0:
				a.do("MOVD R%d, R%d", xAtR, to)
			case j == 0:
				a.do("ADD R%d, R%d, R%d", inRowR, to-k, to)
			default:
				a.do("ADD R%d, R%d, R%d", inPixelR, to-1, to)
			}
		}
	}
	a.do("MOVD R%d, R%d", yAtR, dyR)
	a.do("MOVD %d(R%d), R%d", taskPixels, taskR, nR)
	a.label("pixel")
	a.do("VLD1.P (R%d)(R%d), [V%d.S4, V%d.S4]", dyR, dyStepR, dy, dy+1)
	for t := range taps {
		a.do("VLD1.P (R%d)(R%d), [V%d.S4, V%d.S4]", 1+t, stepR, x, x+1)
		a.mulAdd(2*t, dy, x)
		a.mulAdd(2*t+1, dy+1, x+1)
	}
	a.do("SUBS $1, R%d", nR)
	a.do("BNE pixel")
	for _, f := range [][2]int{{taskNextXRow, xAtR}, {taskNextYRow, yAtR}} {
		a.do("MOVD %d(R%d), R%d", f[0], taskR, tmpR)
		a.do("ADD R%d, R%d", tmpR, f[1])
	}
	a.do("SUBS $1, R%d", linesR)
	a.do("BNE row")
	a.do("MOVD %d(R%d), R%d", taskW, taskR, dyR)
	a.do("MOVD %d(R%d), R%d", taskNextW, taskR, tmpR)
	for t := range taps {
		a.storePair(2*t, dyR, 0)
		a.do("ADD R%d, R%d", tmpR, dyR)
	}
	a.restoreMode()
	a.do("RET")
}

func depthwise(a *assembler) {
	for _, k := range []int{3, 5} {
		for _, stride := range []int{1, 2} {
			forward(a, k, stride)
		}
	}
	gradient(a, 3, 3)
	gradient(a, 1, 5)
}
