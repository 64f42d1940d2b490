// Package xception declares Xception.
//
// The network is Figure 5 of Chollet, "Xception: Deep Learning with Depthwise
// Separable Convolutions" (arXiv:1610.02357), as in the weights published with
// Keras (xception.py). It takes RGB pictures, NHWC, 299×299 by default and from
// 71×71 up, with pixels scaled to [-1, 1]: (x-127.5)/127.5.
package xception

import (
	"fmt"

	"github.com/argus-go/argus/nn"
)

// New maps pictures to 2048 features. Its blocks are block1–block14; fine-tuning
// begins at block14 or block13. Keras' names of layers are aliases:
// block13_sepconv2_act, block14_sepconv2_act.
func New(classes int) nn.Model {
	body := nn.Seq{
		block(1, conv(32, 3, 2), conv(64, 3, 1)),                           // 147×147×64 for 299×299
		block(2, halve(128, sep(128, nn.ReLU), sep(128, nn.Linear))),       // 74×74×128
		block(3, halve(256, relu, sep(256, nn.ReLU), sep(256, nn.Linear))), // 37×37×256
		block(4, halve(728, relu, sep(728, nn.ReLU), sep(728, nn.Linear))), // 19×19×728
	}
	for i := 5; i <= 12; i++ { // 19×19×728
		body = append(body, block(i, nn.Add{Branches: []nn.Layer{
			nn.Seq{},
			nn.Seq{relu, sep(728, nn.ReLU), sep(728, nn.ReLU), sep(728, nn.Linear)},
		}}))
	}
	body = append(body,
		block(13, halve(1024, relu, sep(728, nn.ReLU), sep(1024, nn.Linear))), // 10×10×1024
		block(14, sep(1536, nn.ReLU), sep(2048, nn.ReLU)),                     // 10×10×2048
		nn.GlobalPool{Kind: nn.Avg})                                           // 1×1×2048
	return nn.Model{
		Name: "xception",
		Input: nn.Input{
			Size:    299,
			MinSize: 71,
			Mean:    [3]float32{127.5, 127.5, 127.5},
			Std:     [3]float32{127.5, 127.5, 127.5},
		},
		Body:    body,
		Cuts:    []string{"block14", "block13"},
		Aliases: aliases(),
		Top:     nn.Dense{Name: "predictions", Units: classes, Act: nn.Softmax},
	}
}

// aliases are Keras' names of layers. There an activation bears the name of the
// convolution that it comes before, except in the last block.
func aliases() map[string]string {
	names := map[string]string{
		"block1_conv1_act": "block1/conv1", "block1_conv2_act": "block1/conv2",
		"block14_sepconv1_act": "block14/conv1", "block14_sepconv2_act": "block14/conv2",
	}
	for n := 2; n <= 13; n++ {
		last := 2
		if 5 <= n && n <= 12 {
			last = 3
		}
		for i := 2; i <= last; i++ {
			names[fmt.Sprintf("block%d_sepconv%d_act", n, i)] = fmt.Sprintf("block%d/conv%d", n, i-1)
		}
		names[fmt.Sprintf("block%d_sepconv%d_bn", n, last)] = fmt.Sprintf("block%d/conv%d", n, last)
	}
	return names
}

// relu comes before a block's first convolution, not before its shortcut.
var relu = nn.Act{Kind: nn.ReLU}

var norm = nn.BatchNorm{Eps: 1e-3}

func block(n int, layers ...nn.Layer) nn.Block {
	if len(layers) == 1 {
		return nn.Block{Name: fmt.Sprintf("block%d", n), Body: layers[0]}
	}
	return nn.Block{Name: fmt.Sprintf("block%d", n), Body: nn.Seq(layers)}
}

// halve runs layers and a max pool beside a 1×1 shortcut that strides.
func halve(filters int, layers ...nn.Layer) nn.Add {
	shortcut := nn.Conv{Name: "shortcut", Filters: filters, Kernel: [2]int{1, 1}, Stride: 2, Norm: norm}
	pool := nn.Pool{Kind: nn.Max, Window: 3, Stride: 2, Pad: nn.Same}
	return nn.Add{Branches: []nn.Layer{nn.Seq(append(layers, pool)), shortcut}} // as Keras adds, which orders its weights
}

// sep is a separable 3×3 convolution with batch norm.
func sep(filters int, act nn.Activation) nn.Conv {
	return nn.Conv{Kind: nn.Separable, Filters: filters, Kernel: [2]int{3, 3}, Norm: norm, Act: act}
}

func conv(filters, kernel, stride int) nn.Conv {
	return nn.Conv{Filters: filters, Kernel: [2]int{kernel, kernel}, Stride: stride, Pad: nn.Valid, Norm: norm, Act: nn.ReLU}
}
