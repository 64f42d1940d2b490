package tfrecord

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"

	"github.com/argus-go/argus/internal/picture"
)

// imageWriter makes the shards of a plan.
type imageWriter struct {
	plan
	store    Store
	progress []func(done, total int)

	manifest Manifest
	done     int // pictures
}

// encoded is what became of a picture.
type encoded struct {
	record []byte
	err    error
	fatal  bool // err is not the picture's fault
}

// isPictures tells a picture that cannot be read from a disk or a network that fails.
func isPictures(err error) bool {
	var broken *picture.Error
	return errors.As(err, &broken) || errors.Is(err, errNoFile) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
}

func (w *imageWriter) run(ctx context.Context) error {
	if err := w.resume(ctx); err != nil {
		return err
	}
	for i := range w.groups {
		if err := w.group(ctx, w.groups[i]); err != nil {
			return err
		}
	}
	if w.manifest.Complete {
		return nil
	}
	w.manifest.Complete = true
	return w.manifest.write(ctx, w.store)
}

// resume takes in the shards of an earlier run that are whole, and removes what
// it left that is in no manifest.
func (w *imageWriter) resume(ctx context.Context) error {
	fresh := Manifest{Format: 1, Source: w.source, Classes: w.classes, Options: w.ImageOptions}
	m, err := readManifest(w.store)
	switch {
	case missing(err):
		for _, g := range w.groups {
			names, err := w.shardFiles(g.split)
			if err != nil {
				return err
			}
			if len(names) > 0 {
				return fmt.Errorf("%s without a manifest: %w", names[0], ErrOtherSet)
			}
		}
		w.manifest = fresh
		return w.manifest.write(ctx, w.store)
	case err != nil:
		return fmt.Errorf("%s: %w", ManifestName, err)
	case m.Source != w.source:
		return ErrOtherSet
	}
	// The shards of a split from its first damaged one on are written again.
	fresh.Complete = m.Complete
	damaged := map[string]bool{}
	for _, s := range m.Shards {
		if damaged[s.Split] || w.checkShard(ctx, s) != nil {
			damaged[s.Split], fresh.Complete = true, false
			continue
		}
		fresh.Shards = append(fresh.Shards, s)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w.manifest = fresh
	if fresh.Complete {
		return nil
	}
	return w.removeStrays(ctx)
}

// checkShard reads a shard and its index.
func (w *imageWriter) checkShard(ctx context.Context, s Shard) error {
	if err := checkFile(ctx, w.store, s); err != nil || w.Compression != None {
		return err
	}
	_, err := readIndex(w.store, s)
	return err
}

// checkFile holds a shard's file against its length and hash.
func checkFile(ctx context.Context, fsys fs.FS, s Shard) error {
	f, err := fsys.Open(s.Name)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, withContext{ctx, f})
	if err != nil {
		return err
	}
	if n != s.Bytes {
		return fmt.Errorf("has %d bytes, want %d", n, s.Bytes)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != s.SHA256 {
		return fmt.Errorf("%w: SHA-256 is %s, want %s", ErrChecksum, got, s.SHA256)
	}
	return nil
}

// withContext reads until ctx is done.
type withContext struct {
	ctx context.Context
	io.Reader
}

func (c withContext) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.Reader.Read(b)
}

// ours are the names that a run makes: shards and their indexes.
var ours = regexp.MustCompile(`^\d{2,}-\d+\.tfrec$|^\.\d{2,}-\d+\.tfrec\.index$`)

// shardFiles lists such files of a split.
func (w *imageWriter) shardFiles(split string) ([]string, error) {
	dir := path.Join(".", split)
	entries, err := w.store.ReadDir(dir)
	if missing(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if ours.MatchString(e.Name()) {
			names = append(names, path.Join(dir, e.Name()))
		}
	}
	return names, nil
}

