package argus

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/argus-go/argus/internal/atomicfile"
	"github.com/argus-go/argus/internal/cpu"
)

// A featureCache keeps features on disk in segments, files that never change:
//
//	 0  8   "argusfc1"
//	 8  4   floats of a vector, n          all numbers little-endian
//	12  4   vectors, m
//	16  32  SHA-256 of the key and the instruction set
//	48  32m SHA-256 of each picture's file
//	    4   CRC-32C of all before
//	then m times:
//	    4n  vector, float32
//	    4   CRC-32C of the picture's SHA-256 and the vector
//
// Whoever opens a cache reads the segments there are and writes new ones, so
// that several processes do not disturb each other. What is damaged is not
// there. Its methods may be called from many goroutines; those of a nil cache do
// nothing.
type featureCache struct {
	dir   string
	key   [sha256.Size]byte
	dim   int
	limit int64

	mu       sync.Mutex
	segments []*os.File
	where    map[contentHash]place
	fresh    []freshFeatures // not on disk yet
	index    map[contentHash]int
	err      error // of writing; nothing is written after
}

// A place is where a vector lies.
type place struct {
	file *os.File
	at   int64
}

type freshFeatures struct {
	hash contentHash
	v    []float32
}

const (
	segmentMagic  = "argusfc1"
	segmentHeader = 48
	segmentSuffix = ".features"
	segmentBytes  = 16 << 20 // a segment is written when it is that big

	defaultCacheBytes = 1 << 30
	cacheFolder       = "features" // inside CacheDir: all files in it are ours
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openFeatures opens the features, dim floats each, in dir, which is made where
// it is not there. The key names all that they depend on beside the picture and
// the machine. Features of all keys together take no more than limit bytes, 0
// for the default.
func openFeatures(dir, key string, dim int, limit int64) (*featureCache, error) {
	if limit == 0 {
		limit = defaultCacheBytes
	}
	c := &featureCache{
		dir: filepath.Join(dir, cacheFolder), dim: dim, limit: limit,
		key:   sha256.Sum256([]byte(key + "\n" + cpu.Best().String())), // whose last bits differ
		where: map[contentHash]place{}, index: map[contentHash]int{},
	}
	if err := os.MkdirAll(c.dir, 0o777); err != nil {
		return nil, fmt.Errorf("feature cache: %w", err)
	}
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, fmt.Errorf("feature cache: %w", err)
	}
	now := time.Now()
	for _, e := range entries { // by name, so by age: a later vector replaces a damaged one
		if strings.HasPrefix(e.Name(), c.prefix()) && strings.HasSuffix(e.Name(), segmentSuffix) {
			path := filepath.Join(c.dir, e.Name())
			if c.open(path) {
				_ = os.Chtimes(path, now, now) // in use; the oldest are removed first
			}
		}
	}
	return c, nil
}

// prefix is what the names of the key's segments begin with.
func (c *featureCache) prefix() string { return hex.EncodeToString(c.key[:12]) + "-" }

// open takes in a segment, where it is one.
func (c *featureCache) open(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	hashes := c.readIndex(f)
	if hashes == nil {
		f.Close()
		return false
	}
	c.segments = append(c.segments, f)
	at := int64(segmentHeader + len(hashes)*sha256.Size + 4)
	for _, h := range hashes {
		c.where[h] = place{f, at}
		at += int64(4*c.dim + 4)
	}
	return true
}

// readIndex reads what stands before the vectors.
func (c *featureCache) readIndex(f *os.File) []contentHash {
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	header := make([]byte, segmentHeader)
	if _, err := io.ReadFull(f, header); err != nil {
		return nil
	}
	n := int64(binary.LittleEndian.Uint32(header[12:]))
	if string(header) != string(c.header(int(n))) || n*sha256.Size > info.Size() {
		return nil
	}
	rest := make([]byte, n*sha256.Size+4)
	if _, err := io.ReadFull(f, rest); err != nil {
		return nil
	}
	body := rest[:len(rest)-4]
	if crc32.Update(crc32.Checksum(header, castagnoli), castagnoli, body) != binary.LittleEndian.Uint32(rest[len(body):]) {
		return nil
	}
	hashes := make([]contentHash, n)
	for i := range hashes {
		copy(hashes[i][:], body[i*sha256.Size:])
	}
	return hashes
}

