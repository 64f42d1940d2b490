//go:build !purego

package act

// implementations lists what this machine has, best first.
func implementations() []implementation {
	return []implementation{{"neon", kernels{
		relu: unary(reluNEON), relu6: unary(relu6NEON), exp: unary(expNEON),
		sigmoid: unary(sigmoidNEON), tanh: unary(tanhNEON), swishRows: strips(swishNEON),
		reluBack: binary(reluBackNEON), relu6Back: binary(relu6BackNEON), sigmoidBack: binary(sigmoidBackNEON),
		swishBack: binary(swishBackNEON), tanhBack: binary(tanhBackNEON),
	}}, {"portable", portable}}
}
