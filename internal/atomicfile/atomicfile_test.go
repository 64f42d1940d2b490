package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/fileops"
)

func put(content string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	}
}

// requireOnly wants path to be its folder's only file and to hold content.
func requireOnly(t *testing.T, path, content string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "%v", entries)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, content, string(got))
}

func TestWriteMakesAndReplacesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.argus")
	require.NoError(t, Write(path, 0o640, put("first")))
	requireOnly(t, path, "first")
	require.NoError(t, Write(path, 0o600, put("second, longer")))
	requireOnly(t, path, "second, longer")
	stat, err := os.Stat(path)
	require.NoError(t, err)
	require.Zero(t, stat.Mode().Perm()&0o077)
}

func TestErrorsNameThePath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no folder", "model.argus")
	err := Write(path, 0o600, put("x"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "atomicfile: "+path+": ")
}

func TestAPanicOfTheWriterLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.argus")
	require.NoError(t, Write(path, 0o600, put("old")))
	require.PanicsWithValue(t, "boom", func() {
		_ = Write(path, 0o600, func(io.Writer) error { panic("boom") })
	})
	requireOnly(t, path, "old")
}

// faulty is the disk, but the step called failAt fails, after doing half its
// work where it is a write.
type faulty struct {
	disk
	failAt string
	steps  []string
}

var errInjected = errors.New("injected")

func (f *faulty) step(name string) error {
	f.steps = append(f.steps, name)
	if name == f.failAt {
		return errInjected
	}
	return nil
}

func (f *faulty) Create(path string) (fileops.File, error) {
	if err := f.step("create"); err != nil {
		return nil, err
	}
	inner, err := f.disk.Create(path)
	return &faultyFile{inner, f}, err
}

func (f *faulty) Rename(from, to string) error {
	if err := f.step("rename"); err != nil {
		return err
	}
	return f.disk.Rename(from, to)
}

func (f *faulty) SyncDir(path string) error {
	if err := f.step("syncDir"); err != nil {
		return err
	}
	return f.disk.SyncDir(path)
}

type faultyFile struct {
	fileops.File
	*faulty
}

func (f *faultyFile) Write(b []byte) (int, error) {
	if err := f.step("write"); err != nil {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, err
	}
	return f.File.Write(b)
}

func (f *faultyFile) Sync() error  { return errors.Join(f.step("sync"), f.File.Sync()) }
func (f *faultyFile) Close() error { return errors.Join(f.step("close"), f.File.Close()) }

func TestTheOldFileStaysWhereverASaveFails(t *testing.T) {
	all := []string{"create", "write", "sync", "close", "rename", "syncDir"}
	for i, step := range all {
		path := filepath.Join(t.TempDir(), "model.argus")
		require.NoError(t, Write(path, 0o600, put("old")))
		sys := &faulty{disk: disk{perm: 0o600}, failAt: step}
		err := save(sys, path, put("new content"))
		require.ErrorIs(t, err, errInjected, step)
		require.ErrorContains(t, err, path)
		require.Equal(t, all[:i+1], slices.DeleteFunc(sys.steps, func(s string) bool { return s == "close" && i < 3 }), step)
		want := "old"
		if step == "syncDir" { // the rename has been done
			want = "new content"
		}
		requireOnly(t, path, want)
	}
}
