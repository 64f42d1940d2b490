//go:build !amd64 || purego

package optim

func implementations() []implementation {
	return []implementation{{"portable", portable}}
}
