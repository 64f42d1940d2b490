package tfrecord

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// content is what a set says: split/class → the pictures' bytes, in order.
func content(t testing.TB, s *Set) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for img := range s.Images() {
		data, err := readImage(img.Open, Limits{})
		require.NoError(t, err)
		again, err := fs.ReadFile(s, img.Path)
		require.NoError(t, err)
		require.Equal(t, data, again)
		key := img.Split + "/" + s.Classes()[img.Label]
		all[key] = append(all[key], string(data))
	}
	return all
}

func opened(t testing.TB, fsys fs.FS, o SetOptions) *Set {
	t.Helper()
	s, err := OpenSet(t.Context(), fsys, o)
	require.NoError(t, err)
	return s
}

// plainFS hides that files can be read at random, as in archives.
type plainFS struct{ fs.FS }

func (p plainFS) Open(name string) (fs.File, error) {
	f, err := p.FS.Open(name)
	if d, ok := f.(fs.ReadDirFile); ok {
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return d, nil
		}
	}
	return struct{ fs.File }{f}, err
}

func TestASetGivesThePicturesThatWereWritten(t *testing.T) {
	in := album(t, 40)
	var want map[string][]string
	for name, o := range map[string]ImageOptions{"plain": {Shards: 3}, "gzip": {Shards: 3, Compression: GZIP}, "zlib": {Shards: 3, Compression: ZLIB}} {
		dir := t.TempDir()
		m, err := WriteImages(t.Context(), in, dir, o)
		require.NoError(t, err)
		s := opened(t, os.DirFS(dir), SetOptions{})
		require.Equal(t, in.classes, s.Classes())
		require.Equal(t, m.Records(), s.Len())
		got := content(t, s)
		if want == nil {
			want = got
		}
		require.Equal(t, want, got, name)
		require.Equal(t, want, content(t, opened(t, plainFS{os.DirFS(dir)}, SetOptions{})), "%s without random access", name)

		// As another program's: without manifest and indexes.
		require.NoError(t, os.Remove(filepath.Join(dir, ManifestName)))
		bare := opened(t, os.DirFS(dir), SetOptions{Classes: in.classes})
		require.Equal(t, want, content(t, bare), "%s without a manifest", name)
		require.Equal(t, []string{"0", "1"}, opened(t, os.DirFS(dir), SetOptions{}).Classes())
	}
}

func TestASetCanBeWrittenAgain(t *testing.T) {
	in := album(t, 20)
	dir, again := t.TempDir(), t.TempDir()
	_, err := WriteImages(t.Context(), in, dir, ImageOptions{Shards: 3})
	require.NoError(t, err)
	s := opened(t, os.DirFS(dir), SetOptions{})
	_, err = WriteImages(t.Context(), s, again, ImageOptions{Shards: 5, Ordered: true, Compression: GZIP})
	require.NoError(t, err)
	require.Equal(t, content(t, s), content(t, opened(t, os.DirFS(again), SetOptions{})))
}

func TestRecordsOfCompressedShardsComeInAnyOrderToManyGoroutines(t *testing.T) {
	in := album(t, 40)
	dir := t.TempDir()
	_, err := WriteImages(t.Context(), in, dir, ImageOptions{Shards: 1, Compression: GZIP})
	require.NoError(t, err)
	s := opened(t, os.DirFS(dir), SetOptions{})
	images := slices.Collect(s.Images())
	want := map[string][]byte{}
	for _, img := range images {
		want[img.Path], err = fs.ReadFile(s, img.Path)
		require.NoError(t, err)
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(images), func(i, j int) { images[i], images[j] = images[j], images[i] })
	var all sync.WaitGroup
	for k := range 4 {
		all.Go(func() {
			for i := k; i < len(images); i += 4 {
				got, err := fs.ReadFile(s, images[i].Path)
				if err != nil || !bytes.Equal(want[images[i].Path], got) {
					t.Errorf("%s: other bytes, error %v", images[i].Path, err)
				}
			}
		})
	}
	all.Wait()
}

