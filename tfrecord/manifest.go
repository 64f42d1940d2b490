package tfrecord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
)

// ManifestName is the file that describes a set of shards.
const ManifestName = "manifest.json"

// maxManifest is the longest manifest that is read, in bytes.
const maxManifest = 1 << 28

// Manifest describes a set of shards. It is written anew with each shard, after it.
type Manifest struct {
	Format int `json:"format"` // 1
	// Complete says that all pictures are in the shards.
	Complete bool `json:"complete"`
	// Source is the SHA-256 of the options and the list of pictures: their paths,
	// labels, splits and sizes.
	Source  string       `json:"source"`
	Classes []string     `json:"classes"` // names in label order
	Options ImageOptions `json:"options"`
	Shards  []Shard      `json:"shards"`
}

// Shard is one file of records of a set.
type Shard struct {
	Name    string `json:"name"`            // inside the set, with slashes
	Split   string `json:"split,omitempty"` // train, val, test or none
	Records int    `json:"records"`
	Counts  []int  `json:"counts"` // records of each class, in label order
	Bytes   int64  `json:"bytes"`  // of the file
	SHA256  string `json:"sha256"` // of the file
	// Next is the number, in the order of writing, of the picture that the
	// following shard of the split begins with.
	Next int `json:"next"`
	// Bad are the pictures up to Next that could not be used.
	Bad []BadPicture `json:"bad,omitempty"`
}

// BadPicture is a picture that is in no shard, and why.
type BadPicture struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Records is the number of records of the set.
func (m Manifest) Records() int {
	n := 0
	for _, s := range m.Shards {
		n += s.Records
	}
	return n
}

// Bad returns the pictures that are in no shard.
func (m Manifest) Bad() []BadPicture {
	var bad []BadPicture
	for _, s := range m.Shards {
		bad = append(bad, s.Bad...)
	}
	return bad
}

// ReadManifest reads the manifest of a set. Where there is none the error is
// fs.ErrNotExist.
func ReadManifest(fsys fs.FS) (Manifest, error) {
	m, err := readManifest(fsys)
	if err != nil {
		return Manifest{}, fmt.Errorf("tfrecord: %s: %w", ManifestName, err)
	}
	return m, nil
}

func readManifest(fsys fs.FS) (m Manifest, err error) {
	f, err := fsys.Open(ManifestName)
	if err != nil {
		return m, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return m, err
	}
	if len(data) > maxManifest {
		return m, fmt.Errorf("is longer than %d bytes", maxManifest)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, err
	}
	return m, m.check()
}

func (m Manifest) check() error {
	if m.Format != 1 {
		return fmt.Errorf("format is %d, want 1", m.Format)
	}
	for i, s := range m.Shards {
		switch {
		case !fs.ValidPath(s.Name) || s.Name == ".":
			return fmt.Errorf("shard %d: name %q is no path", i, s.Name)
		case s.Records < 0 || s.Bytes < 0 || s.Next < 0:
			return fmt.Errorf("shard %s: negative number", s.Name)
		case len(s.Counts) != len(m.Classes):
			return fmt.Errorf("shard %s: counts of %d classes, want %d", s.Name, len(s.Counts), len(m.Classes))
		}
	}
	return nil
}

// write makes m the manifest of a set.
func (m Manifest) write(ctx context.Context, s Store) error {
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("%s: %w", ManifestName, err)
	}
	return put(ctx, s, ManifestName, append(data, '\n'))
}

// indexName is the name of a shard's index.
func indexName(shard string) string {
	dir, base := path.Split(shard)
	return dir + "." + base + ".index"
}

// missing says that a file is not there.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// clone returns m with lists of its own.
func (m Manifest) clone() Manifest {
	m.Shards = slices.Clone(m.Shards)
	return m
}
