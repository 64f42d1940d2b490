package fileops

import "errors"

// ErrInUse says that another call, of this process or another, has the lock of a folder.
var ErrInUse = errors.New("another call is at work in this folder")
