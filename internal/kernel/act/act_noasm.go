//go:build !(amd64 || arm64) || purego

package act

func implementations() []implementation {
	return []implementation{{"portable", portable}}
}
