package augment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/fileops"
)

// photos is a file system of n small pictures of each class.
func photos(t testing.TB, n int, classes ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for c, class := range classes {
		for i := range n {
			var b bytes.Buffer
			require.NoError(t, png.Encode(&b, scene(30+i, 20+5*c).RGBA()))
			fsys[fmt.Sprintf("%s/%03d.png", class, i)] = &fstest.MapFile{Data: b.Bytes()}
		}
	}
	return fsys
}

// folder is the content of each file of a folder.
func folder(t testing.TB, dir string) map[string]string {
	files := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		files[name] = string(data)
		return err
	}))
	return files
}

func generate(t testing.TB, fsys fs.FS, dir string, o GenerateOptions) (*Manifest, map[string]string) {
	m, err := Default().Generate(t.Context(), fsys, dir, o)
	require.NoError(t, err)
	return m, folder(t, dir)
}

func TestGeneratedFoldersAreBalancedAndTheSameForAnyNumberOfThreads(t *testing.T) {
	fsys := photos(t, 7, "cat", "dog")
	for i := range 5 {
		delete(fsys, fmt.Sprintf("dog/%03d.png", i))
	}
	fsys["cat/broken.png"] = &fstest.MapFile{Data: []byte("\x89PNG\r\n\x1a\n?")}
	fsys["cat/.hidden.png"], fsys["cat/note.txt"], fsys["loose.png"] = fsys["cat/000.png"], fsys["cat/000.png"], fsys["cat/000.png"]
	var seen []int
	m, first := generate(t, fsys, t.TempDir(), GenerateOptions{PerClass: 10, Threads: 1, PNG: true, Progress: func(done, total int) {
		require.Equal(t, 20, total)
		seen = append(seen, done)
	}})
	require.Len(t, seen, 20)
	require.Equal(t, 20, seen[19])
	require.Len(t, first, 21, "twenty pictures and the manifest")
	require.Len(t, m.Files, 20)
	require.Len(t, m.Sources, 9)
	require.Equal(t, "cat/broken.png", m.Bad[0].Path)
	require.Contains(t, m.Bad[0].Reason, "damaged: png")
	uses := map[string]int{}
	different := map[string]bool{}
	for _, f := range m.Files {
		uses[f.Source]++
		require.Equal(t, f.SHA256, digest([]byte(first[f.Path])), f.Path)
		different[f.SHA256] = true
		img, err := png.Decode(strings.NewReader(first[f.Path]))
		require.NoError(t, err)
		require.NotZero(t, img.Bounds().Dx())
	}
	require.Len(t, different, 20, "no picture is there twice")
	require.Equal(t, 2, uses["cat/001.png"])
	require.Equal(t, 1, uses["cat/005.png"])
	require.Equal(t, 5, uses["dog/005.png"])
	_, again := generate(t, fsys, t.TempDir(), GenerateOptions{PerClass: 10, Threads: 7, PNG: true})
	require.Equal(t, first, again)
}

func TestGenerateCompletesWhatIsMissingOrDamaged(t *testing.T) {
	fsys, dir := photos(t, 3, "a", "b"), t.TempDir()
	_, whole := generate(t, fsys, dir, GenerateOptions{PerClass: 5})
	require.NoError(t, os.Remove(filepath.Join(dir, "a/000002.jpg")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b/000003.jpg"), []byte("half"), 0o666))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b/.tmp-0123"), []byte("left by a killed call"), 0o666))
	_, again := generate(t, fsys, dir, GenerateOptions{PerClass: 5})
	require.Equal(t, whole, again)

	_, err := Default().Generate(t.Context(), fsys, dir, GenerateOptions{PerClass: 6})
	require.ErrorIs(t, err, ErrOther)
	_, err = Files().Generate(t.Context(), fsys, dir, GenerateOptions{PerClass: 5})
	require.ErrorIs(t, err, ErrOther)
	require.Equal(t, whole, folder(t, dir))
}

