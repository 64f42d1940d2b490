package argus

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// pack writes the files of fsys, in another order than the sorted one.
func pack(t testing.TB, kind string, files map[string]string) string {
	var b bytes.Buffer
	names := slices.Sorted(maps.Keys(files))
	slices.Reverse(names)
	if kind == "zip" {
		w := zip.NewWriter(&b)
		for _, name := range names {
			f, err := w.Create(name)
			require.NoError(t, err)
			_, err = io.WriteString(f, files[name])
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
	} else {
		var to io.Writer = &b
		if kind == "tar.gz" {
			z := gzip.NewWriter(&b)
			defer z.Close()
			to = z
		}
		w := tar.NewWriter(to)
		for _, name := range names {
			require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name])), Format: tar.FormatPAX}))
			_, err := io.WriteString(w, files[name])
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		if z, ok := to.(*gzip.Writer); ok {
			require.NoError(t, z.Close())
		}
	}
	path := filepath.Join(t.TempDir(), "photos."+kind)
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o666))
	return path
}

func contents(fsys fstest.MapFS, prefix string) map[string]string {
	files := map[string]string{}
	for name, f := range fsys {
		files[prefix+name] = string(f.Data)
	}
	return files
}

var archives = []string{"zip", "tar", "tar.gz"}

func TestArchivesTeachWhatTheirFolderTeaches(t *testing.T) {
	fsys := swatches(12, 4, 0, "a", "b")
	folder := open(t, fsys)
	o := FitOptions{Epochs: 2}
	want, err := tinyLearner(t, folder.Classes()).Fit(context.Background(), folder, o)
	require.NoError(t, err)
	for _, kind := range archives {
		for _, prefix := range []string{"", "./", "photos/", "./a/deep/"} {
			data, err := OpenDataset(pack(t, kind, contents(fsys, prefix)))
			require.NoError(t, err, "%s %s", kind, prefix)
			require.Equal(t, paths(folder), paths(data))
			if prefix != "" {
				continue
			}
			got, err := tinyLearner(t, data.Classes()).Fit(context.Background(), data, o)
			require.NoError(t, err)
			for i := range got.Epochs {
				require.Equal(t, want.Epochs[i].TrainLoss, got.Epochs[i].TrainLoss)
				require.Equal(t, want.Epochs[i].ValLoss, got.Epochs[i].ValLoss)
			}
		}
	}
}

func TestAnArchiveIsAFileSystem(t *testing.T) {
	files := contents(tree("a/1.png", "a/b/2.png", "c.png"), "")
	for _, kind := range archives {
		fsys, err := openArchive(pack(t, kind, files))
		require.NoError(t, err)
		require.NoError(t, fstest.TestFS(fsys, slices.Collect(maps.Keys(files))...), kind)
	}
}

func TestArchivesThatLeadOutsideOrLieAreRefusedByName(t *testing.T) {
	good := contents(tree("a/1.png", "b/1.png"), "")
	for _, kind := range archives {
		for _, name := range []string{
			"../evil.png", "a/../../evil.png", "/etc/evil.png", `..\evil.png`, `C:\evil.png`, "a//evil.png", "a/./evil.png", "a/\xff.png",
			strings.Repeat("d/", 150) + "deep.png", "a/1.png/inside.png",
		} {
			files := maps.Clone(good)
			files[name] = "x"
			dir := filepath.Dir(pack(t, kind, files))
			_, err := OpenDataset(filepath.Join(dir, "photos."+kind))
			require.ErrorContains(t, err, "photos."+kind, "%s %q", kind, name)
			if !strings.HasPrefix(name, "d/") && name != "a/1.png/inside.png" {
				require.ErrorContains(t, err, fmt.Sprintf("%q", name))
			}
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, entries, 1, "nothing is written")
		}
		whole, err := os.ReadFile(pack(t, kind, good))
		require.NoError(t, err)
		for n := 0; n < len(whole)-1024; n += 97 {
			path := filepath.Join(t.TempDir(), "cut")
			require.NoError(t, os.WriteFile(path, whole[:n], 0o666))
			d, err := OpenDataset(path)
			if err == nil { // a tar may be cut inside its last file
				require.Equal(t, "tar", kind)
				require.Equal(t, 2, d.Len())
			}
		}
	}
}

func TestNamesInEveryScriptAreReadFromArchives(t *testing.T) {
	names := []string{"日本語", "العربية", "line\nbreak", "ünï", "кот", "a b"}
	var all []string
	for _, name := range names {
		all = append(all, name+"/"+name+".png")
	}
	for _, kind := range archives {
		d, err := OpenDataset(pack(t, kind, contents(tree(all...), "")))
		require.NoError(t, err)
		slices.Sort(names)
		require.Equal(t, names, d.Classes())
		for _, got := range readAll(t, &reader{Preprocess: testPreprocess(), Threads: 2}, d.samples) {
			require.NoError(t, got.Err)
		}
	}
}

func TestABombInAnArchiveIsABadPicture(t *testing.T) {
	files := contents(tree("a/1.png", "b/1.png"), "")
	files["a/bomb.png"] = strings.Repeat("\x00", 3_000_000)
	for _, kind := range archives {
		d, err := OpenDataset(pack(t, kind, files))
		require.NoError(t, err)
		r := &reader{Preprocess: testPreprocess(), Threads: 1, Limits: Limits{Bytes: 1_000_000}}
		var bad []BadPicture
		for i, got := range readAll(t, r, d.samples) {
			if got.Err != nil {
				bad = append(bad, got.bad(d.samples[i]))
			}
		}
		require.Equal(t, []BadPicture{{"a/bomb.png", "too many bytes: file has 3000000, limit is 1000000"}}, bad)
	}
}

func TestATarBombIsRefusedInBoundedMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bomb.tar.gz")
	f, err := os.Create(path)
	require.NoError(t, err)
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	require.NoError(t, err)
	w := tar.NewWriter(z)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "a/bomb.png", Mode: 0o644, Size: maxGzip + 1, Format: tar.FormatPAX}))
	require.NoError(t, z.Close())
	require.NoError(t, f.Close())
	_, err = OpenDataset(path)
	require.ErrorContains(t, err, `"a/bomb.png": the pictures up to here are more than the 512 MB`)
}

func TestAFileThatIsNoArchiveIsToldSo(t *testing.T) {
	_, err := OpenDataset("dataset_archive_test.go")
	require.ErrorContains(t, err, "no zip, tar or tar.gz")
	path := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(path, nil, 0o666))
	_, err = OpenDataset(path)
	require.ErrorContains(t, err, "no zip, tar or tar.gz")
	_, err = OpenDataset(filepath.Join(t.TempDir(), "none.zip"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func FuzzArchive(f *testing.F) {
	for _, kind := range archives {
		data, err := os.ReadFile(pack(f, kind, contents(tree("a/1.png", "b/1.png"), "")))
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "fuzz")
		require.NoError(t, os.WriteFile(path, data, 0o666))
		fsys, err := openArchive(path)
		if err != nil {
			return
		}
		_ = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			require.NoError(t, err)
			require.True(t, fs.ValidPath(name))
			if !d.IsDir() {
				if file, err := fsys.Open(name); err == nil {
					_, _ = io.CopyN(io.Discard, file, 1<<20)
					file.Close()
				}
			}
			return nil
		})
	})
}
