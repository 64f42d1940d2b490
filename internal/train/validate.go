package train

import (
	"context"
	"errors"
	"math"

	"github.com/argus-go/argus/internal/kernel/loss"
	"github.com/argus-go/argus/nn"
)

// validated is the rows that are validated at a time.
const validated = 16

// metrics are what validation finds.
type metrics struct {
	loss          float64 // weighted by class
	n, right, top int     // rows, told right, among the k likeliest
	of, found     []int   // rows of each class, and told right
}

func (m metrics) epoch(number int, trainLoss float64, rate float32) Epoch {
	recall := make([]float64, len(m.of))
	for c, n := range m.of {
		recall[c] = float64(m.found[c]) / float64(max(n, 1))
	}
	return Epoch{number, trainLoss, m.loss, float64(m.right) / float64(m.n), float64(m.top) / float64(m.n), recall, rate}
}

// validate tells the validation rows apart with the given weights.
func (j *Job) validate(ctx context.Context, w nn.Weights) (metrics, error) {
	plan, err := nn.Freeze(j.Layer(), j.In, w)
	if errors.Is(err, nn.ErrWeights) {
		err = diverged("%w", err)
	}
	if err != nil {
		return metrics{}, err
	}
	const batch = validated
	n, k := j.Val.Len(), j.Classes
	m := metrics{n: n, of: make([]int, k), found: make([]int, k)}
	x, logits := make([]float32, batch*j.In.Size()), make([]float32, n*k)
	for lo := 0; lo < n; lo += batch {
		hi := min(n, lo+batch)
		rows := make([]int, hi-lo)
		for i := range rows {
			rows[i] = lo + i
		}
		in := x[:len(rows)*j.In.Size()]
		if err := j.Val.Read(ctx, 0, rows, in); err != nil {
			return m, err
		}
		if err := plan.Run(ctx, j.Threads, len(rows), in, logits[lo*k:hi*k]); err != nil {
			return m, err
		}
	}
	labels, weights, total := make([]int, n), make([]float32, n), 0.
	for i := range n {
		label := j.Val.Label(i)
		labels[i], weights[i] = label, j.ClassWeights[label]
		total += float64(weights[i])
		m.of[label]++
		switch rank := RankOf(logits[i*k:][:k], label); {
		case rank == 0:
			m.right++
			m.found[label]++
			fallthrough
		case rank < j.TopK:
			m.top++
		}
	}
	m.loss = loss.CrossEntropy(nil, n, k, logits, labels, weights, 0, nil) * float64(n) / total
	if math.IsNaN(m.loss) || math.IsInf(m.loss, 0) {
		return m, diverged("the validation loss is %v at learning rate %v", m.loss, j.Rate)
	}
	return m, nil
}

// RankOf is how many classes come before the given one: those with a higher
// value, and earlier ones with the same.
func RankOf(x []float32, class int) (rank int) {
	for i, v := range x {
		if v > x[class] || v == x[class] && i < class {
			rank++
		}
	}
	return rank
}
