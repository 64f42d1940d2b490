// Package torchnet knows what torchvision and timm call the tensors of the
// networks that this module has, and how they lie: a convolution's kernel is
// [out in height width], a linear layer's weight [out in].
package torchnet

import "github.com/argus-go/argus/nn"

// Map applies f to every layer of l that holds no others.
func Map(l nn.Layer, f func(nn.Layer) nn.Layer) nn.Layer {
	switch l := l.(type) {
	case nn.Seq:
		return nn.Seq(mapAll(l, f))
	case nn.Concat:
		return nn.Concat(mapAll(l, f))
	case nn.Add:
		l.Branches = mapAll(l.Branches, f)
		return l
	case nn.Gate:
		return nn.Gate{Body: Map(l.Body, f)}
	case nn.Block:
		return nn.Block{Name: l.Name, Body: Map(l.Body, f)}
	}
	return f(l)
}

func mapAll(ls []nn.Layer, f func(nn.Layer) nn.Layer) []nn.Layer {
	out := make([]nn.Layer, len(ls))
	for i, l := range ls {
		out[i] = Map(l, f)
	}
	return out
}
