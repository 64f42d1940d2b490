package tfrecord

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// SetOptions say how a set of shards is read. The zero value reads what WriteImages wrote, and
// other files with its features.
type SetOptions struct {
	// Image names the feature that holds the picture file, "image" by default.
	// TensorFlow's own sets have it as "image/encoded".
	Image string `json:"image,omitempty"`
	// Label names the feature with the number of the class, "label" by default.
	// ("image/class/label".)
	Label string `json:"label,omitempty"`
	// Class names the feature with the name of the class, "class" by default
	// ("image/class/text"). Records need one of the two.
	Class string `json:"class,omitempty"`
	// FirstLabel is the number of the first class, where they are not
	// counted from 0.
	FirstLabel int64 `json:"first_label,omitempty"`
	// Classes are the names of the classes in the order of their numbers, for
	// sets that do not tell them. Without, they are the numbers.
	Classes []string `json:"classes,omitempty"`
	// MaxRecord is the longest record that is read, in bytes; 0 means DefaultMaxRecord.
	MaxRecord int64 `json:"max_record,omitempty"`
}

func (o SetOptions) completed() SetOptions {
	for _, f := range []struct {
		to   *string
		name string
	}{{&o.Image, ImageFeature}, {&o.Label, LabelFeature}, {&o.Class, ClassFeature}} {
		if *f.to == "" {
			*f.to = f.name
		}
	}
	if o.MaxRecord <= 0 {
		o.MaxRecord = DefaultMaxRecord
	}
	return o
}

// Set is labelled pictures in shards. It is a file system, too: the picture of
// record 3 of shard train/00-12.tfrec is the file train/00-12.tfrec/3. Its
// methods may be called from many goroutines.
//
// A picture is read when it is opened, from its place in the shard. Records of
// compressed shards, and in file systems whose files are no io.ReaderAt, can
// only be read in order: there, opening the pictures in another order than that
// of Images reads a shard's beginning again and again.
type Set struct {
	o       SetOptions
	classes []string
	shards  []*setShard
	byName  map[string]*setShard
}

// setShard is a shard whose records' places are known.
type setShard struct {
	fsys  fs.FS
	name  string
	split string
	index Index
	// ordered says that records can only be read in order.
	ordered bool
	cursor  cursor
}

// splitNames are the names of folders, and beginnings of the names of files, that mean a split.
var splitNames = map[string]string{
	"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
}

// shardNames are the names of shards of other programs.
var shardNames = regexp.MustCompile(`(?i)\.tfrec(ords?)?(\.(gz|gzip|z|zlib))?$|-\d{5}-of-\d{5}$`)

// What is kept of a shard that is read once, which may be a small file made to
// become a big one: the most classes that labels alone may make, the most
// records, how many of them beyond one for each byte of the file, the longest name of a class in bytes.
const (
	maxClasses   = 1 << 20
	maxRecords   = 1 << 24
	freeRecords  = 1 << 16
	maxClassName = 1 << 10
)

// OpenSet lists the records of a set: what WriteImages wrote, or any shards below the
// root of fsys that are called *.tfrec, *.tfrecord or *.tfrecords, with .gz, .gzip, .z or .zlib behind
// it or not, or *-00000-of-00016. They belong to the split that their folder at the root
// is named after (train, val, test; training, valid and validation mean
// these, too), or else the beginning of their own name (train-00000-of-00016).
//
// Without a manifest and indexes, all shards are read once, as many at a
// time as there are cores, and a damaged one is an error. With them, one that is missing,
// or is not as long as it was, is; bytes that have changed are found when the record is read, and by Verify.
func OpenSet(ctx context.Context, fsys fs.FS, o SetOptions) (*Set, error) {
	s, err := openSet(ctx, fsys, o.completed())
	if err != nil {
		return nil, named("set", err)
	}
	return s, nil
}

