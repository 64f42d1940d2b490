// Package loss is the training losses, each with its gradient.
package loss

import (
	"math"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// CrossEntropy returns the softmax cross-entropy of logits [n,classes]
// against labels [n], and its gradient in dlogits [n,classes] unless nil
// (which may be logits itself).
//
// The target of row i is t = (1-smoothing)·onehot(label) + smoothing/classes,
// its loss lᵢ = -Σ t·log softmax(logits), and the result Σ wᵢ·lᵢ / n, as
// Keras' sum_over_batch_size with sample weights; weights nil means 1. A row
// of weight 0 counts in n but is not looked at. The arithmetic is float64 and
// subtracts the row's largest logit, so that only a row whose loss is
// infinite, or that holds NaN, gives a result that is not finite. A label
// outside [0, classes) panics.
func CrossEntropy[L int | int32 | float32](crew *parallel.Crew, n, classes int, logits []float32, labels []L, weights []float32, smoothing float32, dlogits []float32) float64 {
	if len(logits) != n*classes || len(labels) != n || weights != nil && len(weights) != n ||
		dlogits != nil && len(dlogits) != n*classes {
		panic("loss: slices do not fit")
	}
	for _, l := range labels {
		if !(l >= 0 && l < L(classes) && L(int(l)) == l) {
			panic("loss: label outside the classes")
		}
	}
	lent := vec.Doubles.Take(n)
	defer vec.Doubles.Give(lent)
	losses := *lent
	b := batch[L]{classes, logits, dlogits, weights, labels, float64(smoothing), losses}
	if n*classes < share {
		crew = nil
	}
	parallel.Each(crew, n, b, batch[L].row)
	sum := 0.0
	for _, l := range losses {
		sum += l
	}
	return sum / float64(max(n, 1))
}

// share is how many values are worth sharing out.
const share = 4096

// A batch is what CrossEntropy works on.
type batch[L int | int32 | float32] struct {
	classes                  int
	logits, dlogits, weights []float32
	labels                   []L
	smoothing                float64
	losses                   []float64
}

func (b batch[L]) row(i int) {
	weight := 1.0
	if b.weights != nil {
		weight = float64(b.weights[i])
	}
	var d []float32
	if b.dlogits != nil {
		d = b.dlogits[i*b.classes : (i+1)*b.classes]
	}
	b.losses[i] = 0
	if weight == 0 {
		clear(d)
		return
	}
	x := b.logits[i*b.classes : (i+1)*b.classes]
	b.losses[i] = weight * row(x, int(b.labels[i]), b.smoothing, weight/float64(len(b.losses)), d)
}

// row returns the loss of one row and writes scale·(softmax - target) to d.
func row(x []float32, label int, smoothing, scale float64, d []float32) float64 {
	m := math.Inf(-1)
	for _, v := range x {
		if float64(v) > m || v != v {
			m = float64(v)
		}
	}
	lent := vec.Doubles.Take(len(x))
	defer vec.Doubles.Give(lent)
	sum, p := 0.0, *lent
	for i, v := range x {
		p[i] = math.Exp(float64(v) - m)
		sum += p[i]
	}
	lse, other := m+math.Log(sum), smoothing/float64(len(x))
	loss := 0.0
	target := func(i int) float64 {
		if i == label {
			return 1 - smoothing + other
		}
		return other
	}
	for i, v := range x {
		if t := target(i); t != 0 { // 0·Inf is no loss
			loss += t * (lse - float64(v))
		}
	}
	for i := range d {
		d[i] = float32(scale * (p[i]/sum - target(i)))
	}
	return loss
}
