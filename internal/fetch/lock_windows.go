package fetch

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks f, until it is closed or the process ends, unless another has
// it locked. The lock is on a byte far behind the content, which others may
// then read.
func tryLock(f *os.File) (bool, error) {
	far := &windows.Overlapped{OffsetHigh: 1 << 30}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, far)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
