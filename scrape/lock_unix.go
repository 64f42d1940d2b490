//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package scrape

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock keeps a second run out of the folder; the system lifts it when this
// process ends, however it does.
func lock(root *os.Root, name string) (unlock func() error, err error) {
	f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, err
	}
	return f.Close, nil
}
