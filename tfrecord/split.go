package tfrecord

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
)

// SplitOptions say how Split divides a set.
type SplitOptions struct {
	// Fraction of the shards, or records, that belong to val; 0 means .15.
	Fraction float64 `json:"fraction,omitempty"`
	Seed     uint64  `json:"seed,omitempty"`
	// Records divides by record instead of by shard: the same picture goes
	// where argus.Dataset.Split with the same seed would put it, with Val the fraction and no Test
	// (but for its care that each class has a picture on either side). Shards of train
	// are written again without what belongs to val.
	Records bool `json:"records,omitempty"`

	SetOptions
}

// splitJournal is the file that says what an interrupted Split has still to do.
const splitJournal = ".split.json"

// journal is a Split that has been decided on. Its steps may be done again.
type journal struct {
	Moves    [][2]string `json:"moves"` // from, to
	Removes  []string    `json:"removes"`
	Manifest *Manifest   `json:"manifest,omitempty"`
}

// Split moves a stable part of the training shards or records of a set to val:
// of the folder train, or of shards without a folder where there is no train, to the folder val.
// Called again it moves nothing, unless shards have come.
//
// By shard, val gets Fraction of all shards of both, at least one and not the last, those with the lowest
// SHA-256 of seed and name. By record, each goes by the SHA-256 of seed and picture.
//
// An interrupted Split leaves a set that OpenSet refuses, or the old one; called again with any
// options it finishes what was begun, and does no more. As with WriteImages, a folder that is
// being written into is ErrInUse.
func Split(ctx context.Context, set Store, o SplitOptions) error {
	if err := split(ctx, set, o); err != nil {
		return named("split", err)
	}
	return nil
}

func split(ctx context.Context, set Store, o SplitOptions) error {
	if o.Fraction == 0 {
		o.Fraction = .15
	}
	if !(o.Fraction > 0 && o.Fraction < 1) {
		return fmt.Errorf("fraction is %v, want above 0 and below 1", o.Fraction)
	}
	o.SetOptions = o.completed()
	unlock, err := alone(set, false)
	if err != nil {
		return err
	}
	defer unlock()
	var j journal
	data, err := fs.ReadFile(set, splitJournal)
	switch {
	case err == nil:
		if err := json.Unmarshal(data, &j); err != nil {
			return fmt.Errorf("%s: %w", splitJournal, err)
		}
		if err := j.check(); err != nil {
			return fmt.Errorf("%s: %w", splitJournal, err)
		}
		return j.apply(ctx, set)
	case !missing(err):
		return err
	}
	s, err := newSplitter(set, o)
	if err != nil {
		return err
	}
	if o.Records {
		err = s.byRecord(ctx)
	} else {
		err = s.byShard()
	}
	if err != nil || len(s.Moves) == 0 {
		return err
	}
	if s.Manifest != nil { // no longer what WriteImages would write
		sum := sha256.Sum256([]byte("split of " + s.Manifest.Source))
		s.Manifest.Source = hex.EncodeToString(sum[:])
	}
	if data, err = json.Marshal(s.journal); err != nil {
		return err
	}
	if err := put(ctx, set, splitJournal, data); err != nil {
		return err
	}
	return s.apply(ctx, set)
}

// check keeps a false journal from files outside the set.
func (j journal) check() error {
	names := slices.Clone(j.Removes)
	for _, m := range j.Moves {
		names = append(names, m[0], m[1])
	}
	for _, name := range names {
		if !fs.ValidPath(name) || name == "." {
			return fmt.Errorf("name %q is no path", name)
		}
	}
	if j.Manifest != nil {
		return j.Manifest.check()
	}
	return nil
}

// apply does what the journal says, and ends it.
func (j journal) apply(ctx context.Context, set Store) error {
	for _, m := range j.Moves {
		if err := set.Move(ctx, m[0], m[1]); err != nil {
			return err
		}
	}
	for _, name := range j.Removes {
		if err := set.Remove(ctx, name); err != nil {
			return err
		}
	}
	if j.Manifest != nil {
		if err := j.Manifest.write(ctx, set); err != nil {
			return err
		}
	}
	return set.Remove(ctx, splitJournal)
}

// splitter decides on a Split.
type splitter struct {
	SplitOptions
	journal
	store      Store
	train, val []string        // names of shards
	taken      map[string]bool // names in the folder of val
	number     int             // of the next shard there, where they are numbered
	from       string          // the split that train is
}

