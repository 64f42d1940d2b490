package tfrecord

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// goldens are the records of tools/golden/tfrecords.py.
func goldens() [][]byte {
	var bytes256 []byte
	for i := range 256 * 20 {
		bytes256 = append(bytes256, byte(i))
	}
	return [][]byte{{}, []byte("a record"), bytes256, goldenExample().Append(nil), goldenSequence().Append(nil)}
}

func file(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return data
}

// readAll returns copies of the records and the error that ended them.
func readAll(r io.Reader, o ReaderOptions) (records [][]byte, err error) {
	for data, err := range Records(r, o) {
		if err != nil {
			return records, err
		}
		records = append(records, append([]byte{}, data...))
	}
	return records, nil
}

func written(t testing.TB, c Compression, records ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, WriterOptions{c})
	require.NoError(t, err)
	for _, r := range records {
		require.NoError(t, w.Write(r))
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestReaderReadsWhatTensorFlowWrote(t *testing.T) {
	for _, name := range []string{"plain.tfrecord", "gzip.tfrecord.gz", "zlib.tfrecord.z"} {
		for _, r := range []func([]byte) io.Reader{
			func(b []byte) io.Reader { return bytes.NewReader(b) },
			func(b []byte) io.Reader { return iotest.OneByteReader(bytes.NewReader(b)) },
			func(b []byte) io.Reader { return iotest.DataErrReader(bytes.NewReader(b)) },
		} {
			got, err := readAll(r(file(t, name)), ReaderOptions{})
			require.NoError(t, err, name)
			require.Equal(t, goldens(), got, name)
		}
	}
}

func TestWriterWritesTensorFlowsBytes(t *testing.T) {
	require.Equal(t, file(t, "plain.tfrecord"), written(t, None, goldens()...))
}

func TestRecordsOfAnyLengthComeBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var records [][]byte
	for range 100 {
		r := make([]byte, int(math.Exp(rng.Float64()*11)))
		for i := range r {
			r[i] = byte(rng.Uint32() >> 30)
		}
		records = append(records, r)
	}
	for _, c := range []Compression{None, GZIP, ZLIB} {
		data := written(t, c, records...)
		got, err := readAll(bytes.NewReader(data), ReaderOptions{})
		require.NoError(t, err)
		require.Equal(t, records, got)
	}
}

func TestOffsetsAreThoseOfTheRecords(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, WriterOptions{})
	require.NoError(t, err)
	var at []int64
	for i := range 5 {
		at = append(at, w.Offset())
		require.NoError(t, w.Write(make([]byte, 1000*i)))
	}
	require.NoError(t, w.Close())
	r := NewReader(&b, ReaderOptions{})
	for _, want := range at {
		_, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, want, r.Offset())
	}
	_, err = r.Next()
	require.Equal(t, io.EOF, err)
}

func TestAClosedWriterRefusesRecords(t *testing.T) {
	w, err := NewWriter(io.Discard, WriterOptions{})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Error(t, w.Write(nil))
	require.Error(t, w.Close())
	_, err = NewWriter(io.Discard, WriterOptions{"LZ4"})
	require.ErrorContains(t, err, "LZ4")
}

func TestAWriterKeepsTheFirstError(t *testing.T) {
	broken := errors.New("disk is full")
	w, err := NewWriter(iotest.TruncateWriter(failing{broken}, 0), WriterOptions{})
	require.NoError(t, err)
	require.NoError(t, w.Write(nil)) // buffered
	w, err = NewWriter(failing{broken}, WriterOptions{})
	require.NoError(t, err)
	require.ErrorIs(t, w.Write(make([]byte, 1<<20)), broken)
	require.ErrorIs(t, w.Write(nil), broken)
	require.ErrorIs(t, w.Close(), broken)
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func header(n uint64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, n)
	return binary.LittleEndian.AppendUint32(b, maskedSum(b))
}

func TestEveryFlippedBitIsAnErrorThatNamesShardAndOffset(t *testing.T) {
	whole := written(t, None, []byte("first"), []byte("second, longer"), nil)
	for bit := range 8 * len(whole) {
		data := bytes.Clone(whole)
		data[bit/8] ^= 1 << (bit % 8)
		_, err := readAll(bytes.NewReader(data), ReaderOptions{Shard: "00-3.tfrec"})
		var at *Error
		require.ErrorAs(t, err, &at, "bit %d", bit)
		require.ErrorIs(t, err, ErrChecksum)
		require.Equal(t, "00-3.tfrec", at.Shard)
		starts := []int64{0, 21, 51, 1000}
		require.Equal(t, starts[at.Record], at.Offset)
		require.LessOrEqual(t, at.Offset, int64(bit/8))
		require.Greater(t, starts[at.Record+1], int64(bit/8))
		require.ErrorContains(t, err, "00-3.tfrec: record ")
	}
}

func TestEveryCutIsAnErrorButThoseBetweenRecords(t *testing.T) {
	for _, c := range []Compression{None, GZIP, ZLIB} {
		whole := written(t, c, []byte("first"), []byte("second, longer"), nil)
		for n := range whole {
			_, err := readAll(bytes.NewReader(whole[:n]), ReaderOptions{})
			if n == 0 || c == None && (n == 21 || n == 51) {
				require.NoError(t, err)
				continue
			}
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%s %d of %d", c, n, len(whole))
			var at *Error
			require.ErrorAs(t, err, &at)
		}
	}
}

