package jpegscale

// Inverse cosine transforms of the lowest n×n of 8×8 frequencies to n×n samples,
// which are the means over 8/n×8/n samples of the whole transform, but for
// frequencies above: the orthonormal transform of n points, times √(n/8) in each
// direction. Constants are in units of 2⁻¹³.
const (
	bitsOf = 13
	extra  = 4 // bits after the point, between the passes

	root8  = 2896 // √⅛
	cos8   = 3784 // cos(π/8)/2
	sin8   = 1567 // sin(π/8)/2
	cos1of = 4017 // cos(kπ/16)/2
	cos3of = 3406
	cos5of = 2276
	cos7of = 799
)

func first(v int32) int32 { return (v + 1<<(bitsOf-extra-1)) >> (bitsOf - extra) }

func second(v int32) uint8 { return sample((v + 1<<(bitsOf+extra-1)) >> (bitsOf + extra)) }

func inverse2(b *[64]int32, out []uint8, stride int) {
	p, q := first(root8*(b[0]+b[8])), first(root8*(b[1]+b[9]))
	r, s := first(root8*(b[0]-b[8])), first(root8*(b[1]-b[9]))
	out[0], out[1] = second(root8*(p+q)), second(root8*(p-q))
	out[stride], out[stride+1] = second(root8*(r+s)), second(root8*(r-s))
}

func four(a, b, c, d int32) (w, x, y, z int32) {
	e0, e1 := root8*(a+c), root8*(a-c)
	o0, o1 := cos8*b+sin8*d, sin8*b-cos8*d
	return e0 + o0, e1 + o1, e1 - o1, e0 - o0
}

func inverse4(b *[64]int32, out []uint8, stride int) {
	var t [4][4]int32
	for i := range 4 {
		w, x, y, z := four(b[i], b[8+i], b[16+i], b[24+i])
		t[0][i], t[1][i], t[2][i], t[3][i] = first(w), first(x), first(y), first(z)
	}
	for i := range t {
		r := &t[i]
		w, x, y, z := four(r[0], r[1], r[2], r[3])
		o := out[i*stride:][:4]
		o[0], o[1], o[2], o[3] = second(w), second(x), second(y), second(z)
	}
}

func eight(x *[8]int32) {
	e0, e1 := root8*(x[0]+x[4]), root8*(x[0]-x[4])
	e2, e3 := cos8*x[2]+sin8*x[6], sin8*x[2]-cos8*x[6]
	s0, s1, s2, s3 := e0+e2, e1+e3, e1-e3, e0-e2
	d0 := cos1of*x[1] + cos3of*x[3] + cos5of*x[5] + cos7of*x[7]
	d1 := cos3of*x[1] - cos7of*x[3] - cos1of*x[5] - cos5of*x[7]
	d2 := cos5of*x[1] - cos1of*x[3] + cos7of*x[5] + cos3of*x[7]
	d3 := cos7of*x[1] - cos5of*x[3] + cos3of*x[5] - cos1of*x[7]
	*x = [8]int32{s0 + d0, s1 + d1, s2 + d2, s3 + d3, s3 - d3, s2 - d2, s1 - d1, s0 - d0}
}

func inverse8(b *[64]int32, out []uint8, stride int) {
	var t [64]int32
	for i := range 8 {
		x := [8]int32{b[i], b[8+i], b[16+i], b[24+i], b[32+i], b[40+i], b[48+i], b[56+i]}
		eight(&x)
		for k, v := range x {
			t[8*k+i] = first(v)
		}
	}
	for i := range 8 {
		x := [8]int32(t[8*i : 8*i+8])
		eight(&x)
		o := out[i*stride:][:8]
		for k, v := range x {
			o[k] = second(v)
		}
	}
}
