//go:build race

package guard

// Race says whether the race detector is on.
const Race = true