func newSplitter(set Store, o SplitOptions) (*splitter, error) {
	s := &splitter{SplitOptions: o, store: set, taken: map[string]bool{}}
	found := Set{byName: map[string]*setShard{}}
	m, err := readManifest(set)
	switch {
	case missing(err):
		if err := found.find(set); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", ManifestName, err)
	case !m.Complete:
		return nil, errors.New("set is not complete")
	default:
		m = m.clone()
		s.Manifest = &m
		for _, shard := range m.Shards {
			found.add(set, shard.Name, shard.Split)
		}
	}
	s.from = ""
	for _, shard := range found.shards {
		if shard.split == "train" {
			s.from = "train"
		}
	}
	for _, shard := range found.shards {
		switch shard.split {
		case s.from:
			s.train = append(s.train, shard.name)
		case "val":
			s.val = append(s.val, shard.name)
			s.take(shard.name)
		}
	}
	if len(s.train) == 0 {
		return nil, errors.New("there are no shards to divide")
	}
	return s, nil
}

// numbered is the name of a shard that WriteImages made.
var numbered = regexp.MustCompile(`^(\d{2,})-(\d+)\.tfrec$`)

func (s *splitter) take(name string) {
	s.taken[path.Base(name)] = true
	var number, records int
	if numbered.MatchString(path.Base(name)) {
		if _, err := fmt.Sscanf(path.Base(name), "%d-%d", &number, &records); err == nil {
			s.number = max(s.number, number+1)
		}
	}
}

// inVal is the name that a shard has in val, with records of them.
func (s *splitter) inVal(name string, records int) (string, error) {
	base := path.Base(name)
	if numbered.MatchString(base) {
		base = fmt.Sprintf("%02d-%d.tfrec", s.number, records)
	} else if strings.HasPrefix(strings.ToLower(base), "train") {
		base = "val" + base[len("train"):]
	}
	if s.taken[base] {
		return "", fmt.Errorf("%s: val has a shard %s already", name, base)
	}
	to := path.Join("val", base)
	s.take(to)
	return to, nil
}

// draw is a number from 0 to 1 for a hash.
func (s *splitter) draw(hash []byte) float64 {
	sum := sha256.Sum256(append(binary.LittleEndian.AppendUint64(nil, s.Seed), hash...))
	return float64(binary.LittleEndian.Uint64(sum[:])>>11) / (1 << 53)
}

func (s *splitter) byShard() error {
	all := len(s.train) + len(s.val)
	want := min(max(1, int(math.Round(s.Fraction*float64(all)))), all-1)
	if all < 2 {
		return fmt.Errorf("there is one shard, %s: divide it by record", s.train[0])
	}
	byDraw := slices.Clone(s.train)
	slices.SortStableFunc(byDraw, func(a, b string) int {
		return cmp.Compare(s.draw([]byte(path.Base(a))), s.draw([]byte(path.Base(b))))
	})
	moved := map[string]bool{}
	for _, name := range byDraw[:max(0, want-len(s.val))] {
		moved[name] = true
	}
	for _, name := range s.train {
		if !moved[name] {
			continue
		}
		shard := s.shard(name)
		to, err := s.inVal(name, shard.Records)
		if err != nil {
			return err
		}
		s.move(name, to)
		if s.Manifest != nil {
			if _, err := fs.Stat(s.store, indexName(name)); err == nil {
				s.move(indexName(name), indexName(to))
			}
			shard.Name, shard.Split = to, "val"
		}
	}
	s.sortManifest()
	return nil
}

func (s *splitter) move(from, to string) { s.Moves = append(s.Moves, [2]string{from, to}) }

// shard is the manifest's entry of a shard, or one without meaning.
func (s *splitter) shard(name string) *Shard {
	if s.Manifest != nil {
		for i := range s.Manifest.Shards {
			if s.Manifest.Shards[i].Name == name {
				return &s.Manifest.Shards[i]
			}
		}
	}
	return &Shard{}
}

func (s *splitter) sortManifest() {
	if s.Manifest == nil {
		return
	}
	rank := []string{s.from, "val", "test"}
	slices.SortStableFunc(s.Manifest.Shards, func(a, b Shard) int {
		return slices.Index(rank, a.Split) - slices.Index(rank, b.Split)
	})
}

