package fileops

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func put(content string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	}
}

// tree returns the files below dir and their content.
func tree(t *testing.T, dir string) map[string]string {
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

func recorded(t *testing.T) *Recording {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "old"), []byte("before"), 0o666))
	r, err := Record(dir)
	require.NoError(t, err)
	require.NoError(t, r.MkdirAll(filepath.Join(dir, "sub")))                                                       // 1
	require.NoError(t, Write(r, filepath.Join(dir, "sub", "a"), filepath.Join(dir, "sub", "tmp"), put("12345678"))) // 2 create 3 write 4 sync 5 rename 6 sync folder
	require.NoError(t, Write(r, filepath.Join(dir, "old"), filepath.Join(dir, "tmp"), put("after")))                // 7–11
	require.NoError(t, r.Remove(filepath.Join(dir, "sub", "a")))                                                    // 12
	require.Equal(t, 12, r.Len())
	require.Equal(t, map[string]string{"old": "after"}, tree(t, dir))
	return r
}

func TestRestoreShowsWhatACrashLeaves(t *testing.T) {
	r := recorded(t)
	for _, c := range []struct {
		n     int
		crash Crash
		want  map[string]string
	}{
		{0, Killed, map[string]string{"old": "before"}},
		{2, Killed, map[string]string{"old": "before", "sub/tmp": ""}},
		{2, LostNames, map[string]string{"old": "before"}},
		{3, Killed, map[string]string{"old": "before", "sub/tmp": "12345678"}},
		{3, Torn, map[string]string{"old": "before", "sub/tmp": "1234"}},
		{3, LostData, map[string]string{"old": "before", "sub/tmp": ""}},
		{4, LostData, map[string]string{"old": "before", "sub/tmp": "12345678"}},
		{5, Killed, map[string]string{"old": "before", "sub/a": "12345678"}},
		{5, LostNames, map[string]string{"old": "before"}},
		{6, LostNames, map[string]string{"old": "before", "sub/a": "12345678"}},
		{10, Killed, map[string]string{"old": "after", "sub/a": "12345678"}},
		{10, LostNames, map[string]string{"old": "before", "sub/a": "12345678"}},
		{11, LostNames, map[string]string{"old": "after", "sub/a": "12345678"}},
		{12, Killed, map[string]string{"old": "after"}},
		{12, LostNames, map[string]string{"old": "after", "sub/a": "12345678"}},
	} {
		dir := t.TempDir()
		require.NoError(t, r.Restore(dir, c.n, c.crash))
		require.Equal(t, c.want, tree(t, dir), "%d operations, crash %d", c.n, c.crash)
	}
}

func TestWriteLeavesTheOldFileWhereverItFails(t *testing.T) {
	injected := errors.New("injected")
	for at := range 5 {
		dir := t.TempDir()
		path := filepath.Join(dir, "a")
		require.NoError(t, os.WriteFile(path, []byte("old"), 0o666))
		r, err := Record(dir)
		require.NoError(t, err)
		done := 0
		r.Fail = func(int) error {
			if done++; done == at+1 {
				return injected
			}
			return nil
		}
		require.ErrorIs(t, Write(r, path, filepath.Join(dir, "tmp"), put("new")), injected)
		want := "old"
		if at == 4 { // only the sync of the folder failed
			want = "new"
		}
		require.Equal(t, map[string]string{"a": want}, tree(t, dir), "step %d", at)
	}
}

func TestALockKeepsASecondCallOut(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	unlock, err := Lock(dir)
	require.NoError(t, err)
	_, err = Lock(dir)
	require.ErrorIs(t, err, ErrInUse)
	unlockOther, err := Lock(other)
	require.NoError(t, err)
	unlockOther()
	unlock()
	unlock, err = Lock(dir)
	require.NoError(t, err)
	unlock()
	require.Empty(t, tree(t, dir))
	_, err = Lock(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestARecordingKeepsToItsFolder(t *testing.T) {
	r, err := Record(t.TempDir())
	require.NoError(t, err)
	require.Panics(t, func() { _ = r.Remove(filepath.Join(os.TempDir(), "x")) })
}
