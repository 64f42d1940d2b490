package tfrecord

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

// shardFile is a shard being written, and what is to be said of it.
type shardFile struct {
	shard       Shard
	index       Index
	compression Compression
	pending     Pending // nil where none is being written
	out         *Writer
	hash        hashed
}

// begin starts the file; shard keeps its split.
func (f *shardFile) begin(ctx context.Context, store Store, name string, c Compression, classes int) (err error) {
	f.shard = Shard{Split: f.shard.Split, Counts: make([]int, classes)}
	f.index, f.compression, f.hash = Index{}, c, hashed{sha256.New(), new(int64)}
	if f.pending, err = store.Create(ctx, name); err != nil {
		return err
	}
	f.out, err = NewWriter(io.MultiWriter(f.pending, f.hash), WriterOptions{c})
	return err
}

func (f *shardFile) add(record []byte, label int) error {
	if f.indexed() {
		f.index.Entries = append(f.index.Entries, Entry{f.out.Offset(), len(record), int64(label)})
	}
	f.shard.Records++
	if label < len(f.shard.Counts) {
		f.shard.Counts[label]++
	}
	return f.out.Write(record)
}

// finish shows the file under its name.
func (f *shardFile) finish(ctx context.Context, name string) error {
	pending := f.pending
	f.pending = nil
	defer pending.Discard()
	if err := f.out.Close(); err != nil {
		return err
	}
	f.index.Size = f.out.Offset()
	f.shard.Bytes, f.shard.SHA256 = *f.hash.n, hex.EncodeToString(f.hash.Sum(nil))
	return pending.Commit(ctx, name)
}

// indexed says whether the shard gets an index: compressed, there is no use for
// one.
func (f *shardFile) indexed() bool { return f.compression == None }

func (f *shardFile) discard() {
	if f.pending != nil {
		f.pending.Discard()
	}
}

// hashed counts and hashes bytes.
type hashed struct {
	hash.Hash
	n *int64
}

func (h hashed) Write(b []byte) (int, error) {
	*h.n += int64(len(b))
	return h.Hash.Write(b)
}
