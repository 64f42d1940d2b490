package efficientnet

import (
	"fmt"
	"math"

	"github.com/argus-go/argus/nn"
)

const (
	topChannels = 1280
	dropPath    = 0.2 // stochastic depth of the last block; it grows from 0 block by block
)

func (v variant) model(classes int) nn.Model {
	stem := v.outer(v.stages[0].in)
	body := nn.Seq{nn.Block{Name: "stem", Body: v.conv("conv", stem, 3, 2, v.act)}}
	aliases := map[string]string{"stem_activation": "stem", "top_activation": "top"}
	in, b, blocks := stem, 0, v.blocks()
	for i, s := range v.stages {
		s.in, s.out = in, v.channels(s.out)
		for j := range v.repeats(i) {
			rate := float32(dropPath * float64(b) / float64(blocks))
			name := blockName(i, j)
			layer := s.layer(v.family, rate)
			body = append(body, nn.Block{Name: name, Body: layer})
			s.alias(aliases, name, layer)
			s.in, s.stride = s.out, 1
			b++
		}
		in = s.out
	}
	body = append(body,
		nn.Block{Name: "top", Body: v.conv("conv", v.outer(topChannels), 1, 1, v.act)},
		nn.GlobalPool{Kind: nn.Avg})
	return nn.Model{
		Name:    "efficientnet-" + v.name,
		Input:   v.input(),
		Body:    body,
		Top:     nn.Seq{nn.Dropout{Rate: v.dropout}, nn.Dense{Name: "predictions", Units: classes, Act: nn.Softmax}},
		Cuts:    []string{blockName(len(v.stages)-1, 0), blockName(len(v.stages)-2, 0)},
		Aliases: aliases,
	}
}

// blockName is that of repeat j of stage i, both from 0.
func blockName(i, j int) string { return fmt.Sprintf("block%d%c", i+1, 'a'+j) }

// input says what the published weights expect. Keras divides by √std twice for
// v1 (its rescaling_1), which makes (x/255-mean)/std with ImageNet's numbers.
func (v variant) input() nn.Input {
	in := nn.Input{Size: v.size, MinSize: 32}
	if v.std != 0 {
		in.Mean = [3]float32{v.mean, v.mean, v.mean}
		in.Std = [3]float32{v.std, v.std, v.std}
		return in
	}
	in.Mean = [3]float32{0.485 * 255, 0.456 * 255, 0.406 * 255}
	in.Std = [3]float32{0.229 * 255, 0.224 * 255, 0.225 * 255}
	return in
}

// channels scales c by the width, to the nearest multiple of 8.
func (v variant) channels(c int) int {
	w := float64(c) * v.width
	n := max(8, int(w+4)/8*8)
	if v.tenth && float64(n) < 0.9*w {
		n += 8
	}
	return n
}

// outer is channels for stem and top.
func (v variant) outer(c int) int {
	if v.fixed {
		return c
	}
	return v.channels(c)
}

// repeats is how many blocks stage i has.
func (v variant) repeats(i int) int {
	n := v.stages[i].repeat
	if v.fixed && (i == 0 || i == len(v.stages)-1) {
		return n
	}
	return int(math.Ceil(v.depth * float64(n)))
}

func (v variant) blocks() (n int) {
	for i := range v.stages {
		n += v.repeats(i)
	}
	return n
}

// layer is one block of the stage, residual where it keeps the shape.
func (s stage) layer(f family, rate float32) nn.Layer {
	body := s.block(f, s)
	if s.stride != 1 || s.in != s.out {
		return body
	}
	if rate > 0 {
		body = append(body, nn.Dropout{Rate: rate, Path: true})
	}
	return nn.Add{Branches: []nn.Layer{nn.Seq{}, body}}
}

// alias adds Keras' names of the layers of a block.
func (s stage) alias(names map[string]string, block string, layer nn.Layer) {
	body, plain := layer.(nn.Seq)
	if !plain {
		names[block+"_add"] = block
		body = layer.(nn.Add).Branches[1].(nn.Seq)
	}
	for _, l := range body {
		c, ok := l.(nn.Conv)
		if !ok {
			continue
		}
		part := map[string]string{"expand": "_expand", "depthwise": "", "project": "_project"}[c.Name]
		suffix := "_activation"
		if c.Act == nn.Linear {
			suffix = "_bn"
		}
		names[block+part+suffix] = block + "/" + c.Name
	}
}

// mbConv widens, convolves each channel apart, weighs the channels, narrows.
func mbConv(f family, s stage) (b nn.Seq) {
	if s.expand != 1 {
		b = append(b, f.conv("expand", s.in*s.expand, 1, 1, f.act))
	}
	depthwise := f.conv("depthwise", 0, s.kernel, s.stride, f.act)
	depthwise.Kind = nn.Depthwise
	b = append(b, depthwise)
	if f.gate {
		b = append(b, f.squeezeExcite(s))
	}
	return append(b, f.conv("project", s.out, 1, 1, nn.Linear))
}

// fused is mbConv with its first two convolutions made one and no
// squeeze-excite.
func fused(f family, s stage) nn.Seq {
	if s.expand == 1 {
		return nn.Seq{f.conv("project", s.out, s.kernel, s.stride, f.act)}
	}
	return nn.Seq{
		f.conv("expand", s.in*s.expand, s.kernel, s.stride, f.act),
		f.conv("project", s.out, 1, 1, nn.Linear),
	}
}

// squeezeExcite weighs each channel by what it sees of the whole picture. Its
// inner width is a quarter of the block's input, not of the widened channels.
func (f family) squeezeExcite(s stage) nn.Layer {
	pointwise := func(name string, filters int, act nn.Activation) nn.Conv {
		return nn.Conv{Name: name, Filters: filters, Kernel: [2]int{1, 1}, Bias: true, Act: act}
	}
	return nn.Gate{Body: nn.Block{Name: "se", Body: nn.Seq{
		nn.GlobalPool{Kind: nn.Avg},
		pointwise("reduce", max(1, s.in/4), f.act),
		pointwise("expand", s.in*s.expand, nn.Sigmoid),
	}}}
}

// conv is a convolution with batch norm. TensorFlow's "same" padding equals
// the explicit zeros that Keras adds where it strides.
func (f family) conv(name string, filters, kernel, stride int, act nn.Activation) nn.Conv {
	c := nn.Conv{
		Name:    name,
		Filters: filters,
		Kernel:  [2]int{kernel, kernel},
		Stride:  stride,
		Norm:    nn.BatchNorm{Eps: 1e-3, Momentum: f.momentum},
		Act:     act,
	}
	if f.torch.eps != 0 {
		c.Norm.Eps = f.torch.eps
		p := (kernel - 1) / 2
		c.Pad, c.Pads = nn.Explicit, [4]int{p, p, p, p}
	}
	return c
}
