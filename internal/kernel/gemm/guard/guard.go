// Package guard makes slices for the tests of kernels that reveal reads and
// writes outside of them.
package guard

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
)

// canary stands around outputs: a NaN that no arithmetic makes.
const canary = 0x7fc0dead

// margin is the number of canaries before and after, more than a tile is wide.
const margin = 128

// An Output is a slice with canaries in every element and around it.
type Output struct {
	V   []float32 // what a kernel may write
	all []float32
}

// NewOutput returns n elements that hold canaries; the memory behind the
// canaries is not mapped where the system allows that.
func NewOutput(t testing.TB, n int) *Output {
	all := Floats(t, n+2*margin)
	for i := range all {
		all[i] = math.Float32frombits(canary)
	}
	return &Output{all[margin : margin+n : margin+n], all}
}

// Untouched says whether element i of V is as it was made; i may lie up to a
// margin outside.
func (o *Output) Untouched(i int) bool {
	return math.Float32bits(o.all[margin+i]) == canary
}

// Check fails t where an element around V was written.
func (o *Output) Check(t testing.TB) {
	t.Helper()
	for i := range margin {
		if !o.Untouched(-1-i) || !o.Untouched(len(o.V)+i) {
			t.Fatalf("%d elements from the slice of %d something was written", i+1, len(o.V))
		}
	}
}

// Ints returns n whole numbers from -4 to 4, which float32 adds and multiplies
// exactly, in memory that ends where the slice does.
func Ints(t testing.TB, r *rand.Rand, n int) []float32 {
	v := Floats(t, n)
	for i := range v {
		v[i] = float32(r.IntN(9) - 4)
	}
	return v
}

// Normal returns n numbers of the standard normal distribution, in memory
// that ends where the slice does.
func Normal(t testing.TB, r *rand.Rand, n int) []float32 {
	v := Floats(t, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// Garbage returns how many bytes f allocates when it is called again and
// again. It skips t under the race detector, where pools forget things.
func Garbage(t testing.TB, f func()) int {
	if Race {
		t.Skip("pools forget things under the race detector")
	}
	f()
	const times = 200
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		f()
	}
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc-before.TotalAlloc) / times
}
