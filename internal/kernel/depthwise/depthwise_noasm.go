//go:build !(amd64 || arm64) || purego

package depthwise

func implementations() []implementation {
	return []implementation{{"portable", portable}}
}
