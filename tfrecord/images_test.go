package tfrecord

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/fileops"
	"github.com/argus-go/argus/internal/picture"
)

// pictures are files named split/class/name.
type pictures struct {
	fs      fs.FS
	classes []string
	files   []string
}

func (p pictures) Classes() []string { return p.classes }

func (p pictures) Images() iter.Seq[Image] {
	return func(yield func(Image) bool) {
		for _, f := range p.files {
			parts := strings.Split(f, "/")
			split := ""
			if len(parts) == 3 {
				split = parts[0]
			}
			label := slices.Index(p.classes, parts[len(parts)-2])
			if !yield(Image{f, label, split, func() (fs.File, error) { return p.fs.Open(f) }}) {
				return
			}
		}
	}
}

// scene is a small picture that differs with n.
func scene(n, w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, color.NRGBA{uint8(x*9 + n), uint8(y * 7), uint8(n * 31), 255})
		}
	}
	return m
}

func asFile(t testing.TB, m image.Image, kind string) []byte {
	t.Helper()
	var b bytes.Buffer
	if kind == "png" {
		require.NoError(t, png.Encode(&b, m))
	} else {
		require.NoError(t, jpeg.Encode(&b, m, nil))
	}
	return b.Bytes()
}

// album has n pictures of two classes in train and n/3 in val; every seventh is
// broken, every third a PNG.
func album(t testing.TB, n int) pictures {
	t.Helper()
	files := fstest.MapFS{}
	for i := range n + n/3 {
		split, kind := "train", "jpg"
		if i >= n {
			split = "val"
		}
		if i%3 == 0 {
			kind = "png"
		}
		data := asFile(t, scene(i, 12+i%5, 10), kind)
		if i%7 == 3 {
			data = data[:len(data)/3]
		}
		files[fmt.Sprintf("%s/%s/%03d.%s", split, []string{"cat", "dog"}[i%2], i, kind)] = &fstest.MapFile{Data: data}
	}
	return pictures{files, []string{"cat", "dog"}, slices.Sorted(maps.Keys(files))}
}

// tree returns the files below dir and their content.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(data)
		return err
	}))
	return files
}

func examples(t testing.TB, data string) (all []Example) {
	t.Helper()
	for record, err := range Records(strings.NewReader(data), ReaderOptions{}) {
		require.NoError(t, err)
		e, err := ParseExample(bytes.Clone(record), ExampleLimits{})
		require.NoError(t, err)
		all = append(all, e)
	}
	return all
}

func TestEveryUsablePictureIsInOneShardWithItsLabel(t *testing.T) {
	in := album(t, 40)
	for name, o := range map[string]ImageOptions{
		"by count":   {Shards: 4, Path: true, Class: true, Dimensions: true},
		"by size":    {ShardBytes: 3000, Path: true, Class: true, Dimensions: true},
		"compressed": {Shards: 3, Compression: GZIP, Path: true, Class: true, Dimensions: true},
		"ordered":    {Shards: 4, Ordered: true, Path: true, Class: true, Dimensions: true},
		"resized":    {Shards: 4, Size: 9, Path: true, Class: true, Dimensions: true},
	} {
		dir := t.TempDir()
		m, err := WriteImages(t.Context(), in, dir, o)
		require.NoError(t, err, name)
		files := tree(t, dir)
		got := map[string]int{}
		var paths []string
		for _, s := range m.Shards {
			records := examples(t, files[s.Name])
			require.Len(t, records, s.Records)
			require.Equal(t, fmt.Sprintf("%s-%d.tfrec", strings.Split(s.Name, "-")[0], s.Records), s.Name)
			counts := []int{0, 0}
			for _, e := range records {
				path := string(e[PathFeature].Bytes[0])
				require.True(t, strings.HasPrefix(path, s.Split+"/"))
				require.Equal(t, strings.Split(path, "/")[1], string(e[ClassFeature].Bytes[0]))
				counts[e[LabelFeature].Ints[0]]++
				got[path]++
				paths = append(paths, path)
				checkPicture(t, in, path, e, o)
			}
			require.Equal(t, s.Counts, counts)
			if o.ShardBytes > 0 {
				require.Less(t, s.Bytes, o.ShardBytes)
			}
		}
		if o.Shards > 0 {
			require.Len(t, m.Shards, 2*o.Shards, name)
		} else {
			require.Greater(t, len(m.Shards), 6)
		}
		for _, b := range m.Bad() {
			got[b.Path]++
			require.Contains(t, b.Reason, "damaged")
		}
		require.Len(t, got, len(in.files))
		require.Len(t, m.Bad(), 8)
		for path, n := range got {
			require.Equal(t, 1, n, path)
		}
		require.Equal(t, o.Ordered, slices.IsSorted(paths), name)
		require.Equal(t, len(in.files)-8, m.Records())
		require.True(t, m.Complete)
		read, err := ReadManifest(os.DirFS(dir))
		require.NoError(t, err)
		require.Equal(t, m, read)
	}
}

