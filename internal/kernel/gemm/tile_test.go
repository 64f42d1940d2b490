package gemm

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/argus-go/argus/internal/kernel/gemm/guard"
	"github.com/stretchr/testify/require"
)

// The memory ends where the operands do, and around C nothing may be written.
func TestEveryTileEqualsItsDefinitionWhateverItsLastVectorHolds(t *testing.T) {
	for _, m := range implementations() {
		t.Run(m.name, func(t *testing.T) {
			for vectors, most := range m.rows {
				for rows := 1; rows <= most; rows++ {
					for last := 1; last <= m.lanes; last++ {
						w := &panel{n: (vectors-1)*m.lanes + last, vectors: vectors}
						for _, accumulate := range []bool{false, true} {
							checkTile(t, m, w, rows, accumulate)
							checkTransTile(t, m, w, rows, accumulate)
						}
					}
				}
			}
		})
	}
}

const (
	pieces, piece = 2, 5
	between       = 3 // floats between rows
)

// checkTile runs a tile whose last row begins with a piece of zeros. It adds to a
// bias, or to what C holds.
func checkTile(t *testing.T, m *implementation, w *panel, rows int, accumulate bool) {
	t.Helper()
	const k = pieces * piece
	r, ld, width := random(), w.n+between, w.vectors*m.lanes
	a, b := guard.Ints(t, r, rows*k), guard.Ints(t, r, k*width)
	bias, add := guard.Ints(t, r, w.n), guard.Ints(t, r, size(rows, w.n, ld))
	c := guard.NewOutput(t, size(rows, w.n, ld))
	x := &tile{a: a, zeros: make([]float32, piece), b: b, c: c.V, bias: bias, add: add,
		offStep: rows, segs: pieces, seg: piece, ldc: ld, addLd: ld, clamp: 1, lo: -20, hi: 30}
	for s := range pieces {
		for i := range rows {
			x.offs = append(x.offs, int32(i*k+s*piece))
		}
	}
	x.offs[rows-1] = -1
	before := func(_, j int) float32 { return bias[j] }
	if accumulate {
		before = startFromC(x, r, rows, w.n)
	}
	x.tail(w, m.lanes)
	m.run(x, rows, w.vectors)
	checkC(t, c, rows, w.n, ld, func(i, j int) float64 {
		sum := float64(before(i, j)) + float64(add[i*ld+j])
		for l := range k {
			if i < rows-1 || l >= piece {
				sum += float64(a[i*k+l]) * float64(b[l*width+j])
			}
		}
		return min(30, max(-20, sum))
	})
}

// checkTransTile runs a tile whose second row of A is zeros.
func checkTransTile(t *testing.T, m *implementation, w *panel, rows int, accumulate bool) {
	t.Helper()
	const k = 7
	r, ld := random(), w.n+between
	a, b := guard.Ints(t, r, k*rows), guard.Ints(t, r, size(k, w.n, ld))
	c := guard.NewOutput(t, size(rows, w.n, ld))
	x := &tile{a: a, zeros: make([]float32, 16), b: b, c: c.V, bias: zeroBias[:], segs: k, ldb: ld, ldc: ld}
	for l := range k {
		x.offs = append(x.offs, int32(l*rows))
	}
	x.offs[1] = -1
	before := func(_, _ int) float32 { return 0 }
	if accumulate {
		before = startFromC(x, r, rows, w.n)
	}
	x.tail(w, m.lanes)
	m.runT(x, rows, w.vectors)
	checkC(t, c, rows, w.n, ld, func(i, j int) float64 {
		sum := float64(before(i, j))
		for l := range k {
			if l != 1 {
				sum += float64(a[l*rows+i]) * float64(b[l*ld+j])
			}
		}
		return sum
	})
}

// startFromC fills C and returns what it holds.
func startFromC(x *tile, r *rand.Rand, rows, n int) func(i, j int) float32 {
	x.bias = nil
	before := make([]float32, rows*n)
	for i := range before {
		before[i] = float32(r.IntN(9) - 4)
		x.c[i/n*x.ldc+i%n] = before[i]
	}
	return func(i, j int) float32 { return before[i*n+j] }
}

// One rounding for each multiply-add, in the order of k: AVX2, AVX-512 and NEON
// agree, so a network gives the same on all of them.
func TestProductsHaveTheSameBitsOnEveryProcessor(t *testing.T) {
	const m, n, k = 61, 75, 301
	r := random()
	fill := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = r.Float32() - 0.5
		}
		return v
	}
	a, b, add := fill(m*k), fill(k*n), fill(m*n)
	for _, name := range Implementations() {
		if name == generic.name { // the compiler fuses on some processors
			continue
		}
		t.Run(name, func(t *testing.T) {
			defer Use(name)()
			c, d := make([]float32, m*n), make([]float32, k*k)
			Pack(b, k, n, n, false).Mul(nil, m, a, k, c, n, Epilogue{Bias: b[:n], Add: add, Lo: -1, Hi: 3})
			Mul(nil, true, false, k, k, m, a, k, a, k, d, k, false)
			require.Equal(t, "a33959f6b60797e6", digest(c))
			require.Equal(t, "88fa26f9d23ae939", digest(d))
		})
	}
}

func digest(v []float32) string {
	h := fnv.New64a()
	for _, f := range v {
		_ = binary.Write(h, binary.LittleEndian, math.Float32bits(f))
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
