package vec

import "github.com/argus-go/argus/internal/parallel"

// AddBias computes y[r,c] = x[r,c] + bias[c].
func AddBias(crew *parallel.Crew, rows, c int, x, bias, y []float32) {
	same(rows*c, len(x), len(y))
	same(c, len(bias))
	Split(crew, rows, c, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			k.add(x[r*c:(r+1)*c], bias, y[r*c:(r+1)*c])
		}
	})
}

// Affine computes y[r,c] = x[r,c]·scale[c] + shift[c].
func Affine(crew *parallel.Crew, rows, c int, x, scale, shift, y []float32) {
	same(rows*c, len(x), len(y))
	same(c, len(scale), len(shift))
	Split(crew, rows, c, func(lo, hi int) { k.affine(x[lo*c:hi*c], scale, shift, y[lo*c:hi*c]) })
}

// ScaleChannels computes y[r,c] = x[r,c]·scale[c].
func ScaleChannels(crew *parallel.Crew, rows, c int, x, scale, y []float32) {
	Gate(crew, 1, rows, c, x, scale, y)
}

// AffineAdd computes y[r,c] = x[r,c]·scale[c] + z[r,c]·slope[c] + shift[c].
func AffineAdd(crew *parallel.Crew, rows, c int, x, scale, z, slope, shift, y []float32) {
	same(rows*c, len(x), len(z), len(y))
	same(c, len(scale), len(slope), len(shift))
	Split(crew, rows, c, func(lo, hi int) {
		k.affineAdd(x[lo*c:hi*c], scale, z[lo*c:hi*c], slope, shift, y[lo*c:hi*c])
	})
}

// Gate computes y[n,p,c] = x[n,p,c]·g[n,c] over hw pixels p, the multiply of
// squeeze-excite. Its gradient for x is Gate of dy.
func Gate(crew *parallel.Crew, n, hw, c int, x, g, y []float32) {
	same(n*hw*c, len(x), len(y))
	same(n*c, len(g))
	Split(crew, n*hw, c, func(lo, hi int) {
		for lo < hi {
			img := lo / hw
			end := min(hi, (img+1)*hw)
			k.mulRows(x[lo*c:end*c], g[img*c:(img+1)*c], y[lo*c:end*c])
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
	zero := *lent
	SumImages(crew, n, hw, c, dg, func(lo, hi int, acc []float32) {
		k.dotRows(dy[lo*c:hi*c], x[lo*c:hi*c], zero, acc)
	})
}

// ColumnSums computes sums[c] = Σ over rows of x[r,c]: the gradient of a bias.
func ColumnSums(crew *parallel.Crew, rows, c int, x, sums []float32) {
	same(rows*c, len(x))
	same(c, len(sums))
	round(sums, func(sums []float64) {
		ReduceRows(crew, rows, c, 1, sums, func(lo, hi int, acc []float32) { k.sumRows(x[lo*c:hi*c], acc) })
	})
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

// ReduceRows sums over rows: f adds the terms of rows [lo, hi), at most 64,
// to acc (terms·c values, zero at first). The float32 sums of such blocks are
// added in float64, in an order that depends on rows, c and terms alone, and
// written to sums [terms·c].
func ReduceRows(crew *parallel.Crew, rows, c, terms int, sums []float64, f func(lo, hi int, acc []float32)) {
	width := terms * c
	span := max(1, 4*grain/max(1, c*block)) * block
	chunks := (rows + span - 1) / span
	lent := Doubles.TakeZero(chunks * width)
	defer Doubles.Give(lent)
	parts := *lent
	crew.Do(chunks, func(i int) {
		part := parts[i*width : (i+1)*width]
		lent := Floats.Take(width)
		defer Floats.Give(lent)
		acc := *lent
		for lo := i * span; lo < min(rows, (i+1)*span); lo += block {
			clear(acc)
			f(lo, min(rows, lo+block), acc)
			for j, v := range acc {
				part[j] += float64(v)
			}
		}
	})
	clear(sums[:width])
	for i := range chunks {
		for j, v := range parts[i*width : (i+1)*width] {
			sums[j] += v
		}
	}
}

// SumImages sums over the hw pixels of each image: f adds rows [lo, hi) of
// one image to acc (c values); y is [n, c].
func SumImages(crew *parallel.Crew, n, hw, c int, y []float32, f func(lo, hi int, acc []float32)) {
	if n == 1 {
		round(y, func(sums []float64) { ReduceRows(crew, hw, c, 1, sums, f) })
		return
	}
	crew.Do(n, func(i int) {
		shifted := func(lo, hi int, acc []float32) { f(i*hw+lo, i*hw+hi, acc) }
		round(y[i*c:(i+1)*c], func(sums []float64) { ReduceRows(nil, hw, c, 1, sums, shifted) })
	})
}

// round stores what f sums.
func round(y []float32, f func(sums []float64)) {
	sums := Doubles.Take(len(y))
	defer Doubles.Give(sums)
	f(*sums)
	for i, v := range *sums {
		y[i] = float32(v)
	}
}

// CopyChannels copies c channels of each pixel between tensors whose pixels
// lie lds and ldd values apart: a slice into or out of a concatenation. src
// and dst begin at the first channel copied.
func CopyChannels(crew *parallel.Crew, pixels, c int, src []float32, lds int, dst []float32, ldd int) {
	Split(crew, pixels, c, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			copy(dst[p*ldd:p*ldd+c], src[p*lds:p*lds+c])
		}
	})
}

// AddChannels is CopyChannels that adds to dst.
func AddChannels(crew *parallel.Crew, pixels, c int, src []float32, lds int, dst []float32, ldd int) {
	Split(crew, pixels, c, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			d := dst[p*ldd : p*ldd+c]
			k.add(d, src[p*lds:p*lds+c], d)
		}
	})
}