// checkPicture wants JPEG, passed through where it was one and has its size.
func checkPicture(t *testing.T, in pictures, path string, e Example, o ImageOptions) {
	t.Helper()
	data := e[ImageFeature].Bytes[0]
	info, err := picture.Inspect(data, picture.Limits{})
	require.NoError(t, err)
	require.Equal(t, "jpeg", info.Format)
	require.Equal(t, []int64{int64(info.W)}, e[WidthFeature].Ints)
	require.Equal(t, []int64{int64(info.H)}, e[HeightFeature].Ints)
	source, err := fs.ReadFile(in.fs, path)
	require.NoError(t, err)
	if o.Size > 0 {
		require.Equal(t, []int{o.Size, o.Size}, []int{info.W, info.H})
		return
	}
	require.Equal(t, strings.HasSuffix(path, ".jpg"), bytes.Equal(source, data), path)
	was, err := picture.Decode(source, picture.Limits{})
	require.NoError(t, err)
	is, err := picture.Decode(data, picture.Limits{})
	require.NoError(t, err)
	require.Equal(t, []int{was.W, was.H}, []int{is.W, is.H})
	for i := range was.Pix {
		require.InDelta(t, was.Pix[i], is.Pix[i], 5)
	}
}

func TestTurnedPicturesAndCMYKAreNotPassedThrough(t *testing.T) {
	upright, err := os.ReadFile("../internal/picture/testdata/orientation1.jpg")
	require.NoError(t, err)
	turned, err := os.ReadFile("../internal/picture/testdata/orientation6.jpg")
	require.NoError(t, err)
	out, w, h, err := asJPEG(upright, 0, ImageOptions{})
	require.NoError(t, err)
	require.Equal(t, upright, out)
	out, w6, h6, err := asJPEG(turned, 0, ImageOptions{})
	require.NoError(t, err)
	require.Equal(t, []int{h, w}, []int{w6, h6}) // the file lies on its side
	require.NotEqual(t, turned, out)
	info, err := picture.Inspect(out, picture.Limits{})
	require.NoError(t, err)
	require.Equal(t, picture.Info{Format: "jpeg", W: w6, H: h6, Orientation: 1}, info)
}

func TestShardsAreTheSameForAnyNumberOfThreadsAndDifferWithTheSeed(t *testing.T) {
	in := album(t, 40)
	var first map[string]string
	for _, threads := range []int{1, 2, 5, 16} {
		dir := t.TempDir()
		_, err := WriteImages(t.Context(), in, dir, ImageOptions{Shards: 4, Seed: 7, Threads: threads})
		require.NoError(t, err)
		if first == nil {
			first = tree(t, dir)
		}
		require.Equal(t, first, tree(t, dir), "%d threads", threads)
	}
	dir := t.TempDir()
	_, err := WriteImages(t.Context(), in, dir, ImageOptions{Shards: 4, Seed: 8})
	require.NoError(t, err)
	require.NotEqual(t, first, tree(t, dir))
}

// recordedOptions give five shards by size and some twenty operations for each.
var recordedOptions = ImageOptions{ShardBytes: 2500, Threads: 2}

func TestARerunAfterACrashAtAnyOperationGivesTheSameFiles(t *testing.T) {
	in := album(t, 12)
	dir := t.TempDir()
	ops, err := fileops.Record(dir)
	require.NoError(t, err)
	_, err = WriteImagesTo(t.Context(), in, folder{dir, ops}, recordedOptions)
	require.NoError(t, err)
	want := tree(t, dir)
	require.Greater(t, len(want), 6)
	n := ops.Len()
	require.Greater(t, n, 60)
	crashes := 0
	for _, crash := range fileops.Crashes() {
		for i := range n + 1 {
			if os.Getenv("ARGUS_CRASHES") != "all" && i%4 != int(crash) {
				continue
			}
			crashes++
			dir := t.TempDir()
			require.NoError(t, ops.Restore(dir, i, crash))
			before := tree(t, dir)
			m, err := ReadManifest(os.DirFS(dir))
			if err == nil { // what it names is there and whole, always
				for _, s := range m.Shards {
					require.Equal(t, want[s.Name], before[s.Name], "%d operations, crash %d", i, crash)
				}
			}
			_, err = WriteImagesTo(t.Context(), in, folder{dir, unsynced{}}, recordedOptions)
			require.NoError(t, err)
			require.Equal(t, want, tree(t, dir), "%d operations, crash %d", i, crash)
		}
	}
	t.Logf("%d operations, %d crashes", n, crashes)
}

