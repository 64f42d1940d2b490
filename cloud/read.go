package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// errChanged is an object that is replaced while it is read.
var errChanged = errors.New("object has changed meanwhile")

// pathError is err as package io/fs has it.
func pathError(op, name string, err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		err = fs.ErrNotExist
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Open opens an object, or a folder: what stands before a slash in an object's name.
func (b *Bucket) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	i, err := b.stat(name)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	if i.IsDir() {
		return &folder{b: b, name: name, info: i}, nil
	}
	return &object{b: b, name: name, info: i}, nil
}

// Stat implements fs.StatFS.
func (b *Bucket) Stat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
	}
	i, err := b.stat(name)
	if err != nil {
		return nil, pathError("stat", name, err)
	}
	return i, nil
}

func (b *Bucket) stat(name string) (info, error) {
	dir := info{name: path.Base(name), dir: true}
	if name == "." {
		return dir, nil
	}
	if known, ok := b.known.Load(name); ok {
		return known.(info), nil
	}
	var a *blob.Attributes
	err := b.once(b.ctx, func() (err error) {
		a, err = b.blob.Attributes(b.ctx, name)
		return err
	})
	if err == nil {
		return info{name: path.Base(name), size: a.Size, time: a.ModTime}, nil
	}
	if gcerrors.Code(err) != gcerrors.NotFound {
		return info{}, err
	}
	if objects, _, listErr := b.page(name+"/", nil, 1); listErr != nil {
		return info{}, listErr
	} else if len(objects) > 0 {
		return dir, nil
	}
	return info{}, err
}

// page lists some of the objects and folders under a prefix.
func (b *Bucket) page(prefix string, token []byte, size int) (list []*blob.ListObject, next []byte, err error) {
	if token == nil {
		token = blob.FirstPageToken
	}
	err = b.once(b.ctx, func() (err error) {
		list, next, err = b.blob.ListPage(b.ctx, token, size, &blob.ListOptions{Prefix: prefix, Delimiter: "/"})
		return err
	})
	return list, next, err
}

// ReadDir lists the objects and folders in a folder, sorted by name.
func (b *Bucket) ReadDir(name string) ([]fs.DirEntry, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	prefix := name + "/"
	if name == "." {
		prefix = ""
	}
	var entries []fs.DirEntry
	found := name == "."
	for token := []byte(nil); ; {
		list, next, err := b.page(prefix, token, 1000)
		if err != nil {
			return nil, pathError("readdir", name, err)
		}
		for _, o := range list {
			found = true
			key := strings.TrimSuffix(o.Key, "/")
			base := path.Base(key)
			if !fs.ValidPath(key) || o.Key == prefix || path.Join(name, base) != key {
				continue // a placeholder of the folder, or a key that is no path
			}
			i := info{name: base, size: o.Size, time: o.ModTime, dir: o.IsDir}
			if !i.dir {
				b.known.Store(key, i)
			}
			entries = append(entries, fs.FileInfoToDirEntry(i))
		}
		if len(next) == 0 {
			break
		}
		token = next
	}
	if !found {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// info is what is known of an object or a folder.
type info struct {
	name string
	size int64
	time time.Time
	dir  bool
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return i.time }
func (i info) IsDir() bool        { return i.dir }
func (i info) Sys() any           { return nil }

func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// folder is an open folder.
type folder struct {
	b       *Bucket
	name    string
	info    info
	entries []fs.DirEntry
	read    bool
}

func (f *folder) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *folder) Close() error               { return nil }

func (f *folder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.name, Err: errors.New("is a folder")}
}

// ReadDir implements fs.ReadDirFile.
func (f *folder) ReadDir(n int) ([]fs.DirEntry, error) {
	if !f.read {
		entries, err := f.b.ReadDir(f.name)
		if err != nil {
			return nil, err
		}
		f.entries, f.read = entries, true
	}
	if n <= 0 {
		n = len(f.entries)
	} else if len(f.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(f.entries))
	some := f.entries[:n:n]
	f.entries = f.entries[n:]
	return some, nil
}

// object is an open object. Requests are made as it is read.
type object struct {
	b      *Bucket
	name   string
	info   info
	at     int64 // of Read
	reader *blob.Reader
	cancel context.CancelFunc
}

func (o *object) Stat() (fs.FileInfo, error) { return o.info, nil }

// Close implements fs.File.
func (o *object) Close() error {
	if o.reader != nil {
		o.cancel()
		o.reader.Close() // its error is that it was not read to the end
		o.reader = nil
	}
	return nil
}

// Read reads on; where the connection breaks it goes on at the same place.
func (o *object) Read(p []byte) (n int, err error) {
	if o.at >= o.info.size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	err = o.b.once(o.b.ctx, func() error {
		if o.reader == nil {
			ctx, cancel := context.WithCancel(o.b.ctx)
			r, err := o.b.open(ctx, o.name, o.info, o.at, -1)
			if err != nil {
				cancel()
				return err
			}
			o.reader, o.cancel = r, cancel
		}
		if n, err = o.reader.Read(p); n > 0 {
			return nil
		}
		o.Close()
		return short(err)
	})
	o.at += int64(n)
	if err != nil {
		return n, pathError("read", o.name, err)
	}
	return n, nil
}

// ReadAt reads a part by a request of its own, or more where the connection breaks.
func (o *object) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, &fs.PathError{Op: "read", Path: o.name, Err: fmt.Errorf("offset is %d", off)}
	}
	want := p[:max(0, min(int64(len(p)), o.info.size-off))]
	err = o.b.retry(o.b.ctx, func() (further bool, err error) {
		if n == len(want) {
			return false, nil
		}
		ctx, cancel := context.WithCancel(o.b.ctx)
		defer cancel()
		r, err := o.b.open(ctx, o.name, o.info, off+int64(n), int64(len(want)-n))
		if err != nil {
			return false, err
		}
		defer r.Close()
		got, err := io.ReadFull(r, want[n:])
		n += got
		return got > 0, short(err)
	})
	if err != nil {
		return n, pathError("read", o.name, err)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// open starts to read an object that must still be what it was.
func (b *Bucket) open(ctx context.Context, name string, i info, off, n int64) (*blob.Reader, error) {
	r, err := b.blob.NewRangeReader(ctx, name, off, n, nil)
	if err != nil {
		return nil, err
	}
	if r.Size() != i.size {
		r.Close()
		return nil, fmt.Errorf("%w: it had %d bytes and has %d", errChanged, i.size, r.Size())
	}
	return r, nil
}

// short makes an end before the object's own an error.
func short(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
