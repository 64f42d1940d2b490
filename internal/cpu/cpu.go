// Package cpu says which vector instructions this machine offers, once and
// for all kernels. GODEBUG=cpu.avx512f=off and cpu.avx2=off lower the answer;
// the build tag purego makes it Generic.
package cpu

// A Level is an instruction set that kernels are written for. Greater levels
// include the lesser ones of the same architecture.
type Level int

const (
	Generic Level = iota // portable Go only
	AVX2                 // amd64: AVX2 and FMA3
	AVX512               // amd64: AVX-512 F, BW, DQ and VL, and AVX2
	NEON                 // arm64, every one
)

// String returns the level's name in lower case.
func (l Level) String() string {
	return [...]string{Generic: "generic", AVX2: "avx2", AVX512: "avx512", NEON: "neon"}[l]
}

// Best returns the highest level that this machine runs.
func Best() Level { return best }

// Has says whether this machine runs level l, one of its architecture.
func Has(l Level) bool { return l <= best }
