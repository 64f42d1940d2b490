//go:build !purego

package vec

// implementations lists what this machine has, best first.
func implementations() []implementation {
	return []implementation{{"neon", kernels{
		add: binary(addNEON), mul: binary(mulNEON), mulAdd: binary(mulAddNEON),
		scaleAdd: scaledSum(scaleAddNEON), axpy: scaled(axpyNEON), scale: scaled(scaleNEON), dot: portable.dot,
		mulRows: gated(mulRowsNEON), affine: affineRows(affineNEON), affineAdd: affineAddRows(affineAddNEON),
		sumRows: summed(sumRowsNEON), sumOff: summedAbout(sumOffNEON), sumAbout: summedAbout(sumAboutNEON), dotRows: dotted(dotRowsNEON),
		transpose: portable.transpose,
	}}, {"portable", portable}}
}
