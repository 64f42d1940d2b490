package gemm

import "time"

// Peak measures for about a tenth of a millisecond how many floating-point
// operations a second one core does in the multiply-adds of the implementation
// in use, operands in registers; 0 where that is not known. It is what
// benchmarks compare with.
func Peak() float64 {
	if best.peak == nil {
		return 0
	}
	const rounds = 40000
	start := time.Now()
	best.peak(rounds)
	return rounds * float64(2*best.peakCount*best.lanes) / time.Since(start).Seconds()
}
