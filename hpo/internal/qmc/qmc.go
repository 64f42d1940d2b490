// Package qmc spreads points over the unit cube more evenly than chance does.
package qmc

import "math/rand/v2"

const bits = 32

// Sobol returns points first to first+n-1 of a Sobol sequence in [0, 1)^dims,
// each dimension under a random shift of its digits. Dimensions past the
// fortieth are of chance.
func Sobol(first, n, dims int, seed uint64) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 0x50b01))
	points := rows(n, dims)
	for d := range dims {
		shift := rng.Uint32()
		if d > len(joeKuo) {
			for i := range first + n {
				if f := rng.Float64(); i >= first {
					points[i-first][d] = f
				}
			}
			continue
		}
		v := directions(d)
		for i := range n {
			x := shift
			for b, gray := 0, uint32(first+i)^uint32(first+i)>>1; gray != 0; b, gray = b+1, gray>>1 {
				if gray&1 == 1 {
					x ^= v[b]
				}
			}
			points[i][d] = float64(x) / (1 << bits)
		}
	}
	return points
}

// directions of a dimension, from the recurrence of its polynomial.
func directions(d int) [bits]uint32 {
	var v [bits]uint32
	if d == 0 {
		for i := range v {
			v[i] = 1 << (bits - 1 - i)
		}
		return v
	}
	e := joeKuo[d-1]
	s := len(e.m)
	for i := range v {
		if i < s {
			v[i] = e.m[i] << (bits - 1 - i)
			continue
		}
		v[i] = v[i-s] ^ v[i-s]>>s
		for k := 1; k < s; k++ {
			if e.poly>>(s-k)&1 == 1 {
				v[i] ^= v[i-k]
			}
		}
	}
	return v
}

// LatinHypercube returns n points of which each n-th of each dimension has one.
func LatinHypercube(n, dims int, seed uint64) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 0x1a71))
	points := rows(n, dims)
	for d := range dims {
		for i, at := range rng.Perm(n) {
			points[i][d] = (float64(at) + rng.Float64()) / float64(n)
		}
	}
	return points
}

func rows(n, dims int) [][]float64 {
	points := make([][]float64, n)
	for i := range points {
		points[i] = make([]float64, dims)
	}
	return points
}
