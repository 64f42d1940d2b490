package vec

// implementations lists what this machine has, best first.
func implementations() []implementation {
	return []implementation{{"portable", portable}}
}
