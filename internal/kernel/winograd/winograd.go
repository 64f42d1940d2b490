// Package winograd convolves with stride 1 by fewer multiplications: tiles of
// the picture are transformed, channel by channel, to elements that are
// multiplied by the elements of the kernel, as matrices over the channels, and
// the products are transformed back (Winograd 1980; Lavin and Gray,
// arXiv:1509.09308).
//
// Results differ from those of the sum of products by rounding (decision
// 0014), and depend on the shape and the operands only. Where an output pixel
// sees a NaN or an infinity it is not finite; so may be others of its tile.
package winograd

import (
	"fmt"

	"github.com/argus-go/argus/internal/kernel/gemm"
	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// A Shape is the geometry of a convolution of one picture with stride 1.
// Output pixel (y, x) sees input pixels (y-Top+i, x-Left+j) for i, j in the
// kernel; those outside the picture are zero.
type Shape struct {
	H, W, Cin, Cout int
	KH, KW          int
	Top, Left       int
	OutH, OutW      int
	LdX             int // floats from one input pixel to the next
}

// A Conv is a convolution with its kernel transformed and packed. Many
// goroutines may run it at once.
type Conv struct {
	Shape
	form
	grid
	kernel []*gemm.Packed // one for each product of a tile
	transform
	zeros []float32
}

// New transforms and packs kernel [KH][KW][Cin][Cout]; or returns nil where
// nothing is gained by this package.
func New(s Shape, kernel []float32) *Conv {
	f, ok := choose(&s)
	if !ok {
		return nil
	}
	return newConv(s, f, kernel)
}

func newConv(s Shape, f form, kernel []float32) *Conv {
	c := &Conv{Shape: s, form: f, grid: newGrid(&s, f), transform: best.transform(f), zeros: make([]float32, max(s.Cin, s.Cout))}
	c.kernel = make([]*gemm.Packed, f.points())
	u := vec.Floats.Take(s.Cin * s.Cout)
	for p := range c.kernel {
		c.element(p, kernel, *u)
		c.kernel[p] = gemm.Pack(*u, s.Cin, s.Cout, s.Cout, false)
	}
	vec.Floats.Give(u)
	return c
}

// Repack takes over new values of the kernel. Nobody may run c meanwhile.
func (c *Conv) Repack(crew *parallel.Crew, kernel []float32) {
	crew.Do(len(c.kernel), func(p int) {
		u := vec.Floats.Take(c.Cin * c.Cout)
		c.element(p, kernel, *u)
		c.kernel[p].Repack(nil, *u)
		vec.Floats.Give(u)
	})
}

// element computes element p of the transformed kernel, u [Cin][Cout].
func (c *Conv) element(p int, kernel, u []float32) {
	if need := c.KH * c.KW * len(u); len(kernel) < need {
		panic(fmt.Sprintf("winograd: kernel has %d elements, needs %d", len(kernel), need))
	}
	down, across := c.down.kernel[p/c.across.size], c.across.kernel[p%c.across.size]
	var room [512]float64
	for at := 0; at < len(u); at += len(room) {
		part := u[at:min(at+len(room), len(u))]
		sums := room[:len(part)]
		clear(sums)
		for i, a := range down {
			for j, b := range across {
				if f := a * b; f != 0 {
					for k, w := range kernel[(i*c.KW+j)*len(u)+at:][:len(sums)] {
						sums[k] += f * float64(w)
					}
				}
			}
		}
		for k, v := range sums {
			part[k] = float32(v)
		}
	}
}