// unsynced is the disk without waiting for it.
type unsynced struct{ fileops.Disk }

func (unsynced) SyncDir(string) error { return nil }

func (u unsynced) Create(path string) (fileops.File, error) {
	f, err := u.Disk.Create(path)
	return unsyncedFile{f}, err
}

type unsyncedFile struct{ fileops.File }

func (unsyncedFile) Sync() error { return nil }

func TestARerunAfterAFailedOperationGivesTheSameFiles(t *testing.T) {
	in := album(t, 18)
	dir := t.TempDir()
	_, err := WriteImages(t.Context(), in, dir, recordedOptions)
	require.NoError(t, err)
	want := tree(t, dir)
	broken := errors.New("disk is full")
	dir = t.TempDir()
	rounds := 0
	for failAt := 1; ; rounds++ { // each run gets a little further than the last
		ops, err := fileops.Record(dir)
		require.NoError(t, err)
		asked := 0
		ops.Fail = func(int) error {
			if asked++; asked == failAt {
				return broken
			}
			return nil
		}
		_, err = WriteImagesTo(t.Context(), in, folder{dir, ops}, recordedOptions)
		for name := range tree(t, dir) {
			require.False(t, strings.HasSuffix(name, ".part"), "%s after a failure of operation %d", name, failAt)
		}
		if err == nil {
			break
		}
		require.ErrorIs(t, err, broken)
		if ops.Len() < failAt+2 { // it made no shard
			failAt++
		}
		if failAt > 25 {
			failAt = 1
		}
	}
	require.Greater(t, rounds, 15)
	require.Equal(t, want, tree(t, dir))
}

func TestACompleteSetIsCheckedAndNotWrittenAgain(t *testing.T) {
	in := album(t, 18)
	dir := t.TempDir()
	m, err := WriteImages(t.Context(), in, dir, recordedOptions)
	require.NoError(t, err)
	want := tree(t, dir)
	ops, err := fileops.Record(dir)
	require.NoError(t, err)
	again, err := WriteImagesTo(t.Context(), in, folder{dir, ops}, recordedOptions)
	require.NoError(t, err)
	require.Equal(t, m, again)
	require.Zero(t, ops.Len())

	for _, damage := range []func(path string) error{
		os.Remove,
		func(path string) error { return os.WriteFile(path, []byte("damaged"), 0o666) },
		func(path string) error {
			data, err := os.ReadFile(path)
			data[len(data)/2] ^= 1
			return errors.Join(err, os.WriteFile(path, data, 0o666))
		},
	} {
		for _, name := range []string{m.Shards[1].Name, indexName(m.Shards[1].Name)} {
			require.NoError(t, damage(filepath.Join(dir, name)))
			_, err = WriteImages(t.Context(), in, dir, recordedOptions)
			require.NoError(t, err)
			require.Equal(t, want, tree(t, dir))
		}
	}
}

func TestViewsAreOfTrainingPicturesAloneAndAlwaysTheSame(t *testing.T) {
	in := album(t, 12)
	plain, dir, again := t.TempDir(), t.TempDir(), t.TempDir()
	_, err := WriteImages(t.Context(), in, plain, ImageOptions{Shards: 2, Path: true})
	require.NoError(t, err)
	o := ImageOptions{Shards: 2, Views: 2, Path: true}
	m, err := WriteImages(t.Context(), in, dir, o)
	require.NoError(t, err)
	byPath := func(dir string) map[string][]string {
		all := map[string][]string{}
		for name, data := range tree(t, dir) {
			if strings.HasSuffix(name, ".tfrec") {
				for _, e := range examples(t, data) {
					path := string(e[PathFeature].Bytes[0])
					all[path] = append(all[path], string(e[ImageFeature].Bytes[0]))
				}
			}
		}
		return all
	}
	was := byPath(plain)
	for path, views := range byPath(dir) {
		require.Contains(t, views, was[path][0])
		want := 1
		if strings.HasPrefix(path, "train/") {
			want = 3
		}
		slices.Sort(views)
		require.Len(t, slices.Compact(views), want, path)
	}
	require.Len(t, m.Options.Augment.Steps, 7, "the manifest says what was done")
	o.Threads = 3
	_, err = WriteImages(t.Context(), in, again, o)
	require.NoError(t, err)
	require.Equal(t, tree(t, dir), tree(t, again))
	in.files = []string{"cat/000.png"}
	_, err = WriteImages(t.Context(), in, t.TempDir(), o)
	require.ErrorContains(t, err, "cat/000.png has no split")
}

