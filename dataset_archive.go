package argus

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/argus-go/argus/internal/picture"
)

const (
	maxEntries = 1 << 20   // of an archive
	maxGzip    = 512 << 20 // bytes of pictures of a tar.gz, which are kept in memory
)

// An archive is the pictures of a zip or tar file as a file system. They are
// read from the file, which stays open as long as it is needed: the collector
// closes it. Those of a tar.gz, where nothing can be found without reading all
// before it, are kept in memory.
type archive struct {
	folders map[string][]fs.DirEntry // sorted by name
	files   map[string]entry
}

// An entry is one file of an archive, or one of its folders.
type entry struct {
	name    string
	size    int64
	changed time.Time
	folder  bool
	open    func() (io.ReadCloser, error)
}

// openArchive reads the table of an archive, which it tells by its content.
func openArchive(name string) (fs.FS, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	a := &archive{map[string][]fs.DirEntry{".": nil}, map[string]entry{}}
	if err := a.read(f); err != nil {
		f.Close()
		return nil, err
	}
	for _, entries := range a.folders {
		slices.SortFunc(entries, func(x, y fs.DirEntry) int { return cmp.Compare(x.Name(), y.Name()) })
	}
	return a.inner()
}

func (a *archive) read(f *os.File) error {
	const magic = 262 // a tar's name stands at 257
	start := make([]byte, magic)
	n, err := f.ReadAt(start, 0)
	if err != nil && err != io.EOF {
		return err
	}
	switch start = start[:n]; {
	case bytes.HasPrefix(start, []byte("PK\x03\x04")) || bytes.HasPrefix(start, []byte("PK\x05\x06")):
		return a.readZip(f)
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		return a.readGzip(f)
	case len(start) == magic && string(start[257:]) == "ustar":
		return a.readTar(f, func(_ *tar.Reader, size int64) (func() (io.ReadCloser, error), error) {
			at, err := f.Seek(0, io.SeekCurrent)
			return func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(f, at, size)), nil }, err
		})
	}
	return errors.New("is a file, but no zip, tar or tar.gz; want a folder or one of these")
}

func (a *archive) readZip(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // add names the file
		return err
	}
	for _, file := range z.File {
		const encrypted = 1
		open := file.Open
		if file.Flags&encrypted != 0 {
			open = func() (io.ReadCloser, error) { return nil, errors.New("is encrypted") }
		}
		mode := file.Mode()
		if err := a.add(file.Name, mode.Type(), int64(file.UncompressedSize64), file.Modified, open); err != nil {
			return err
		}
	}
	return nil
}

// readTar reads the headers; keep says how to open the file that r is at.
func (a *archive) readTar(f io.Reader, keep func(r *tar.Reader, size int64) (func() (io.ReadCloser, error), error)) error {
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return err
		}
		mode := h.FileInfo().Mode().Type()
		if h.Typeflag == tar.TypeLink || h.Typeflag == tar.TypeGNUSparse || h.PAXRecords["GNU.sparse.major"] != "" {
			mode = fs.ModeIrregular // the bytes are elsewhere
		}
		var open func() (io.ReadCloser, error)
		if mode.IsRegular() && picture.IsName(h.Name) {
			if open, err = keep(r, h.Size); err != nil {
				return fmt.Errorf("%q: %w", h.Name, err)
			}
		}
		if err := a.add(h.Name, mode, h.Size, h.ModTime, open); err != nil {
			return err
		}
	}
}

func (a *archive) readGzip(f *os.File) error {
	z, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		return err
	}
	defer f.Close() // all is in memory then
	left := int64(maxGzip)
	// What is no picture is passed over, but it takes time to unpack.
	limited := &io.LimitedReader{R: z, N: 4 * maxGzip}
	err = a.readTar(limited, func(r *tar.Reader, size int64) (func() (io.ReadCloser, error), error) {
		if left -= size; left < 0 {
			return nil, fmt.Errorf("the pictures up to here are more than the %d MB that a tar.gz may hold: unpack it, or make it a tar or zip", maxGzip>>20)
		}
		data, err := io.ReadAll(io.LimitReader(r, size))
		return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }, err
	})
	if limited.N == 0 {
		return fmt.Errorf("unpacks to more than %d MB: unpack it", 4*maxGzip>>20)
	}
	return err
}

