package clean

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/argus-go/argus/internal/fileops"
)

const (
	quarantineFolder = "quarantine"
	manifestPath     = quarantineFolder + "/manifest.jsonl"
	tempPrefix       = ".tmp-" // of files in quarantine that no manifest names
)

// Move is a file to take out of a dataset, and why.
type Move struct {
	Path   string `json:"path"`
	Kind   Kind   `json:"kind"`
	Detail string `json:"detail,omitempty"`
	// Convert puts an 8-bit RGB picture of one frame, upright, in its place: a
	// JPEG for a JPEG, else a PNG. For WrongExtension it puts the same bytes
	// there under the right one.
	Convert bool `json:"convert,omitempty"`
}

// Plan lists the files with a fault of one of kinds to be moved, each once, the
// first of its faults the reason. Without kinds it takes what is of no use or
// there twice: Unreadable, NotPicture, Animated, Blank, Duplicate and Leak.
func (r Report) Plan(kinds ...Kind) []Move {
	if len(kinds) == 0 {
		kinds = []Kind{Unreadable, NotPicture, Animated, Blank, Duplicate, Leak}
	}
	var moves []Move
	for _, f := range r.Of(kinds...) {
		if n := len(moves); n > 0 && moves[n-1].Path == f.Path {
			continue
		}
		detail := f.Detail
		if f.Other != "" {
			detail += ": " + printable(f.Other)
		}
		moves = append(moves, Move{Path: f.Path, Kind: f.Kind, Detail: detail})
	}
	return moves
}

// Conversions lists the readable files that are not 8-bit RGB or have a wrong
// extension, to be converted.
func (r Report) Conversions() []Move {
	unreadable := map[string]bool{}
	for _, f := range r.Of(Unreadable) {
		unreadable[f.Path] = true
	}
	var moves []Move
	for _, m := range slices.Concat(r.Plan(CMYK, Grey, Alpha, Deep), r.Plan(WrongExtension)) {
		if !unreadable[m.Path] {
			unreadable[m.Path] = true // each once
			m.Convert = true
			moves = append(moves, m)
		}
	}
	return moves
}

// Entry is a file in quarantine.
type Entry struct {
	From   string // where it was, in the dataset, with slashes
	To     string // where it is
	Kind   Kind
	Detail string
	Time   time.Time
	// Made is the file that was put in its place, "" if none, and MadeSHA256 its
	// content's hash.
	Made       string
	MadeSHA256 string
	temp       string // where Made is until then
	pending    bool   // the call that moves it has not come to its end
}

// Quarantine moves files of the dataset dir to dir/quarantine/<kind>/<path>,
// where OpenDataset and Check do not look, and notes them in
// dir/quarantine/manifest.jsonl. It returns those that it moved. A file that
// cannot be moved stays where it is and is part of the error, which joins all of
// them; the others are moved all the same.
//
// Each file is moved in one step. Whenever the process ends, every file is in
// one of both places or the original is in quarantine, and calling again with
// the same moves, of which those done are passed over, does the rest. Nothing
// outside of dir is touched, whatever links there are in it. No two processes
// may work on one quarantine at a time.
func Quarantine(ctx context.Context, dir string, moves []Move, limits Limits) ([]Entry, error) {
	f, err := openFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("clean: quarantine: %w", err)
	}
	defer f.root.Close()
	moved, err := f.quarantine(ctx, moves, limits)
	if err != nil {
		return moved, fmt.Errorf("clean: quarantine: %w", err)
	}
	return moved, nil
}

// Restore moves files back from quarantine, those that were at the given paths,
// or all, and removes what was made in their place. It returns those that it
// moved. A file whose old place is taken, or whose successor was changed, stays
// and is part of the error. When none is left the quarantine is removed. After
// an interruption calling again does the rest.
func Restore(ctx context.Context, dir string, paths ...string) ([]Entry, error) {
	f, err := openFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("clean: restore: %w", err)
	}
	defer f.root.Close()
	moved, err := f.restore(ctx, paths)
	if err != nil {
		return moved, fmt.Errorf("clean: restore: %w", err)
	}
	return moved, nil
}