func TestOtherPicturesOrOptionsAreRefused(t *testing.T) {
	in := album(t, 18)
	dir := t.TempDir()
	_, err := WriteImages(t.Context(), in, dir, recordedOptions)
	require.NoError(t, err)
	want := tree(t, dir)
	_, err = WriteImages(t.Context(), in, dir, ImageOptions{Shards: 2})
	require.ErrorIs(t, err, ErrOtherSet)
	_, err = WriteImages(t.Context(), album(t, 19), dir, recordedOptions)
	require.ErrorIs(t, err, ErrOtherSet)
	require.Equal(t, want, tree(t, dir))

	require.NoError(t, os.Remove(filepath.Join(dir, ManifestName)))
	_, err = WriteImages(t.Context(), in, dir, recordedOptions)
	require.ErrorIs(t, err, ErrOtherSet)
	require.ErrorContains(t, err, ".tfrec")
}

func TestACancelledWriteEndsSoonAndGoesOnLater(t *testing.T) {
	in := album(t, 40)
	want := t.TempDir()
	_, err := WriteImages(t.Context(), in, want, recordedOptions)
	require.NoError(t, err)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	most := 0
	_, err = WriteImages(ctx, in, dir, recordedOptions, Hooks{Progress: func(done, total int) {
		require.Equal(t, 53, total)
		if most = done; done == 20 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, most, 25)
	m, err := WriteImages(t.Context(), in, dir, recordedOptions, Hooks{Progress: func(done, _ int) { most = done }})
	require.NoError(t, err)
	require.Equal(t, 53, most)
	require.True(t, m.Complete)
	require.Equal(t, tree(t, want), tree(t, dir))
}

// flaky fails to open one file a few times.
type flaky struct {
	fs.FS
	err  error
	left *int
}

func (f flaky) Open(name string) (fs.File, error) {
	if strings.Contains(name, "005") && *f.left > 0 {
		*f.left--
		return nil, &fs.PathError{Op: "open", Path: name, Err: f.err}
	}
	return f.FS.Open(name)
}

func TestADiskThatFailsIsNotABrokenPicture(t *testing.T) {
	in := album(t, 18)
	want := t.TempDir()
	_, err := WriteImages(t.Context(), in, want, ImageOptions{})
	require.NoError(t, err)
	broken := errors.New("connection reset")
	left := 0
	in.fs = flaky{in.fs, broken, &left}
	dir := t.TempDir()
	_, err = WriteImages(t.Context(), armed{in, &left}, dir, ImageOptions{})
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "005")
	_, err = WriteImages(t.Context(), in, dir, ImageOptions{})
	require.NoError(t, err)
	require.Equal(t, tree(t, want), tree(t, dir))
}

// armed lets its pictures fail once the list of them has been read.
type armed struct {
	pictures
	left *int
}

func (a armed) Images() iter.Seq[Image] {
	return func(yield func(Image) bool) {
		a.pictures.Images()(yield)
		*a.left = 1
	}
}

func TestASecondWriterIsRefusedWhileOneWrites(t *testing.T) {
	in, dir := album(t, 6), t.TempDir()
	refused := 0
	_, err := WriteImages(t.Context(), in, dir, ImageOptions{}, Hooks{Progress: func(int, int) {
		_, err := WriteImages(t.Context(), in, dir, ImageOptions{})
		require.ErrorIs(t, err, ErrInUse)
		require.ErrorIs(t, Split(t.Context(), Folder(dir), SplitOptions{}), ErrInUse)
		refused++
	}})
	require.NoError(t, err)
	require.Equal(t, len(in.files), refused)
	_, err = WriteImages(t.Context(), in, dir, ImageOptions{})
	require.NoError(t, err)
}

func TestWhatCannotBeWrittenIsNamed(t *testing.T) {
	in := album(t, 6)
	for want, o := range map[string]ImageOptions{
		"-1 shards":        {Shards: -1},
		"size is -2":       {Size: -2},
		"shards of -3":     {ShardBytes: -3},
		`compression is "`: {Compression: "LZMA"},
	} {
		_, err := WriteImages(t.Context(), in, t.TempDir(), o)
		require.ErrorContains(t, err, "tfrecord: images: ")
		require.ErrorContains(t, err, want)
	}
	_, err := WriteImages(t.Context(), pictures{in.fs, []string{"cat"}, in.files}, t.TempDir(), ImageOptions{})
	require.ErrorContains(t, err, "label is -1, want 0 to 0")
	_, err = WriteImages(t.Context(), pictures{in.fs, []string{"cat"}, nil}, t.TempDir(), ImageOptions{})
	require.ErrorContains(t, err, "no pictures")
	broken := slices.DeleteFunc(slices.Clone(in.files), func(f string) bool { return !strings.Contains(f, "003") })
	_, err = WriteImages(t.Context(), pictures{in.fs, in.classes, broken}, t.TempDir(), ImageOptions{})
	require.ErrorContains(t, err, `split "train" has no usable picture`)
	require.ErrorContains(t, err, "003.png: damaged")
}
