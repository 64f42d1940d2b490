package clean

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/fileops"
)

var bg = context.Background()

// write makes the files, by path, in a new folder.
func write(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, data, 0o666))
	}
	return dir
}

// tree is everything below dir: contents of files, targets of links, "/" for
// folders. The manifest is left out.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		name, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		name = filepath.ToSlash(name)
		switch {
		case d.IsDir():
			all[name] = "/"
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			require.NoError(t, err)
			all[name] = "-> " + target
		case name != manifestPath:
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			all[name] = fmt.Sprintf("%.40q", data) // what tells them apart
			if len(data) > 40 {
				all[name] = fmt.Sprintf("%x", sha256.Sum256(data))
			}
		}
		return nil
	}))
	return all
}

// messy is a dataset with something for every way of moving, and the moves.
func messy(t testing.TB) (map[string][]byte, []Move) {
	grey, png := asJPEG(t, as(scene(1, 9, 8), grey(9, 8))), asPNG(t, as(scene(2, 9, 8), grey(9, 8)))
	files := map[string][]byte{
		"train/a/grey.jpg": grey, "train/a/grey.png": png, "train/a/jpeg.png": asJPEG(t, scene(3, 9, 8)),
		"train/a/page.jpg": []byte("<html>"), "test/a/page.jpg": []byte("<html>"), "test/a/fine.jpg": asJPEG(t, scene(4, 9, 8)),
		"train/a/jpeg.jpg": asJPEG(t, scene(5, 9, 8)), "train/a/three.gif": animatedGIF(t, 12, 10),
	}
	moves := []Move{
		{"train/a/page.jpg", NotPicture, "html", false}, {"test/a/page.jpg", NotPicture, "html", false},
		{"train/a/grey.jpg", Grey, "", true}, {"train/a/grey.png", Grey, "", true}, {"train/a/jpeg.png", WrongExtension, "", true},
		{"train/a/three.gif", Alpha, "", true},
	}
	return files, moves
}

func TestMovedFilesAreInQuarantineAndComeBack(t *testing.T) {
	files, moves := messy(t)
	dir := write(t, files)
	before := tree(t, dir)
	moved, err := Quarantine(bg, dir, moves, Limits{})
	require.NoError(t, err)
	require.Len(t, moved, 6)
	after := tree(t, dir)
	for _, e := range moved {
		require.Equal(t, before[e.From], after[e.To], "the original is in quarantine")
	}
	require.Contains(t, after, "quarantine/not-a-picture/train/a/page.jpg")
	require.NotContains(t, after, "train/a/page.jpg")
	require.Equal(t, before["train/a/jpeg.png"], after["train/a/jpeg-2.jpg"], "another file has the name jpeg.jpg")
	require.NotEqual(t, before["train/a/grey.jpg"], after["train/a/grey.jpg"])
	require.NotEmpty(t, after["train/a/three.png"])

	again, err := Check(bg, dir, Options{})
	require.NoError(t, err)
	require.Empty(t, again.Of(Grey, Alpha, WrongExtension, NotPicture))
	listed, err := Quarantined(dir)
	require.NoError(t, err)
	require.Equal(t, moved, listed)

	back, err := Restore(bg, dir)
	require.NoError(t, err)
	require.Len(t, back, 6)
	require.Equal(t, before, tree(t, dir))
	listed, err = Quarantined(dir)
	require.NoError(t, err)
	require.Empty(t, listed)
}

func TestThePlanOfAReportLeavesADatasetWithoutItsFaults(t *testing.T) {
	files := map[string][]byte{}
	for kind, of := range faulty(t) {
		for name, data := range of {
			files["train/"+slug(kind)+"/"+name] = data
		}
	}
	for i := range 3 {
		files[fmt.Sprintf("test/other/copy-%d.jpg", i)] = files["train/other/fine.jpg"]
	}
	dir := write(t, files)
	before := tree(t, dir)
	r, err := Check(bg, dir, Options{})
	require.NoError(t, err)
	moves := slices.Concat(r.Plan(), r.Conversions())
	_, err = Quarantine(bg, dir, moves, Limits{})
	require.NoError(t, err)
	r, err = Check(bg, dir, Options{})
	require.NoError(t, err)
	require.Empty(t, r.Of(Unreadable, NotPicture, Animated, Blank, Duplicate, Leak, CMYK, Grey, Alpha, Deep, WrongExtension))
	require.NotEmpty(t, r.Of(TooSmall, OddAspect, Dark, Blurred))
	_, err = Restore(bg, dir)
	require.NoError(t, err)
	require.Equal(t, before, tree(t, dir))
}