// byRecord writes the parts of each training shard beside it, under names that
// nobody reads.
func (s *splitter) byRecord(ctx context.Context) error {
	if err := s.removeStaged(ctx); err != nil {
		return err
	}
	for _, name := range s.train {
		if err := s.divide(ctx, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	s.sortManifest()
	return nil
}

// removeStaged removes what a Split left that got to no journal.
func (s *splitter) removeStaged(ctx context.Context) error {
	for _, name := range s.train {
		for _, split := range []string{s.from, "val"} {
			for _, left := range []string{staged(name, split), staged(name, split) + ".index"} {
				if err := errors.Join(s.store.Remove(ctx, left), s.store.Remove(ctx, temporary(left))); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// staged is the name of a part until the journal is written.
func staged(name, split string) string {
	return path.Join(path.Dir(name), "."+path.Base(name)+"."+cmp.Or(split, "train")+".staged")
}

// divide writes both parts of a shard, where it has records for val.
func (s *splitter) divide(ctx context.Context, name string) error {
	old := *s.shard(name)
	parts := [2]shardFile{{shard: Shard{Split: s.from}}, {shard: Shard{Split: "val"}}}
	defer func() {
		for _, p := range parts {
			p.discard()
		}
	}()
	f, err := s.store.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r := NewReader(withContext{ctx, f}, ReaderOptions{Shard: name, MaxRecord: s.MaxRecord})
	for {
		data, err := r.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		image, err := imageOf(data, s.Image)
		if err != nil {
			return &Error{name, r.record - 1, r.Offset(), err}
		}
		hash := sha256.Sum256(image)
		p := &parts[0]
		if s.draw(hash[:]) < s.Fraction {
			p = &parts[1]
		}
		if p.pending == nil {
			if err := p.begin(ctx, s.store, staged(name, p.shard.Split), r.compression, len(old.Counts)); err != nil {
				return err
			}
		}
		label, err := s.labelOf(data, len(old.Counts))
		if err != nil {
			return &Error{name, r.record - 1, r.Offset(), err}
		}
		if err := p.add(data, label); err != nil {
			return err
		}
	}
	if parts[1].pending == nil {
		return nil
	}
	return s.publish(ctx, name, old, parts[:])
}

// labelOf is a record's label, which matters where a manifest counts them.
func (s *splitter) labelOf(record []byte, classes int) (int, error) {
	if s.Manifest == nil {
		return 0, nil
	}
	number, _, err := labelOf(record, s.SetOptions)
	if err == nil && (number == nil || *number < 0 || *number >= int64(classes)) {
		err = fmt.Errorf("has no label from 0 to %d", classes-1)
	}
	if err != nil {
		return 0, err
	}
	return int(*number), nil
}

// publish commits the parts of a shard under staged names, and notes what is to become of them.
func (s *splitter) publish(ctx context.Context, name string, old Shard, parts []shardFile) error {
	removes := []string{name}
	if s.Manifest != nil {
		removes = append(removes, indexName(name))
		s.Manifest.Shards = slices.DeleteFunc(s.Manifest.Shards, func(shard Shard) bool { return shard.Name == name })
		parts[0].shard.Bad, parts[0].shard.Next = old.Bad, old.Next
	}
	for k := range parts {
		p := &parts[k]
		if p.pending == nil && s.Manifest == nil {
			continue // all went to val, and nothing has to stay
		}
		if p.pending == nil {
			if err := p.begin(ctx, s.store, staged(name, p.shard.Split), s.Manifest.Options.Compression, len(old.Counts)); err != nil {
				return err
			}
		}
		if err := p.finish(ctx, staged(name, p.shard.Split)); err != nil {
			return err
		}
		to := name
		var err error
		if p.shard.Split == "val" {
			to, err = s.inVal(name, p.shard.Records)
		} else if m := numbered.FindStringSubmatch(path.Base(name)); m != nil {
			to = path.Join(path.Dir(name), fmt.Sprintf("%s-%d.tfrec", m[1], p.shard.Records))
		}
		if err != nil {
			return err
		}
		s.move(staged(name, p.shard.Split), to)
		removes = slices.DeleteFunc(removes, func(r string) bool { return r == to })
		if s.Manifest == nil {
			continue
		}
		p.shard.Name = to
		s.Manifest.Shards = append(s.Manifest.Shards, p.shard)
		if p.indexed() {
			index := staged(name, p.shard.Split) + ".index"
			if err := put(ctx, s.store, index, p.index.Append(nil)); err != nil {
				return err
			}
			s.move(index, indexName(to))
			removes = slices.DeleteFunc(removes, func(r string) bool { return r == indexName(to) })
		}
	}
	s.Removes = append(s.Removes, removes...)
	return nil
}
