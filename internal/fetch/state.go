package fetch

import (
	"encoding/json"
	"io/fs"
	"os"
)

// A state is what NAME.state holds: which file was found good, and where an
// unfinished download came from. Who downloads holds a lock on that file.
type state struct {
	Good string // hash of the file that was found good
	Size int64
	Time int64  // of its last change, Unix nanoseconds
	URL  string // of the unfinished download, without a password
	ETag string // and its version
}

func (e entry) statePath() string { return e.path + ".state" }

// readState returns the zero state where there is none that can be read.
func (e entry) readState() (s state) {
	b, err := os.ReadFile(e.statePath())
	if err != nil || json.Unmarshal(b, &s) != nil {
		return state{}
	}
	return s
}

// vouches says whether s was written when info's file was found good.
func (s state) vouches(hash string, info fs.FileInfo) bool {
	return s.Good == hash && s.Size == info.Size() && s.Time == info.ModTime().UnixNano() && info.Mode().IsRegular()
}

// vouch notes that the file was found good.
func (e entry) vouch() error {
	info, err := os.Stat(e.path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(e.statePath(), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	return writeState(f, state{Good: e.Hash, Size: info.Size(), Time: info.ModTime().UnixNano()})
}

// writeState replaces what f holds. Half a state cannot be read and counts as
// none.
func writeState(f *os.File, s state) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt(append(b, '\n'), 0)
	return err
}
