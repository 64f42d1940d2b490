package winograd

// combine computes rows of n sums of terms of src.
func combine(t terms, rows, n int, src []float32, srcStep int, dst []float32, dstStep int) {
	for r := range rows {
		d := dst[r*dstStep:][:n]
		clear(d)
		for j, f := range t.factors {
			for i, v := range src[t.distances[j]+r*srcStep:][:n] {
				d[i] += f * v
			}
		}
	}
}

// pixel is where channel c of pixel p is.
func (t *tile) pixel(p, c int) *float32 {
	if o := t.offs[p]; o >= 0 {
		return &t.pix[t.at+o+c]
	}
	return &t.none[c]
}

func (f form) intoPortable(t *tile)   { t.elements(f.down.into, f.across.into) }
func (f form) spreadPortable(t *tile) { t.elements(f.down.spread, f.across.spread) }

// elements transforms pixels, channel by channel: each column, then each row.
func (t *tile) elements(down, across [][]float64) {
	var d, e [maxPoints]float32
	h, w := len(down[0]), len(across[0])
	rows, cols := len(down), len(across)
	for c := range t.c {
		for p := range h * w {
			d[p] = *t.pixel(p, c)
		}
		for j := range w {
			multiply(down, d[j:], w, e[j:], w)
		}
		for i := range rows {
			multiply(across, e[i*w:], 1, d[i*cols:], 1)
		}
		for p := range rows * cols {
			t.flat[p*t.plane+c] = d[p]
		}
	}
}

// fromPortable computes the pixels of elements d: the transform of each row,
// then of each column.
func (f form) fromPortable(t *tile) {
	var d, e [maxPoints]float32
	h, w := f.down.size, f.across.size
	oh, ow := f.down.out, f.across.out
	for c := range t.c {
		for p := range h * w {
			d[p] = t.flat[p*t.plane+c]
		}
		for i := range h {
			multiply(f.across.from, d[i*w:], 1, e[i*ow:], 1)
		}
		for j := range ow {
			multiply(f.down.from, e[j:], ow, d[j:], ow)
		}
		for p := range oh * ow {
			v := d[p] + t.bias[c]
			if v < t.lo {
				v = t.lo
			}
			if v > t.hi {
				v = t.hi
			}
			*t.pixel(p, c) = v
		}
	}
}

// multiply computes y = m·x, whose elements lie ldx and ldy apart.
func multiply(m [][]float64, x []float32, ldx int, y []float32, ldy int) {
	for i, row := range m {
		sum := float32(0)
		for j, c := range row {
			if c != 0 {
				sum += float32(c) * x[j*ldx]
			}
		}
		y[i*ldy] = sum
	}
}
