//go:build !purego

package gemm

// implementations lists what this machine can run, the fastest first: every
// arm64 has NEON.
func implementations() []*implementation { return []*implementation{neon, generic} }

var neon = &implementation{
	name:  "neon",
	lanes: 4,
	rows:  [4]int{1: 12, 2: 12, 3: 8},
	run:   neonRows.run,
	runT:  neonTrans.run,

	peak: neonPeak, peakCount: 24,
}

var neonRows = &kernels{
	1: {
		1: neonRows1x1, 2: neonRows2x1, 3: neonRows3x1, 4: neonRows4x1,
		5: neonRows5x1, 6: neonRows6x1, 7: neonRows7x1, 8: neonRows8x1,
		9: neonRows9x1, 10: neonRows10x1, 11: neonRows11x1, 12: neonRows12x1,
	},
	2: {
		1: neonRows1x2, 2: neonRows2x2, 3: neonRows3x2, 4: neonRows4x2,
		5: neonRows5x2, 6: neonRows6x2, 7: neonRows7x2, 8: neonRows8x2,
		9: neonRows9x2, 10: neonRows10x2, 11: neonRows11x2, 12: neonRows12x2,
	},
	3: {
		1: neonRows1x3, 2: neonRows2x3, 3: neonRows3x3, 4: neonRows4x3,
		5: neonRows5x3, 6: neonRows6x3, 7: neonRows7x3, 8: neonRows8x3,
	},
}

var neonTrans = &kernels{
	1: {
		1: neonTrans1x1, 2: neonTrans2x1, 3: neonTrans3x1, 4: neonTrans4x1,
		5: neonTrans5x1, 6: neonTrans6x1, 7: neonTrans7x1, 8: neonTrans8x1,
		9: neonTrans9x1, 10: neonTrans10x1, 11: neonTrans11x1, 12: neonTrans12x1,
	},
	2: {
		1: neonTrans1x2, 2: neonTrans2x2, 3: neonTrans3x2, 4: neonTrans4x2,
		5: neonTrans5x2, 6: neonTrans6x2, 7: neonTrans7x2, 8: neonTrans8x2,
		9: neonTrans9x2, 10: neonTrans10x2, 11: neonTrans11x2, 12: neonTrans12x2,
	},
	3: {
		1: neonTrans1x3, 2: neonTrans2x3, 3: neonTrans3x3, 4: neonTrans4x3,
		5: neonTrans5x3, 6: neonTrans6x3, 7: neonTrans7x3, 8: neonTrans8x3,
	},
}
