package hpo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func open(t testing.TB, path string, s *Space, o Options) *Optimizer {
	opt, err := Open(path, s, o)
	require.NoError(t, err)
	t.Cleanup(func() { opt.Close() })
	return opt
}

// journalled runs n trials, some of which fail, are given or stay running.
func journalled(t testing.TB, opt *Optimizer, from, to int) {
	for i := from; i < to; i++ {
		if i%7 == 3 {
			require.NoError(t, opt.Add(Point{"x": float64(i) / 100, "y": .5, "n": i}, float64(i%2)))
			continue
		}
		trial, err := opt.Ask(t.Context())
		require.NoError(t, err)
		switch {
		case i%5 == 4:
			require.NoError(t, opt.Fail(trial.ID, "broken"))
		case i%11 != 10:
			require.NoError(t, opt.Tell(trial.ID, bowl(trial.Point)))
		}
	}
}

func journalSpace(t testing.TB) *Space {
	return mustSpace(t, Real("x", 0, 1), Real("y", 0, 1), LogInt("n", 1, 1000))
}

func TestASearchGoesOnAfterEveryPrefixOfItsJournal(t *testing.T) {
	s, o := journalSpace(t), Options{Initial: 5, Seed: 7}
	path := filepath.Join(t.TempDir(), "journal")
	opt := open(t, path, s, o)
	next := map[int]string{} // size of the journal: what is in the record, and the next proposal
	note := func() {
		info, err := os.Stat(path)
		require.NoError(t, err)
		r := record{opt.space, opt.options, opt.trials, opt.taken, opt.model}
		p, err := r.propose()
		require.NoError(t, err)
		next[int(info.Size())] = fmt.Sprint(opt.Trials()) + " " + fmt.Sprint(p.point)
	}
	for i := range 18 {
		note()
		journalled(t, opt, i, i+1)
	}
	note()
	require.NoError(t, opt.Close())
	text, err := os.ReadFile(path)
	require.NoError(t, err)

	torn := filepath.Join(t.TempDir(), "torn")
	lines := 0
	for n := range len(text) + 1 {
		_, known := next[n]
		if n > 0 && text[n-1] == '\n' {
			lines++
		}
		// Every record's ends, and a sample of what lies between.
		if !known && n%13 != 0 {
			continue
		}
		require.NoError(t, os.WriteFile(torn, text[:n], 0o600))
		again, err := Open(torn, s, o)
		require.NoError(t, err, "%d bytes", n)
		whole := n == 0 || text[n-1] == '\n'
		require.Equal(t, whole, again.Note() == "", again.Note())
		if want, ok := next[n]; ok {
			trials := fmt.Sprint(again.Trials())
			trial, err := again.Ask(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, trials+" "+fmt.Sprint(trial.Point))
		} else {
			require.LessOrEqual(t, len(again.Trials()), lines)
		}
		require.NoError(t, again.Close())
	}
}

func TestAJournalThatWasReopenedIsThatOfOneRun(t *testing.T) {
	s, o := journalSpace(t), Options{Initial: 5}
	once, often := filepath.Join(t.TempDir(), "once"), filepath.Join(t.TempDir(), "often")
	journalled(t, open(t, once, s, o), 0, 16)
	for i := range 16 {
		opt, err := Open(often, s, o)
		require.NoError(t, err)
		journalled(t, opt, i, i+1)
		require.NoError(t, opt.Close())
	}
	a, err := os.ReadFile(once)
	require.NoError(t, err)
	b, err := os.ReadFile(often)
	require.NoError(t, err)
	require.Equal(t, string(a), string(b))
}

func TestATornRecordIsDroppedWithANoteAndTheFileIsWhole(t *testing.T) {
	s := journalSpace(t)
	path := filepath.Join(t.TempDir(), "journal")
	journalled(t, open(t, path, s, Options{}), 0, 3)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, tail := range []string{"0123", "00000000 {\"ask\":", strings.Repeat("\x00", 300), "junk\njunk\n"} {
		require.NoError(t, os.WriteFile(path, append(text[:len(text):len(text)], tail...), 0o600))
		opt := open(t, path, s, Options{})
		require.Contains(t, opt.Note(), fmt.Sprintf("of %d bytes, was not whole", len(tail)))
		require.Len(t, opt.Trials(), 3)
		require.NoError(t, opt.Close())
		now, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(text), string(now))
	}
}

