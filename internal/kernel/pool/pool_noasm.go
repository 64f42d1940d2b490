//go:build !amd64 || purego

package pool

func implementations() []implementation {
	return []implementation{{"portable", portable}}
}
