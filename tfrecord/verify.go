package tfrecord

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"

	"github.com/argus-go/argus/internal/picture"
)

// Report is what Verify found.
type Report struct {
	Shards  int   `json:"shards"`
	Records int   `json:"records"` // whole ones
	Bytes   int64 `json:"bytes"`   // of their data
	// Problems are in the order of the shards.
	Problems []Problem `json:"problems,omitempty"`
}

// Problem is something wrong with a shard, or with a record where Record is not negative.
type Problem struct {
	Shard  string `json:"shard"`
	Record int    `json:"record"`
	Offset int64  `json:"offset"` // in the uncompressed shard
	Reason string `json:"reason"`
}

// VerifyOptions say how much Verify does.
type VerifyOptions struct {
	SetOptions
	// Decode also decodes every picture.
	Decode bool
	Limits Limits // of the pictures
}

// Verify reads all of a set and lists everything that is wrong with it: files that are missing or
// not those of the manifest, damage (as Salvage finds it), records that are no labelled
// pictures, indexes and counts that do not fit. Of more than 1,000 problems of a shard's records the rest are counted. The error is for what keeps it from
// looking at all.
func Verify(ctx context.Context, fsys fs.FS, o VerifyOptions) (Report, error) {
	o.SetOptions = o.completed()
	m, err := readManifest(fsys)
	set := Set{byName: map[string]*setShard{}}
	switch {
	case missing(err):
		if err := set.find(fsys); err != nil {
			return Report{}, named("verify", err)
		}
	case err != nil:
		return Report{}, fmt.Errorf("tfrecord: verify: %s: %w", ManifestName, err)
	}
	for _, s := range m.Shards {
		set.add(fsys, s.Name, s.Split)
	}
	if len(set.shards) == 0 {
		return Report{}, errors.New("tfrecord: verify: there are no shards")
	}
	report := Report{Shards: len(set.shards)}
	if m.Format == 1 && !m.Complete {
		report.Problems = append(report.Problems, Problem{ManifestName, -1, 0, "set is not complete"})
	}
	err = inOrder(ctx, 0, len(set.shards), runtime.GOMAXPROCS(0),
		func(i int) shardReport {
			c := checker{o: o, fsys: fsys, name: set.shards[i].name}
			if m.Format == 1 {
				c.want, c.classes = &m.Shards[i], m.Classes
			}
			return c.check(ctx)
		},
		func(_ int, got shardReport) error {
			report.Records += got.records
			report.Bytes += got.bytes
			report.Problems = append(report.Problems, got.problems...)
			return ctx.Err()
		})
	if err != nil {
		return report, named("verify", err)
	}
	return report, nil
}

type shardReport struct {
	records  int
	bytes    int64
	problems []Problem
}

// checker checks one shard.
type checker struct {
	o       VerifyOptions
	fsys    fs.FS
	name    string
	want    *Shard // nil without a manifest
	classes []string

	shardReport
	counts   []int
	further  int // problems that are not listed
	index    Index
	indexErr error
	differs  *Problem // the first record that the index has otherwise
}

// maxProblems is how many problems of a shard are listed.
const maxProblems = 1000

func (c *checker) problem(record int, offset int64, err error) {
	if record >= 0 && len(c.problems) >= maxProblems {
		c.further++
		return
	}
	c.problems = append(c.problems, Problem{c.name, record, offset, err.Error()})
}

func (c *checker) check(ctx context.Context) shardReport {
	f, err := c.fsys.Open(c.name)
	if err != nil {
		c.problem(-1, 0, err)
		return c.shardReport
	}
	defer f.Close()
	c.counts = make([]int, len(c.classes))
	if c.want != nil {
		c.index, c.indexErr = readIndex(c.fsys, *c.want)
	}
	damage, err := Salvage(withContext{ctx, f}, ReaderOptions{Shard: c.name, MaxRecord: c.o.MaxRecord}, func(offset int64, data []byte) error {
		c.record(offset, data)
		return nil
	})
	for _, d := range damage {
		c.problem(d.Record, d.Offset, fmt.Errorf("%d bytes are no record: %w", d.Length, d.Err))
	}
	if err != nil {
		c.problem(-1, 0, err)
	}
	if c.want != nil {
		c.compare(ctx)
	}
	if c.further > 0 {
		c.problem(-1, 0, fmt.Errorf("and %d further problems of records", c.further))
	}
	return c.shardReport
}

// record checks a whole record.
func (c *checker) record(offset int64, data []byte) {
	i := c.records
	c.records++
	c.bytes += int64(len(data))
	e := Entry{Offset: offset, Length: len(data)}
	defer func() { c.hold(i, e) }()
	number, _, err := labelOf(data, c.o.SetOptions)
	if err != nil {
		c.problem(i, offset, err)
		return
	}
	if number != nil && c.want != nil {
		e.Label = *number
		if *number < 0 || *number >= int64(len(c.classes)) {
			c.problem(i, offset, fmt.Errorf("label is %d, want 0 to %d", *number, len(c.classes)-1))
		} else {
			c.counts[*number]++
		}
	}
	image, err := imageOf(data, c.o.Image)
	if err == nil && c.o.Decode {
		_, err = picture.Decode(image, c.o.Limits)
	}
	if err != nil {
		c.problem(i, offset, err)
	}
}

// hold holds a record's entry against the index.
func (c *checker) hold(i int, want Entry) {
	if i >= len(c.index.Entries) || c.differs != nil {
		return
	}
	if e := c.index.Entries[i]; e != want {
		c.differs = &Problem{c.name, i, want.Offset, fmt.Sprintf("index has offset %d, length %d, label %d, want %d, %d, %d",
			e.Offset, e.Length, e.Label, want.Offset, want.Length, want.Label)}
	}
}

// compare holds what was found against the manifest and the index.
func (c *checker) compare(ctx context.Context) {
	if err := checkFile(ctx, c.fsys, *c.want); err != nil {
		c.problem(-1, 0, err)
	}
	if c.records != c.want.Records {
		c.problem(-1, 0, fmt.Errorf("has %d whole records, want %d", c.records, c.want.Records))
		return
	}
	for label, n := range c.counts {
		if n != c.want.Counts[label] {
			c.problem(-1, 0, fmt.Errorf("has %d records of class %q, want %d", n, c.classes[label], c.want.Counts[label]))
		}
	}
	switch {
	case missing(c.indexErr): // it is read without
	case c.indexErr != nil:
		c.problem(-1, 0, fmt.Errorf("index: %w", c.indexErr))
	case c.differs != nil:
		c.problems = append(c.problems, *c.differs)
	}
}