func TestRestoreTakesBackTheFilesItIsTold(t *testing.T) {
	files, moves := messy(t)
	dir := write(t, files)
	_, err := Quarantine(bg, dir, moves, Limits{})
	require.NoError(t, err)
	back, err := Restore(bg, dir, "train/a/page.jpg", "train/a/grey.png")
	require.NoError(t, err)
	require.Len(t, back, 2)
	left, err := Quarantined(dir)
	require.NoError(t, err)
	require.Len(t, left, 4)
	// And in again, under a name that is free.
	moved, err := Quarantine(bg, dir, moves[:1], Limits{})
	require.NoError(t, err)
	require.Len(t, moved, 1)
}

func TestTheSameNameTwiceGetsAFolderOfItsOwn(t *testing.T) {
	dir := write(t, map[string][]byte{"a/1.jpg": []byte("first")})
	move := []Move{{Path: "a/1.jpg", Kind: Blank}}
	for i := range 3 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a/1.jpg"), []byte{byte('a' + i)}, 0o666))
		moved, err := Quarantine(bg, dir, move, Limits{})
		require.NoError(t, err)
		require.Len(t, moved, 1)
	}
	all := tree(t, dir)
	require.Equal(t, `"a"`, all["quarantine/blank/a/1.jpg"])
	require.Equal(t, `"b"`, all["quarantine/blank-2/a/1.jpg"])
	require.Equal(t, `"c"`, all["quarantine/blank-3/a/1.jpg"])
	_, err := Restore(bg, dir)
	require.ErrorIs(t, err, fs.ErrExist, "two of them find their place taken")
	left, err := Quarantined(dir)
	require.NoError(t, err)
	require.Len(t, left, 2)
}

func TestAFileAndAFolderOfOneNameDoNotMeet(t *testing.T) {
	dir := write(t, map[string][]byte{"a/x.jpg": []byte("file")})
	_, err := Quarantine(bg, dir, []Move{{Path: "a/x.jpg", Kind: Blank}}, Limits{})
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "a/x.jpg"), 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a/x.jpg/y.jpg"), []byte("inner"), 0o666))
	_, err = Quarantine(bg, dir, []Move{{Path: "a/x.jpg/y.jpg", Kind: Blank}}, Limits{})
	require.NoError(t, err)
	require.Equal(t, `"inner"`, tree(t, dir)["quarantine/blank-2/a/x.jpg/y.jpg"])
}

func TestRestoreDoesNotOverwrite(t *testing.T) {
	files, moves := messy(t)
	dir := write(t, files)
	_, err := Quarantine(bg, dir, moves, Limits{})
	require.NoError(t, err)
	for _, name := range []string{"train/a/page.jpg", "train/a/grey.jpg"} { // one new, one made and then changed
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("new"), 0o666))
	}
	back, err := Restore(bg, dir)
	require.ErrorIs(t, err, fs.ErrExist)
	require.ErrorContains(t, err, "train/a/page.jpg")
	require.ErrorContains(t, err, "train/a/grey.jpg")
	require.Len(t, back, 4)
	require.Equal(t, `"new"`, tree(t, dir)["train/a/page.jpg"])
	left, err := Quarantined(dir)
	require.NoError(t, err)
	require.Len(t, left, 2)
}

func TestAFileThatIsThereAgainIsNobodysToRemove(t *testing.T) {
	dir := write(t, map[string][]byte{"a/1.jpg": []byte("one"), "a/2.jpg": []byte("two")})
	_, err := Quarantine(bg, dir, []Move{{Path: "a/1.jpg", Kind: Blank}}, Limits{})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a/1.jpg"), []byte("one"), 0o666))
	_, err = Quarantine(bg, dir, []Move{{Path: "a/2.jpg", Kind: Blank}}, Limits{})
	require.NoError(t, err)
	require.Contains(t, tree(t, dir), "a/1.jpg")
	_, err = Restore(bg, dir)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a/1.jpg": `"one"`, "a/2.jpg": `"two"`}, files(tree(t, dir)))
}

func TestWhatCannotBeMovedStaysAndIsNamed(t *testing.T) {
	files, _ := messy(t)
	dir := write(t, files)
	before := tree(t, dir)
	for _, path := range []string{"train/none.jpg", "../x.jpg", "/etc/passwd", "train", "train/../train/a/page.jpg", "", ".", "quarantine", "quarantine/manifest.jsonl"} {
		moved, err := Quarantine(bg, dir, []Move{{Path: path, Kind: Leak}}, Limits{})
		require.ErrorContains(t, err, fmt.Sprintf("%q", path))
		require.Empty(t, moved)
		require.Equal(t, before, tree(t, dir), path)
	}
	moved, err := Quarantine(bg, dir, []Move{{Path: "train/none.jpg"}, {Path: "train/a/page.jpg"}, {Path: "test/a/page.jpg", Kind: Grey, Convert: true}}, Limits{})
	require.ErrorContains(t, err, "train/none.jpg")
	require.ErrorContains(t, err, "is not a picture")
	require.Len(t, moved, 1)
	require.Equal(t, "quarantine/other/train/a/page.jpg", moved[0].To)
}

