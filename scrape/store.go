package scrape

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// store is the target folder. All files go through its os.Root, which lets no
// name and no link lead out of it.
//
// A picture is written to the staging folder and synced, its line is appended to
// the manifest and synced, and only then is it renamed to its place. So at any
// moment: a staged file without a line is a rest to delete, a staged file with a
// line is to be renamed, and a line whose file is neither staged nor in place is
// of a picture that somebody removed.
type store struct {
	root     *os.Root
	manifest *os.File
	unlock   func() error
	size     int64 // of the manifest, up to its last whole line

	mu     sync.Mutex
	known  map[key]bool     // contents per class and URLs per class, also of pictures since removed
	groups map[key]byte     // pages and contents → place of their split in splitOrder
	terms  map[string]int   // Term.key → pictures that are there
	last   map[string]int   // class → highest N of class_N
	splits map[string][]int // class → pictures per split, as splitOrder
}

// key is the beginning of a SHA-256: a set of millions stays small.
type key [16]byte

func keyOf(parts ...string) key {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return key(sum[:16])
}

func urlKey(class string, r Result) key { return keyOf("url", class, r.URL) }

var splitOrder = []Split{Train, Val, Test}

// openStore opens or makes the folder, takes up what a run before left, and
// keeps other runs out.
func openStore(folder string) (*store, error) {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	s := &store{root: root, known: map[key]bool{}, groups: map[key]byte{}, terms: map[string]int{}, last: map[string]int{}, splits: map[string][]int{}}
	if err := s.open(); err != nil {
		s.close()
		return nil, fmt.Errorf("scrape: folder %s: %w", folder, err)
	}
	return s, nil
}

