package clean

import (
	"context"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clumped are hashes as of photographs: most have neighbours.
func clumped(rng *rand.Rand, n int) []hash {
	hashes := make([]hash, n)
	for i := range hashes {
		hashes[i] = hash(rng.Uint64())
		if i > 0 && rng.IntN(3) > 0 {
			hashes[i] = hashes[rng.IntN(i)]
			for range rng.IntN(16) {
				hashes[i] ^= 1 << rng.IntN(64)
			}
		}
	}
	return hashes
}

func TestTheIndexFindsEveryPairWithinTheRadiusOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	queries, entries := clumped(rng, 3000), clumped(rng, 2000)
	entries = append(entries, queries[:500]...)
	var got, want []match
	require.NoError(t, near(context.Background(), 3, queries, entries, func(found []match) { got = append(got, found...) }))
	for q, a := range queries {
		for e, b := range entries {
			if d := apart(a, b); d <= 11 {
				want = append(want, match{uint32(q), uint32(e), uint8(d)})
			}
		}
	}
	require.Greater(t, len(want), 2000)
	require.ElementsMatch(t, want, got)
}

func TestChunksAreEveryFourthBit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		h, ones := hash(rng.Uint64()), 0
		for k := range chunks {
			want := uint16(0)
			for i := range chunkBits {
				want |= uint16(h>>(4*i+k)&1) << i
			}
			require.Equal(t, want, h.chunk(k))
			ones += bits.OnesCount16(h.chunk(k))
		}
		require.Equal(t, bits.OnesCount64(uint64(h)), ones)
	}
}

// The time grows with the square of the number, and a little less.
func TestAHundredThousandHashesAreJoinedInASecondOrTwo(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	hashes := clumped(rand.New(rand.NewPCG(2, 2)), 100_000)
	start, pairs := time.Now(), 0
	require.NoError(t, near(context.Background(), runtime.GOMAXPROCS(0), hashes, hashes, func(found []match) { pairs += len(found) }))
	took := time.Since(start)
	require.Greater(t, pairs, 200_000)
	require.Less(t, took, 15*time.Second, "far more than it takes, for a machine that is busy")
	t.Logf("%v, %d pairs", took, pairs)
}

// All pairs of a million hashes that differ in 11 bits of 64 or fewer.
func BenchmarkJoinAMillionHashes(b *testing.B) {
	hashes := clumped(rand.New(rand.NewPCG(3, 3)), 1_000_000)
	for b.Loop() {
		pairs := 0
		require.NoError(b, near(context.Background(), runtime.GOMAXPROCS(0), hashes, hashes, func(found []match) { pairs += len(found) }))
		b.ReportMetric(float64(pairs), "pairs")
	}
}

func TestAShortListKeepsTheNearestWhateverTheOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	type entry struct {
		bits        uint8
		part, other uint32
	}
	var entries []entry
	for range 3000 {
		entries = append(entries, entry{uint8(rng.IntN(12)), uint32(rng.IntN(14)), uint32(rng.IntN(400))})
	}
	var want shortList
	for round := range 5 {
		rng.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		var l shortList
		for _, e := range entries {
			l.enter(e.bits, e.part, e.other)
		}
		l.trim()
		require.Len(t, l, longest)
		require.True(t, slices.IsSorted(l))
		if round > 0 {
			require.Equal(t, want, l)
		}
		want = slices.Clone(l)
	}
}
