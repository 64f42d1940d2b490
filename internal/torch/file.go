package torch

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// File is an open file whose tensors are known. Its methods may be called from
// several goroutines at once.
type File struct {
	Format string // "zip" or "pickle"

	name   string // for errors; empty where there is no path
	closer io.Closer
	names  []string // in the order of the file
	views  map[string]*view
	r      io.ReaderAt
	data   map[string]place // of storages, by their key
}

// place says where a storage lies. A zip's entry is opened to be held against
// its checksum.
type place struct {
	at    int64
	entry *zip.File // nil where there is none
}

// Info describes a tensor.
type Info struct {
	Name  string
	DType string // as torch says: "float32", "int64"
	Shape []int
}

// Open opens the file at path and reads what it says of its tensors. The caller
// closes it.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	stat, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("torch: %w", err)
	}
	file := &File{name: path, closer: f}
	if err := file.read(f, stat.Size()); err != nil {
		f.Close()
		return nil, err
	}
	return file, nil
}

// New reads what the size bytes behind r say of their tensors; r must stay
// readable while the File is in use.
func New(r io.ReaderAt, size int64) (*File, error) {
	f := new(File)
	return f, f.read(r, size)
}

// Is says whether the size bytes behind r look like a file of torch.save: a
// pickle, or a zip with a data.pkl, first of all. Not every pickle is one of
// torch's; [New] says what it is.
func Is(r io.ReaderAt, size int64) bool {
	head := make([]byte, min(size, 256))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return false
	}
	if !bytes.HasPrefix(head, zipMagic) {
		return isPickle(head)
	}
	const header = 30 // of an entry, with the length of its name at 26
	if len(head) > header {
		name := head[header:]
		name = name[:min(len(name), int(binary.LittleEndian.Uint16(head[26:])))]
		if path.Base(string(name)) == "data.pkl" {
			return true
		}
	}
	z, err := zip.NewReader(r, size)
	return err == nil && slices.ContainsFunc(z.File, func(e *zip.File) bool { return path.Base(e.Name) == "data.pkl" })
}

var zipMagic = []byte("PK\x03\x04")

// Close closes what Open opened.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Names lists the tensors in the order of the file.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Info describes the tensor called name.
func (f *File) Info(name string) (Info, error) {
	v, ok := f.views[name]
	if !ok {
		return Info{}, f.errorf("tensor %q is not among the %d of the file", name, len(f.names))
	}
	return Info{name, v.dtype.name, v.ints()}, nil
}

func (v *view) ints() []int {
	shape := make([]int, len(v.shape))
	for i, d := range v.shape {
		shape[i] = int(d)
	}
	return shape
}

// Float32 returns a tensor's values, row-major, and its shape. Whole numbers are
// no weights: they are an error.
func (f *File) Float32(name string) ([]float32, []int, error) {
	info, err := f.Info(name)
	if err != nil {
		return nil, nil, err
	}
	v := f.views[name]
	if v.dtype.decode == nil {
		return nil, nil, f.errorf("tensor %q is %s, want float16, bfloat16, float32 or float64", name, v.dtype.name)
	}
	values, err := f.values(v)
	if err != nil {
		return nil, nil, f.errorf("tensor %q: storage %s: %w", name, v.key, err)
	}
	return values, info.Shape, nil
}

// values reads the part of the storage that v sees and gathers its numbers.
func (f *File) values(v *view) ([]float32, error) {
	count, span := int64(1), int64(1)
	for i, d := range v.shape {
		count *= d
		span += (d - 1) * v.strides[i]
	}
	if count == 0 {
		return []float32{}, nil
	}
	part, err := f.part(v.storage, v.offset, span)
	if err != nil || v.contiguous() {
		return part, err
	}
	return v.gather(make([]float32, 0, count), part, 0, 0), nil
}

