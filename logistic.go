package argus

import (
	"context"
	"math"
	"runtime"

	"github.com/argus-go/argus/internal/kernel/gemm"
	"github.com/argus-go/argus/internal/parallel"
)

// A linearModel is a multinomial logistic regression: class c of x has the
// score kernel[·][c]·x + bias[c].
type linearModel struct {
	dim, classes int
	kernel       []float32 // [dim][classes]
	bias         []float32
}

// probabilities writes the softmax of the scores of x.
func (m *linearModel) probabilities(x, p []float32) {
	copy(p, m.bias)
	for j, v := range x {
		for c := range p {
			p[c] += v * m.kernel[j*m.classes+c]
		}
	}
	softmax(p)
}

func softmax(p []float32) {
	top := float32(math.Inf(-1))
	for _, v := range p {
		top = max(top, v)
	}
	sum := 0.0
	for c, v := range p {
		e := math.Exp(float64(v - top))
		p[c] = float32(e)
		sum += e
	}
	for c := range p {
		p[c] = float32(float64(p[c]) / sum)
	}
}

// logistic minimises mean cross-entropy + l2/2 · |kernel|² over the rows of x,
// [n][dim], each no longer than 1, by Nesterov's accelerated gradients with
// restarts (O'Donoghue and Candès, arXiv:1204.3982). The gradient changes by no
// more than l2 + 1 times the step: a row with its 1 for the bias has a squared
// length of 2, and the softmax a curvature of at most 1/2.
func logistic(ctx context.Context, x []float32, labels []int, dim, classes int, l2 float32) (*linearModel, error) {
	const (
		most = 1000 // steps
		flat = 1e-4 // largest entry of the gradient at the end
	)
	n := len(labels)
	m := &linearModel{dim, classes, make([]float32, dim*classes), make([]float32, classes)}
	look := &linearModel{dim, classes, make([]float32, dim*classes), make([]float32, classes)}
	gk, gb := make([]float32, dim*classes), make([]float32, classes)
	p := make([]float32, n*classes)
	rate := 1 / (l2 + 1)
	t := 1.0
	crew := parallel.Begin(runtime.GOMAXPROCS(0))
	defer crew.End()
	for range most {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		look.errors(crew, x, labels, p)
		gemm.Mul(crew, true, false, dim, classes, n, x, dim, p, classes, gk, classes, false)
		clear(gb)
		for i := range n {
			for c := range classes {
				gb[c] += p[i*classes+c]
			}
		}
		for i, w := range look.kernel {
			gk[i] += l2 * w
		}
		next := (1 + math.Sqrt(1+4*t*t)) / 2
		momentum := float32((t - 1) / next)
		uphill, largest := 0.0, float32(0)
		step := func(at, look, g []float32) {
			for i, d := range g {
				largest = max(largest, d, -d)
				moved := look[i] - rate*d
				uphill += float64(d) * float64(moved-at[i])
				look[i] = moved + momentum*(moved-at[i])
				at[i] = moved
			}
		}
		step(m.kernel, look.kernel, gk)
		step(m.bias, look.bias, gb)
		if largest < flat {
			break
		}
		if t = next; uphill > 0 {
			t = 1
			copy(look.kernel, m.kernel)
			copy(look.bias, m.bias)
		}
	}
	return m, nil
}

// errors writes the probabilities less the truth, over the number of rows.
func (m *linearModel) errors(crew *parallel.Crew, x []float32, labels []int, p []float32) {
	n := len(labels)
	gemm.Mul(crew, false, false, n, m.classes, m.dim, x, m.dim, m.kernel, m.classes, p, m.classes, false)
	for i, label := range labels {
		row := p[i*m.classes : (i+1)*m.classes]
		for c := range row {
			row[c] += m.bias[c]
		}
		softmax(row)
		row[label]--
		for c := range row {
			row[c] /= float32(n)
		}
	}
}
