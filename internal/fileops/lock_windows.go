package fileops

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// Lock keeps others who call it out of the folder dir until unlock, or ErrInUse is
// its error. It is a file that nobody else can open, which the system removes when
// this process ends, however it does.
func Lock(dir string) (unlock func(), err error) {
	path := filepath.Join(dir, ".lock")
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(name, windows.GENERIC_WRITE, 0, nil, windows.OPEN_ALWAYS,
		windows.FILE_ATTRIBUTE_HIDDEN|windows.FILE_FLAG_DELETE_ON_CLOSE, 0)
	switch {
	case errors.Is(err, windows.ERROR_SHARING_VIOLATION):
		return nil, ErrInUse
	case err != nil:
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return func() { _ = windows.CloseHandle(h) }, nil
}
