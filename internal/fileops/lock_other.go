//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package fileops

// Lock does nothing: these systems have no lock that ends with its process.
func Lock(string) (unlock func(), err error) { return func() {}, nil }
