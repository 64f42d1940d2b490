package clean

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/bmp"
)

func check(t testing.TB, fsys fs.FS, o Options) Report {
	t.Helper()
	r, err := CheckFS(context.Background(), fsys, o)
	require.NoError(t, err)
	return r
}

// scene is a sharp picture of shapes and grain, another one for each seed.
func scene(seed uint64, w, h int) *image.NRGBA {
	rng := rand.New(rand.NewPCG(seed, 7))
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = 255
	}
	for range 40 {
		x, y, c := rng.IntN(w), rng.IntN(h), color.NRGBA{uint8(rng.Uint32()), uint8(rng.Uint32()), uint8(rng.Uint32()), 255}
		r := image.Rect(x, y, x+1+rng.IntN(w/3+1), y+1+rng.IntN(h/3+1)).Intersect(m.Rect)
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				m.SetNRGBA(x, y, c)
			}
		}
	}
	for i := range m.Pix {
		if i%4 != 3 {
			m.Pix[i] = uint8(min(255, int(m.Pix[i])+rng.IntN(24)))
		}
	}
	return m
}

func asJPEG(t testing.TB, m image.Image) []byte {
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, m, &jpeg.Options{Quality: 92}))
	return b.Bytes()
}

func asPNG(t testing.TB, m image.Image) []byte {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}

// as copies m into another kind of image.
func as[T interface {
	image.Image
	Set(x, y int, c color.Color)
}](m image.Image, out T) T {
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			out.Set(x, y, m.At(x, y))
		}
	}
	return out
}

func animatedGIF(t testing.TB, w, h int) []byte {
	g := &gif.GIF{}
	for i := range 3 {
		m := image.NewPaletted(image.Rect(0, 0, w, h), []color.Color{color.Black, color.White, color.RGBA{200, 30, 30, 255}, color.RGBA{20, 30, 200, 255}})
		g.Image, g.Delay = append(g.Image, as(scene(uint64(90+i), w, h), m)), append(g.Delay, 5)
	}
	var b bytes.Buffer
	require.NoError(t, gif.EncodeAll(&b, g))
	return b.Bytes()
}

// animatedPNG is a PNG that announces two frames.
func animatedPNG(t testing.TB) []byte {
	data := asPNG(t, as(scene(77, 100, 100), image.NewRGBA(image.Rect(0, 0, 100, 100))))
	chunk := append([]byte("acTL"), 0, 0, 0, 2, 0, 0, 0, 0)
	frame := binary.BigEndian.AppendUint32(nil, 8)
	frame = binary.BigEndian.AppendUint32(append(frame, chunk...), crc32.ChecksumIEEE(chunk))
	return slices.Concat(data[:33], frame, data[33:])
}

// golden is a file that tools/golden/clean.py made.
func golden(t testing.TB, name string) []byte {
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return data
}

