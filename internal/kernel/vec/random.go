package vec

import "github.com/argus-go/argus/internal/parallel"

// Bits returns the 64 random bits of position i in the stream of (seed,
// step). They are a pure function of the three, SplitMix64 (Steele, Lea and
// Flood, OOPSLA 2014) read at an arbitrary place, so no mask is ever stored:
// a backward pass asks again.
func Bits(seed, step, i uint64) uint64 { return mix(stream(seed, step) + (i+1)*gamma) }

const gamma = 0x9e3779b97f4a7c15

func stream(seed, step uint64) uint64 { return mix(mix(seed+gamma) ^ (step+1)*gamma) }

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// threshold is rate in units of 2⁻³²: a value drops where its upper 32 bits
// are below.
func threshold(rate float32) uint64 {
	if !(rate >= 0 && rate < 1) {
		panic("vec: dropout rate outside [0, 1)")
	}
	return uint64(float64(rate) * (1 << 32))
}

// Dropout computes y[i] = 0 with probability rate and x[i]/(1-rate)
// otherwise, by the upper half of Bits(seed, step, i). Its gradient is
// Dropout of dy with the same seed and step. Give every layer its own seed.
func Dropout(crew *parallel.Crew, rate float32, seed, step uint64, x, y []float32) {
	same(len(y), len(x))
	type mask struct {
		x, y       []float32
		key, below uint64
		keep       float32
	}
	Over(crew, len(y), 1, mask{x, y, stream(seed, step), threshold(rate), 1 / (1 - rate)}, func(m mask, lo, hi int) {
		z := m.key + uint64(lo)*gamma
		for i := lo; i < hi; i++ {
			z += gamma
			if mix(z)>>32 < m.below {
				m.y[i] = 0
			} else {
				m.y[i] = m.x[i] * m.keep
			}
		}
	})
}

// StochasticDepth drops whole images: y[n,·] = 0 with probability rate and
// x[n,·]/(1-rate) otherwise (Huang et al. 2016, arXiv:1603.09382, scaled as
// in dropout), by Bits(seed, step, n). Its gradient is itself on dy.
func StochasticDepth(crew *parallel.Crew, rate float32, seed, step uint64, n int, x, y []float32) {
	same(len(y), len(x))
	if n <= 0 || len(x)%n != 0 {
		panic("vec: images of unequal size")
	}
	below, keep, size := threshold(rate), 1/(1-rate), len(x)/n
	for i := range n {
		to := y[i*size : (i+1)*size]
		if Bits(seed, step, uint64(i))>>32 < below {
			clear(to)
		} else {
			Scale(crew, keep, x[i*size:(i+1)*size], to)
		}
	}
}
