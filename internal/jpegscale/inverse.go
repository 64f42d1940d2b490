package jpegscale

// Inverse cosine transforms of the lowest n×n of 8×8 frequencies to n×n samples,
// which are the means over 8/n×8/n samples of the whole transform, but for
// frequencies above: the orthonormal transform of n points, times √(n/8) in each
// direction. Constants are in units of 2⁻¹³.
const (
	bitsOf = 13
	extra  = 4 // bits after the point, between the passes

	root8 = 2896 // √⅛
	cos8  = 3784 // cos(π/8)/2
	sin8  = 1567 // sin(π/8)/2
)

func first(v int32) int32 { return (v + 1<<(bitsOf-extra-1)) >> (bitsOf - extra) }

func second(v int32) uint8 { return sample((v + 1<<(bitsOf+extra-1)) >> (bitsOf + extra)) }

func sample(v int32) uint8 { return uint8(min(max(v+128, 0), 255)) }

func inverse2(b *[64]int16, q *[64]int32, out []uint8, stride int) {
	b0, b1, b8, b9 := int32(b[0])*q[0], int32(b[8])*q[8], int32(b[1])*q[1], int32(b[9])*q[9]
	p, r := first(root8*(b0+b8)), first(root8*(b0-b8))
	s, t := first(root8*(b1+b9)), first(root8*(b1-b9))
	out[0], out[1] = second(root8*(p+s)), second(root8*(p-s))
	out[stride], out[stride+1] = second(root8*(r+t)), second(root8*(r-t))
}

func four(a, b, c, d int32) (w, x, y, z int32) {
	e0, e1 := root8*(a+c), root8*(a-c)
	o0, o1 := cos8*b+sin8*d, sin8*b-cos8*d
	return e0 + o0, e1 + o1, e1 - o1, e0 - o0
}

func inverse4(b *[64]int16, q *[64]int32, out []uint8, stride int) {
	var t [4][4]int32
	for i := range 4 {
		c, f := (*[4]int16)(b[8*i:]), (*[4]int32)(q[8*i:])
		w, x, y, z := four(int32(c[0])*f[0], int32(c[1])*f[1], int32(c[2])*f[2], int32(c[3])*f[3])
		t[0][i], t[1][i], t[2][i], t[3][i] = first(w), first(x), first(y), first(z)
	}
	for i := range t {
		r := &t[i]
		w, x, y, z := four(r[0], r[1], r[2], r[3])
		o := out[i*stride:][:4]
		o[0], o[1], o[2], o[3] = second(w), second(x), second(y), second(z)
	}
}
