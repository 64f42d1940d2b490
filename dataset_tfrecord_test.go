package argus

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/bmp"

	"github.com/argus-go/argus/tfrecord"
)

// jpegs are the swatches of rgb as JPEG files.
func jpegs(t testing.TB) Dataset {
	t.Helper()
	files := swatches(20, 8, 8, "blue", "green", "red")
	for _, f := range files {
		m, err := bmp.Decode(bytes.NewReader(f.Data))
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, jpeg.Encode(&b, m, nil))
		f.Data = b.Bytes()
	}
	return open(t, files)
}

func asTFRecords(t testing.TB, d Dataset, o tfrecord.ImageOptions) string {
	t.Helper()
	dir := t.TempDir()
	_, err := tfrecord.WriteImages(t.Context(), d, dir, o)
	require.NoError(t, err)
	return dir
}

func openRecords(t testing.TB, dir string, o TFRecordOptions) Dataset {
	t.Helper()
	d, err := OpenTFRecords(t.Context(), dir, o)
	require.NoError(t, err)
	return d
}

func TestFitAndEvaluateOnRecordsAreThoseOnFiles(t *testing.T) {
	files := jpegs(t)
	o := FitOptions{Epochs: 3, Seed: 5, CacheDir: t.TempDir()}
	want, _ := fittedTo(t, files, o)
	onFiles := accuracy(t, want, files.Test())
	for _, c := range []tfrecord.Compression{tfrecord.None, tfrecord.GZIP} {
		records := openRecords(t, asTFRecords(t, files, tfrecord.ImageOptions{Shards: 3, Ordered: true, Compression: c}), TFRecordOptions{})
		require.Equal(t, files.Classes(), records.Classes())
		require.Equal(t, files.Counts(), records.Counts())
		got, history := fittedTo(t, records, o)
		require.Equal(t, want.now.Load().weights, got.now.Load().weights)
		require.Zero(t, history.Seconds.Features, "the cache of the files is theirs, too")
		onRecords := accuracy(t, got, records.Test())
		for i := range onRecords.Outcomes {
			require.Equal(t, records.samples[len(records.samples)-len(onRecords.Outcomes)+i].Path, onRecords.Outcomes[i].Path)
			onRecords.Outcomes[i].Path = onFiles.Outcomes[i].Path
		}
		require.Equal(t, onFiles.Outcomes, onRecords.Outcomes)
	}
}

func TestRecordsWithoutSplitsAreDividedAsTheFilesWere(t *testing.T) {
	files := jpegs(t).Train()
	for i := range files.samples {
		files.samples[i].Split = ""
	}
	records := openRecords(t, asTFRecords(t, files, tfrecord.ImageOptions{Shards: 4, Path: true}), TFRecordOptions{})
	splits := func(d Dataset) map[contentHash]Split {
		all := map[contentHash]Split{}
		divided, err := d.Split(t.Context(), SplitOptions{Seed: 3})
		require.NoError(t, err)
		for _, s := range divided.All() {
			hash, err := s.hash(Limits{})
			require.NoError(t, err)
			all[hash] = s.Split
		}
		return all
	}
	require.Equal(t, splits(files), splits(records))
}

// tfrecord.Split by record and Dataset.Split agree where no class has to be
// helped to a picture.
func TestTFRecordSplitDividesAsADatasetDoes(t *testing.T) {
	files := jpegs(t).Train()
	for i := range files.samples {
		files.samples[i].Split = ""
	}
	dir := asTFRecords(t, files, tfrecord.ImageOptions{Shards: 4})
	o := SplitOptions{Seed: 3, Val: .4, Test: -1}
	divided, err := files.Split(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, tfrecord.Split(t.Context(), tfrecord.Folder(dir), tfrecord.SplitOptions{Records: true, Seed: 3, Fraction: .4}))
	records := openRecords(t, dir, TFRecordOptions{})
	hashes := func(d Dataset) map[contentHash]bool {
		all := map[contentHash]bool{}
		for _, s := range d.All() {
			hash, err := s.hash(Limits{})
			require.NoError(t, err)
			all[hash] = true
		}
		return all
	}
	require.NotEmpty(t, hashes(divided.Val()))
	require.Equal(t, hashes(divided.Val()), hashes(records.Val()))
}