// faulty are files with one fault each, by what is wrong with them.
func faulty(t testing.TB) map[Kind]map[string][]byte {
	rgb := scene(1, 200, 150)
	encode := func(write func(*bytes.Buffer) error) []byte {
		var b bytes.Buffer
		require.NoError(t, write(&b))
		return b.Bytes()
	}
	half := image.NewNRGBA(rgb.Rect)
	copy(half.Pix, scene(2, 200, 150).Pix)
	half.Pix[3] = 100
	dim, even := scene(3, 200, 150), image.NewNRGBA(rgb.Rect)
	for i := range dim.Pix {
		even.Pix[i] = 255
		if i%4 != 3 {
			dim.Pix[i] /= 8
			even.Pix[i] = 140
		}
	}
	soft := as(scene(4, 500, 400), image.NewGray(image.Rect(0, 0, 500, 400)))
	p := newPlane(500, 400)
	for i, v := range soft.Pix {
		p.v[i] = float32(v)
	}
	for range 40 {
		p = p.smooth()
	}
	blurred := image.NewNRGBA(soft.Rect)
	for i, v := range p.v {
		blurred.Pix[4*i], blurred.Pix[4*i+1], blurred.Pix[4*i+2], blurred.Pix[4*i+3] = uint8(v), uint8(v), uint8(v), 255
	}
	return map[Kind]map[string][]byte{
		Unreadable: {
			"cut.jpg": asJPEG(t, scene(5, 200, 150))[:3000],
			"cut.png": asPNG(t, scene(6, 200, 150))[:3000],
		},
		NotPicture:     {"page.jpg": []byte("<!DOCTYPE html><html>not found</html>"), "empty.png": {}},
		WrongExtension: {"is-png.jpg": asPNG(t, opaque(scene(7, 200, 150))), "is-jpeg": asJPEG(t, scene(8, 200, 150))},
		CMYK:           {"cmyk.jpg": golden(t, "cmyk.jpg")},
		Grey: {
			"grey.jpg": asJPEG(t, as(scene(9, 200, 150), image.NewGray(rgb.Rect))),
			"grey.png": asPNG(t, as(scene(10, 200, 150), image.NewGray(rgb.Rect))),
		},
		Alpha:     {"alpha.png": asPNG(t, half), "alpha.webp": golden(t, "alpha.webp"), "lossy.webp": golden(t, "alpha-lossy.webp")},
		Deep:      {"deep.png": asPNG(t, as(scene(11, 200, 150), image.NewRGBA64(rgb.Rect)))},
		Animated:  {"three.gif": animatedGIF(t, 120, 100), "two.png": animatedPNG(t), "pages.tiff": golden(t, "pages.tif")},
		TooSmall:  {"small.jpg": asJPEG(t, scene(12, 60, 90))},
		OddAspect: {"strip.jpg": asJPEG(t, scene(13, 900, 100))},
		Blank:     {"blank.jpg": asJPEG(t, even)},
		Dark:      {"dark.jpg": asJPEG(t, dim)},
		Blurred:   {"blurred.jpg": asJPEG(t, blurred)},
		"": {
			"fine.jpg": asJPEG(t, scene(14, 200, 150)),
			"fine.png": asPNG(t, opaque(scene(15, 200, 150))),
			"fine.bmp": encode(func(b *bytes.Buffer) error { return bmp.Encode(b, opaque(scene(16, 200, 150))) }),
			"fine.tif": golden(t, "rgb.tif"), "fine.webp": golden(t, "rgb.webp"),
		},
	}
}

// opaque is m without an alpha channel.
func opaque(m *image.NRGBA) image.Image { return as(m, image.NewRGBA(m.Rect)) }

func TestEachFaultIsFoundAndNoOther(t *testing.T) {
	for kind, files := range faulty(t) {
		for name, data := range files {
			r := check(t, fstest.MapFS{"train/a/" + name: {Data: data}}, Options{})
			if kind == "" {
				require.Empty(t, r.Faults, name)
				continue
			}
			require.Len(t, r.Faults, 1, "%s: %v", name, r.Faults)
			require.Equal(t, kind, r.Faults[0].Kind, "%s: %v", name, r.Faults)
			require.NotEmpty(t, r.Faults[0].Detail)
			require.Equal(t, "train/a/"+name, r.Faults[0].Path)
		}
	}
}

func TestClassAndSplitComeFromTheFolders(t *testing.T) {
	data := asJPEG(t, scene(1, 80, 80))
	split := fstest.MapFS{
		"train/cat/x/a.jpg": {Data: data}, "Validation/cat/b.jpg": {Data: data}, "test/dog/c.jpg": {Data: data},
		"train/.hidden/d.jpg": {Data: data}, "train/cat/.d.jpg": {Data: data}, "notes.txt": {Data: []byte("x")},
		"quarantine/leak/train/cat/e.jpg": {Data: data}, "quarantine/manifest.jsonl": {},
	}
	r := check(t, split, Options{})
	require.Equal(t, 1, r.Others)
	got := map[string][2]string{}
	for _, p := range r.Pictures {
		got[p.Path] = [2]string{p.Split, p.Class}
	}
	require.Equal(t, map[string][2]string{"train/cat/x/a.jpg": {Train, "cat"}, "Validation/cat/b.jpg": {Val, "cat"}, "test/dog/c.jpg": {Test, "dog"}}, got)

	flat := check(t, fstest.MapFS{"train/1.jpg": {Data: data}, "bus/2.jpg": {Data: data}, "3.jpg": {Data: data}}, Options{})
	got = map[string][2]string{}
	for _, p := range flat.Pictures {
		got[p.Path] = [2]string{p.Split, p.Class}
	}
	require.Equal(t, map[string][2]string{"train/1.jpg": {"", "train"}, "bus/2.jpg": {"", "bus"}, "3.jpg": {"", ""}}, got)
}