// foreign is a record as TensorFlow's sets have them.
func foreign(picture string, label int64, class string) []byte {
	e := Example{"image/encoded": {Bytes: [][]byte{[]byte(picture)}}, "image/class/label": {Ints: []int64{label}}}
	if class != "" {
		e["image/class/text"] = Feature{Bytes: [][]byte{[]byte(class)}}
	}
	return e.Append(nil)
}

var foreignNames = SetOptions{Image: "image/encoded", Label: "image/class/label", Class: "image/class/text", FirstLabel: 1}

func TestSetsOfOtherProgramsAreMapped(t *testing.T) {
	files := fstest.MapFS{
		"train-00000-of-00002":                 {Data: written(t, None, foreign("a", 1, "cat"), foreign("b", 2, "dog"))},
		"train-00001-of-00002":                 {Data: written(t, GZIP, foreign("c", 2, "dog"))},
		"validation-00000-of-00001":            {Data: written(t, None, foreign("d", 1, "cat"))},
		"flowers-test.tfrecord-00000-of-00001": {Data: written(t, None, foreign("e", 4, "rose"))},
		"deeper/test/x.TFRecord.gz":            {Data: written(t, ZLIB, foreign("f", 1, "cat"))},
		"test/y.tfrecords":                     {Data: written(t, None, foreign("g", 1, "cat"))},
		".hidden.tfrecord":                     {Data: []byte("?")},
		"dataset_info.json":                    {Data: []byte("{}")},
	}
	s := opened(t, files, foreignNames)
	require.Equal(t, []string{"cat", "dog", "3", "rose"}, s.Classes())
	require.Equal(t, map[string][]string{
		"train/cat": {"a"}, "train/dog": {"b", "c"}, "val/cat": {"d"}, "test/cat": {"g"}, "/cat": {"f"}, "/rose": {"e"},
	}, content(t, s))

	byName := foreignNames
	byName.Label = "none"
	s = opened(t, files, byName)
	require.Equal(t, []string{"cat", "dog", "rose"}, s.Classes())
	require.Equal(t, []string{"e"}, content(t, s)["/rose"])
}

func TestWhatIsNoSetIsNamed(t *testing.T) {
	shard := func(records ...[]byte) fstest.MapFS {
		return fstest.MapFS{"a.tfrec": {Data: written(t, None, records...)}}
	}
	good := foreign("a", 1, "cat")
	damaged := shard(good, good)
	damaged["a.tfrec"].Data[len(written(t, None, good))+20] ^= 1
	second := fmt.Sprintf("a.tfrec: record 1 at offset %d: ", len(written(t, None, good)))
	for _, c := range []struct {
		files fstest.MapFS
		o     SetOptions
		want  string
	}{
		{fstest.MapFS{}, SetOptions{}, "there are no shards"},
		{shard(), SetOptions{Classes: []string{"x", "y"}}, "a.tfrec and 0 more shards have no records"},
		{damaged, foreignNames, second + "data of"},
		{shard(good, []byte("?")), foreignNames, second + "Example: "},
		{shard(good, foreign("b", 0, "")), foreignNames, `features "image/class/label" and "image/class/text" are in some`},
		{shard(foreign("a", 1, ""), foreign("b", 0, "")), foreignNames, "label is 0, want 1 to"},
		{shard(foreign("b", 1<<62, "")), foreignNames, "label is 4611686018427387904, want 1 to 1048576"},
		{shard(good, foreign("b", 1, "dog")), foreignNames, `label 1 is class "dog", and class "cat" before`},
		{shard(good), SetOptions{}, `has neither feature "label" nor "class", but ["image/class/label"`},
		{shard(foreign("a", 2, "")), SetOptions{Label: "image/class/label", Classes: []string{"x", "y"}}, "label is 2, want 0 to 1"},
		{shard(foreign("a", 1, strings.Repeat("x", 2000))), foreignNames, `feature "image/class/text" has 2000 bytes`},
		{shard(foreign("a", 2, "z")), SetOptions{Class: "image/class/text", Classes: []string{"x", "y"}}, `class "z" is none of ["x" "y"]`},
		{fstest.MapFS{ManifestName: {Data: []byte(`{"format":2}`)}}, SetOptions{}, "manifest.json: format is 2, want 1"},
		{fstest.MapFS{ManifestName: {Data: []byte(`{"format":1}`)}}, SetOptions{}, "not complete"},
		{fstest.MapFS{ManifestName: {Data: []byte(`{"format":1,"complete":true,"shards":[{"name":"../x"}]}`)}}, SetOptions{}, "no path"},
		{fstest.MapFS{splitJournal: {}}, SetOptions{}, "Split of it was interrupted"},
	} {
		_, err := OpenSet(t.Context(), c.files, c.o)
		require.ErrorContains(t, err, "tfrecord: ")
		require.ErrorContains(t, err, c.want)
	}
	s := opened(t, shard(good), SetOptions{Label: "image/class/label"})
	_, err := s.Open("a.tfrec/0")
	require.ErrorContains(t, err, `record 0 at offset 0: has no feature "image", but ["image/class/label"`)
	for _, name := range []string{"a.tfrec/1", "a.tfrec/00", "a.tfrec/-1", "b.tfrec/0", "a.tfrec", ".", "a.tfrec/0/", "../a.tfrec/0"} {
		_, err := s.Open(name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = OpenSet(ctx, shard(good), foreignNames)
	require.ErrorIs(t, err, context.Canceled)
}

func TestDamageAfterOpeningIsAnErrorOfTheRecord(t *testing.T) {
	in := album(t, 20)
	for _, c := range []Compression{None, GZIP} {
		dir := t.TempDir()
		m, err := WriteImages(t.Context(), in, dir, ImageOptions{Shards: 1, Compression: c})
		require.NoError(t, err)
		s := opened(t, os.DirFS(dir), SetOptions{})
		path := filepath.Join(dir, m.Shards[0].Name)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, data[:len(data)/2], 0o666))
		last := fmt.Sprintf("%s/%d", m.Shards[0].Name, m.Shards[0].Records-1)
		_, err = fs.ReadFile(s, last)
		require.ErrorContains(t, err, m.Shards[0].Name+": record ")
	}
}

