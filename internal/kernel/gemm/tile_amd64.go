//go:build !purego

package gemm

import "github.com/argus-go/argus/internal/cpu"

// implementations lists what this machine can run, the fastest first.
func implementations() (list []*implementation) {
	if cpu.Has(cpu.AVX512) {
		list = append(list, avx512)
	}
	if cpu.Has(cpu.AVX2) {
		list = append(list, avx2)
	}
	return append(list, generic)
}

var avx512 = &implementation{
	name:  "avx512",
	lanes: 16,
	rows:  [4]int{1: 12, 2: 12, 3: 9},
	run:   avx512Rows.run,
	runT:  avx512Trans.run,

	peak: avx512Peak, peakCount: 13,
}

var avx2 = &implementation{
	name:  "avx2",
	lanes: 8,
	rows:  [4]int{1: 12, 2: 6},
	run:   avx2Rows.run,
	runT:  avx2Trans.run,

	peak: avx2Peak, peakCount: 12,
}

var avx512Rows = &kernels{
	1: {
		1: avx512Rows1x1, 2: avx512Rows2x1, 3: avx512Rows3x1, 4: avx512Rows4x1, 5: avx512Rows5x1,
		6: avx512Rows6x1, 7: avx512Rows7x1, 8: avx512Rows8x1, 9: avx512Rows9x1, 10: avx512Rows10x1,
		11: avx512Rows11x1, 12: avx512Rows12x1,
	},
	2: {
		1: avx512Rows1x2, 2: avx512Rows2x2, 3: avx512Rows3x2, 4: avx512Rows4x2, 5: avx512Rows5x2,
		6: avx512Rows6x2, 7: avx512Rows7x2, 8: avx512Rows8x2, 9: avx512Rows9x2, 10: avx512Rows10x2,
		11: avx512Rows11x2, 12: avx512Rows12x2,
	},
	3: {
		1: avx512Rows1x3, 2: avx512Rows2x3, 3: avx512Rows3x3, 4: avx512Rows4x3, 5: avx512Rows5x3,
		6: avx512Rows6x3, 7: avx512Rows7x3, 8: avx512Rows8x3, 9: avx512Rows9x3,
	},
}

var avx512Trans = &kernels{
	1: {
		1: avx512Trans1x1, 2: avx512Trans2x1, 3: avx512Trans3x1, 4: avx512Trans4x1, 5: avx512Trans5x1,
		6: avx512Trans6x1, 7: avx512Trans7x1, 8: avx512Trans8x1, 9: avx512Trans9x1, 10: avx512Trans10x1,
		11: avx512Trans11x1, 12: avx512Trans12x1,
	},
	2: {
		1: avx512Trans1x2, 2: avx512Trans2x2, 3: avx512Trans3x2, 4: avx512Trans4x2, 5: avx512Trans5x2,
		6: avx512Trans6x2, 7: avx512Trans7x2, 8: avx512Trans8x2, 9: avx512Trans9x2, 10: avx512Trans10x2,
		11: avx512Trans11x2, 12: avx512Trans12x2,
	},
	3: {
		1: avx512Trans1x3, 2: avx512Trans2x3, 3: avx512Trans3x3, 4: avx512Trans4x3, 5: avx512Trans5x3,
		6: avx512Trans6x3, 7: avx512Trans7x3, 8: avx512Trans8x3, 9: avx512Trans9x3,
	},
}

var avx2Rows = &kernels{
	1: {
		1: avx2Rows1x1, 2: avx2Rows2x1, 3: avx2Rows3x1, 4: avx2Rows4x1, 5: avx2Rows5x1,
		6: avx2Rows6x1, 7: avx2Rows7x1, 8: avx2Rows8x1, 9: avx2Rows9x1, 10: avx2Rows10x1,
		11: avx2Rows11x1, 12: avx2Rows12x1,
	},
	2: {
		1: avx2Rows1x2, 2: avx2Rows2x2, 3: avx2Rows3x2, 4: avx2Rows4x2, 5: avx2Rows5x2,
		6: avx2Rows6x2,
	},
}

var avx2Trans = &kernels{
	1: {
		1: avx2Trans1x1, 2: avx2Trans2x1, 3: avx2Trans3x1, 4: avx2Trans4x1, 5: avx2Trans5x1,
		6: avx2Trans6x1, 7: avx2Trans7x1, 8: avx2Trans8x1, 9: avx2Trans9x1, 10: avx2Trans10x1,
		11: avx2Trans11x1, 12: avx2Trans12x1,
	},
	2: {
		1: avx2Trans1x2, 2: avx2Trans2x2, 3: avx2Trans3x2, 4: avx2Trans4x2, 5: avx2Trans5x2,
		6: avx2Trans6x2,
	},
}
