//go:build !(amd64 || arm64) || purego

package pool

func implementations() []implementation {
	return []implementation{{"portable", portable}}
}