func TestGenerateNamesThePictureThatChanged(t *testing.T) {
	fsys, dir := photos(t, 3, "a", "b"), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Default().Generate(ctx, fsys, dir, GenerateOptions{PerClass: 9, Threads: 1, Progress: func(done, _ int) {
		if done == 2 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	kept := fsys["b/001.png"].Data
	fsys["b/001.png"].Data = fsys["b/002.png"].Data
	_, err = Default().Generate(t.Context(), fsys, dir, GenerateOptions{PerClass: 9, Threads: 1})
	require.ErrorContains(t, err, "b/001.png: is not the picture it was")
	delete(fsys, "b/001.png")
	_, err = Default().Generate(t.Context(), fsys, dir, GenerateOptions{PerClass: 9})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "b/001.png")
	fsys["b/001.png"] = &fstest.MapFile{Data: kept}
	_, got := generate(t, fsys, dir, GenerateOptions{PerClass: 9})
	_, want := generate(t, fsys, t.TempDir(), GenerateOptions{PerClass: 9})
	require.Equal(t, want, got)
}

func TestGenerateRefusesWhatItCannotDo(t *testing.T) {
	good := photos(t, 1, "a")
	for want, c := range map[string]struct {
		fsys fs.FS
		o    GenerateOptions
	}{
		"per class is 0":                    {good, GenerateOptions{}},
		"quality is 101":                    {good, GenerateOptions{PerClass: 1, Quality: 101}},
		"there are no folders":              {fstest.MapFS{"1.png": good["a/000.png"]}, GenerateOptions{PerClass: 1}},
		`class "a" has no usable`:           {fstest.MapFS{"a/1.png": {}}, GenerateOptions{PerClass: 1}},
		`class "up\\on" cannot be the name`: {fstest.MapFS{`up\on/1.png`: good["a/000.png"]}, GenerateOptions{PerClass: 1}},
	} {
		dir := filepath.Join(t.TempDir(), "new")
		_, err := Default().Generate(t.Context(), c.fsys, dir, c.o)
		require.ErrorContains(t, err, want)
	}
	fail := Augmentor{Steps: []Step{{Op: Func("f", func(*rand.Rand, image.Image) image.Image { return nil })}}}
	_, err := fail.Generate(t.Context(), good, t.TempDir(), GenerateOptions{PerClass: 1})
	require.ErrorContains(t, err, `a/000.png: augment: step 0, func: function "f"`)
}

func TestNamesOfEveryScriptStay(t *testing.T) {
	names := []string{"日本語", "العربية", "a b", "Ünï", "кот"}
	if runtime.GOOS != "windows" {
		names = append(names, "line\nbreak", "tab\t", "q?*")
	}
	_, files := generate(t, photos(t, 1, names...), t.TempDir(), GenerateOptions{PerClass: 1})
	for _, name := range names {
		require.Contains(t, files, name+"/000001.jpg")
	}
}

// Not a test by itself: what TestKilled… kills.
func TestGenerateHelper(t *testing.T) {
	dir := os.Getenv("ARGUS_GENERATE_DIR")
	if dir == "" {
		t.Skip("is run by TestKilledAtAnyMomentGenerateCompletesWithTheSameBytes")
	}
	generate(t, photos(t, 6, "cat", "dog", "emu"), dir, GenerateOptions{PerClass: 40})
}

// ARGUS_KILLS=100 go test -run Killed ./augment
func TestKilledAtAnyMomentGenerateCompletesWithTheSameBytes(t *testing.T) {
	kills := 3
	if s := os.Getenv("ARGUS_KILLS"); s != "" {
		var err error
		kills, err = strconv.Atoi(s)
		require.NoError(t, err)
	}
	fsys, o := photos(t, 6, "cat", "dog", "emu"), GenerateOptions{PerClass: 40}
	start := time.Now()
	_, want := generate(t, fsys, t.TempDir(), o)
	took := time.Since(start)
	r := rand.New(rand.NewPCG(1, 2))
	killed, dir := 0, t.TempDir()
	complete := func() {
		_, got := generate(t, fsys, dir, o)
		require.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got)))
		for name := range want {
			require.True(t, want[name] == got[name], name)
		}
		dir = t.TempDir()
	}
	for killed < kills {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestGenerateHelper$")
		cmd.Env = append(os.Environ(), "ARGUS_GENERATE_DIR="+dir)
		require.NoError(t, cmd.Start())
		time.Sleep(time.Duration(r.Float64() * float64(took)))
		require.NoError(t, ignoreDone(cmd.Process.Kill()))
		if cmd.Wait() != nil {
			killed++
		}
		here := folder(t, dir)
		for name, data := range here {
			if w, ok := want[name]; ok {
				require.True(t, w == data, "%s is whole or not there", name)
			}
		}
		if here[manifestName] != "" || killed%4 == 3 { // several kills of the same work, then anew
			complete()
		}
	}
	complete()
	t.Logf("killed %d times; alone it takes %v", killed, took)
}

// The machine stops after any operation on files, with all that may be lost then.
func TestAfterAnyCrashGenerateCompletesWithTheSameBytes(t *testing.T) {
	fsys, o := photos(t, 2, "cat", "dog"), GenerateOptions{PerClass: 3, Threads: 1}
	root := t.TempDir()
	record, err := fileops.Record(root)
	require.NoError(t, err)
	completed := func(dir string, sys fileops.System) map[string]string {
		g := generator{from: fsys, to: dir, GenerateOptions: o, sys: sys}
		_, err := g.run(t.Context(), Default())
		require.NoError(t, err)
		return folder(t, dir)
	}
	want := completed(root, record)
	require.Len(t, want, 7)
	step := 2
	if os.Getenv("ARGUS_KILLS") != "" {
		step = 1
	}
	for n := 0; n <= record.Len(); n += step {
		for _, crash := range fileops.Crashes() {
			dir := t.TempDir()
			require.NoError(t, record.Restore(dir, n, crash))
			require.Equal(t, want, completed(dir, fileops.Disk{}), "%v after %d operations", crash, n)
		}
	}
}

func ignoreDone(err error) error {
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