// Quarantined lists the files that are in quarantine in the dataset dir.
func Quarantined(dir string) ([]Entry, error) {
	f, err := openFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("clean: quarantine: %w", err)
	}
	defer f.root.Close()
	entries, err := f.manifest()
	if err != nil {
		return nil, fmt.Errorf("clean: quarantine: %w", err)
	}
	return f.present(entries), nil
}

// A folder is a dataset in which files are moved. Paths in it have slashes.
type folder struct {
	root *os.Root
	sys  fileops.System
	base string          // what paths for sys begin with
	sync map[string]bool // folders whose names are yet to be made to last
	back bool            // files come out of quarantine
}

func openFolder(dir string) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &folder{root: root, sys: rooted{root}, sync: map[string]bool{}}, nil
}

// at is a path for sys.
func (f *folder) at(name string) string { return filepath.Join(f.base, filepath.FromSlash(name)) }

func (f *folder) lstat(name string) (fs.FileInfo, error) {
	return f.root.Lstat(filepath.FromSlash(name))
}

func (f *folder) exists(name string) bool {
	_, err := f.lstat(name)
	return err == nil
}

// present are the entries whose files are in quarantine.
func (f *folder) present(entries []Entry) []Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return !f.exists(e.To) })
}

func (f *folder) quarantine(ctx context.Context, moves []Move, limits Limits) ([]Entry, error) {
	if err := f.usable(); err != nil {
		return nil, err
	}
	entries, err := f.manifest()
	if err != nil {
		return nil, err
	}
	if err := f.settle(entries); err != nil {
		return nil, err
	}
	entries = f.present(entries)
	for i := range entries {
		entries[i].temp, entries[i].pending = "", false
	}
	// The manifest comes first: a folder without one is not passed over.
	if err := f.writeManifest(entries); err != nil {
		return nil, err
	}
	planned, failed := f.plan(ctx, moves, entries, limits)
	if len(planned) == 0 {
		return nil, errors.Join(failed, ctx.Err(), f.dissolve(entries))
	}
	if err := f.writeManifest(append(entries, planned...)); err != nil {
		return nil, errors.Join(failed, err)
	}
	var moved []Entry
	for _, e := range planned {
		if ctx.Err() != nil {
			break
		}
		if err := f.move(e); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		moved = append(moved, e)
	}
	if err := errors.Join(failed, f.syncAll(), ctx.Err()); err != nil {
		return moved, err
	}
	for i := range moved {
		moved[i].temp, moved[i].pending = "", false
	}
	return moved, f.writeManifest(append(entries, moved...))
}

// usable says whether the folder quarantine is ours to write to.
func (f *folder) usable() error {
	info, err := f.lstat(quarantineFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder: %v", quarantineFolder, info.Mode().Type())
	}
	if f.exists(manifestPath) {
		return nil
	}
	found, err := f.fileIn(quarantineFolder)
	if err == nil && found != "" {
		err = fmt.Errorf("folder %s holds %q and no manifest: it is somebody else's", quarantineFolder, found)
	}
	return err
}

// fileIn names a file below dir that is not a temporary one, if there is any.
func (f *folder) fileIn(dir string) (string, error) {
	names, err := f.names(dir)
	for _, name := range names {
		sub := path.Join(dir, name)
		if info, err := f.lstat(sub); err == nil && info.IsDir() {
			if found, err := f.fileIn(sub); found != "" || err != nil {
				return found, err
			}
		} else if !strings.HasPrefix(name, tempPrefix) {
			return sub, nil
		}
	}
	return "", err
}