func openSet(ctx context.Context, fsys fs.FS, o SetOptions) (*Set, error) {
	if _, err := fs.Stat(fsys, splitJournal); err == nil {
		return nil, errors.New("a Split of it was interrupted: call it again")
	}
	s := &Set{o: o, byName: map[string]*setShard{}}
	m, err := readManifest(fsys)
	switch {
	case missing(err):
		if err := s.find(fsys); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", ManifestName, err)
	case !m.Complete:
		return nil, fmt.Errorf("is not complete: %d shards are there, the rest is still to be written", len(m.Shards))
	default:
		s.classes = m.Classes
		for _, shard := range m.Shards {
			s.add(fsys, shard.Name, shard.Split)
		}
	}
	if len(o.Classes) > 0 {
		s.classes = o.Classes
	}
	if len(s.shards) == 0 {
		return nil, errors.New("there are no shards")
	}
	if err := s.read(ctx, m); err != nil {
		return nil, err
	}
	if s.Len() == 0 {
		return nil, fmt.Errorf("%s and %d more shards have no records", s.shards[0].name, len(s.shards)-1)
	}
	return s, nil
}

func (s *Set) add(fsys fs.FS, name, split string) {
	shard := &setShard{fsys: fsys, name: name, split: split}
	s.shards = append(s.shards, shard)
	s.byName[name] = shard
}

// find takes in the shards below the root of fsys.
func (s *Set) find(fsys fs.FS) error {
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch base := path.Base(name); {
		case err != nil:
			return err
		case strings.HasPrefix(base, ".") && name != ".":
			if d.IsDir() {
				return fs.SkipDir
			}
		case !d.IsDir() && shardNames.MatchString(base):
			s.add(fsys, name, splitOf(name))
		}
		return nil
	})
	rank := func(split string) int { return slices.Index([]string{"train", "val", "test", ""}, split) }
	slices.SortStableFunc(s.shards, func(a, b *setShard) int { return rank(a.split) - rank(b.split) })
	return err
}

// splitOf is the split that a shard's name means, "" for none.
func splitOf(name string) string {
	if folder, _, inside := strings.Cut(name, "/"); inside {
		if split, ok := splitNames[strings.ToLower(folder)]; ok {
			return split
		}
	}
	word := strings.FieldsFunc(strings.ToLower(path.Base(name)), func(r rune) bool { return r < 'a' || r > 'z' })
	if len(word) == 0 {
		return ""
	}
	return splitNames[word[0]]
}

// labels are what the records of a shard say of their classes.
type labels struct {
	numbers []int64  // of each record; nil where they have none
	names   []string // of each record; nil where they have none
}

// read finds out where the records are and what they are labelled.
func (s *Set) read(ctx context.Context, m Manifest) error {
	all := make([]labels, len(s.shards))
	indexed := make([]bool, len(s.shards))
	err := inOrder(ctx, 0, len(s.shards), runtime.GOMAXPROCS(0),
		func(i int) error {
			if len(m.Shards) > 0 && s.o.plain() {
				if indexed[i] = s.shards[i].useIndex(m.Shards[i]); indexed[i] {
					return nil
				}
			}
			return s.shards[i].scan(ctx, s.o, &all[i])
		},
		func(_ int, err error) error { return err })
	if err != nil {
		return err
	}
	if err := s.nameClasses(all); err != nil {
		return err
	}
	byName := map[string]int64{}
	for i, c := range s.classes {
		byName[c] = int64(i)
	}
	for i, shard := range s.shards {
		if err := shard.label(all[i], indexed[i], byName, s.o.FirstLabel, len(s.classes)); err != nil {
			return err
		}
		if len(m.Shards) > 0 {
			if err := shard.compare(m.Shards[i], m.Classes, s.o.plain()); err != nil {
				return fmt.Errorf("%s: %w", shard.name, err)
			}
		}
	}
	return nil
}