func TestRecordsThatAreNoDatasetAreNamed(t *testing.T) {
	shard := func(labels ...int64) fstest.MapFS {
		var b bytes.Buffer
		w, err := tfrecord.NewWriter(&b, tfrecord.WriterOptions{})
		require.NoError(t, err)
		for _, l := range labels {
			require.NoError(t, w.Write(tfrecord.Example{"image": {Bytes: [][]byte{{}}}, "label": {Ints: []int64{l}}}.Append(nil)))
		}
		require.NoError(t, w.Close())
		return fstest.MapFS{"x.tfrec": {Data: b.Bytes()}}
	}
	for want, files := range map[string]fs.FS{
		"there are no shards":                   fstest.MapFS{},
		`classes ["0"], want two`:               shard(0, 0),
		`class "0" has none of the 2 records`:   shard(1, 2),
		`x.tfrec: record 1 at offset 49: label`: shard(1, -2),
	} {
		_, err := OpenTFRecordsFS(t.Context(), files, TFRecordOptions{})
		require.ErrorContains(t, err, "argus: dataset .: ")
		require.ErrorContains(t, err, want)
	}
	_, err := OpenTFRecords(t.Context(), filepath.Join(t.TempDir(), "none"), TFRecordOptions{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	file := filepath.Join(t.TempDir(), "x.tfrec")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	_, err = OpenTFRecords(t.Context(), file, TFRecordOptions{})
	require.ErrorContains(t, err, "want a folder")
}

// TestAHundredThousandRecordsTakeLittleMemory writes and reads a thousand in short
// mode, and a hundred thousand with ARGUS_RECORDS=all.
func TestAHundredThousandRecordsTakeLittleMemory(t *testing.T) {
	n := 2_000
	if os.Getenv("ARGUS_RECORDS") == "all" {
		n = 100_000
	}
	files := manyJPEGs(n)
	d := Dataset{"many", []string{"a", "b"}, nil}
	for i := range n {
		d.samples = append(d.samples, Sample{Path: fmt.Sprintf("%06d.jpg", i), Label: i % 2, Split: TrainSplit, fsys: files})
	}
	dir := t.TempDir()
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	base := heap()
	peak := int64(0)
	m, err := tfrecord.WriteImages(t.Context(), d, dir, tfrecord.ImageOptions{ShardBytes: 10_000_000}, tfrecord.Hooks{Progress: func(done, _ int) {
		if done%(n/4) == 0 {
			peak = max(peak, heap()-base)
		}
	}})
	require.NoError(t, err)
	require.Equal(t, n, m.Records())
	before := heap()
	records := openRecords(t, dir, TFRecordOptions{})
	opened := heap() - before
	r := reader{Preprocess: Preprocess{Size: 8, Std: [3]float32{1, 1, 1}}, Threads: 2}
	read := 0
	require.NoError(t, r.run(t.Context(), records.samples, func(i int, got readSample) error {
		if read++; read%(n/4) == 0 {
			peak = max(peak, heap()-base)
		}
		return got.Err
	}))
	require.Equal(t, n, read)
	t.Logf("%d records in %d shards: writing and reading held up to %d kB, the open dataset %d bytes a record", n, len(m.Shards), peak>>10, opened/int64(n))
	require.Less(t, opened/int64(n), int64(400))
	require.Less(t, peak, int64(40<<20+600*n))
	runtime.KeepAlive(records)
}

// manyJPEGs is a file system of n pictures that differ, made as they are read.
type manyJPEGs int

func (n manyJPEGs) Open(name string) (fs.File, error) {
	var i int
	if _, err := fmt.Sscanf(name, "%d.jpg", &i); err != nil {
		return nil, err
	}
	m := image.NewGray(image.Rect(0, 0, 16, 16))
	r := rand.New(rand.NewPCG(uint64(i), 0))
	for k := range m.Pix {
		m.Pix[k] = uint8(r.Uint32())
	}
	m.SetGray(0, 0, color.Gray{uint8(i)})
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		return nil, err
	}
	return fstest.MapFS{name: {Data: b.Bytes()}}.Open(name)
}

var _ tfrecord.Images = Dataset{}
