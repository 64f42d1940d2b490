package vec

import "github.com/argus-go/argus/internal/parallel"

// rowsOf is what a loop over rows of c channels works on.
type rowsOf struct {
	c, n, m                     int
	x, z, y, scale, slope, bias []float32
}

// AddBias computes y[r,c] = x[r,c] + bias[c].
func AddBias(crew *parallel.Crew, rows, c int, x, bias, y []float32) {
	same(rows*c, len(x), len(y))
	same(c, len(bias))
	Over(crew, rows, c, rowsOf{c: c, x: x, bias: bias, y: y}, func(a rowsOf, lo, hi int) {
		for r := lo; r < hi; r++ {
			k.add(a.x[r*a.c:(r+1)*a.c], a.bias, a.y[r*a.c:(r+1)*a.c])
		}
	})
}

// Affine computes y[r,c] = x[r,c]·scale[c] + shift[c].
func Affine(crew *parallel.Crew, rows, c int, x, scale, shift, y []float32) {
	same(rows*c, len(x), len(y))
	same(c, len(scale), len(shift))
	Over(crew, rows, c, rowsOf{c: c, x: x, scale: scale, bias: shift, y: y}, func(a rowsOf, lo, hi int) {
		k.affine(a.x[lo*a.c:hi*a.c], a.scale, a.bias, a.y[lo*a.c:hi*a.c])
	})
}

// ScaleChannels computes y[r,c] = x[r,c]·scale[c].
func ScaleChannels(crew *parallel.Crew, rows, c int, x, scale, y []float32) {
	Gate(crew, 1, rows, c, x, scale, y)
}

// AffineAdd computes y[r,c] = x[r,c]·scale[c] + z[r,c]·slope[c] + shift[c].
func AffineAdd(crew *parallel.Crew, rows, c int, x, scale, z, slope, shift, y []float32) {
	same(rows*c, len(x), len(z), len(y))
	same(c, len(scale), len(slope), len(shift))
	Over(crew, rows, c, rowsOf{c: c, x: x, scale: scale, z: z, slope: slope, bias: shift, y: y}, func(a rowsOf, lo, hi int) {
		k.affineAdd(a.x[lo*a.c:hi*a.c], a.scale, a.z[lo*a.c:hi*a.c], a.slope, a.bias, a.y[lo*a.c:hi*a.c])
	})
}

// Gate computes y[n,p,c] = x[n,p,c]·g[n,c] over hw pixels p, the multiply of
// squeeze-excite. Its gradient for x is Gate of dy.
func Gate(crew *parallel.Crew, n, hw, c int, x, g, y []float32) {
	same(n*hw*c, len(x), len(y))
	same(n*c, len(g))
	Over(crew, n*hw, c, rowsOf{c: c, n: hw, x: x, scale: g, y: y}, func(a rowsOf, lo, hi int) {
		for c := a.c; lo < hi; {
			img := lo / a.n
			end := min(hi, (img+1)*a.n)
			k.mulRows(a.x[lo*c:end*c], a.scale[img*c:(img+1)*c], a.y[lo*c:end*c])
			lo = end
		}
	})
}

// GateGradient computes dg[n,c] = Σ over pixels of x[n,p,c]·dy[n,p,c].
func GateGradient(crew *parallel.Crew, n, hw, c int, x, dy, dg []float32) {
	same(n*hw*c, len(x), len(dy))
	same(n*c, len(dg))
	lent := Floats.TakeZero(c)
	defer Floats.Give(lent)
	SumImages(crew, n, hw, dg, Terms{C: c, X: x, Y: dy, Mean: *lent}, func(t Terms, lo, hi int, acc []float32) {
		k.dotRows(t.Y[lo*t.C:hi*t.C], t.X[lo*t.C:hi*t.C], t.Mean, acc)
	})
}

// ColumnSums computes sums[c] = Σ over rows of x[r,c]: the gradient of a bias.
func ColumnSums(crew *parallel.Crew, rows, c int, x, sums []float32) {
	same(rows*c, len(x))
	same(c, len(sums))
	reduceTo(crew, 0, rows, sums, Terms{C: c, X: x}, Terms.SumX)
}

// SumRows adds the rows of len(acc) channels in x to acc, in order.
func SumRows(x, acc []float32) { k.sumRows(x, acc) }

// SumOff adds x - mean of every row to acc, in order.
func SumOff(x, mean, acc []float32) { k.sumOff(x, mean, acc) }

// SumAbout adds (x - mean)² of every row to acc, in order.
func SumAbout(x, mean, acc []float32) { k.sumAbout(x, mean, acc) }

// DotRows adds a·(b - mean) of every row to acc, in order.
func DotRows(a, b, mean, acc []float32) { k.dotRows(a, b, mean, acc) }

// block is the number of rows summed in float32 before float64 takes over.
const block = 64

