// Package inception declares Inception v3 and Inception-ResNet-V2.
//
// Both take RGB pictures, NHWC, 299×299 by default and from 75×75 up, with
// pixels scaled to [-1, 1]: (x-127.5)/127.5. Filter counts are those of the
// weights published with Keras (inception_v3.py, inception_resnet_v2.py).
package inception

import "github.com/argus-go/argus/nn"

func model(name string, body nn.Seq, classes int, cuts ...string) nn.Model {
	return nn.Model{
		Name: name,
		Input: nn.Input{
			Size:    299,
			MinSize: 75,
			Mean:    [3]float32{127.5, 127.5, 127.5},
			Std:     [3]float32{127.5, 127.5, 127.5},
		},
		Body: body,
		Cuts: cuts,
		Top:  nn.Dense{Name: "predictions", Units: classes, Act: nn.Softmax},
	}
}

// A branch of a module; its name is the prefix of its parameters.
type branch struct {
	name string
	body nn.Seq
}

// concat joins branches; their order is that of the output's channels.
func concat(branches ...branch) nn.Concat {
	c := make(nn.Concat, len(branches))
	for i, b := range branches {
		c[i] = nn.Block{Name: b.name, Body: b.body}
	}
	return c
}

func block(name string, layers ...nn.Layer) nn.Block {
	if len(layers) == 1 {
		return nn.Block{Name: name, Body: layers[0]}
	}
	return nn.Block{Name: name, Body: nn.Seq(layers)}
}

// conv is the papers' convolution: batch norm without scale, then ReLU.
func conv(filters, rows, cols int) nn.Conv {
	return nn.Conv{
		Filters: filters,
		Kernel:  [2]int{rows, cols},
		Norm:    nn.BatchNorm{Eps: 1e-3, NoScale: true},
		Act:     nn.ReLU,
	}
}

// valid is a square convolution without padding.
func valid(filters, size int) nn.Conv {
	c := conv(filters, size, size)
	c.Pad = nn.Valid
	return c
}

// reduce is a 3×3 convolution that halves the grid.
func reduce(filters int) nn.Conv {
	c := valid(filters, 3)
	c.Stride = 2
	return c
}

// The pools: maxPool halves the grid, avgPool keeps it.
func maxPool() nn.Pool { return nn.Pool{Kind: nn.Max, Window: 3, Stride: 2, Pad: nn.Valid} }
func avgPool() nn.Pool { return nn.Pool{Kind: nn.Avg, Window: 3, Stride: 1, Pad: nn.Same} }

// stem is the common beginning: 299×299×3 → 35×35×192.
func stem() nn.Block {
	return block("stem",
		reduce(32),     //      149×149×32
		valid(32, 3),   //      147×147×32
		conv(64, 3, 3), //      147×147×64
		maxPool(),      //        73×73×64
		valid(80, 1),   //        73×73×80
		valid(192, 3),  //       71×71×192
		maxPool(),      //       35×35×192
	)
}
