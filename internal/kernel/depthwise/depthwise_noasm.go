//go:build !amd64 || purego

package depthwise

func implementations() []implementation {
	return []implementation{{"portable", portable}}
}
