package augment

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// random draws for one step of an Augmentor on one picture.
type random struct{ rand.PCG }

// seeds are what the draws of one picture follow from.
func seeds(seed uint64, k Key) (a, b uint64) {
	var text [8 + len(k.Content) + 8]byte
	binary.LittleEndian.PutUint64(text[:], seed)
	copy(text[8:], k.Content[:])
	binary.LittleEndian.PutUint64(text[8+len(k.Content):], uint64(k.Epoch))
	sum := sha256.Sum256(text[:])
	return binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])
}

// stepRandom is the source of one step: what one draws does not move the others.
func stepRandom(a, b uint64, step int) *random {
	r := new(random)
	r.Seed(a+uint64(step)*0x9e3779b97f4a7c15, b)
	return r
}

// float is from 0 to below 1.
func (r *random) float() float64 { return float64(r.Uint64()>>11) / (1 << 53) }

// between is from lo to below hi.
func (r *random) between(lo, hi float64) float64 { return lo + mul(hi-lo, r.float()) }

// about is from −by to below by.
func (r *random) about(by float64) float64 { return r.between(-by, by) }

// below is from 0 to n−1.
func (r *random) below(n int) int {
	hi, _ := bits.Mul64(r.Uint64(), uint64(n))
	return int(hi)
}

// ratio is from 1/q to q, each half as likely.
func (r *random) ratio(q float64) float64 {
	v, up := r.between(1, q), r.below(2) == 0
	if up {
		return v
	}
	return 1 / v
}

// a stream is a fast source for the noise of pixels (SplitMix64: Steele, Lea,
// Flood 2014, doi:10.1145/2714064.2660195).
type stream uint64

func (s *stream) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
