// Package fileops is how files are changed by what must survive a crash: the few
// operations, on the disk or on a Recording of it that can show the folder after
// any of them.
package fileops

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// System changes files. Reading needs none.
type System interface {
	// MkdirAll makes the folder path and those above it that are not there.
	MkdirAll(path string) error
	// Create makes or empties the file path, for writing.
	Create(path string) (File, error)
	// Rename moves a file in one step, replacing what is at to.
	Rename(from, to string) error
	Remove(path string) error
	// SyncDir makes names in the folder path last.
	SyncDir(path string) error
}

// File is a file being written.
type File interface {
	io.WriteCloser
	// Sync makes the content last.
	Sync() error
}

// Disk is the operating system's files.
type Disk struct{}

// MkdirAll implements System.
func (Disk) MkdirAll(path string) error { return os.MkdirAll(path, 0o777) }

// Create implements System.
func (Disk) Create(path string) (File, error) { return os.Create(path) }

// Rename implements System.
func (Disk) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements System.
func (Disk) Remove(path string) error { return os.Remove(path) }

// SyncDir implements System. Windows has no such call, nor have some network
// file systems, which answer EINVAL.
func (Disk) SyncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// Write puts what write writes at path, whole or not at all, and lasting, by
// way of the file temp in the same folder. Where it fails, or write panics, it removes
// temp; a crash may leave it.
func Write(sys System, path, temp string, write func(io.Writer) error) (err error) {
	f, err := sys.Create(temp)
	if err != nil {
		return err
	}
	renamed := false
	defer func() {
		if !renamed {
			err = errors.Join(err, sys.Remove(temp))
		}
	}()
	if err := fill(f, write); err != nil {
		return err
	}
	if err := sys.Rename(temp, path); err != nil {
		return err
	}
	renamed = true
	return sys.SyncDir(filepath.Dir(path))
}

// fill writes and closes f.
func fill(f File, write func(io.Writer) error) (err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := write(f); err != nil {
		return err
	}
	return f.Sync()
}
