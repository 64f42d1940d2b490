package act

func implementations() []implementation {
	return []implementation{{"portable", portable}}
}
