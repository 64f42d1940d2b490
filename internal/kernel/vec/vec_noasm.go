//go:build !(amd64 || arm64) || purego

package vec

// implementations lists what this machine has, best first.
func implementations() []implementation {
	return []implementation{{"portable", portable}}
}
