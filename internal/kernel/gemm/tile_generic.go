package gemm

// generic is the portable implementation, and the definition of the others:
// four columns wide, four rows at once where there are as many.
var generic = &implementation{
	name:  "generic",
	lanes: 4,
	rows:  [4]int{1: 4},
	run:   tileGeneric,
	runT:  tileTransGeneric,
}

// piece returns piece s of row i.
func (t *tile) piece(s, i int) []float32 {
	if o := t.offs[s*t.offStep+i]; o >= 0 {
		return t.a[o:][:t.seg]
	}
	return t.zeros[:t.seg]
}

func tileGeneric(t *tile, rows, _ int) {
	sum := t.start(rows)
	for s := range t.segs {
		b := t.b[s*t.seg*4:]
		if rows == 4 {
			fourRows(&sum, t.piece(s, 0), t.piece(s, 1), t.piece(s, 2), t.piece(s, 3), b)
			continue
		}
		for i := range rows {
			oneRow(&sum[i], t.piece(s, i), b)
		}
	}
	t.finish(&sum, rows)
}

func oneRow(sum *[4]float32, a, b []float32) {
	s0, s1, s2, s3 := sum[0], sum[1], sum[2], sum[3]
	for k, v := range a {
		w := b[4*k:][:4]
		s0 += v * w[0]
		s1 += v * w[1]
		s2 += v * w[2]
		s3 += v * w[3]
	}
	*sum = [4]float32{s0, s1, s2, s3}
}

func fourRows(sum *[4][4]float32, a0, a1, a2, a3, b []float32) {
	twoRows((*[2][4]float32)(sum[:2]), a0, a1, b)
	twoRows((*[2][4]float32)(sum[2:]), a2, a3, b)
}

// twoRows keeps its sums in registers.
func twoRows(sum *[2][4]float32, a0, a1, b []float32) {
	s0, s1, s2, s3 := sum[0][0], sum[0][1], sum[0][2], sum[0][3]
	t0, t1, t2, t3 := sum[1][0], sum[1][1], sum[1][2], sum[1][3]
	a1, b = a1[:len(a0)], b[:4*len(a0)]
	for k, v := range a0 {
		u := a1[k]
		w := b[:4:4]
		b = b[4:]
		s0 += v * w[0]
		s1 += v * w[1]
		s2 += v * w[2]
		s3 += v * w[3]
		t0 += u * w[0]
		t1 += u * w[1]
		t2 += u * w[2]
		t3 += u * w[3]
	}
	*sum = [2][4]float32{{s0, s1, s2, s3}, {t0, t1, t2, t3}}
}

func tileTransGeneric(t *tile, rows, _ int) {
	sum := t.start(rows)
	n := t.columns()
	for s := range t.segs {
		a := t.zeros[:rows]
		if o := t.offs[s]; o >= 0 {
			a = t.a[o:][:rows]
		}
		var w [4]float32
		copy(w[:], t.b[s*t.ldb:][:n])
		for i, v := range a {
			d := &sum[i]
			d[0] += v * w[0]
			d[1] += v * w[1]
			d[2] += v * w[2]
			d[3] += v * w[3]
		}
	}
	t.finish(&sum, rows)
}

// columns returns how many of a tile's four columns are in C.
func (t *tile) columns() (n int) {
	for n < 4 && t.lanes[n] != 0 {
		n++
	}
	return n
}

func (t *tile) start(rows int) (sum [4][4]float32) {
	n := t.columns()
	for i := range rows {
		if t.bias != nil {
			copy(sum[i][:n], t.bias)
		} else {
			copy(sum[i][:n], t.c[i*t.ldc:])
		}
	}
	return sum
}

func (t *tile) finish(sum *[4][4]float32, rows int) {
	n := t.columns()
	for i := range rows {
		c := t.c[i*t.ldc:][:n]
		for j := range c {
			v := sum[i][j]
			if t.add != nil {
				v += t.add[i*t.addLd+j]
			}
			if t.clamp != 0 {
				if v < t.lo {
					v = t.lo
				}
				if v > t.hi {
					v = t.hi
				}
			}
			c[j] = v
		}
	}
}