// add takes in one entry. A name that leads out of the archive, or is there
// twice, is an error.
func (a *archive) add(name string, mode fs.FileMode, size int64, changed time.Time, open func() (io.ReadCloser, error)) error {
	const dotSlash = "./"
	p := strings.TrimSuffix(strings.TrimPrefix(name, dotSlash), "/")
	if p == "" || p == "." {
		return nil
	}
	if !fs.ValidPath(p) || strings.Contains(p, `\`) {
		return fmt.Errorf("%q is no name of a file inside", name)
	}
	if first, _, _ := strings.Cut(p, "/"); first == "__MACOSX" { // what its archiver adds
		return nil
	}
	if len(a.files) >= maxEntries {
		return fmt.Errorf("%q: has more than %d files", name, maxEntries)
	}
	if mode.IsDir() {
		return a.mkdir(p)
	}
	if !mode.IsRegular() {
		return nil // links and devices
	}
	if _, ok := a.folders[p]; ok {
		return fmt.Errorf("%q is a file and a folder", name)
	}
	if _, ok := a.files[p]; ok {
		return fmt.Errorf("%q is there twice", name)
	}
	if err := a.mkdir(path.Dir(p)); err != nil {
		return err
	}
	e := entry{name: path.Base(p), size: size, changed: changed, open: open}
	a.files[p] = e
	a.folders[path.Dir(p)] = append(a.folders[path.Dir(p)], fs.FileInfoToDirEntry(e))
	return nil
}

func (a *archive) mkdir(p string) error {
	if strings.Count(p, "/") >= maxDepth {
		return fmt.Errorf("folder %.100q is nested deeper than %d", p, maxDepth)
	}
	if _, ok := a.folders[p]; ok {
		return nil
	}
	if _, ok := a.files[p]; ok {
		return fmt.Errorf("%q is a file and a folder", p)
	}
	above := path.Dir(p)
	if err := a.mkdir(above); err != nil {
		return err
	}
	a.folders[p] = nil
	a.folders[above] = append(a.folders[above], fs.FileInfoToDirEntry(entry{name: path.Base(p), folder: true}))
	return nil
}

// inner passes over folders that hold nothing but one folder: photos.zip often
// holds photos/cat/1.jpg.
func (a *archive) inner() (fs.FS, error) {
	at := "."
	for {
		in := a.folders[at]
		if len(in) != 1 || !in[0].IsDir() {
			break
		}
		if _, split := splitFolders[strings.ToLower(in[0].Name())]; split {
			break
		}
		at = path.Join(at, in[0].Name())
	}
	if at == "." {
		return a, nil
	}
	return fs.Sub(a, at)
}

// Open opens a file or folder.
func (a *archive) Open(name string) (fs.File, error) {
	failed := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return failed(fs.ErrInvalid)
	}
	if entries, ok := a.folders[name]; ok {
		return &openFolder{entry{name: path.Base(name), folder: true}, entries}, nil
	}
	e, ok := a.files[name]
	if !ok || e.open == nil {
		return failed(fs.ErrNotExist)
	}
	r, err := e.open()
	if err != nil {
		return failed(err)
	}
	return &openEntry{r, e}, nil
}

type openEntry struct {
	io.ReadCloser
	entry
}

func (f *openEntry) Stat() (fs.FileInfo, error) { return f.entry, nil }

type openFolder struct {
	entry
	left []fs.DirEntry
}

func (f *openFolder) Stat() (fs.FileInfo, error) { return f.entry, nil }
func (f *openFolder) Close() error               { return nil }
func (f *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.name, Err: errors.New("is a folder")}
}

// ReadDir is that of fs.ReadDirFile.
func (f *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(f.left)
	} else if len(f.left) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(f.left))
	some := slices.Clone(f.left[:n])
	f.left = f.left[n:]
	return some, nil
}

// An entry is its own fs.FileInfo.

func (e entry) Name() string       { return e.name }
func (e entry) Size() int64        { return e.size }
func (e entry) ModTime() time.Time { return e.changed }
func (e entry) IsDir() bool        { return e.folder }
func (e entry) Sys() any           { return nil }
func (e entry) Mode() fs.FileMode {
	if e.folder {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