// Terms are what is summed: tensors of rows of C channels, and one value a channel;
// and what else is to be done in passing.
type Terms struct {
	C                  int
	X, Y, Z            []float32
	Mean, Scale, Shift []float32
	Then               func(crew *parallel.Crew, a, b, y []float32)
}

// SumX adds rows lo to hi of X to acc.
func (t Terms) SumX(lo, hi int, acc []float32) { k.sumRows(t.X[lo*t.C:hi*t.C], acc) }

// A reduction is one sum over rows, in chunks whose sums are parts.
type reduction struct {
	Terms
	f           func(t Terms, lo, hi int, acc []float32)
	base, rows  int // the rows are base to base+rows
	span, width int
	parts       []float64
}

// ReduceRows sums over rows: f adds the terms of rows [lo, hi), at most 64,
// to acc (terms·C values, zero at first). The float32 sums of such blocks are
// added in float64, in an order that depends on rows, C and terms alone, and
// written to sums [terms·C].
func ReduceRows(crew *parallel.Crew, rows, terms int, sums []float64, t Terms, f func(t Terms, lo, hi int, acc []float32)) {
	reduce(crew, 0, rows, terms, sums, t, f)
}

func reduce(crew *parallel.Crew, base, rows, terms int, sums []float64, t Terms, f func(t Terms, lo, hi int, acc []float32)) {
	width := terms * t.C
	span := max(1, 4*grain/max(1, t.C*block)) * block
	chunks := (rows + span - 1) / span
	lent := Doubles.TakeZero(chunks * width)
	defer Doubles.Give(lent)
	r := reduction{Terms: t, f: f, base: base, rows: rows, span: span, width: width, parts: *lent}
	parallel.Each(crew, chunks, r, reduction.chunk)
	clear(sums[:width])
	for i := range chunks {
		for j, v := range r.parts[i*width : (i+1)*width] {
			sums[j] += v
		}
	}
}

func (r reduction) chunk(i int) {
	part := r.parts[i*r.width : (i+1)*r.width]
	lent := Floats.Take(r.width)
	defer Floats.Give(lent)
	acc := *lent
	for lo := i * r.span; lo < min(r.rows, (i+1)*r.span); lo += block {
		clear(acc)
		r.f(r.Terms, r.base+lo, r.base+min(r.rows, lo+block), acc)
		for j, v := range acc {
			part[j] += float64(v)
		}
	}
}

// SumImages sums over the hw pixels of each image: f adds rows [lo, hi) of
// one image to acc (C values); y is [n, C].
func SumImages(crew *parallel.Crew, n, hw int, y []float32, t Terms, f func(t Terms, lo, hi int, acc []float32)) {
	if n == 1 {
		reduceTo(crew, 0, hw, y, t, f)
		return
	}
	type images struct {
		reduction
		y []float32
	}
	parallel.Each(crew, n, images{reduction{Terms: t, f: f, rows: hw}, y}, func(a images, i int) {
		reduceTo(nil, i*a.rows, a.rows, a.y[i*a.C:(i+1)*a.C], a.Terms, a.f)
	})
}

// reduceTo rounds the sums over some rows from base on to y.
func reduceTo(crew *parallel.Crew, base, rows int, y []float32, t Terms, f func(t Terms, lo, hi int, acc []float32)) {
	sums := Doubles.Take(len(y))
	defer Doubles.Give(sums)
	reduce(crew, base, rows, 1, *sums, t, f)
	for i, v := range *sums {
		y[i] = float32(v)
	}
}

// CopyChannels copies c channels of each pixel between tensors whose pixels
// lie lds and ldd values apart: a slice into or out of a concatenation. src
// and dst begin at the first channel copied.
func CopyChannels(crew *parallel.Crew, pixels, c int, src []float32, lds int, dst []float32, ldd int) {
	Over(crew, pixels, c, rowsOf{c: c, n: lds, m: ldd, x: src, y: dst}, func(a rowsOf, lo, hi int) {
		for p := lo; p < hi; p++ {
			copy(a.y[p*a.m:p*a.m+a.c], a.x[p*a.n:p*a.n+a.c])
		}
	})
}

// AddChannels is CopyChannels that adds to dst.
func AddChannels(crew *parallel.Crew, pixels, c int, src []float32, lds int, dst []float32, ldd int) {
	Over(crew, pixels, c, rowsOf{c: c, n: lds, m: ldd, x: src, y: dst}, func(a rowsOf, lo, hi int) {
		for p := lo; p < hi; p++ {
			d := a.y[p*a.m : p*a.m+a.c]
			k.add(d, a.x[p*a.n:p*a.n+a.c], d)
		}
	})
}

// Transpose writes the rows×cols matrix src, rows lds apart, to dst as cols×rows,
// rows ldd apart.
func Transpose(src []float32, lds, rows, cols int, dst []float32, ldd int) {
	if rows == 0 || cols == 0 {
		return
	}
	_, _ = src[(rows-1)*lds+cols-1], dst[(cols-1)*ldd+rows-1]
	k.transpose(src, lds, rows, cols, dst, ldd)
}
