package jpeg444

// block is 8 rows of 8 samples, or their transform.
type block [64]int32

const (
	constBits = 13 // fractional bits of the constants
	passBits  = 2  // and those kept between the passes
)

// Constants of Loeffler, Ligtenberg and Moschytz, "Practical fast 1-D DCT
// algorithms with 11 multiplications", ICASSP 1989, in 13 fractional bits.
const (
	fix0298631336 = 2446
	fix0390180644 = 3196
	fix0541196100 = 4433
	fix0765366865 = 6270
	fix0899976223 = 7373
	fix1175875602 = 9633
	fix1501321110 = 12299
	fix1847759065 = 15137
	fix1961570560 = 16069
	fix2053119869 = 16819
	fix2562915447 = 20995
	fix3072711026 = 25172
)

// transform replaces samples by their DCT, rounded.
func (b *block) transform() {
	for y := range 8 {
		pass(b[8*y:8*y+8], 1, passBits, constBits-passBits)
	}
	for x := range 8 {
		pass(b[x:], 8, -passBits, constBits+passBits)
	}
	for i, v := range b { // the passes leave 8 times the coefficients
		if v < 0 {
			b[i] = -((-v + 4) >> 3)
		} else {
			b[i] = (v + 4) >> 3
		}
	}
}

// pass transforms the eight values v[0], v[step], …, scaled by √8. Sums alone are
// shifted left by up, products right by down.
func pass(v []int32, step, up, down int) {
	v = v[:7*step+1]
	d0, d1, d2, d3 := v[0], v[step], v[2*step], v[3*step]
	d4, d5, d6, d7 := v[4*step], v[5*step], v[6*step], v[7*step]

	s0, s1, s2, s3 := d0+d7, d1+d6, d2+d5, d3+d4
	t0, t1, t2, t3 := s0+s3, s1+s2, s1-s2, s0-s3
	if up >= 0 {
		v[0], v[4*step] = (t0+t1)<<up, (t0-t1)<<up
	} else {
		v[0], v[4*step] = descale(t0+t1, -up), descale(t0-t1, -up)
	}
	z := (t2 + t3) * fix0541196100
	v[2*step] = descale(z+t3*fix0765366865, down)
	v[6*step] = descale(z-t2*fix1847759065, down)

	o4, o5, o6, o7 := d3-d4, d2-d5, d1-d6, d0-d7
	z1, z2, z3, z4 := o4+o7, o5+o6, o4+o6, o5+o7
	z5 := (z3 + z4) * fix1175875602
	z1 *= -fix0899976223
	z2 *= -fix2562915447
	z3 = z5 - z3*fix1961570560
	z4 = z5 - z4*fix0390180644
	v[7*step] = descale(o4*fix0298631336+z1+z3, down)
	v[5*step] = descale(o5*fix2053119869+z2+z4, down)
	v[3*step] = descale(o6*fix3072711026+z2+z3, down)
	v[step] = descale(o7*fix1501321110+z1+z4, down)
}

// descale is x / 2ⁿ, rounded.
func descale(x int32, n int) int32 { return (x + 1<<(n-1)) >> n }
