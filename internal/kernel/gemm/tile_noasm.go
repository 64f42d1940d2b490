//go:build !(amd64 || arm64) || purego

package gemm

func implementations() []*implementation { return []*implementation{generic} }