func TestShardsThatAreNotTheManifestsAreRefused(t *testing.T) {
	in := album(t, 20)
	for _, c := range []Compression{None, GZIP} {
		for want, change := range map[string]func(shard string, s *Shard) error{
			"no such file":         func(shard string, _ *Shard) error { return os.Remove(shard) },
			": unexpected EOF":     func(shard string, s *Shard) error { return os.Truncate(shard, s.Bytes/2) },
			"manifest.json states": func(_ string, s *Shard) error { s.Records++; return nil },
			"records of class":     func(_ string, s *Shard) error { s.Counts[0]++; s.Counts[1]--; return nil },
		} {
			dir := t.TempDir()
			m, err := WriteImages(t.Context(), in, dir, ImageOptions{Shards: 1, Compression: c})
			require.NoError(t, err)
			require.NoError(t, change(filepath.Join(dir, m.Shards[0].Name), &m.Shards[0]))
			require.NoError(t, m.write(t.Context(), Folder(dir)))
			_, err = OpenSet(t.Context(), os.DirFS(dir), SetOptions{})
			require.ErrorContains(t, err, want, c)
			require.ErrorContains(t, err, m.Shards[0].Name)
		}
	}
}

func TestVerifyListsAllThatIsWrong(t *testing.T) {
	in := album(t, 40)
	dir := t.TempDir()
	m, err := WriteImages(t.Context(), in, dir, ImageOptions{Shards: 4})
	require.NoError(t, err)
	report, err := Verify(t.Context(), os.DirFS(dir), VerifyOptions{Decode: true})
	require.NoError(t, err)
	require.Empty(t, report.Problems)
	require.Equal(t, []int{8, m.Records()}, []int{report.Shards, report.Records})
	require.Positive(t, report.Bytes)

	flip := func(name string, at int) {
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		data[(at+len(data))%len(data)] ^= 1
		require.NoError(t, os.WriteFile(path, data, 0o666))
	}
	flip(m.Shards[0].Name, 40)
	flip(m.Shards[0].Name, -1)
	require.NoError(t, os.Remove(filepath.Join(dir, m.Shards[1].Name)))
	flip(indexName(m.Shards[2].Name), 30)
	report, err = Verify(t.Context(), os.DirFS(dir), VerifyOptions{})
	require.NoError(t, err)
	var lines []string
	for _, p := range report.Problems {
		lines = append(lines, fmt.Sprintf("%s %d %s", p.Shard, p.Record, p.Reason))
	}
	text := strings.Join(lines, "\n")
	require.Len(t, lines, 6, text)
	require.Contains(t, lines[0], m.Shards[0].Name+" 0 ")
	require.Contains(t, lines[0], "are no record: data of")
	require.Contains(t, lines[1], fmt.Sprintf("%s %d ", m.Shards[0].Name, m.Shards[0].Records-2))
	require.Contains(t, lines[2], "SHA-256 is")
	require.Contains(t, lines[3], fmt.Sprintf("has %d whole records, want %d", m.Shards[0].Records-2, m.Shards[0].Records))
	require.Contains(t, lines[4], m.Shards[1].Name)
	require.Contains(t, lines[5], "index: ")
}

