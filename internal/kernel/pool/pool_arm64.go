//go:build !purego

package pool

// implementations lists what this machine has, best first.
func implementations() []implementation {
	return []implementation{{"neon", table(maxNEON, avgNEON, maxBackNEON, spreadNEON)}, {"portable", portable}}
}