func TestNothingOutsideOfTheFolderIsTouched(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need rights there")
	}
	outside := write(t, map[string][]byte{"cats/1.jpg": []byte("cat")})
	dir := write(t, map[string][]byte{"train/a/1.jpg": []byte("a")})
	require.NoError(t, os.Symlink(filepath.Join(outside, "cats"), filepath.Join(dir, "train/cats")))
	require.NoError(t, os.Symlink(filepath.Join(outside, "cats/1.jpg"), filepath.Join(dir, "train/a/link.jpg")))
	before := tree(t, outside)
	moved, err := Quarantine(bg, dir, []Move{{Path: "train/cats/1.jpg", Kind: Blank}, {Path: "train/a/link.jpg", Kind: Blank}}, Limits{})
	require.ErrorContains(t, err, "train/cats/1.jpg")
	require.Len(t, moved, 1, "a link itself is moved")
	require.Equal(t, before, tree(t, outside))
	_, err = Restore(bg, dir)
	require.NoError(t, err)
	require.Equal(t, before, tree(t, outside))

	other := t.TempDir()
	require.NoError(t, os.Symlink(other, filepath.Join(dir, "quarantine")))
	_, err = Quarantine(bg, dir, []Move{{Path: "train/a/1.jpg", Kind: Blank}}, Limits{})
	require.ErrorContains(t, err, "is not a folder")
	require.Empty(t, tree(t, other)["manifest.jsonl"])
}

func TestAManifestOfSomebodyElseLeadsNowhere(t *testing.T) {
	for _, text := range []string{
		`{"from":"../x","to":"quarantine/leak/x","kind":"leak"}`,
		`{"from":"a/x","to":"../x","kind":"leak"}`,
		`{"from":"a/x","to":"a/y","kind":"leak"}`,
		`{"from":"quarantine/manifest.jsonl","to":"quarantine/leak/x","kind":"leak"}`,
		`{"from":"a/x","to":"quarantine/leak/x","kind":"leak","made":"/etc/passwd","temp":"quarantine/.tmp-1"}`,
		`{"from":"a/x","to":"quarantine/leak/x","kind":"leak","made":"a/x","temp":"a/b"}`,
		`{"from":`,
	} {
		dir := write(t, map[string][]byte{"a/b": []byte("b"), "quarantine/leak/x": []byte("x"), "quarantine/manifest.jsonl": []byte("\n" + text)})
		before := tree(t, dir)
		_, err := Restore(bg, dir)
		require.ErrorContains(t, err, "line 2", text)
		_, err = Quarantine(bg, dir, []Move{{Path: "a/b"}}, Limits{})
		require.ErrorContains(t, err, "line 2", text)
		require.Equal(t, before, tree(t, dir))
	}
	dir := write(t, map[string][]byte{"a/b": []byte("b"), "quarantine/class.jpg": []byte("x")})
	_, err := Quarantine(bg, dir, []Move{{Path: "a/b"}}, Limits{})
	require.ErrorContains(t, err, "somebody else's")
}

func TestNamesThatAreNoUTF8ComeBack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("file systems there want UTF-8")
	}
	dir := write(t, map[string][]byte{"a/\xff\xfe.jpg": []byte("b"), "a/<b>\n.jpg": []byte("c")})
	before := tree(t, dir)
	r, err := Check(bg, dir, Options{})
	require.NoError(t, err)
	moved, err := Quarantine(bg, dir, r.Plan(), Limits{})
	require.NoError(t, err)
	require.Len(t, moved, 2)
	_, err = Restore(bg, dir)
	require.NoError(t, err)
	require.Equal(t, before, tree(t, dir))
}

func TestACancelledQuarantineDoesNothing(t *testing.T) {
	files, moves := messy(t)
	dir := write(t, files)
	before := tree(t, dir)
	ctx, cancel := context.WithCancel(bg)
	cancel()
	_, err := Quarantine(ctx, dir, moves, Limits{})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, before, tree(t, dir))
}

// recorded opens dir so that what is done to it can be stopped anywhere.
func recorded(t testing.TB, dir string) (*folder, *fileops.Recording) {
	f, err := openFolder(dir)
	require.NoError(t, err)
	r, err := fileops.Record(dir)
	require.NoError(t, err)
	f.sys, f.base = r, dir
	t.Cleanup(func() { f.root.Close() })
	return f, r
}

// stops are the crashes after n operations that are tried: with ARGUS_CLEAN=all
// every kind, else one.
func stops(n int) []fileops.Crash {
	all := fileops.Crashes()
	if os.Getenv("ARGUS_CLEAN") == "all" {
		return all
	}
	return all[n%len(all):][:1]
}