func TestAnIndexGivesRecordsInAnyOrder(t *testing.T) {
	data := written(t, None, sample()...)
	x, err := BuildIndex(bytes.NewReader(data), ReaderOptions{})
	require.NoError(t, err)
	x.Entries[2].Label = -5
	read, err := ParseIndex(x.Append(nil))
	require.NoError(t, err)
	require.Equal(t, x, read)
	var buf []byte
	for _, i := range []int{4, 0, 2, 1, 3, 3} {
		buf, err = x.ReadAt(bytes.NewReader(data), "s", i, buf)
		require.NoError(t, err)
		require.Equal(t, sample()[i], append([]byte{}, buf...))
	}
	data[len(data)-1] ^= 1
	_, err = x.ReadAt(bytes.NewReader(data), "s", 4, nil)
	require.ErrorIs(t, err, ErrChecksum)
	require.ErrorContains(t, err, "s: record 4 at offset 379")
	_, err = x.ReadAt(bytes.NewReader(data[:400]), "s", 4, nil)
	require.ErrorContains(t, err, "record ends after 21 of 176 bytes")
	_, err = BuildIndex(bytes.NewReader(written(t, GZIP, sample()...)), ReaderOptions{Shard: "z"})
	require.ErrorContains(t, err, "z: is compressed")
}

func TestAFalseIndexTakesNoMemory(t *testing.T) {
	for _, length := range []int{DefaultMaxRecord, 1 << 40, 1<<62 - 100} {
		x := Index{int64(length) + headerSize + footerSize, []Entry{{Length: length}}}
		x, err := ParseIndex(x.Append(nil))
		require.NoError(t, err)
		require.Less(t, allocated(func() {
			_, err = x.ReadAt(bytes.NewReader([]byte("short")), "s", 0, nil)
		}), uint64(1<<20))
		require.ErrorContains(t, err, "s: record 0 at offset 0: record of")

		m := fmt.Sprintf(`{"format":1,"complete":true,"classes":["a"],"shards":[{"name":"s.tfrec","records":1,"counts":[1],"bytes":%d}]}`, x.Size)
		_, err = OpenSet(t.Context(), fstest.MapFS{ManifestName: {Data: []byte(m)}, ".s.tfrec.index": {Data: x.Append(nil)}, "s.tfrec": {}}, SetOptions{})
		require.ErrorContains(t, err, "s.tfrec: has 0 records, manifest.json states 1")
	}
}

func TestADamagedIndexIsRefused(t *testing.T) {
	x, err := BuildIndex(bytes.NewReader(written(t, None, sample()...)), ReaderOptions{})
	require.NoError(t, err)
	whole := x.Append(nil)
	for bit := range 8 * len(whole) {
		data := bytes.Clone(whole)
		data[bit/8] ^= 1 << (bit % 8)
		_, err := ParseIndex(data)
		require.Error(t, err)
	}
	for n := range whole {
		_, err := ParseIndex(whole[:n])
		require.Error(t, err)
	}
	for _, change := range []func(*Index){
		func(x *Index) { x.Entries[1].Offset++ },
		func(x *Index) { x.Entries[1].Length-- },
		func(x *Index) { x.Entries[4].Length = 1 << 62 },
		func(x *Index) { x.Size++ },
		func(x *Index) { x.Size = -1 },
	} {
		y := Index{x.Size, slices.Clone(x.Entries)}
		change(&y)
		_, err := ParseIndex(y.Append(nil))
		require.ErrorContains(t, err, "tfrecord: index: ")
	}
}

