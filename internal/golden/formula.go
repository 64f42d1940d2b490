package golden

import (
	"fmt"
	"math"
	"strings"

	"github.com/argus-go/argus/internal/keras"
	"github.com/argus-go/argus/nn"
)

// bits is number i of splitmix64 from the state key << 32.
func bits(key, i uint64) uint64 {
	z := (key<<32 + i + 1) * 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// unit is in [0, 1), a multiple of 2⁻²⁴.
func unit(key, i uint64) float32 { return float32(bits(key, i)>>40) / (1 << 24) }

// Pictures are n pictures of noise as in wants them, [n][h][w][3].
func Pictures(in nn.Input, n, h, w int) []float32 {
	x := make([]float32, n*h*w*3)
	for i := range x {
		c := i % 3
		source := i
		if in.BGR {
			source += 2 - 2*c
		}
		std := in.Std[c]
		if std == 0 {
			std = 1
		}
		x[i] = (float32(bits(0, uint64(source))>>56) - in.Mean[c]) / std
	}
	return x
}

// Weights are those of l for an input of shape in. Each value depends on the
// places of its layer among Keras' layers with weights, of its tensor in the layer
// and of itself in the tensor, so that no two tensors can be taken for each other.
// The layers with a norm, and the dense ones, have an exponent each: how many
// powers of two their input or output is large.
func Weights(l nn.Layer, in nn.Shape, exponents []int) (nn.Weights, error) {
	ops, err := keras.Order(l, in)
	if err != nil {
		return nil, err
	}
	w := nn.Weights{}
	layer := uint64(0)
	for _, o := range ops {
		if len(o.Params) == 0 {
			continue
		}
		layer++
		scale := float32(1)
		if o.Class == "BatchNormalization" || o.Class == "Dense" {
			if len(exponents) == 0 {
				return nil, fmt.Errorf("golden: no exponent left for %s", o.Params[0].Name)
			}
			scale = float32(math.Ldexp(1, exponents[0]))
			exponents = exponents[1:]
		}
		for i, p := range o.Params {
			w[p.Name] = nn.Tensor{Shape: p.Shape, Data: fill(8*layer+uint64(i), p, scale)}
		}
	}
	if len(exponents) > 0 {
		return nil, fmt.Errorf("golden: %d exponents too many", len(exponents))
	}
	return w, nil
}

// fill makes one tensor. Every value is rounded once.
func fill(key uint64, p nn.Param, scale float32) []float32 {
	data := make([]float32, p.Size())
	limit := float32(math.Sqrt(6 / float64(fanIn(p)))) // He uniform (arXiv:1502.01852)
	role := p.Name[strings.LastIndexByte(p.Name, '/')+1:]
	for i := range data {
		u := unit(key, uint64(i))
		switch role {
		case "kernel":
			data[i] = (2*u - 1) * limit * scale
		case "gamma":
			data[i] = 0.75 + u/2
		case "moving_variance":
			data[i] = (0.5 + u) * scale * scale
		case "moving_mean":
			data[i] = (u - 0.5) / 2 * scale
		default: // beta, bias
			data[i] = (u - 0.5) / 2
		}
	}
	return data
}

// fanIn is how many values of the input a value of the output depends on.
func fanIn(p nn.Param) int {
	n := len(p.Shape)
	if n > 1 && p.Shape[n-1] == 1 { // depthwise
		return p.Size() / p.Shape[n-2]
	}
	return p.Size() / p.Shape[n-1]
}