// removeStrays removes shards that were finished but not noted: their names may
// not come again if a picture has changed meanwhile.
func (w *imageWriter) removeStrays(ctx context.Context) error {
	known := map[string]bool{}
	for _, s := range w.manifest.Shards {
		known[s.Name], known[indexName(s.Name)] = true, true
	}
	for _, g := range w.groups {
		names, err := w.shardFiles(g.split)
		if err != nil {
			return err
		}
		for _, name := range names {
			if !known[name] {
				if err := w.store.Remove(ctx, name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// group writes the shards of a split that are missing.
func (w *imageWriter) group(ctx context.Context, g group) error {
	s := shardWriter{imageWriter: w, group: g}
	for _, shard := range w.manifest.Shards {
		if shard.Split == g.split {
			s.number++
			s.next = shard.Next
			s.records += shard.Records
		}
	}
	defer s.discard()
	w.report(s.next)
	err := inOrder(ctx, s.next, len(g.images), w.threads(),
		func(i int) encoded { return w.encode(g.images[i]) },
		func(i int, got encoded) error { return s.add(ctx, i, got) })
	if err != nil {
		return err
	}
	if s.next < len(g.images) {
		if err := s.finish(ctx, len(g.images)); err != nil {
			return err
		}
	}
	if s.records == 0 {
		err := fmt.Errorf("split %q has no usable picture", g.split)
		if bad := w.manifest.Bad(); len(bad) > 0 {
			err = fmt.Errorf("%w; the last is %s: %s", err, bad[len(bad)-1].Path, bad[len(bad)-1].Reason)
		}
		return err
	}
	return nil
}

func (w *imageWriter) report(n int) {
	if n == 0 {
		return
	}
	w.done += n
	for _, p := range w.progress {
		p(w.done, w.total)
	}
}

// encode makes the record of a picture.
func (w *imageWriter) encode(img view) encoded {
	data, err := readImage(img.Open, w.Limits)
	if err != nil {
		return encoded{err: err, fatal: !isPictures(err)}
	}
	data, width, height, err := asJPEG(data, img.number, w.ImageOptions)
	if err != nil {
		return encoded{err: err}
	}
	e := Example{
		ImageFeature: {Bytes: [][]byte{data}},
		LabelFeature: {Ints: []int64{int64(img.Label)}},
	}
	if w.Class {
		e[ClassFeature] = Feature{Bytes: [][]byte{[]byte(w.classes[img.Label])}}
	}
	if w.Path {
		e[PathFeature] = Feature{Bytes: [][]byte{[]byte(img.Path)}}
	}
	if w.Dimensions {
		e[WidthFeature] = Feature{Ints: []int64{int64(width)}}
		e[HeightFeature] = Feature{Ints: []int64{int64(height)}}
	}
	return encoded{record: e.Append(nil)}
}

// shardWriter writes the shards of a group one after another.
type shardWriter struct {
	*imageWriter
	group   group
	number  int // of the shard being written
	next    int // picture that it begins with
	records int // of the group so far

	shardFile
}

// add takes picture i into the shard, or into the next one where it is full.
func (s *shardWriter) add(ctx context.Context, i int, got encoded) error {
	if got.err == nil && s.pending != nil && s.full(i, len(got.record)) {
		if err := s.finish(ctx, i); err != nil {
			return err
		}
	}
	img := s.group.images[i]
	if got.fatal {
		return fmt.Errorf("%s: %w", img.Path, got.err)
	}
	defer s.report(1)
	if s.pending == nil {
		s.shard = Shard{Split: s.group.split}
		if err := s.begin(ctx, s.store, s.name(".tfrec"), s.Compression, len(s.classes)); err != nil {
			return err
		}
	}
	if got.err != nil {
		s.shard.Bad = append(s.shard.Bad, BadPicture{img.Path, got.err.Error()})
		return nil
	}
	return s.shardFile.add(got.record, img.Label)
}

// full says whether picture i, a record of n bytes, begins a new shard.
func (s *shardWriter) full(i, n int) bool {
	if s.Shards > 0 {
		all := len(s.group.images)
		shards := min(s.Shards, all)
		return i >= (s.number+1)*all/shards
	}
	return s.shard.Records > 0 && s.out.Offset()+int64(headerSize+n+footerSize) > s.shardBytes()
}

// name is that of the shard with n records, or of one without an end yet.
func (s *shardWriter) name(suffix string) string {
	return path.Join(s.group.split, fmt.Sprintf("%02d%s", s.number, suffix))
}

// finish publishes the shard, its index and then the manifest. Next is the
// picture that the following shard begins with.
func (s *shardWriter) finish(ctx context.Context, next int) error {
	s.shard.Name = s.name(fmt.Sprintf("-%d.tfrec", s.shard.Records))
	s.shard.Next = next
	if err := s.shardFile.finish(ctx, s.shard.Name); err != nil {
		return fmt.Errorf("%s: %w", s.shard.Name, err)
	}
	if s.indexed() {
		if err := put(ctx, s.store, indexName(s.shard.Name), s.index.Append(nil)); err != nil {
			return err
		}
	}
	s.manifest.Shards = s.inOrder(s.shard)
	s.records += s.shard.Records
	s.next, s.number = next, s.number+1
	return s.manifest.write(ctx, s.store)
}

// inOrder is the manifest's shards and one more, by the order of the groups.
func (s *shardWriter) inOrder(shard Shard) []Shard {
	rank := map[string]int{}
	for i, g := range s.groups {
		rank[g.split] = i
	}
	all := append(slices.Clone(s.manifest.Shards), shard)
	slices.SortStableFunc(all, func(a, b Shard) int { return rank[a.Split] - rank[b.Split] })
	return all
}

// readIndex reads the index of a shard, which must be of its length.
func readIndex(fsys fs.FS, s Shard) (Index, error) {
	f, err := fsys.Open(indexName(s.Name))
	if err != nil {
		return Index{}, err
	}
	defer f.Close()
	limit := int64(indexHeader + s.Records*indexEntry + 4)
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return Index{}, err
	}
	x, err := parseIndex(data)
	if err != nil {
		return Index{}, err
	}
	if len(x.Entries) != s.Records || x.Size != s.Bytes {
		return Index{}, fmt.Errorf("is of %d records in %d bytes, want %d in %d", len(x.Entries), x.Size, s.Records, s.Bytes)
	}
	return x, nil
}
