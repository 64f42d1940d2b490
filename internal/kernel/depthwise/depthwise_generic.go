package depthwise

import (
	"math"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

var portable = kernels{run: run, backward: backward, gradient: gradient}

// run is the definition, one output row a task.
func run(crew *parallel.Crew, s Shape, n int, x, kernel, y []float32, ep Epilogue, sums []float32) {
	crew.Do(n*s.OutH, func(i int) {
		from, row := x[i/s.OutH*s.in():][:s.in()], y[i*s.OutW*s.C:][:s.OutW*s.C]
		h := i%s.OutH*s.StrideH - s.Top
		h0, h1 := span(h, s.KH, s.H)
		for ow := range s.OutW {
			w := ow*s.StrideW - s.Left
			w0, w1 := span(w, s.KW, s.W)
			out := row[ow*s.C : (ow+1)*s.C]
			clear(out)
			copy(out, ep.Bias)
			for kh := h0; kh < h1; kh++ {
				for kw := w0; kw < w1; kw++ {
					mulAdd(from[((h+kh)*s.W+w+kw)*s.C:], kernel[(kh*s.KW+kw)*s.C:], out)
				}
			}
		}
		ep.apply(row)
		if sums != nil {
			sum := sums[i*s.C : (i+1)*s.C]
			clear(sum)
			vec.SumRows(row, sum)
		}
	})
}

// apply bounds and activates v.
func (ep *Epilogue) apply(v []float32) {
	for i, x := range v {
		switch {
		case ep.Swish:
			v[i] = swish(x)
		case x < ep.Lo:
			v[i] = ep.Lo
		case x > ep.Hi:
			v[i] = ep.Hi
		}
	}
}

func swish(x float32) float32 {
	if math.IsInf(float64(x), -1) {
		return 0
	}
	return float32(float64(x) / (1 + math.Exp(-float64(x))))
}

// mulAdd computes y += a · b.
func mulAdd(a, b, y []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for c := range y {
		y[c] += a[c] * b[c]
	}
}

// backward is the definition of the input's gradient, a row of dx a task.
func backward(crew *parallel.Crew, s Shape, n int, kernel, dy, dx []float32) {
	crew.Do(n*s.H, func(i int) { s.backwardRow(i, kernel, dy, dx) })
}

// backwardRow gathers row i of the n·H rows of dx.
func (s Shape) backwardRow(i int, kernel, dy, dx []float32) {
	from, row := dy[i/s.H*s.out():][:s.out()], dx[i*s.W*s.C:][:s.W*s.C]
	clear(row)
	for kh := range s.KH {
		h := i%s.H + s.Top - kh
		if h < 0 || h%s.StrideH != 0 || h/s.StrideH >= s.OutH {
			continue
		}
		from := from[h/s.StrideH*s.OutW*s.C:]
		for ow := range s.OutW {
			w := ow*s.StrideW - s.Left
			w0, w1 := span(w, s.KW, s.W)
			for kw := w0; kw < w1; kw++ {
				mulAdd(from[ow*s.C:], kernel[(kh*s.KW+kw)*s.C:], row[(w+kw)*s.C:][:s.C])
			}
		}
	}
}

// gradient is the definition of the kernel's gradient, a picture a task.
func gradient(crew *parallel.Crew, s Shape, n int, x, dy, dk []float32) {
	parts := make([]float32, n*len(dk))
	crew.Do(n, func(i int) {
		s.addGradient(x[i*s.in():][:s.in()], dy[i*s.out():][:s.out()], parts[i*len(dk):][:len(dk)])
	})
	sumParts(parts, dk)
}

// sumParts computes dk, the sum of parts as long, in order.
func sumParts(parts, dk []float32) {
	for t := range dk {
		sum := 0.0
		for i := t; i < len(parts); i += len(dk) {
			sum += float64(parts[i])
		}
		dk[t] = float32(sum)
	}
}

// addGradient adds one picture's gradient to dk.
func (s Shape) addGradient(x, dy, dk []float32) {
	for oh := range s.OutH {
		h := oh*s.StrideH - s.Top
		h0, h1 := span(h, s.KH, s.H)
		for ow := range s.OutW {
			w := ow*s.StrideW - s.Left
			w0, w1 := span(w, s.KW, s.W)
			for kh := h0; kh < h1; kh++ {
				for kw := w0; kw < w1; kw++ {
					mulAdd(x[((h+kh)*s.W+w+kw)*s.C:], dy[(oh*s.OutW+ow)*s.C:], dk[(kh*s.KW+kw)*s.C:][:s.C])
				}
			}
		}
	}
}
