package keras

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"
)

// The parts of a .keras archive.
const (
	archiveConfig  = "config.json"
	archiveWeights = "model.weights.h5"
)

const maxConfig = 16 << 20 // bytes; EfficientNet-B7 has 1 MB

// isArchive says whether the file is a zip with a Keras model's parts.
func isArchive(r io.ReaderAt, size int64) bool {
	var head [4]byte
	if n, _ := r.ReadAt(head[:], 0); n < len(head) || string(head[:]) != "PK\x03\x04" {
		return false
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return false
	}
	for _, f := range z.File {
		if f.Name == archiveConfig || f.Name == archiveWeights {
			return true
		}
	}
	return false
}

// openArchive opens a .keras file. Nothing of it is written anywhere; names that
// lead out of the archive are refused all the same, for no Keras writes them.
func openArchive(r io.ReaderAt, size int64) (*file, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	parts := map[string]*zip.File{}
	for _, f := range z.File {
		if !fs.ValidPath(strings.TrimSuffix(f.Name, "/")) || strings.Contains(f.Name, `\`) {
			return nil, fmt.Errorf("archive: the name %q leads out of it", f.Name)
		}
		if parts[f.Name] != nil {
			return nil, fmt.Errorf("archive: %q comes twice", f.Name)
		}
		parts[f.Name] = f
	}
	for _, name := range []string{archiveConfig, archiveWeights} {
		if parts[name] == nil {
			return nil, fmt.Errorf("archive: there is no %s in it: %w", name, fs.ErrNotExist)
		}
	}
	config, err := inflated(parts[archiveConfig], maxConfig)
	if err != nil {
		return nil, fmt.Errorf("archive: %s: %w", archiveConfig, err)
	}
	weights, n, err := stored(r, parts[archiveWeights], size)
	if err != nil {
		return nil, fmt.Errorf("archive: %s: %w", archiveWeights, err)
	}
	f, err := openHDF5(weights, n)
	if err != nil {
		return nil, fmt.Errorf("archive: %s: %w", archiveWeights, err)
	}
	f.config = config
	return f, nil
}

// stored gives access to a part of the archive, in place where it is not
// compressed.
func stored(r io.ReaderAt, f *zip.File, size int64) (io.ReaderAt, int64, error) {
	if f.Method != zip.Store {
		b, err := inflated(f, uint64(maxBytes(size)))
		return bytes.NewReader(b), int64(len(b)), err
	}
	at, err := f.DataOffset()
	if err != nil {
		return nil, 0, err
	}
	n := f.UncompressedSize64
	if n != f.CompressedSize64 || at > size || n > uint64(size-at) {
		return nil, 0, fmt.Errorf("has %d bytes and %d stored, in an archive of %d", n, f.CompressedSize64, size)
	}
	section := io.NewSectionReader(r, at, int64(n))
	sum := crc32.NewIEEE()
	if _, err := io.CopyBuffer(sum, struct{ io.Reader }{section}, make([]byte, 1<<18)); err != nil {
		return nil, 0, err
	}
	if sum.Sum32() != f.CRC32 {
		return nil, 0, fmt.Errorf("its checksum is %08x, the archive says %08x", sum.Sum32(), f.CRC32)
	}
	return section, int64(n), nil
}

// inflated reads a part of at most limit bytes.
func inflated(f *zip.File, limit uint64) ([]byte, error) {
	if f.UncompressedSize64 > limit {
		return nil, fmt.Errorf("has %d bytes, the limit is %d", f.UncompressedSize64, limit)
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && uint64(len(b)) > limit {
		err = fmt.Errorf("expands past %d bytes", limit)
	}
	return b, err
}
