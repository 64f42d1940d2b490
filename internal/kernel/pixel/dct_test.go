package pixel

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// blockOf is one of few or many frequencies, of sizes that overflow now and then.
func blockOf(r *rand.Rand) (coefs [64]int16, q [64]int32) {
	n := 1 + r.IntN(64)
	limit := int32(1) << r.IntN(16)
	for range n {
		coefs[r.IntN(64)] = int16(r.Int32N(2*limit) - limit)
	}
	most := int32(1) << r.IntN(17)
	for i := range q {
		q[i] = r.Int32N(most)
	}
	return coefs, q
}

func TestInverseTransformsEqualTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		coefs, q := blockOf(r)
		stride := 8 + r.IntN(20)
		each(t, 7*stride+8, func(k kernels, dst []uint8) { k.inverse(dst, stride, &coefs, &q) })
		other, _ := blockOf(r)
		two := [128]int16(append(coefs[:], other[:]...))
		each(t, 7*(stride+8)+16, func(k kernels, dst []uint8) { k.inverses(dst, stride+8, &two, &q) })
		each(t, 3*stride+8, func(k kernels, dst []uint8) { k.lowest(dst, stride, &two, &q) })
	}
}

func TestABlockOfOneLevelIsFlat(t *testing.T) {
	q := [64]int32{1}
	dst := make([]uint8, 64)
	for dc := -1 << 15; dc < 1<<15; dc += 3 {
		inverseGo(dst, 8, &[64]int16{int16(dc)}, &q)
		if n := bytes.Count(dst, []byte{Flat(int32(dc))}); n != len(dst) {
			require.Equal(t, len(dst), n, "%d", dc)
		}
	}
	require.Panics(t, func() { Inverse(dst, 9, new([64]int16), &q) })
}

func TestCoarseSamplesEqualTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for n := 1; n < 40; n++ {
		src := make([]int16, 64*n)
		q, recip := [64]int32{}, [64]int32{}
		for i := range q {
			q[i] = 1 + r.Int32N(255)
			if n%3 == 0 {
				q[i] = 1
			}
			recip[i] = (1<<recipBits + q[i]/2) / q[i]
		}
		for i := range src {
			src[i] = int16(r.Int32N(512) - 256)
			if n%2 == 0 {
				src[i] = int16(r.Int32N(2)*511 - 256)
			}
		}
		each(t, 64*n, func(k kernels, dst []uint8) { k.coarse(dst, src, 8*n, &q, &recip) })
		if n%3 == 0 { // every frequency is kept
			dst := make([]uint8, 64*n)
			Coarse(dst, src, 8*n, &q)
			for i, v := range src {
				require.InDelta(t, min(max(v, -128), 127), int16(dst[i])-128, 1)
			}
		}
	}
	require.Panics(t, func() { Coarse(make([]uint8, 32), make([]int16, 32), 4, new([64]int32)) })
}