func FuzzIndex(f *testing.F) {
	x, err := BuildIndex(bytes.NewReader(written(f, None, sample()...)), ReaderOptions{})
	require.NoError(f, err)
	f.Add(x.Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		// Most of the fuzzer's work would die at the sum.
		if len(data) >= 4 {
			data = append(data[:len(data)-4:len(data)-4], sumOf(data[:len(data)-4])...)
		}
		x, err := ParseIndex(data)
		if err == nil {
			require.Equal(t, data, x.Append(nil))
		}
	})
}

func FuzzManifest(f *testing.F) {
	dir := f.TempDir()
	m, err := WriteImages(f.Context(), album(f, 6), dir, ImageOptions{})
	require.NoError(f, err)
	data, err := os.ReadFile(filepath.Join(dir, ManifestName))
	require.NoError(f, err)
	f.Add(data)
	shard, err := os.ReadFile(filepath.Join(dir, m.Shards[0].Name))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, data []byte) {
		files := fstest.MapFS{ManifestName: {Data: data}, m.Shards[0].Name: {Data: shard}}
		s, err := OpenSet(t.Context(), files, SetOptions{})
		if err == nil {
			for img := range s.Images() {
				_, _ = fs.ReadFile(s, img.Path)
				require.Less(t, img.Label, len(s.Classes()))
			}
		}
		_, _ = Verify(t.Context(), files, VerifyOptions{})
	})
}

func sumOf(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(nil, crc32.Checksum(b, castagnoli))
}

// A small file becomes millions of records, labelled, empty, or each with a byte of damage behind it.
func TestSmallFilesOfManyRecordsTakeLittleMemory(t *testing.T) {
	bomb := func(record []byte) fstest.MapFS {
		var b bytes.Buffer
		pack, err := GZIP.compressed(&b)
		require.NoError(t, err)
		many := bytes.Repeat(record, 1000)
		for range 300 {
			_, err := pack.Write(many)
			require.NoError(t, err)
		}
		require.NoError(t, pack.Close())
		return fstest.MapFS{"a.tfrec": {Data: b.Bytes()}}
	}
	labelled := written(t, None, foreign("", 1, "cat"))
	held := func(f func()) uint64 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		f()
		runtime.GC()
		runtime.ReadMemStats(&after)
		return after.HeapAlloc - min(after.HeapAlloc, before.HeapAlloc)
	}
	_, err := OpenSet(t.Context(), bomb(labelled), foreignNames)
	require.ErrorIs(t, err, ErrTooMany)
	require.ErrorContains(t, err, "a.tfrec: record ")
	var report Report
	require.Less(t, held(func() { report, err = Verify(t.Context(), bomb(written(t, None, nil)), VerifyOptions{}) }), uint64(2<<20))
	require.NoError(t, err)
	require.Equal(t, 300_000, report.Records)
	require.Len(t, report.Problems, maxProblems+1)
	require.Contains(t, report.Problems[maxProblems].Reason, "and 299000 further problems")

	damaged := append(bytes.Clone(labelled), 0)
	var damage []Damage
	records := 0
	require.Less(t, held(func() {
		damage, err = Salvage(bytes.NewReader(bomb(damaged)["a.tfrec"].Data), ReaderOptions{}, func(int64, []byte) error { records++; return nil })
	}), uint64(20<<20))
	require.NoError(t, err)
	require.Equal(t, 300_000, records)
	require.Len(t, damage, maxDamage)
	require.Equal(t, int64(300_000-maxDamage+1), damage[maxDamage-1].Length)
	_, err = BuildIndex(bytes.NewReader(bomb(labelled)["a.tfrec"].Data), ReaderOptions{Shard: "z"})
	require.ErrorContains(t, err, "z: is compressed")
}