// part reads count numbers of a storage from the given one on.
func (f *File) part(s *storage, from, count int64) ([]float32, error) {
	p := f.data[s.key]
	if p.entry == nil || count < s.count {
		return s.decode(io.NewSectionReader(f.r, p.at+from*s.dtype.width, count*s.dtype.width), count)
	}
	r, err := p.entry.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	values, err := s.decode(r, count)
	if err != nil {
		return nil, err
	}
	if n, err := r.Read(make([]byte, 1)); n > 0 || err != io.EOF { // the checksum is told here
		return nil, fmt.Errorf("after %d numbers: %w", count, cmp.Or(err, zip.ErrFormat))
	}
	return values, nil
}

func (v *view) contiguous() bool {
	step := int64(1)
	for i := len(v.shape) - 1; i >= 0; i-- {
		if v.shape[i] != 1 && v.strides[i] != step {
			return false
		}
		step *= v.shape[i]
	}
	return true
}

// gather appends the numbers of the axes from axis on.
func (v *view) gather(out, all []float32, at int64, axis int) []float32 {
	if axis == len(v.shape) {
		return append(out, all[at])
	}
	for range v.shape[axis] {
		out = v.gather(out, all, at, axis+1)
		at += v.strides[axis]
	}
	return out
}

// chunk is how many numbers are decoded at a time.
const chunk = 1 << 14

// decode reads count numbers, whose bytes the file is known to have.
func (s *storage) decode(r io.Reader, count int64) ([]float32, error) {
	values := make([]float32, count)
	buffer := make([]byte, min(chunk, count)*s.dtype.width)
	for rest := values; len(rest) > 0; {
		n := min(len(rest), chunk)
		b := buffer[:int64(n)*s.dtype.width]
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		s.dtype.decode(rest[:n], b)
		rest = rest[n:]
	}
	return values, nil
}

func (f *File) read(r io.ReaderAt, size int64) error {
	head := make([]byte, min(size, 16))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return f.errorf("%w", err)
	}
	var err error
	f.r, f.data = r, map[string]place{}
	switch {
	case bytes.HasPrefix(head, zipMagic):
		f.Format = "zip"
		err = f.readZip(r, size)
	case isLegacy(head):
		f.Format = "pickle"
		err = f.readLegacy(r, size)
	case isPickle(head):
		if _, err = newMachine(io.NewSectionReader(r, 0, size), size).run(); err == nil {
			err = fmt.Errorf("is a pickle without tensors of torch.save")
		}
	default:
		err = fmt.Errorf("begins with %.8q, which no torch.save writes", head)
	}
	if err != nil {
		return f.errorf("%w", err)
	}
	return nil
}

func (f *File) readZip(r io.ReaderAt, size int64) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return err
	}
	entries, root, err := index(z)
	if err != nil {
		return err
	}
	if _, ok := entries[root+"constants.pkl"]; ok {
		return fmt.Errorf("is a TorchScript program: save model.state_dict() instead")
	}
	if e, ok := entries[root+"byteorder"]; ok {
		b, err := readAll(e, 16)
		if err != nil || string(b) != "little" {
			return fmt.Errorf("%s: byte order is %q, want \"little\"", e.Name, b)
		}
	}
	pickle := entries[root+"data.pkl"]
	b, err := readAll(pickle, maxPickle)
	if err != nil {
		return fmt.Errorf("%s: %w", pickle.Name, err)
	}
	v, err := newMachine(bytes.NewReader(b), int64(len(b))).run()
	if err != nil {
		return fmt.Errorf("%s: %w", pickle.Name, err)
	}
	return f.take(v, func(s *storage) error {
		e, ok := entries[root+"data/"+s.key]
		if !ok {
			return fmt.Errorf("there is no entry %s", root+"data/"+s.key)
		}
		if err := stored(e, size); err != nil {
			return err
		}
		if e.UncompressedSize64 != uint64(s.count*s.dtype.width) {
			return fmt.Errorf("entry %s has %d bytes, %d of %s want %d", e.Name, e.UncompressedSize64, s.count, s.dtype.name, s.count*s.dtype.width)
		}
		at, err := e.DataOffset()
		if err != nil || at > size-int64(e.UncompressedSize64) {
			return fmt.Errorf("entry %s reaches beyond the file", e.Name)
		}
		f.data[s.key] = place{at, e}
		return nil
	})
}

