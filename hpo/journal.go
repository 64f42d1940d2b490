package hpo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/argus-go/argus/internal/fileops"
)

// A journal is a file that only grows, of one line for each event:
//
//	checksum, 8 hexadecimal digits · space · event as JSON · newline
//
// The checksum is CRC-32C of the line's number, from 0, in decimal and the JSON.
// The first event says what is searched and how. A line is synced before the
// event takes effect.
type journal struct {
	file  journalFile
	lines int
	size  int64
	err   error // what broke it
}

// journalFile is what a journal needs of an *os.File.
type journalFile interface {
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
}

// An event is one of its parts.
type event struct {
	Head *journalHead `json:"head,omitempty"`
	Ask  *askEvent    `json:"ask,omitempty"`
	Tell *tellEvent   `json:"tell,omitempty"`
	Add  *addEvent    `json:"add,omitempty"`
}

type journalHead struct {
	Version int             `json:"version"`
	Space   json.RawMessage `json:"space"`
	Options json.RawMessage `json:"options"`
}

type askEvent struct {
	ID    int    `json:"id"`
	Point Point  `json:"point"`
	By    string `json:"by"`
	Model *model `json:"model,omitempty"` // if it is another than before
}

type tellEvent struct {
	ID    int      `json:"id"`
	Value *float64 `json:"value,omitempty"` // absent: it failed
	Err   string   `json:"err,omitempty"`
}

type addEvent struct {
	Point Point    `json:"point"`
	Value *float64 `json:"value,omitempty"`
	Err   string   `json:"err,omitempty"`
}

// Errors of Open.
var (
	// ErrJournal says that a file is no journal, or broken before its end.
	ErrJournal = errors.New("broken journal")
	// ErrOtherSearch says that a journal is of another space or options.
	ErrOtherSearch = errors.New("the journal is of another search")
)

// Open returns an optimizer whose record is kept in the file path, which is made
// if it is not there. Each proposal and value is on disk before Ask or Tell
// returns. Opened again after a crash at any moment, it proposes what it would
// have proposed; trials that were running then are still, for the caller to run
// again. Only one process may have the file open. Close it in the end.
func Open(path string, space *Space, o Options) (*Optimizer, error) {
	opt, err := New(space, o)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("hpo: journal: %w", err)
	}
	if err := opt.resume(file); err != nil {
		return nil, errors.Join(fmt.Errorf("hpo: journal %s: %w", filepath.Base(path), err), file.Close())
	}
	if err := (fileops.Disk{}).SyncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(fmt.Errorf("hpo: journal: %w", err), file.Close())
	}
	return opt, nil
}

// Close closes the journal, if there is one.
func (o *Optimizer) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.journal == nil {
		return nil
	}
	if o.journal.err == nil {
		o.journal.err = os.ErrClosed
	}
	return o.journal.file.Close()
}

// Note says what Open had to leave out of a journal: a record that was being
// written when the program died. "" if nothing.
func (o *Optimizer) Note() string { return o.note }

// resume replays file, and makes it o's journal.
func (o *Optimizer) resume(file *os.File) error {
	text, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	lines, whole, err := splitJournal(text)
	if err != nil {
		return err
	}
	if torn := len(text) - whole; torn > 0 {
		o.note = fmt.Sprintf("the last record, of %d bytes, was not whole and is left out", torn)
		if err := errors.Join(file.Truncate(int64(whole)), file.Sync()); err != nil {
			return err
		}
	}
	j := &journal{file: file, lines: len(lines), size: int64(whole)}
	head, err := o.head()
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		o.journal = j
		return j.write(event{Head: head})
	}
	for i, line := range lines {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("record %d: %w: %w", i, ErrJournal, err)
		}
		if err := o.replay(e, i, head); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	o.journal = j
	return nil
}

// splitJournal returns the JSON of whole records and the bytes that they take. A
// broken record is an error unless nothing whole follows it.
func splitJournal(text []byte) (lines [][]byte, whole int, err error) {
	for at := 0; at < len(text); {
		end := bytes.IndexByte(text[at:], '\n')
		if end < 0 {
			break
		}
		line, ok := checked(text[at:at+end], len(lines))
		if !ok {
			for _, later := range bytes.Split(text[at+end+1:], []byte("\n")) {
				for n := range len(lines) + 1 + bytes.Count(text[at:], []byte("\n")) {
					if _, ok := checked(later, n); ok {
						return nil, 0, fmt.Errorf("record %d: %w: the checksum is wrong, and a whole record follows", len(lines), ErrJournal)
					}
				}
			}
			break
		}
		lines = append(lines, line)
		at += end + 1
		whole = at
	}
	if len(lines) == 0 && len(text) > 0 && !startsLikeJournal(text) {
		return nil, 0, fmt.Errorf("%w: it does not begin like one", ErrJournal)
	}
	return lines, whole, nil
}

