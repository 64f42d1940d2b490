// Package atomicfile writes files of which a reader never sees half: to a
// temporary name in the same folder, synced, renamed, the folder synced.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// Write calls write with the new content's destination and puts the result at
// path, with perm less the umask. On an error, or a panic of write, what was
// at path stays and the temporary file is removed; only where the last step,
// syncing the folder, fails is the new file in place already. A link at path
// is replaced, not followed.
func Write(path string, perm fs.FileMode, write func(io.Writer) error) error {
	return save(disk{}, path, perm, write)
}

// system is what save needs of the operating system.
type system interface {
	create(path string, perm fs.FileMode) (file, error)
	rename(from, to string) error
	remove(path string) error
	syncDir(path string) error
}

type file interface {
	io.WriteCloser
	Sync() error
}

func save(sys system, path string, perm fs.FileMode, write func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	temp := filepath.Join(dir, fmt.Sprintf(".tmp-%016x", rand.Uint64()))
	f, err := sys.create(temp, perm)
	if err != nil {
		return fmt.Errorf("atomicfile: %s: %w", path, err)
	}
	open, renamed := true, false
	defer func() {
		if open {
			f.Close()
		}
		if !renamed {
			err = errors.Join(err, sys.remove(temp))
		}
		if err != nil {
			err = fmt.Errorf("atomicfile: %s: %w", path, err)
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	open = false
	if err := f.Close(); err != nil {
		return err
	}
	if err := sys.rename(temp, path); err != nil {
		return err
	}
	renamed = true
	return sys.syncDir(dir)
}

// disk is the real system.
type disk struct{}

func (disk) create(path string, perm fs.FileMode) (file, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
}

func (disk) rename(from, to string) error { return os.Rename(from, to) }
func (disk) remove(path string) error     { return os.Remove(path) }

// syncDir makes a rename last. Windows has no such call, nor have some
// network file systems, which answer EINVAL.
func (disk) syncDir(path string) error {
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
