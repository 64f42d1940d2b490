package depthwise

func implementations() []implementation {
	return []implementation{{"portable", portable}}
}