// startsLikeJournal keeps a file that is something else from being emptied as a
// torn first record.
func startsLikeJournal(text []byte) bool {
	for _, c := range text[:min(len(text), 8)] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	rest := text[min(len(text), 8):]
	const want = ` {"head":`
	n := min(len(rest), len(want))
	return string(rest[:n]) == want[:n]
}

// checked is a line without its checksum, if that is right.
func checked(line []byte, number int) ([]byte, bool) {
	if len(line) < 9 || line[8] != ' ' {
		return nil, false
	}
	sum, err := strconv.ParseUint(string(line[:8]), 16, 32)
	return line[9:], err == nil && uint32(sum) == checksum(number, line[9:])
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(number int, line []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(strconv.Itoa(number)), castagnoli), castagnoli, line)
}

func (o *Optimizer) head() (*journalHead, error) {
	space, err := json.Marshal(o.space)
	if err != nil {
		return nil, err
	}
	options, err := json.Marshal(o.options)
	return &journalHead{1, space, options}, err
}

// replay takes an event into the record.
func (o *Optimizer) replay(e event, i int, head *journalHead) error {
	switch {
	case e.Head != nil && i == 0:
		if e.Head.Version != head.Version {
			return fmt.Errorf("%w: its version is %d, want %d", ErrJournal, e.Head.Version, head.Version)
		}
		if !bytes.Equal(e.Head.Space, head.Space) {
			return fmt.Errorf("%w: its space is %s, want %s", ErrOtherSearch, e.Head.Space, head.Space)
		}
		if !bytes.Equal(e.Head.Options, head.Options) {
			return fmt.Errorf("%w: its options are %s, want %s", ErrOtherSearch, e.Head.Options, head.Options)
		}
		return nil
	case i == 0:
		return fmt.Errorf("%w: the first record is no head", ErrJournal)
	case e.Ask != nil:
		t, err := o.space.given(e.Ask.Point, 0)
		if err != nil || e.Ask.ID != len(o.trials) {
			return fmt.Errorf("%w: trial %d after %d others: %w", ErrJournal, e.Ask.ID, len(o.trials), err)
		}
		t.ID, t.By, t.State = e.Ask.ID, e.Ask.By, Running
		if e.Ask.Model != nil {
			o.model = *e.Ask.Model
		}
		o.take(t)
		return nil
	case e.Tell != nil:
		if e.Tell.Value == nil {
			return o.Fail(e.Tell.ID, e.Tell.Err)
		}
		return o.Tell(e.Tell.ID, *e.Tell.Value)
	case e.Add != nil:
		t, err := o.space.given(e.Add.Point, 0)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrJournal, err)
		}
		t.ID, t.State, t.Err = len(o.trials), Failed, e.Add.Err
		if e.Add.Value != nil {
			t.State, t.Value = Done, *e.Add.Value
		}
		o.take(t)
		return nil
	}
	return fmt.Errorf("%w: it is of no known kind", ErrJournal)
}

// take puts a new trial in the record.
func (o *Optimizer) take(t Trial) {
	o.trials = append(o.trials, t)
	o.taken[t.x.key()] = true
}

func (j *journal) ask(t Trial, before, after model) error {
	e := &askEvent{ID: t.ID, Point: t.Point, By: t.By}
	if before != after { // the parts are never changed in place
		e.Model = &after
	}
	return j.write(event{Ask: e})
}

func (j *journal) tell(t Trial) error {
	return j.write(event{Tell: &tellEvent{ID: t.ID, Value: t.value(), Err: t.Err}})
}

func (j *journal) add(t Trial) error {
	return j.write(event{Add: &addEvent{Point: t.Point, Value: t.value(), Err: t.Err}})
}

func (t Trial) value() *float64 {
	if t.State != Done {
		return nil
	}
	return &t.Value
}

// write puts an event at the end, for good. After an error the file is as
// before; where that cannot be, nothing more is written.
func (j *journal) write(e event) error {
	if j == nil {
		return nil
	}
	if j.err != nil {
		return fmt.Errorf("hpo: journal: %w", j.err)
	}
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("hpo: journal: %w", err)
	}
	line := fmt.Appendf(nil, "%08x %s\n", checksum(j.lines, text), text)
	if _, err = j.file.WriteAt(line, j.size); err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		if back := errors.Join(j.file.Truncate(j.size), j.file.Sync()); back != nil {
			j.err = errors.Join(err, back)
		}
		return fmt.Errorf("hpo: journal: %w", err)
	}
	j.lines++
	j.size += int64(len(line))
	return nil
}
