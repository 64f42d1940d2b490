//go:build !purego

package depthwise

// implementations lists what this machine has, best first.
func implementations() []implementation {
	neon := assembly{8, map[loop]func(*byte){{3, 1}: forward3by1NEON, {3, 2}: forward3by2NEON, {5, 1}: forward5by1NEON, {5, 2}: forward5by2NEON},
		map[int]gradientLoop{3: {3, gradient3x3NEON}, 5: {1, gradient1x5NEON}}}
	return []implementation{{"neon", neon.table()}, {"portable", portable}}
}