// index finds the entries by name, and the folder that data.pkl is in.
func index(z *zip.Reader) (entries map[string]*zip.File, root string, err error) {
	entries = map[string]*zip.File{}
	found := false
	for _, e := range z.File {
		if path.IsAbs(e.Name) || strings.Contains(e.Name, "\\") || slices.Contains(strings.Split(e.Name, "/"), "..") {
			return nil, "", fmt.Errorf("entry %.80q: is no place inside the file", e.Name)
		}
		if entries[e.Name] != nil {
			return nil, "", fmt.Errorf("entry %.80q comes twice", e.Name)
		}
		entries[e.Name] = e
		if dir, base := path.Split(e.Name); base == "data.pkl" && strings.Count(dir, "/") <= 1 {
			if found {
				return nil, "", fmt.Errorf("there are two entries data.pkl: %q and %q", root, dir)
			}
			root, found = dir, true
		}
	}
	if !found {
		return nil, "", fmt.Errorf("is a zip without data.pkl: not by torch.save")
	}
	return entries, root, nil
}

// stored wants an entry as torch writes it: not compressed, so that a small file
// holds no large one.
func stored(e *zip.File, fileSize int64) error {
	if e.Method != zip.Store || e.CompressedSize64 != e.UncompressedSize64 || e.UncompressedSize64 > uint64(fileSize) {
		return fmt.Errorf("entry %.80q takes %d bytes by method %d and stands for %d; torch compresses nothing", e.Name, e.CompressedSize64, e.Method, e.UncompressedSize64)
	}
	return nil
}

func readAll(e *zip.File, limit int64) ([]byte, error) {
	if err := stored(e, limit); err != nil {
		return nil, err
	}
	r, err := e.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, limit))
}

// take finds the tensors in what the pickle made; place is called for every
// storage once.
func (f *File) take(v any, place func(*storage) error) error {
	d, err := stateDict(v)
	if err != nil {
		return err
	}
	f.views = map[string]*view{}
	placed := map[string]bool{}
	for i, k := range d.keys {
		name, ok := k.(string)
		if !ok {
			return fmt.Errorf("a key is %s, want a tensor's name", kind(k))
		}
		v, ok := d.values[i].(*view)
		if !ok {
			return fmt.Errorf("%.80q is %s, want a tensor", name, kind(d.values[i]))
		}
		if f.views[name] != nil {
			return fmt.Errorf("tensor %.80q comes twice", name)
		}
		if !placed[v.key] {
			if err := place(v.storage); err != nil {
				return fmt.Errorf("tensor %.80q: %w", name, err)
			}
			placed[v.key] = true
		}
		f.views[name] = v
		f.names = append(f.names, name)
	}
	return nil
}

// wrappers are the keys under which training scripts put the state_dict.
var wrappers = []string{"state_dict", "model_state_dict", "model", "net"}

// stateDict is v or, in a checkpoint, what a wrapper holds. The "module." of
// DataParallel is taken off.
func stateDict(v any) (*dict, error) {
	d, ok := v.(*dict)
	if !ok {
		return nil, fmt.Errorf("holds %s, want a state_dict", kind(v))
	}
	for i, k := range d.keys {
		if inner, ok := d.values[i].(*dict); ok && slices.Contains(wrappers, text1(k)) {
			d = inner
			break
		}
	}
	if len(d.keys) == 0 {
		return nil, fmt.Errorf("holds no tensors")
	}
	for _, k := range d.keys {
		if !strings.HasPrefix(text1(k), "module.") {
			return d, nil
		}
	}
	bare := &dict{values: d.values}
	for _, k := range d.keys {
		bare.keys = append(bare.keys, strings.TrimPrefix(text1(k), "module."))
	}
	return bare, nil
}

func text1(v any) string {
	s, _ := v.(string)
	return s
}

func (f *File) errorf(format string, args ...any) error {
	prefix := "torch: "
	if f.name != "" {
		prefix += f.name + ": "
	}
	return fmt.Errorf(prefix+format, args...)
}
