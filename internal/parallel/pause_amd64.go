//go:build !purego

package parallel

// pause waits some hundred cycles, kind to the core's other thread.
//
//go:noescape
func pause()
