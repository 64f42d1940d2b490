//go:build !amd64 || purego

package vec

// implementations lists what this machine has, best first.
func implementations() []implementation {
	return []implementation{{"portable", portable}}
}
