//go:build !amd64 || purego

package pixel

func implementations() []implementation {
	return []implementation{{"portable", portable}}
}