// TensorFlow reads the same, but is silent about a single byte that follows.
func TestMembersOfAGZIPFileAreOneAndWhatFollowsThemIsAnError(t *testing.T) {
	first, second := written(t, GZIP, []byte("first")), written(t, GZIP, []byte("second"))
	got, err := readAll(bytes.NewReader(append(bytes.Clone(first), second...)), ReaderOptions{})
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("first"), []byte("second")}, got)
	for _, garbage := range []string{"x", "more than a header of garbage", "\x1f\x8b\x08 but no member", string(make([]byte, 600))} {
		got, err = readAll(strings.NewReader(string(first)+garbage), ReaderOptions{Shard: "x"})
		require.Equal(t, [][]byte{[]byte("first")}, got)
		var at *Error
		require.ErrorAs(t, err, &at, "%q", garbage)
		require.Equal(t, Error{"x", 1, 21, at.Err}, *at)
		records, _, damage := salvaged(t, append(bytes.Clone(first), garbage...))
		require.Equal(t, got, records)
		require.Len(t, damage, 1)
	}
	stream := written(t, ZLIB, []byte("first"))
	got, err = readAll(strings.NewReader(string(stream)+"garbage"), ReaderOptions{})
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("first")}, got)
}

func TestFalseLengthsCostNothing(t *testing.T) {
	for _, n := range []uint64{DefaultMaxRecord + 1, 1 << 62, 1 << 63, math.MaxUint64, math.MaxUint64 - 15} {
		_, err := readAll(bytes.NewReader(header(n)), ReaderOptions{})
		require.ErrorIs(t, err, ErrTooLong)
	}
	used := allocated(func() {
		_, err := readAll(bytes.NewReader(append(header(DefaultMaxRecord), "short"...)), ReaderOptions{})
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
	require.Less(t, used, uint64(1<<20))
}

// allocated is the number of bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A hundred million zeros, compressed to a hundred thousand bytes: as one
// record over the limit, as many small records, and as no records at all.
func TestCompressionBombsTakeNoMemory(t *testing.T) {
	zeros := make([]byte, 1<<20)
	for _, c := range []Compression{GZIP, ZLIB} {
		var many, none bytes.Buffer
		w, err := NewWriter(&many, WriterOptions{c})
		require.NoError(t, err)
		pack, err := c.compressed(&none)
		require.NoError(t, err)
		for range 100 {
			require.NoError(t, w.Write(zeros))
			_, err := pack.Write(zeros)
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		require.NoError(t, pack.Close())
		require.Less(t, many.Len(), 200_000)

		used := allocated(func() {
			records := 0
			for _, err := range Records(&many, ReaderOptions{}) {
				require.NoError(t, err)
				records++
			}
			require.Equal(t, 100, records)
		})
		require.Less(t, used, uint64(4<<20), c)

		_, err = readAll(&none, ReaderOptions{})
		require.ErrorIs(t, err, ErrChecksum)
	}
	_, err := readAll(bytes.NewReader(written(t, GZIP, zeros)), ReaderOptions{MaxRecord: 1 << 19})
	require.ErrorIs(t, err, ErrTooLong)
}

func TestTheReadersErrorComesThrough(t *testing.T) {
	broken := errors.New("connection reset")
	whole := written(t, None, []byte("first"), []byte("second"))
	got, err := readAll(io.MultiReader(bytes.NewReader(whole[:30]), iotest.ErrReader(broken)), ReaderOptions{Shard: "x"})
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "x: record 1 at offset 21")
	require.Len(t, got, 1)
}

func FuzzReader(f *testing.F) {
	for _, name := range []string{"plain.tfrecord", "gzip.tfrecord.gz", "zlib.tfrecord.z"} {
		f.Add(file(f, name))
	}
	f.Add(header(1 << 63))
	for _, c := range []Compression{GZIP, ZLIB} {
		member := written(f, c, []byte("first"), bytes.Repeat([]byte("ab"), 3000))
		f.Add(append(bytes.Clone(member), member...))
		f.Add(append(bytes.Clone(member), "garbage behind"...))
		f.Add(member[:len(member)-5])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 1 << 16
		records, err := readAll(bytes.NewReader(data), ReaderOptions{MaxRecord: limit})
		if err != nil {
			var at *Error
			require.ErrorAs(t, err, &at)
			require.Equal(t, len(records), at.Record)
			return
		}
		// What reads without an error is what a Writer writes.
		if again := written(t, None, records...); detect(data[:min(headerSize, len(data))]) == None {
			require.Equal(t, data, append([]byte{}, again...))
		}
		for _, r := range records {
			require.LessOrEqual(t, len(r), limit)
		}
	})
}

func BenchmarkChecksum(b *testing.B) {
	data := make([]byte, 100_000)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		maskedSum(data)
	}
}

func BenchmarkRead(b *testing.B) {
	for _, c := range []Compression{None, GZIP} {
		b.Run("compression="+string(c), func(b *testing.B) {
			rng := rand.NewChaCha8([32]byte{})
			record := make([]byte, 100_000)
			_, _ = rng.Read(record)
			data := written(b, c, record, record, record, record, record, record, record, record)
			b.SetBytes(8 * int64(len(record)))
			for b.Loop() {
				n := 0
				for _, err := range Records(bytes.NewReader(data), ReaderOptions{}) {
					require.NoError(b, err)
					n++
				}
				require.Equal(b, 8, n)
			}
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, c := range []Compression{None, GZIP} {
		b.Run("compression="+string(c), func(b *testing.B) {
			record := make([]byte, 100_000)
			_, _ = rand.NewChaCha8([32]byte{}).Read(record)
			w, err := NewWriter(io.Discard, WriterOptions{c})
			require.NoError(b, err)
			b.SetBytes(int64(len(record)))
			for b.Loop() {
				require.NoError(b, w.Write(record))
			}
		})
	}
}