// unsynced is the disk, quick since nothing is made to last.
type unsynced struct{ fileops.Disk }

type unsyncedFile struct{ fileops.File }

func (unsynced) SyncDir(string) error { return nil }
func (unsyncedFile) Sync() error      { return nil }

func (u unsynced) Create(path string) (fileops.File, error) {
	f, err := u.Disk.Create(path)
	return unsyncedFile{f}, err
}

// again finishes what was stopped in dir, undoes it, and says how dir was in between.
func again(t testing.TB, dir string, moves []Move) (between map[string]string) {
	t.Helper()
	for _, step := range []func(f *folder) error{
		func(f *folder) error { _, err := f.quarantine(bg, moves, Limits{}); return err },
		func(f *folder) error { between = files(tree(t, dir)); _, err := f.restore(bg, nil); return err },
	} {
		f, err := openFolder(dir)
		require.NoError(t, err)
		f.sys, f.base = unsynced{}, dir
		require.NoError(t, step(f))
		require.NoError(t, f.root.Close())
	}
	return between
}

// files are the files of a tree.
func files(tree map[string]string) map[string]string {
	for name, content := range tree {
		if content == "/" {
			delete(tree, name)
		}
	}
	return tree
}

func TestAQuarantineStoppedAnywhereIsFinishedByTheNextAndCanBeUndone(t *testing.T) {
	contents, moves := messy(t)
	dir := write(t, contents)
	before := files(tree(t, dir))
	f, recording := recorded(t, dir)
	_, err := f.quarantine(bg, moves, Limits{})
	require.NoError(t, err)
	after := files(tree(t, dir))
	for n := range recording.Len() + 1 {
		for _, crash := range stops(n) {
			dir := t.TempDir()
			require.NoError(t, recording.Restore(dir, n, crash))
			requireNothingLost(t, before, files(tree(t, dir)))
			require.Equal(t, after, again(t, dir, moves), "stopped after %d, %v", n, crash)
			require.Equal(t, before, files(tree(t, dir)), "stopped after %d, %v", n, crash)
		}
	}
	t.Logf("%d operations", recording.Len())
}

func TestARestoreStoppedAnywhereIsFinishedByTheNext(t *testing.T) {
	contents, moves := messy(t)
	dir := write(t, contents)
	before := files(tree(t, dir))
	_, err := Quarantine(bg, dir, moves, Limits{})
	require.NoError(t, err)
	f, recording := recorded(t, dir)
	_, err = f.restore(bg, nil)
	require.NoError(t, err)
	for n := range recording.Len() + 1 {
		for _, crash := range stops(n) {
			dir := t.TempDir()
			require.NoError(t, recording.Restore(dir, n, crash))
			requireNothingLost(t, before, files(tree(t, dir)))
			again(t, dir, nil)
			require.Equal(t, before, files(tree(t, dir)), "stopped after %d, %v", n, crash)
		}
	}
}

// requireNothingLost wants every content of before to be somewhere.
func requireNothingLost(t testing.TB, before, after map[string]string) {
	t.Helper()
	left := map[string]bool{}
	for _, content := range after {
		left[content] = true
	}
	for name, content := range before {
		require.True(t, left[content], "%s is lost", name)
	}
}

func TestAFailingDiskLosesNothing(t *testing.T) {
	contents, moves := messy(t)
	step := 5
	if os.Getenv("ARGUS_CLEAN") == "all" {
		step = 1
	}
	for n := 0; ; n += step {
		dir := write(t, contents)
		before := files(tree(t, dir))
		f, recording := recorded(t, dir)
		recording.Fail = func(i int) error {
			if i >= n {
				return fs.ErrPermission
			}
			return nil
		}
		_, err := f.quarantine(bg, moves, Limits{})
		requireNothingLost(t, before, files(tree(t, dir)))
		if err == nil {
			require.Greater(t, n, 20)
			break
		}
		require.ErrorIs(t, err, fs.ErrPermission)
		again(t, dir, moves)
		require.Equal(t, before, files(tree(t, dir)))
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"from":"a/x","to":"quarantine/leak/a/x","kind":"leak","time":"2026-01-02T03:04:05Z"}` + "\n"))
	f.Add([]byte(`{"from":{"base64":"/w=="},"to":"quarantine/x","made":"a/y","temp":"quarantine/.tmp-1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseManifest(data)
		if err != nil {
			return
		}
		for _, e := range entries {
			for _, name := range []string{e.From, e.To} {
				require.True(t, filepath.IsLocal(filepath.FromSlash(name)))
			}
			require.True(t, strings.HasPrefix(e.To, "quarantine/"))
			require.True(t, e.Made == "" || filepath.IsLocal(filepath.FromSlash(e.Made)))
		}
	})
}
