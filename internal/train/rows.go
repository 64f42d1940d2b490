package train

import (
	"context"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/argus-go/argus/nn"
)

// Rows are labelled inputs of one shape.
type Rows interface {
	Len() int
	Label(i int) int
	// Read writes rows to dst, one after the other, as they are in an epoch
	// from 1; epoch 0 is for validation.
	Read(ctx context.Context, epoch int, rows []int, dst []float32) error
}

// order is the training rows in the order of an epoch. A balanced one is as long,
// but each class comes as often as the others.
func (j *Job) order(epoch int) []int {
	n := j.Train.Len()
	r := rand.New(rand.NewPCG(j.Seed, uint64(epoch)))
	if !j.Balanced {
		return r.Perm(n)
	}
	byClass := make([][]int, j.Classes)
	for i := range n {
		byClass[j.Train.Label(i)] = append(byClass[j.Train.Label(i)], i)
	}
	var present [][]int
	for _, rows := range byClass {
		if len(rows) > 0 {
			r.Shuffle(len(rows), func(a, b int) { rows[a], rows[b] = rows[b], rows[a] })
			present = append(present, rows)
		}
	}
	order := make([]int, n)
	for i := range order {
		rows := present[i%len(present)]
		order[i] = rows[i/len(present)%len(rows)]
	}
	r.Shuffle(n, func(a, b int) { order[a], order[b] = order[b], order[a] })
	return order
}

// A mix blends each row k of a batch with row partner[k]: the share of the other.
type mix struct {
	partner []int
	other   float64 // from 0 to 1
}

// blend mixes the n rows of x in place, as a step of an epoch draws it, and says
// how. Mixup blends values; cutmix pastes a rectangle and so needs rows with a
// height and a width.
func (j *Job) blend(epoch, step, n int, x, scratch []float32) mix {
	r := rand.New(rand.NewPCG(j.Seed^0x6d6978, uint64(epoch)<<32|uint64(step)))
	m := mix{partner: r.Perm(n)}
	alpha, cut := j.Mixup, j.CutMix > 0
	if cut && (alpha == 0 || r.IntN(2) == 0) {
		alpha = j.CutMix
	} else {
		cut = false
	}
	m.other = 1 - distuv.Beta{Alpha: float64(alpha), Beta: float64(alpha), Src: r}.Rand()
	size := j.In.Size()
	from := scratch[:n*size]
	copy(from, x)
	if !cut {
		for k, p := range m.partner {
			mixup(x[k*size:][:size], from[p*size:][:size], float32(m.other))
		}
		return m
	}
	b := drawBox(r, j.In, m.other)
	for k, p := range m.partner {
		b.paste(x[k*size:][:size], from[p*size:][:size], j.In)
	}
	m.other = float64((b.y1-b.y0)*(b.x1-b.x0)) / float64(j.In.H*j.In.W)
	return m
}

func mixup(x, other []float32, share float32) {
	for i, v := range other {
		x[i] += share * (v - x[i])
	}
}

// A box is rows y0 to y1 and columns x0 to x1 of a picture, the ends left out.
type box struct{ y0, y1, x0, x1 int }

// drawBox draws a box of about the given share of the area, cut off at the edges.
func drawBox(r *rand.Rand, in nn.Shape, share float64) box {
	side := math.Sqrt(share)
	h, w := int(side*float64(in.H)), int(side*float64(in.W))
	y, x := r.IntN(in.H), r.IntN(in.W)
	return box{max(0, y-h/2), min(in.H, y+h-h/2), max(0, x-w/2), min(in.W, x+w-w/2)}
}

func (b box) paste(dst, src []float32, in nn.Shape) {
	for y := b.y0; y < b.y1; y++ {
		lo, hi := (y*in.W+b.x0)*in.C, (y*in.W+b.x1)*in.C
		copy(dst[lo:hi], src[lo:hi])
	}
}