func TestDuplicatesLeaksAndConflictsSayWhatTheyMeet(t *testing.T) {
	m := opaque(scene(1, 160, 120))
	one, other := asPNG(t, m), slices.Concat(asPNG(t, m), []byte("tail")) // same pixels
	near := asJPEG(t, m)
	r := check(t, fstest.MapFS{
		"train/a/1.png": {Data: one}, "train/a/2.png": {Data: one}, "train/a/3.png": {Data: other}, "train/a/4.jpg": {Data: near},
		"train/b/5.png": {Data: one}, "test/a/6.png": {Data: other}, "train/b/7.jpg": {Data: asJPEG(t, scene(2, 160, 120))},
	}, Options{})
	type row struct {
		path  string
		kind  Kind
		other string
	}
	var got []row
	for _, f := range r.Faults {
		got = append(got, row{f.Path, f.Kind, f.Other})
	}
	require.Equal(t, []row{
		{"test/a/6.png", LabelConflict, "train/b/5.png"},
		{"train/a/1.png", Leak, "test/a/6.png"}, {"train/a/1.png", LabelConflict, "train/b/5.png"},
		{"train/a/2.png", Duplicate, "train/a/1.png"}, {"train/a/2.png", Leak, "test/a/6.png"}, {"train/a/2.png", LabelConflict, "train/b/5.png"},
		{"train/a/3.png", Duplicate, "train/a/1.png"}, {"train/a/3.png", Leak, "test/a/6.png"}, {"train/a/3.png", LabelConflict, "train/b/5.png"},
		{"train/a/4.jpg", NearDuplicate, "train/a/1.png"}, {"train/a/4.jpg", Leak, "test/a/6.png"}, {"train/a/4.jpg", LabelConflict, "train/b/5.png"},
		{"train/b/5.png", Leak, "test/a/6.png"}, {"train/b/5.png", LabelConflict, "train/a/1.png"},
	}, got)
	require.Len(t, r.Clusters, 1)
	groups := r.Groups()
	require.Len(t, groups, 7)
	require.Equal(t, groups["train/a/4.jpg"], groups["test/a/6.png"])
	require.NotEqual(t, groups["train/a/4.jpg"], groups["train/b/7.jpg"])
}

// The decoders at hand read neither animated WebP nor TIFF in CMYK.
func TestWhatCannotBeReadIsCalledByItsKindAllTheSame(t *testing.T) {
	for name, want := range map[string]Kind{"animated.webp": Animated, "cmyk.tif": CMYK} {
		r := check(t, fstest.MapFS{name: {Data: golden(t, name)}}, Options{})
		require.Len(t, r.Faults, 2)
		require.Equal(t, Unreadable, r.Faults[0].Kind)
		require.Equal(t, want, r.Faults[1].Kind)
	}
}

func TestTheReportIsTheSameOnAnyNumberOfCores(t *testing.T) {
	fsys := fstest.MapFS{}
	for _, files := range faulty(t) {
		for name, data := range files {
			fsys["train/a/"+name] = &fstest.MapFile{Data: data}
			fsys["test/a/copy-"+name] = &fstest.MapFile{Data: data}
		}
	}
	want := check(t, fsys, Options{Threads: 1})
	require.NotEmpty(t, want.Clusters)
	for _, threads := range []int{2, 7} {
		require.Equal(t, want, check(t, fsys, Options{Threads: threads}))
	}
}

func TestProgressCountsEveryFile(t *testing.T) {
	fsys := fstest.MapFS{}
	for i := range 20 {
		fsys[string(rune('a'+i))+".jpg"] = &fstest.MapFile{Data: []byte("x")}
	}
	var got []int
	_, err := CheckFS(context.Background(), fsys, Options{}, Hooks{Progress: func(done, total int) {
		require.Equal(t, 20, total)
		got = append(got, done)
	}})
	require.NoError(t, err)
	require.Len(t, got, 20)
	require.True(t, slices.IsSorted(got))
}

func TestACancelledCheckEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := CheckFS(ctx, fstest.MapFS{"a.jpg": {Data: []byte("x")}}, Options{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestBombsAndLimitsAreUnreadable(t *testing.T) {
	data := asPNG(t, image.NewGray(image.Rect(0, 0, 1, 1)))
	binary.BigEndian.PutUint32(data[16:], 50000)
	binary.BigEndian.PutUint32(data[20:], 50000)
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	r := check(t, fstest.MapFS{"bomb.png": {Data: data}, "big.jpg": {Data: asJPEG(t, scene(1, 300, 300))}}, Options{Limits: Limits{Bytes: 3000}})
	require.Len(t, r.Of(Unreadable), 2)
	require.Contains(t, r.Of(Unreadable)[0].Detail, "limit is 3000")
	require.Contains(t, r.Of(Unreadable)[1].Detail, "50000×50000")
}

func TestHostileFoldersAreListed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("names and links that Windows does not have")
	}
	dir := t.TempDir()
	put := func(name string, data []byte) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, data, 0o666))
	}
	data := asJPEG(t, scene(1, 100, 100))
	put("a/<script>alert(1)<script>.jpg", data)
	put("a/new\nline.jpg", asJPEG(t, scene(2, 100, 100)))
	put("a/not-utf8-\xff.jpg", data)
	put("a/folder.jpg/inner.jpg", asJPEG(t, scene(3, 100, 100)))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "a/broken.jpg")))
	require.NoError(t, os.Symlink("..", filepath.Join(dir, "a/loop")))
	require.NoError(t, os.Symlink("loop.jpg", filepath.Join(dir, "a/loop.jpg")))
	require.NoError(t, os.Symlink("<script>alert(1)<script>.jpg", filepath.Join(dir, "a/zz")))
	r, err := Check(context.Background(), dir, Options{})
	require.NoError(t, err)
	require.Len(t, r.Pictures, 7, "the link called zz is a picture, too")
	var unreadable []string
	for _, f := range r.Of(Unreadable) {
		unreadable = append(unreadable, f.Path)
	}
	require.Equal(t, []string{"a/broken.jpg", "a/loop.jpg", "a/not-utf8-\xff.jpg"}, unreadable)
}

func TestTheFolderMustBeOne(t *testing.T) {
	_, err := Check(context.Background(), filepath.Join(t.TempDir(), "none"), Options{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = Check(context.Background(), "clean_test.go", Options{})
	require.ErrorContains(t, err, "clean_test.go is a file")
}

func TestAPictureOfOnePixelIsNoTrouble(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {1, 500}, {3000, 1}, {2, 2}} {
		m := opaque(scene(1, size[0], size[1]))
		r := check(t, fstest.MapFS{"a.png": {Data: asPNG(t, m)}, "b.jpg": {Data: asJPEG(t, m)}}, Options{})
		require.Len(t, r.Of(TooSmall), 2)
	}
}

func TestAverageKeepsTheMean(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	p := newPlane(37, 23)
	for i := range p.v {
		p.v[i] = 255 * rng.Float32()
	}
	want, _ := moments(p.v)
	for _, size := range [][2]int{{1, 1}, {9, 8}, {37, 23}, {64, 64}, {5, 40}} {
		got, _ := moments(p.shrink(p.whole(), size[0], size[1]).v)
		require.InDelta(t, want, got, 1e-3, "%v", size)
	}
	require.Equal(t, p.v, p.shrink(p.whole(), 37, 23).v)
}

func TestABorderIsTrimmed(t *testing.T) {
	p := newPlane(100, 80)
	for y := range 80 {
		for x := range 100 {
			if x >= 7 && x < 95 && y >= 3 && y < 70 {
				p.v[y*100+x] = float32(128 + 100*math.Sin(float64(x*y)))
			}
		}
	}
	require.Equal(t, box{7, 3, 95, 70}, p.trimmed())
	require.Equal(t, box{0, 0, 64, 64}, newPlane(64, 64).trimmed(), "one that is all border has none")
}

func grey(w, h int) *image.Gray { return image.NewGray(image.Rect(0, 0, w, h)) }

func FuzzHeader(f *testing.F) {
	for _, files := range faulty(f) {
		for _, data := range files {
			f.Add(data[:min(len(data), 1024)])
		}
	}
	for _, name := range []string{"pages.tif", "animated.webp", "cmyk.tif"} {
		f.Add(golden(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, format := range formats {
			h := format.read(data)
			require.GreaterOrEqual(t, h.frames, 0)
			require.LessOrEqual(t, len(h.kinds()), 5)
		}
	})
}

func FuzzInspect(f *testing.F) {
	for _, files := range faulty(f) {
		for name, data := range files {
			f.Add(name, data[:min(len(data), 4096)])
		}
	}
	limits := Limits{Pixels: 1 << 13}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if !fs.ValidPath(name) || name == "." {
			return
		}
		c := checker{Options: Options{Limits: limits}.completed(), fsys: fstest.MapFS{name: {Data: data}}}
		s := c.inspect(file{path: name})
		for _, fault := range s.faults {
			require.Contains(t, kinds, fault.Kind)
		}
	})
}