func TestDamageBeforeTheEndIsAnError(t *testing.T) {
	s := journalSpace(t)
	path := filepath.Join(t.TempDir(), "journal")
	journalled(t, open(t, path, s, Options{}), 0, 3)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(text), "\n")
	for name, broken := range map[string]string{
		"a changed digit":  strings.Replace(string(text), `"y":0.`, `"y":0.1`, 1),
		"a missing record": strings.Join(append(lines[:1:1], lines[2:]...), ""),
		"a record twice":   lines[0] + lines[1] + strings.Join(lines[1:], ""),
		"another file":     "package main\n",
	} {
		require.NoError(t, os.WriteFile(path, []byte(broken), 0o600))
		_, err := Open(path, s, Options{})
		require.ErrorIs(t, err, ErrJournal, name)
		now, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, broken, string(now), "it is left as it is")
	}
}

func TestAJournalOfAnotherSearchIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	open(t, path, journalSpace(t), Options{}).Close()
	_, err := Open(path, journalSpace(t), Options{Seed: 1})
	require.ErrorIs(t, err, ErrOtherSearch)
	_, err = Open(path, mustSpace(t, Bool("x")), Options{})
	require.ErrorIs(t, err, ErrOtherSearch)
	_, err = Open(path, journalSpace(t), Options{Threads: 1})
	require.NoError(t, err, "the cores are no part of the search")
}

// brokenDisk fails writes past a size, some of whose bytes are written.
type brokenDisk struct {
	*os.File
	limit int64
}

func (b *brokenDisk) WriteAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) <= b.limit {
		return b.File.WriteAt(p, at)
	}
	n, _ := b.File.WriteAt(p[:len(p)/2], at)
	return n, errors.New("disk full")
}

func TestWhatCannotBeWrittenDoesNotHappen(t *testing.T) {
	s := journalSpace(t)
	path := filepath.Join(t.TempDir(), "journal")
	opt := open(t, path, s, Options{})
	journalled(t, opt, 0, 2)
	disk := &brokenDisk{opt.journal.file.(*os.File), opt.journal.size}
	opt.journal.file = disk
	_, err := opt.Ask(t.Context())
	require.EqualError(t, err, "hpo: journal: disk full")
	require.Error(t, opt.Add(Point{"x": .1, "y": .1, "n": 1}, 1))
	require.Len(t, opt.Trials(), 2)
	disk.limit = 1 << 20 // room again
	trial, err := opt.Ask(t.Context())
	require.NoError(t, err)
	disk.limit = 0
	require.Error(t, opt.Tell(trial.ID, 1))
	disk.limit = 1 << 20
	require.NoError(t, opt.Tell(trial.ID, 1), "it is still running")
	require.NoError(t, opt.Close())
	require.ErrorIs(t, opt.Add(Point{"x": .1, "y": .1, "n": 1}, 1), os.ErrClosed)
	require.Len(t, open(t, path, s, Options{}).Trials(), 3)
}

func TestManyGoroutinesLeaveEveryTrialOnceInTheJournal(t *testing.T) {
	s := mustSpace(t, Real("x", 0, 1), Real("y", 0, 1))
	path := filepath.Join(t.TempDir(), "journal")
	n := 200 // a sync takes its time
	if os.Getenv("ARGUS_HPO") != "" {
		n = 1000
	}
	opt := open(t, path, s, Options{Method: Random})
	work(t, opt, 16, n)
	require.NoError(t, opt.Close())
	again := open(t, path, s, Options{Method: Random})
	require.Equal(t, opt.Trials(), again.Trials())
}

func FuzzJournal(f *testing.F) {
	s := journalSpace(f)
	path := filepath.Join(f.TempDir(), "journal")
	journalled(f, open(f, path, s, Options{Initial: 5}), 0, 9)
	text, err := os.ReadFile(path)
	require.NoError(f, err)
	f.Add(text)
	f.Add(text[:len(text)-9])
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "journal")
		require.NoError(t, os.WriteFile(path, b, 0o600))
		opt, err := Open(path, s, Options{Initial: 5})
		if err != nil {
			return
		}
		_, err = opt.Ask(t.Context())
		require.NoError(t, err)
		require.NoError(t, opt.Close())
	})
}