func (f *folder) names(dir string) ([]string, error) {
	d, err := f.root.Open(filepath.FromSlash(dir))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// settle ends what an interruption left half done: a file has both names, as
// file systems may leave it at a power cut, or an original is in quarantine and
// its successor not in place yet, or not needed.
func (f *folder) settle(entries []Entry) error {
	for _, e := range entries {
		if e.pending && f.same(e.From, e.To) {
			if err := f.sys.Remove(f.at(e.From)); err != nil {
				return err
			}
			f.sync[path.Dir(e.From)] = true
		}
	}
	names, err := f.names(quarantineFolder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	owner := map[string]Entry{}
	for _, e := range entries {
		if e.temp != "" {
			owner[e.temp] = e
		}
	}
	for _, name := range names {
		if !strings.HasPrefix(name, tempPrefix) {
			continue
		}
		temp := path.Join(quarantineFolder, name)
		e, ok := owner[temp]
		if ok && f.exists(e.To) && !f.exists(e.Made) {
			err = f.replace(e)
		} else {
			err = f.sys.Remove(f.at(temp))
		}
		if err != nil {
			return err
		}
	}
	return f.syncAll()
}

// same says whether two files are there and have the same content.
func (f *folder) same(a, b string) bool {
	infoA, errA := f.lstat(a)
	infoB, errB := f.lstat(b)
	if errA != nil || errB != nil || infoA.Mode().Type() != infoB.Mode().Type() {
		return false
	}
	of := f.sha256
	if infoA.Mode()&fs.ModeSymlink != 0 {
		of = func(name string) (string, error) { return f.root.Readlink(filepath.FromSlash(name)) }
	} else if infoA.Size() != infoB.Size() {
		return false
	}
	sumA, errA := of(a)
	sumB, errB := of(b)
	return errA == nil && errB == nil && sumA == sumB
}

// plan makes entries of moves, and files to put in their place, leaving out
// what is in quarantine already.
func (f *folder) plan(ctx context.Context, moves []Move, entries []Entry, limits Limits) (planned []Entry, failed error) {
	taken, before := map[string]bool{}, map[string]Entry{}
	for _, e := range entries {
		before[e.From] = e
	}
	for i, m := range moves {
		if ctx.Err() != nil {
			break
		}
		info, err := f.movable(m.Path)
		done, known := before[m.Path]
		switch {
		case taken[m.Path]: // named twice
			continue
		case known && errors.Is(err, fs.ErrNotExist): // done before
			continue
		case known && err == nil && done.Made == m.Path: // and this is what was made
			if sum, err := f.sha256(m.Path); err == nil && sum == done.MadeSHA256 {
				continue
			}
		}
		taken[m.Path] = true
		e := Entry{From: m.Path, To: f.freeIn(m, taken), Kind: m.Kind, Detail: m.Detail, Time: time.Now().UTC().Truncate(time.Second), pending: true}
		if err == nil && m.Convert {
			err = f.make(&e, info, limits, fmt.Sprintf("%s%d", tempPrefix, i), taken)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%q: %w", m.Path, cause(err)))
			continue
		}
		taken[e.To] = true
		planned = append(planned, e)
	}
	return planned, failed
}

// movable returns what is at path, if it is a file or a link of the dataset.
func (f *folder) movable(name string) (fs.FileInfo, error) {
	if !filepath.IsLocal(filepath.FromSlash(name)) || name != path.Clean(name) {
		return nil, errors.New("is not a path in the dataset")
	}
	if name == quarantineFolder || strings.HasPrefix(name, quarantineFolder+"/") {
		return nil, errors.New("is in quarantine")
	}
	info, err := f.lstat(name)
	if err != nil {
		return nil, err
	}
	if t := info.Mode().Type(); t != 0 && t != fs.ModeSymlink {
		return nil, fmt.Errorf("is not a file: %v", t)
	}
	return info, nil
}

// freeIn is a path in quarantine that nothing stands at or in the way of.
func (f *folder) freeIn(m Move, taken map[string]bool) string {
	dir := path.Join(quarantineFolder, slug(m.Kind))
	to := path.Join(dir, m.Path)
	for n := 2; taken[to] || !f.free(to); n++ {
		to = path.Join(fmt.Sprintf("%s-%d", dir, n), m.Path)
	}
	return to
}

// slug is the name of the folder for a kind.
func slug(k Kind) string {
	s := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(string(k)))
	return cmp.Or(s, "other")
}

// free says whether a file can be put at name.
func (f *folder) free(name string) bool {
	if f.exists(name) {
		return false
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if info, err := f.lstat(dir); err == nil {
			return info.IsDir()
		}
	}
	return true
}

// move does what e says. The original's new name lasts before its old one is
// given to another file.
func (f *folder) move(e Entry) error {
	if err := f.rename(e.From, e.To); err != nil {
		return fmt.Errorf("%q: %w", e.From, err)
	}
	if e.Made == "" {
		return nil
	}
	if err := f.syncAll(); err != nil {
		return err
	}
	if err := f.replace(e); err != nil {
		return fmt.Errorf("%q: %w", e.Made, err)
	}
	return nil
}

// replace puts what was made into place, for good.
func (f *folder) replace(e Entry) error {
	if err := f.rename(e.temp, e.Made); err != nil {
		return err
	}
	return f.sys.SyncDir(f.at(path.Dir(e.Made)))
}

// rename moves a file to a place that is free and notes the folders to sync.
func (f *folder) rename(from, to string) error {
	if f.exists(to) {
		return fmt.Errorf("%q: %w", to, fs.ErrExist)
	}
	for dir := path.Dir(to); dir != "." && !f.exists(dir); dir = path.Dir(dir) {
		f.sync[path.Dir(dir)] = true
	}
	if err := f.sys.MkdirAll(f.at(path.Dir(to))); err != nil {
		return err
	}
	if err := f.sys.Rename(f.at(from), f.at(to)); err != nil {
		return err
	}
	f.sync[path.Dir(from)], f.sync[path.Dir(to)] = true, true
	return nil
}

// syncAll makes the names that were changed last, those in folders that files
// go to before those in folders that they come from.
func (f *folder) syncAll() (err error) {
	var dirs [2][]string
	for dir := range f.sync {
		inside := dir == quarantineFolder || strings.HasPrefix(dir, quarantineFolder+"/")
		turn := 0
		if inside == f.back {
			turn = 1
		}
		dirs[turn] = append(dirs[turn], dir)
	}
	for _, dir := range slices.Concat(dirs[0], dirs[1]) {
		err = errors.Join(err, f.sys.SyncDir(f.at(dir)))
	}
	clear(f.sync)
	return err
}

func (f *folder) restore(ctx context.Context, paths []string) ([]Entry, error) {
	entries, err := f.manifest()
	if err != nil {
		return nil, err
	}
	if err := f.settle(entries); err != nil {
		return nil, err
	}
	f.back = true
	var moved []Entry
	var failed error
	for _, e := range f.present(entries) {
		if len(paths) > 0 && !slices.Contains(paths, e.From) {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		if err := f.putBack(e); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%q: %w", e.From, cause(err)))
			continue
		}
		moved = append(moved, e)
	}
	if err := errors.Join(failed, f.syncAll(), ctx.Err()); err != nil {
		return moved, err
	}
	return moved, f.dissolve(entries)
}

// putBack undoes e. A file that is back, but for its name in quarantine, loses that.
func (f *folder) putBack(e Entry) error {
	back := f.same(e.From, e.To)
	if e.Made != "" && e.Made == e.From && back {
		e.Made = ""
	}
	if e.Made != "" && f.exists(e.Made) {
		if sum, err := f.sha256(e.Made); err != nil || sum != e.MadeSHA256 {
			return errors.Join(fmt.Errorf("%q in its place was changed: %w", e.Made, fs.ErrExist), err)
		}
		if e.Made != e.From && f.exists(e.From) && !back {
			return fs.ErrExist
		}
		if err := f.sys.Remove(f.at(e.Made)); err != nil {
			return err
		}
		f.sync[path.Dir(e.Made)] = true
	}
	if back {
		f.sync[path.Dir(e.To)] = true
		return f.sys.Remove(f.at(e.To))
	}
	return f.rename(e.To, e.From)
}

// dissolve removes folders of quarantine that are empty, and then the manifest
// if it names nothing that is there.
func (f *folder) dissolve(entries []Entry) error {
	if info, err := f.lstat(quarantineFolder); err != nil || !info.IsDir() || f.usable() != nil {
		return nil
	}
	if _, err := f.prune(quarantineFolder); err != nil {
		return err
	}
	if !f.exists(manifestPath) || len(f.present(entries)) > 0 {
		return nil
	}
	if err := f.sys.Remove(f.at(manifestPath)); err != nil {
		return err
	}
	_, err := f.prune(quarantineFolder)
	return err
}

// prune removes the empty folders in dir and dir itself if it is one.
func (f *folder) prune(dir string) (gone bool, err error) {
	names, err := f.names(dir)
	if err != nil {
		return false, err
	}
	left := len(names)
	for _, name := range names {
		sub := path.Join(dir, name)
		if info, err := f.lstat(sub); err != nil || !info.IsDir() {
			continue
		}
		gone, err := f.prune(sub)
		if err != nil {
			return false, err
		}
		if gone {
			left--
		}
	}
	if left > 0 {
		return false, nil
	}
	return true, f.sys.Remove(f.at(dir))
}
