package safetensors

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"maps"
	"slices"
)

// DigestKey is the metadata entry that [File.Verify] compares with. It is the
// one entry that the digest does not cover.
const DigestKey = "sha256"

// ErrDigest says that a file's content is not what was written.
var ErrDigest = errors.New("content differs from its SHA-256")

// Digest returns what a file of these tensors and metadata has under
// [DigestKey] when it is written so:
//
//	metadata[DigestKey], err = Digest(tensors, metadata)
//	err = Write(w, tensors, metadata)
//
// It is the SHA-256, in hexadecimal, over a fixed form of everything that a
// reader can see: the metadata sorted by key, then the tensors sorted by name
// with dtype, shape and stored bytes, each piece led by its length. How the
// header is spelled does not matter.
func Digest(tensors []Tensor, metadata map[string]string) (string, error) {
	stored, err := layout(tensors, metadata)
	if err != nil {
		return "", err
	}
	slices.SortFunc(stored, func(a, b placed) int { return cmp.Compare(a.Name, b.Name) })
	d := newDigest(metadata, len(stored))
	for _, t := range stored {
		d.info(t.Info)
		if err := t.writeData(d.Hash); err != nil {
			return "", err
		}
	}
	return d.String(), nil
}

// Digest returns the digest of the file's content, reading all of it.
func (f *File) Digest() (string, error) {
	d := newDigest(f.metadata, len(f.tensors))
	for _, name := range f.names {
		t := f.tensors[f.index[name]]
		d.info(t)
		if err := f.chunks(t, func(b []byte) { d.Write(b) }); err != nil {
			return "", err
		}
	}
	return d.String(), nil
}

// Verify reads the whole file and returns an error that wraps [ErrDigest]
// where the metadata's digest is missing or another than the content's.
func (f *File) Verify() error {
	want, ok := f.metadata[DigestKey]
	if !ok {
		return f.errorf("%w: metadata has no %q", ErrDigest, DigestKey)
	}
	got, err := f.Digest()
	if err != nil {
		return err
	}
	if got != want {
		return f.errorf("%w: content has %s, metadata says %.64q", ErrDigest, got, want)
	}
	return nil
}

type digest struct{ hash.Hash }

func newDigest(metadata map[string]string, tensors int) digest {
	d := digest{sha256.New()}
	d.text("safetensors digest 1")
	covered := maps.Clone(metadata)
	delete(covered, DigestKey)
	d.number(len(covered))
	for _, key := range slices.Sorted(maps.Keys(covered)) {
		d.text(key)
		d.text(metadata[key])
	}
	d.number(tensors)
	return d
}

func (d digest) info(t Info) {
	d.text(t.Name)
	d.text(string(t.DType))
	d.number(len(t.Shape))
	for _, n := range t.Shape {
		d.number(n)
	}
	d.number(int(t.end - t.begin))
}

func (d digest) text(s string) {
	d.number(len(s))
	d.Write([]byte(s))
}

func (d digest) number(n int) {
	d.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func (d digest) String() string { return hex.EncodeToString(d.Sum(nil)) }
