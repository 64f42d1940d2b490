package xception

import (
	"github.com/argus-go/argus/internal/torchnet"
	"github.com/argus-go/argus/nn"
)

// Torch is [New] as timm computes it (legacy_xception), for files with its
// weights: pools have a row of padding on every side, and batch norm another
// constant.
func Torch(classes int) nn.Model {
	m := New(classes)
	m.Name = "timm/legacy_xception"
	m.Body = torchnet.Map(m.Body, func(l nn.Layer) nn.Layer {
		switch l := l.(type) {
		case nn.Conv:
			l.Norm = nn.BatchNorm{Eps: 1e-5, Momentum: 0.9}
			return l
		case nn.Pool:
			l.Pad, l.Pads = nn.Explicit, [4]int{1, 1, 1, 1}
			return l
		}
		return l
	})
	return m
}
