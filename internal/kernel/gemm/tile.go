package gemm

import "slices"

// A tile computes some rows of C by one panel's columns:
//
//	C[i][j] = clamp(start + Σs Σk A[i][s][k]·B[s·seg+k][j] + add[i][j])
//
// and a transposed tile, whose rows are segs columns of A,
//
//	C[i][j] = start + Σs A[s][i]·B[s][j]
//
// where start is bias[j], or C[i][j] where bias is nil. The assembly reads the
// fields at their offsets: ../_asm/gemm and ../_asm/neon know them.
type tile struct {
	a     []float32 // where offsets begin
	offs  []int32   // of piece s of row i at s·offStep+i; transposed: of row s; negative: zeros
	zeros []float32
	b     []float32 // one row per k, ldb apart
	c     []float32
	bias  []float32
	add   []float32 // nil: none
	lanes []int32   // -1 for each lane of the last vector of a row that is in C, then 0

	offStep, segs, seg int
	ldb, ldc, addLd    int
	mask               uint64 // as lanes, one bit each
	clamp              uint64 // 1: with lo and hi
	lo, hi             float32
	next               []float32 // of use soon: two lines fetched into the second-level cache in every step of the loop; not nil
	aheadA, aheadB     int       // transposed: floats from rows of A and B to others that are of use soon
	step               int       // floats that next moves on by in every step of the loop
}

// An implementation is a set of tiles for one instruction set.
type implementation struct {
	name  string
	lanes int // floats in a vector

	// run and runT compute a tile of the given rows and vectors.
	run, runT func(t *tile, rows, vectors int)

	rows [4]int // most rows of a tile, by vectors; 0: there is no such tile

	peak      func(n int) // n rounds of independent multiply-adds of vectors; nil: not known
	peakCount int         // of them in a round
}

func (m *implementation) maxVectors() int {
	v := len(m.rows) - 1
	for m.rows[v] == 0 {
		v--
	}
	return v
}

// lastLanes holds the masks of 1 to 16 lanes: see tail.
var lastLanes = func() (v [32]int32) {
	for i := range 16 {
		v[i] = -1
	}
	return v
}()

// tail sets the masks for a panel's last vector.
func (t *tile) tail(w *panel, lanes int) {
	n := w.n - (w.vectors-1)*lanes
	t.lanes = lastLanes[16-n:]
	t.mask = 1<<n - 1
}

// best is what this machine runs fastest.
var best = implementations()[0]

// Implementations names what this machine can run, the fastest first.
func Implementations() (names []string) {
	for _, m := range implementations() {
		names = append(names, m.name)
	}
	return names
}

// Use makes the named implementation the one that matrices are packed for
// from now on, for tests and benchmarks: nothing else may run meanwhile.
func Use(name string) (restore func()) {
	old := best
	all := implementations()
	best = all[slices.IndexFunc(all, func(m *implementation) bool { return m.name == name })]
	return func() { best = old }
}

// zeroBias is the bias of a product without one.
var zeroBias [wide]float32