func (c *featureCache) header(n int) []byte {
	b := make([]byte, 0, segmentHeader)
	b = append(b, segmentMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(c.dim))
	b = binary.LittleEndian.AppendUint32(b, uint32(n))
	return append(b, c.key[:]...)
}

// get returns the features of a picture; the slice is the caller's.
func (c *featureCache) get(hash contentHash) ([]float32, bool) {
	if c == nil {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if i, ok := c.index[hash]; ok {
		return slices.Clone(c.fresh[i].v), true
	}
	p, ok := c.where[hash]
	if !ok {
		return nil, false
	}
	b := make([]byte, 4*c.dim+4)
	if _, err := p.file.ReadAt(b, p.at); err != nil {
		return nil, false
	}
	body := b[:4*c.dim]
	if recordSum(hash, body) != binary.LittleEndian.Uint32(b[len(body):]) {
		return nil, false
	}
	v := make([]float32, c.dim)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[4*i:]))
	}
	return v, true
}

func recordSum(hash contentHash, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(hash[:], castagnoli), castagnoli, body)
}

func appendFloats(b []byte, v []float32) []byte {
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

// put keeps a copy of the features of a picture.
func (c *featureCache) put(hash contentHash, v []float32) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.index[hash]; ok || c.err != nil || len(v) != c.dim {
		return
	}
	c.index[hash] = len(c.fresh)
	c.fresh = append(c.fresh, freshFeatures{hash, slices.Clone(v)})
	if int64(len(c.fresh))*int64(4*c.dim) >= min(segmentBytes, c.limit/2) {
		c.flush()
	}
}

// close writes what is not on disk yet. Its error is the first one of writing;
// a cache that could not be written to did what it could.
func (c *featureCache) close() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush()
	for _, f := range c.segments {
		f.Close()
	}
	c.segments, c.where = nil, nil
	return c.err
}

// flush writes a segment of the fresh features.
func (c *featureCache) flush() {
	if len(c.fresh) == 0 || c.err != nil {
		return
	}
	// Names grow with time, and no two are the same.
	name := fmt.Sprintf("%s%016x-%08x%s", c.prefix(), time.Now().UnixNano(), rand.Uint32(), segmentSuffix)
	path := filepath.Join(c.dir, name)
	if err := atomicfile.Write(path, 0o666, c.writeSegment); err != nil {
		c.err = fmt.Errorf("feature cache: %w", withoutPath(err))
		return
	}
	c.fresh = nil
	clear(c.index)
	c.open(path)
	c.trim()
}

// withoutPath is the cause of a file error: it may end up in a model file, which
// has no business with the machine's folders.
func withoutPath(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

func (c *featureCache) writeSegment(w io.Writer) error {
	b := c.header(len(c.fresh))
	for _, f := range c.fresh {
		b = append(b, f.hash[:]...)
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	for _, f := range c.fresh {
		start := len(b)
		b = appendFloats(b, f.v)
		b = binary.LittleEndian.AppendUint32(b, recordSum(f.hash, b[start:]))
	}
	_, err := w.Write(b)
	return err
}

// trim removes the files longest unused until the rest is within the limit, and
// what a process that died left behind.
func (c *featureCache) trim() {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	var files []os.FileInfo
	var total int64
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil || !info.Mode().IsRegular():
		case strings.HasSuffix(e.Name(), segmentSuffix):
			files = append(files, info)
			total += info.Size()
		case strings.HasPrefix(e.Name(), ".tmp-") && time.Since(info.ModTime()) > time.Hour:
			_ = os.Remove(filepath.Join(c.dir, e.Name()))
		}
	}
	slices.SortStableFunc(files, func(a, b os.FileInfo) int { return cmp.Compare(a.ModTime().UnixNano(), b.ModTime().UnixNano()) })
	for _, f := range files {
		if total <= c.limit {
			return
		}
		if os.Remove(filepath.Join(c.dir, f.Name())) == nil {
			total -= f.Size()
		}
	}
}
