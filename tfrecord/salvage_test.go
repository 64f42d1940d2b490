package tfrecord

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// salvaged returns what Salvage finds, and where.
func salvaged(t testing.TB, data []byte) (records [][]byte, offsets []int64, damage []Damage) {
	t.Helper()
	damage, err := Salvage(bytes.NewReader(data), ReaderOptions{Shard: "s"}, func(offset int64, data []byte) error {
		records = append(records, append([]byte{}, data...))
		offsets = append(offsets, offset)
		return nil
	})
	require.NoError(t, err)
	return records, offsets, damage
}

func without(records [][]byte, i int) [][]byte {
	return append(append([][]byte{}, records[:i]...), records[i+1:]...)
}

func sample() [][]byte {
	return [][]byte{[]byte("the first"), {}, bytes.Repeat([]byte{0}, 300), []byte("fourth"), bytes.Repeat([]byte("picture "), 20)}
}

func TestSalvageOfAWholeFileIsAllOfIt(t *testing.T) {
	for _, c := range []Compression{None, GZIP, ZLIB} {
		records, offsets, damage := salvaged(t, written(t, c, sample()...))
		require.Equal(t, sample(), records)
		require.Equal(t, []int64{0, 25, 41, 357, 379}, offsets)
		require.Empty(t, damage)
	}
	_, _, damage := salvaged(t, nil)
	require.Empty(t, damage)
}

func TestAFlippedBitCostsItsRecordAlone(t *testing.T) {
	whole := written(t, None, sample()...)
	starts := []int{0, 25, 41, 357, 379, len(whole)}
	for bit := range 8 * len(whole) {
		data := bytes.Clone(whole)
		data[bit/8] ^= 1 << (bit % 8)
		hit := 0
		for starts[hit+1] <= bit/8 {
			hit++
		}
		records, _, damage := salvaged(t, data)
		require.Equal(t, without(sample(), hit), records, "bit %d", bit)
		require.Len(t, damage, 1)
		require.Equal(t, int64(starts[hit]), damage[0].Offset)
		require.Equal(t, int64(starts[hit+1]-starts[hit]), damage[0].Length)
		require.Equal(t, hit, damage[0].Record)
		require.ErrorIs(t, damage[0].Err, ErrChecksum)
	}
}

func TestACutOrAHoleCostsTheRecordsItTouches(t *testing.T) {
	whole := written(t, None, sample()...)
	starts := []int{0, 25, 41, 357, 379, len(whole)}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		from, to := rng.IntN(len(whole)+1), rng.IntN(len(whole)+1)
		from, to = min(from, to), max(from, to)
		var want [][]byte
		for i, r := range sample() {
			if starts[i+1] <= from || starts[i] >= to || from == to {
				want = append(want, r)
			}
		}
		data := append(bytes.Clone(whole[:from]), whole[to:]...)
		records, _, _ := salvaged(t, data)
		require.Equal(t, want, records, "without %d to %d", from, to)
	}
}

func TestRecordsBehindFalseLengthsAreFound(t *testing.T) {
	for _, n := range []uint64{1 << 63, 1 << 40, DefaultMaxRecord, 1000, 3} {
		data := append(header(n), written(t, None, sample()...)...)
		records, offsets, damage := salvaged(t, data)
		require.Equal(t, sample(), records, "length %d", n)
		require.Equal(t, int64(12), offsets[0])
		require.Equal(t, int64(12), damage[0].Length)
	}
}

func TestWhatCannotBeUncompressedIsDamageToTheEnd(t *testing.T) {
	noise := make([]byte, 100_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	whole := written(t, GZIP, noise[:40_000], noise[40_000:], []byte("the last"))
	records, _, damage := salvaged(t, whole[:80_000])
	require.Equal(t, [][]byte{noise[:40_000]}, records)
	require.ErrorIs(t, damage[len(damage)-1].Err, io.ErrUnexpectedEOF)
	require.Less(t, damage[len(damage)-1].Length, int64(headerSize))

	whole[len(whole)-6] ^= 1 // the sum of the whole
	records, _, damage = salvaged(t, whole)
	require.Len(t, records, 3)
	require.Len(t, damage, 1)
	require.Contains(t, damage[0].String(), "s: 0 bytes at offset 100056, after 3 records: GZIP: ")
}

func TestSalvageEndsWithTheCallersError(t *testing.T) {
	full := errors.New("disk is full")
	_, err := Salvage(bytes.NewReader(written(t, None, sample()...)), ReaderOptions{}, func(int64, []byte) error { return full })
	require.ErrorIs(t, err, full)
}

func FuzzSalvageFindsWhatAReaderReads(f *testing.F) {
	f.Add(written(f, None, sample()...), []byte("noise"), uint16(30))
	f.Add(file(f, "gzip.tfrecord.gz"), []byte{}, uint16(0))
	f.Fuzz(func(t *testing.T, data, noise []byte, at uint16) {
		o := ReaderOptions{MaxRecord: 1 << 16}
		read, _ := readAll(bytes.NewReader(data), o)
		var found [][]byte
		end := int64(0)
		damage, err := Salvage(bytes.NewReader(data), o, func(offset int64, data []byte) error {
			require.GreaterOrEqual(t, offset, end)
			end = offset + int64(headerSize+len(data)+footerSize)
			found = append(found, append([]byte{}, data...))
			return nil
		})
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(found), len(read))
		for i := range read {
			require.True(t, bytes.Equal(read[i], found[i]))
		}
		for i, d := range damage[:max(0, len(damage)-1)] {
			require.LessOrEqual(t, d.Offset+d.Length, damage[i+1].Offset)
		}
	})
}
