//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package fetch

import (
	"errors"
	"os"
)

// tryLock knows no lock here.
func tryLock(*os.File) (bool, error) { return false, errors.ErrUnsupported }