// useIndex says whether there is an index and the shard is as long as it states.
func (s *setShard) useIndex(m Shard) bool {
	x, err := readIndex(s.fsys, m)
	if err != nil {
		return false
	}
	info, err := fs.Stat(s.fsys, s.name)
	if err != nil || info.Size() != x.Size {
		return false
	}
	s.index = x
	return true
}

// compare tells the manifest of another set.
func (s *setShard) compare(m Shard, classes []string, labels bool) error {
	if got := len(s.index.Entries); got != m.Records {
		return fmt.Errorf("has %d records, %s states %d", got, ManifestName, m.Records)
	}
	if !labels {
		return nil
	}
	counts := make([]int, len(m.Counts))
	for _, e := range s.index.Entries {
		if e.Label < int64(len(counts)) {
			counts[e.Label]++
		}
	}
	for label, n := range counts {
		if n != m.Counts[label] {
			return fmt.Errorf("has %d records of class %q, %s states %d", n, classes[label], ManifestName, m.Counts[label])
		}
	}
	return nil
}

// plain says that indexes tell the labels that are asked for.
func (o SetOptions) plain() bool { return o.Label == LabelFeature && o.FirstLabel == 0 }

// scan reads the whole shard.
func (s *setShard) scan(ctx context.Context, o SetOptions, l *labels) error {
	f, err := s.fsys.Open(s.name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	most := int(min(maxRecords, freeRecords+info.Size()))
	names := map[string]string{}
	_, random := f.(io.ReaderAt)
	r := NewReader(withContext{ctx, f}, ReaderOptions{Shard: s.name, MaxRecord: o.MaxRecord})
	for i := 0; ; i++ {
		data, err := r.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		number, name, err := labelOf(data, o)
		if err == nil && i == most {
			err = fmt.Errorf("%w records: limit is %d for a file of %d bytes", ErrTooMany, most, info.Size())
		}
		if err != nil {
			return &Error{s.name, i, r.Offset(), err}
		}
		s.index.Entries = append(s.index.Entries, Entry{Offset: r.Offset(), Length: len(data)})
		if number != nil {
			l.numbers = append(l.numbers, *number)
		}
		if name != nil {
			if _, known := names[*name]; !known {
				names[*name] = *name
			}
			l.names = append(l.names, names[*name]) // one string for all
		}
		if len(l.numbers)%(i+1) != 0 || len(l.names)%(i+1) != 0 {
			return &Error{s.name, i, r.Offset(), fmt.Errorf("features %q and %q are in some records and not in others", o.Label, o.Class)}
		}
	}
	s.ordered = r.compression != None || !random
	s.index.Size = r.offset
	return nil
}

// labelOf returns what a record says of its class.
func labelOf(record []byte, o SetOptions) (number *int64, name *string, err error) {
	e, err := parseExample(record, ExampleLimits{})
	if err != nil {
		return nil, nil, err
	}
	if f, ok := e[o.Label]; ok {
		if len(f.Ints) != 1 {
			return nil, nil, fmt.Errorf("feature %q has %d int64 values, want 1", o.Label, len(f.Ints))
		}
		number = &f.Ints[0]
	}
	if f, ok := e[o.Class]; ok {
		if len(f.Bytes) != 1 {
			return nil, nil, fmt.Errorf("feature %q has %d byte strings, want 1", o.Class, len(f.Bytes))
		}
		if len(f.Bytes[0]) > maxClassName {
			return nil, nil, fmt.Errorf("feature %q has %d bytes, limit is %d", o.Class, len(f.Bytes[0]), maxClassName)
		}
		text := string(f.Bytes[0])
		name = &text
	}
	if number == nil && name == nil {
		return nil, nil, fmt.Errorf("has neither feature %q nor %q, but %q", o.Label, o.Class, slices.Sorted(maps.Keys(e)))
	}
	return number, name, nil
}

// nameClasses finds the classes' names where nothing has told them.
func (s *Set) nameClasses(all []labels) error {
	if s.classes != nil {
		return nil
	}
	most := int64(-1)
	names := map[string]bool{}
	byNumber := map[int64]string{}
	for i, l := range all {
		for k, number := range l.numbers {
			number -= s.o.FirstLabel
			if number < 0 || number >= maxClasses {
				return s.shards[i].errorf(k, "label is %d, want %d to %d", l.numbers[k], s.o.FirstLabel, s.o.FirstLabel+maxClasses-1)
			}
			most = max(most, number)
			if l.names == nil {
				continue
			}
			if was, ok := byNumber[number]; ok && was != l.names[k] {
				return s.shards[i].errorf(k, "label %d is class %q, and class %q before", l.numbers[k], l.names[k], was)
			}
			byNumber[number] = l.names[k]
		}
		for _, name := range l.names {
			names[name] = true
		}
	}
	if most < 0 {
		s.classes = slices.Sorted(maps.Keys(names))
		return nil
	}
	for number := range most + 1 {
		name, ok := byNumber[number]
		if !ok {
			name = strconv.FormatInt(number+s.o.FirstLabel, 10)
		}
		s.classes = append(s.classes, name)
	}
	return nil
}

func (s *setShard) errorf(record int, format string, args ...any) error {
	return &Error{s.name, record, s.index.Entries[record].Offset, fmt.Errorf(format, args...)}
}

// label gives each record the number of its class.
func (s *setShard) label(l labels, indexed bool, byName map[string]int64, first int64, classes int) error {
	for i := range s.index.Entries {
		e := &s.index.Entries[i]
		switch {
		case indexed:
		case l.numbers != nil:
			e.Label = l.numbers[i] - first
		default:
			number, ok := byName[l.names[i]]
			if !ok {
				return s.errorf(i, "class %q is none of %q", l.names[i], slices.Sorted(maps.Keys(byName)))
			}
			e.Label = number
		}
		if e.Label < 0 || e.Label >= int64(classes) {
			return s.errorf(i, "label is %d, want %d to %d", e.Label+first, first, first+int64(classes)-1)
		}
	}
	return nil
}

// Classes returns the names of the classes in label order.
func (s *Set) Classes() []string { return slices.Clone(s.classes) }

// Len returns the number of records.
func (s *Set) Len() int {
	n := 0
	for _, shard := range s.shards {
		n += len(shard.index.Entries)
	}
	return n
}

// Images yields the pictures by split, shard and record. Their paths are the
// names that Open takes.
func (s *Set) Images() iter.Seq[Image] {
	return func(yield func(Image) bool) {
		for _, shard := range s.shards {
			for i, e := range shard.index.Entries {
				img := Image{
					Path: shard.name + "/" + strconv.Itoa(i), Label: int(e.Label), Split: shard.split,
					Open: func() (fs.File, error) { return s.picture(shard, i) },
				}
				if !yield(img) {
					return
				}
			}
		}
	}
}

// Open opens the picture of a record. It implements fs.FS; folders cannot be opened.
func (s *Set) Open(name string) (fs.File, error) {
	dir, base := path.Split(name)
	shard := s.byName[strings.TrimSuffix(dir, "/")]
	i, err := strconv.Atoi(base)
	if shard == nil || err != nil || i < 0 || i >= len(shard.index.Entries) || strconv.Itoa(i) != base || !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return s.picture(shard, i)
}

func (s *Set) picture(shard *setShard, i int) (fs.File, error) {
	data, err := shard.record(i, s.o)
	if err != nil {
		return nil, err
	}
	image, err := imageOf(data, s.o.Image)
	if err != nil {
		return nil, shard.errorf(i, "%w", err)
	}
	return &pictureFile{*bytes.NewReader(image), pictureInfo{strconv.Itoa(i), int64(len(image))}}, nil
}

// imageOf returns the picture file in a record.
func imageOf(record []byte, feature string) ([]byte, error) {
	e, err := parseExample(record, ExampleLimits{})
	if err != nil {
		return nil, err
	}
	f, ok := e[feature]
	if !ok {
		return nil, fmt.Errorf("has no feature %q, but %q", feature, slices.Sorted(maps.Keys(e)))
	}
	if len(f.Bytes) != 1 {
		return nil, fmt.Errorf("feature %q has %d byte strings, want 1", feature, len(f.Bytes))
	}
	return f.Bytes[0], nil
}

// record returns the data of record i.
func (s *setShard) record(i int, o SetOptions) ([]byte, error) {
	if s.ordered {
		return s.cursor.read(s, i, o)
	}
	f, err := s.fsys.Open(s.name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	at, ok := f.(io.ReaderAt)
	if !ok {
		return s.cursor.read(s, i, o)
	}
	if n := s.index.Entries[i].Length; int64(n) > o.MaxRecord {
		return nil, s.errorf(i, "%w: %d bytes, limit is %d", ErrTooLong, n, o.MaxRecord)
	}
	return s.index.ReadAt(at, s.name, i, nil)
}

// pictureFile is the picture of a record as a file.
type pictureFile struct {
	bytes.Reader
	info pictureInfo
}

func (f *pictureFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *pictureFile) Close() error               { return nil }

type pictureInfo struct {
	name string
	size int64
}

func (i pictureInfo) Name() string       { return i.name }
func (i pictureInfo) Size() int64        { return i.size }
func (i pictureInfo) Mode() fs.FileMode  { return 0o444 }
func (i pictureInfo) ModTime() time.Time { return time.Time{} }
func (i pictureInfo) IsDir() bool        { return false }
func (i pictureInfo) Sys() any           { return nil }

// A cursor reads the records of a shard in order. It keeps what it passed, for
// goroutines that ask a little out of order.
type cursor struct {
	mu     sync.Mutex
	file   fs.File
	reader *Reader
	next   int
	passed map[int][]byte
	order  []int // of passed
	bytes  int
}

const (
	maxPassed      = 64
	maxPassedBytes = 32 << 20
)

func (c *cursor) read(s *setShard, i int, o SetOptions) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if data, ok := c.passed[i]; ok {
		return data, nil
	}
	if c.reader == nil || i < c.next {
		if err := c.start(s, o); err != nil {
			return nil, err
		}
	}
	for {
		data, err := c.reader.Next()
		if err != nil {
			c.stop()
			if err == io.EOF {
				err = s.errorf(i, "shard has become shorter: %w", io.ErrUnexpectedEOF)
			}
			return nil, err
		}
		data = bytes.Clone(data)
		c.pass(data)
		if c.next++; c.next <= i {
			continue
		}
		if c.next == len(s.index.Entries) {
			c.stop()
		}
		return data, nil
	}
}

// pass keeps record number c.next.
func (c *cursor) pass(data []byte) {
	c.passed[c.next] = data
	c.order = append(c.order, c.next)
	c.bytes += len(data)
	for len(c.order) > maxPassed || c.bytes > maxPassedBytes && len(c.order) > 1 {
		c.bytes -= len(c.passed[c.order[0]])
		delete(c.passed, c.order[0])
		c.order = c.order[1:]
	}
}

func (c *cursor) start(s *setShard, o SetOptions) error {
	c.stop()
	f, err := s.fsys.Open(s.name)
	if err != nil {
		return err
	}
	c.file, c.next = f, 0
	c.reader = NewReader(f, ReaderOptions{Shard: s.name, MaxRecord: o.MaxRecord})
	c.passed, c.order, c.bytes = map[int][]byte{}, nil, 0
	return nil
}

// stop lets go of the file; what was passed is kept.
func (c *cursor) stop() {
	if c.file != nil {
		c.file.Close()
	}
	c.file, c.reader = nil, nil
}
