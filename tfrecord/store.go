package tfrecord

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/argus-go/argus/internal/fileops"
)

// Store is where a set of shards is kept: a Folder, or a bucket of package
// cloud. Names have slashes, as in package io/fs.
type Store interface {
	fs.ReadDirFS
	// Create starts a file that will be in the folder of name. A file left by an
	// earlier Create of the same name, which was neither committed nor discarded, is gone.
	Create(ctx context.Context, name string) (Pending, error)
	// Move renames a file; moving one that has been moved is no error.
	Move(ctx context.Context, from, to string) error
	// Remove removes a file; it is no error if there is none.
	Remove(ctx context.Context, name string) error
}

// Pending is a file that nobody sees yet.
type Pending interface {
	io.Writer
	// Commit shows the whole file under name, lasting, in place of one that has it.
	// A failed Commit discards the file.
	Commit(ctx context.Context, name string) error
	// Discard gives the file up. It does nothing after Commit.
	Discard()
}

// Folder is the folder path as a Store; it is made when the first file is
// created.
func Folder(path string) Store { return folder{path, fileops.Disk{}} }

type folder struct {
	root string
	sys  fileops.System
}

func (f folder) path(name string) string { return filepath.Join(f.root, filepath.FromSlash(name)) }

func (f folder) Open(name string) (fs.File, error) { return os.DirFS(f.root).Open(name) }
func (f folder) ReadDir(name string) ([]fs.DirEntry, error) {
	return fs.ReadDir(os.DirFS(f.root), name)
}

// temporary is the name of the file that will be name. It is always the same,
// so that a rerun replaces what a crash left.
func temporary(name string) string { return path.Join(path.Dir(name), "."+path.Base(name)+".part") }

func (f folder) Create(_ context.Context, name string) (Pending, error) {
	if err := f.mkdir(filepath.Dir(f.path(name))); err != nil {
		return nil, err
	}
	temp := f.path(temporary(name))
	file, err := f.sys.Create(temp)
	if err != nil {
		return nil, err
	}
	return &pendingFile{folder: f, File: file, temp: temp}, nil
}

func (f folder) mkdir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := f.sys.MkdirAll(dir); err != nil {
		return err
	}
	if dir == filepath.Clean(f.root) {
		return nil
	}
	return f.sys.SyncDir(filepath.Dir(dir))
}

// ErrInUse says that another call is writing into the folder.
var ErrInUse = fileops.ErrInUse

// alone keeps other writers out of a store that can do that: a Folder, which is
// made first if so wished.
func alone(s Store, create bool) (unlock func(), err error) {
	f, ok := s.(folder)
	if !ok {
		return func() {}, nil
	}
	if create {
		if err := f.mkdir(filepath.Clean(f.root)); err != nil {
			return nil, err
		}
	}
	if unlock, err = fileops.Lock(f.root); err != nil {
		return nil, fmt.Errorf("%s: %w", f.root, err)
	}
	return unlock, nil
}

func (f folder) Move(_ context.Context, from, to string) error {
	if err := f.mkdir(filepath.Dir(f.path(to))); err != nil {
		return err
	}
	if err := f.sys.Rename(f.path(from), f.path(to)); err != nil {
		if _, missing := os.Stat(f.path(to)); missing == nil && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return errors.Join(f.sys.SyncDir(filepath.Dir(f.path(to))), f.sys.SyncDir(filepath.Dir(f.path(from))))
}

func (f folder) Remove(_ context.Context, name string) error {
	if err := f.sys.Remove(f.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

type pendingFile struct {
	folder
	fileops.File
	temp string
	done bool
}

func (p *pendingFile) Commit(_ context.Context, name string) (err error) {
	defer p.Discard()
	if err := p.Sync(); err != nil {
		return err
	}
	if err := p.Close(); err != nil {
		return err
	}
	if err := p.sys.Rename(p.temp, p.path(name)); err != nil {
		return err
	}
	p.done = true
	return p.sys.SyncDir(filepath.Dir(p.path(name)))
}

func (p *pendingFile) Discard() {
	if !p.done {
		p.done = true
		p.Close()
		_ = p.sys.Remove(p.temp)
	}
}

// put makes a small file.
func put(ctx context.Context, s Store, name string, data []byte) error {
	p, err := s.Create(ctx, name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer p.Discard()
	if _, err := p.Write(data); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := p.Commit(ctx, name); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
