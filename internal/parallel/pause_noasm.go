//go:build !amd64 || purego

package parallel

import "runtime"

func pause() { runtime.Gosched() }