func (s *store) open() (err error) {
	if err := s.root.Mkdir(stagingFolder, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if s.unlock, err = lock(s.root, path.Join(stagingFolder, "lock")); err != nil {
		return err
	}
	if err := s.takeUp(); err != nil {
		return err
	}
	if s.manifest, err = s.root.OpenFile(ManifestFile, os.O_WRONLY|os.O_CREATE, 0o666); err != nil {
		return err
	}
	if err := s.manifest.Truncate(s.size); err != nil { // a last line that was broken off
		return err
	}
	return s.countFiles()
}

func (s *store) close() error {
	var errs []error
	if s.manifest != nil {
		errs = append(errs, s.manifest.Close())
	}
	if s.unlock != nil {
		errs = append(errs, s.unlock())
	}
	return errors.Join(append(errs, s.root.Close())...)
}

// takeUp reads the manifest, brings each picture to where its last line says,
// and empties the staging folder.
func (s *store) takeUp() error {
	staged := map[string]bool{}
	entries, err := fs.ReadDir(s.root.FS(), stagingFolder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		staged[e.Name()] = e.Name() != "lock"
	}
	for line, err := range lastLines(s.root) {
		if err != nil {
			return err
		}
		s.size = line.end
		p, id := line.Picture, line.id()
		if staged[id] {
			if err := s.finish(path.Join(stagingFolder, id), p); err != nil {
				return err
			}
			staged[id] = false
		}
		_, there := standsAt(s.root, p.Path)
		if !there && p.From != "" && isFile(s.root, p.From) {
			if err := s.finish(p.From, p); err != nil {
				return err
			}
			there = true
		}
		s.remember(p, there)
	}
	for name, rest := range staged {
		if rest {
			if err := s.root.Remove(path.Join(stagingFolder, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish renames a file to its place, where nothing may be yet.
func (s *store) finish(from string, p Picture) error {
	if err := s.root.MkdirAll(path.Dir(p.Path), 0o777); err != nil {
		return err
	}
	if _, err := s.root.Lstat(p.Path); err == nil {
		return fmt.Errorf("%s is there already: %w", p.Path, fs.ErrExist)
	}
	return s.root.Rename(from, p.Path)
}

// remember notes p, and counts it if it is there.
func (s *store) remember(p Picture, there bool) {
	s.known[keyOf("content", p.id())] = true
	s.known[urlKey(p.Class, p.Result)] = true
	s.last[p.Class] = max(s.last[p.Class], numberOf(p.Class, path.Base(p.Path)))
	if !there {
		return
	}
	for _, k := range groupKeys(p) {
		s.groups[k] = byte(slices.Index(splitOrder, p.Split))
	}
	s.terms[p.term().key()]++
	s.count(p.Class, p.Split, 1)
}

func (s *store) count(class string, split Split, n int) {
	if s.splits[class] == nil {
		s.splits[class] = make([]int, len(splitOrder))
	}
	s.splits[class][slices.Index(splitOrder, split)] += n
}

// countFiles looks for class_N that are not in the manifest, so that none is
// overwritten.
func (s *store) countFiles() error {
	for _, split := range splitOrder {
		classes, err := fs.ReadDir(s.root.FS(), string(split))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, class := range classes {
			files, err := fs.ReadDir(s.root.FS(), path.Join(string(split), class.Name()))
			if err != nil && class.IsDir() {
				return err
			}
			for _, f := range files {
				s.last[class.Name()] = max(s.last[class.Name()], numberOf(class.Name(), f.Name()))
			}
		}
	}
	return nil
}

// numberOf is the N of class_N.jpg, 0 for other names.
func numberOf(class, name string) int {
	rest, ok := strings.CutPrefix(name, class+"_")
	digits, _, _ := strings.Cut(rest, ".")
	if n, err := strconv.Atoi(digits); ok && err == nil && n > 0 {
		return n
	}
	return 0
}

// have is how many pictures of t are there.
func (s *store) have(t Term) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.terms[t.key()]
}

// claim says whether k is new, and takes it.
func (s *store) claim(k key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[k] {
		return false
	}
	s.known[k] = true
	return true
}

func (s *store) knows(k key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[k]
}

func (s *store) release(k key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, k)
}

// stage writes a picture where a later rename makes it visible at once.
func (s *store) stage(id string, content []byte) error {
	return s.stageFrom(id, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

func (s *store) stageFrom(id string, write func(io.Writer) error) (err error) {
	name := path.Join(stagingFolder, id)
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			s.root.Remove(name)
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	return f.Sync()
}

// commit appends the lines of pictures, all staged (or where From says), and
// puts them into their places. On an error the manifest is as it was before.
func (s *store) commit(pictures []Picture) error {
	var lines bytes.Buffer
	for _, p := range pictures {
		line, err := json.Marshal(p)
		if err != nil {
			return err
		}
		if len(line) >= maxLine {
			return fmt.Errorf("%s: what its source says of it has %d bytes", p.Path, len(line))
		}
		lines.Write(append(line, '\n'))
	}
	if _, err := s.manifest.WriteAt(lines.Bytes(), s.size); err != nil {
		return errors.Join(err, s.manifest.Truncate(s.size))
	}
	if err := s.manifest.Sync(); err != nil {
		return errors.Join(err, s.manifest.Truncate(s.size))
	}
	s.size += int64(lines.Len())
	for _, p := range pictures {
		from := p.From
		if from == "" {
			from = path.Join(stagingFolder, p.id())
		}
		if err := s.finish(from, p); err != nil {
			return err
		}
	}
	return nil
}

// replace writes a file whole or not at all.
func (s *store) replace(name string, write func(io.Writer) error) error {
	if err := s.stageFrom(name, write); err != nil {
		return err
	}
	return s.root.Rename(path.Join(stagingFolder, name), name)
}

// syncFolders makes the renames last. Windows has no such call, nor have some
// network file systems.
func (s *store) syncFolders() {
	if runtime.GOOS == "windows" {
		return
	}
	for class := range s.splits {
		for _, split := range splitOrder {
			if d, err := s.root.Open(path.Join(string(split), class)); err == nil {
				d.Sync()
				d.Close()
			}
		}
	}
}
