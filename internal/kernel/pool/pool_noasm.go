package pool

func implementations() []implementation {
	return []implementation{{"portable", portable}}
}
