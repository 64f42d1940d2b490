//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package fileops

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Lock keeps others who call it out of the folder dir until unlock, or ErrInUse is
// its error. The system lifts it when this process ends, however it does, and no file
// is left. It keeps nobody out where there are no such locks on folders, as on some network file systems.
func Lock(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	unlock = func() { f.Close() }
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		unlock()
		return nil, ErrInUse
	case err == nil, errors.Is(err, errors.ErrUnsupported), errors.Is(err, unix.EBADF), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOLCK):
		return unlock, nil // EBADF and the like: NFS
	default:
		unlock()
		return nil, &os.PathError{Op: "lock", Path: dir, Err: err}
	}
}
