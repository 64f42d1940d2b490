//go:build !amd64 || purego

package winograd

func implementations() []*implementation { return []*implementation{portable} }
