package inception

import (
	"fmt"
	"strings"

	"github.com/argus-go/argus/nn"
)

// ResNetV2 is Inception-ResNet-V2: Inception modules whose output, scaled down,
// is added to their input. It maps pictures to 1536 features: Figure 15 of
// Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual
// Connections on Learning" (arXiv:1602.07261). Its blocks are stem, mixed_5b,
// block35_1–10, mixed_6a, block17_1–20, mixed_7a, block8_1–10 and conv_7b;
// fine-tuning begins at block8_1 or block17_1. Keras' names of layers are
// aliases: block35_1_ac, conv_7b_ac.
func ResNetV2(classes int) nn.Model {
	body := nn.Seq{ //                       output for 299×299
		stem(), //                           35×35×192
		block("mixed_5b", concat( //         35×35×320
			branch{"branch1x1", nn.Seq{conv(96, 1, 1)}},
			branch{"branch5x5", nn.Seq{conv(48, 1, 1), conv(64, 5, 5)}},
			branch{"branch3x3dbl", nn.Seq{conv(64, 1, 1), conv(96, 3, 3), conv(96, 3, 3)}},
			branch{"branch_pool", nn.Seq{avgPool(), conv(64, 1, 1)}},
		)),
	}
	for i := range 10 { //                   35×35×320
		body = append(body, block(fmt.Sprintf("block35_%d", i+1), residual(block35(), 320, 0.17, nn.ReLU)))
	}
	body = append(body, block("mixed_6a", concat( // 17×17×1088
		branch{"branch3x3", nn.Seq{reduce(384)}},
		branch{"branch3x3dbl", nn.Seq{conv(256, 1, 1), conv(256, 3, 3), reduce(384)}},
		branch{"branch_pool", nn.Seq{maxPool()}},
	)))
	for i := range 20 { //                   17×17×1088
		body = append(body, block(fmt.Sprintf("block17_%d", i+1), residual(block17(), 1088, 0.1, nn.ReLU)))
	}
	body = append(body, block("mixed_7a", concat( // 8×8×2080
		branch{"branch3x3", nn.Seq{conv(256, 1, 1), reduce(384)}},
		branch{"branch3x3_2", nn.Seq{conv(256, 1, 1), reduce(288)}},
		branch{"branch3x3dbl", nn.Seq{conv(256, 1, 1), conv(288, 3, 3), reduce(320)}},
		branch{"branch_pool", nn.Seq{maxPool()}},
	)))
	for i := range 9 { //                    8×8×2080
		body = append(body, block(fmt.Sprintf("block8_%d", i+1), residual(block8(), 2080, 0.2, nn.ReLU)))
	}
	body = append(body, // the last is neither scaled down nor rectified
		block("block8_10", residual(block8(), 2080, 1, nn.Linear)),
		block("conv_7b", conv(1536, 1, 1)), // 8×8×1536
		nn.GlobalPool{Kind: nn.Avg},        // 1×1×1536
	)
	m := model("inception-resnet-v2", body, classes, "block8_1", "block17_1")
	m.Aliases = map[string]string{"conv_7b_ac": "conv_7b"}
	for _, l := range body {
		b, ok := l.(nn.Block)
		if ok && strings.HasPrefix(b.Name, "block") && b.Name != "block8_10" { // which has none
			m.Aliases[b.Name+"_ac"] = b.Name
		}
	}
	return m
}

// residual is act(x + scale·up(branches(x))), where up is a 1×1 convolution
// with bias and without norm back to the channels of x.
func residual(branches nn.Concat, channels int, scale float32, act nn.Activation) nn.Add {
	up := nn.Conv{Name: "up", Filters: channels, Kernel: [2]int{1, 1}, Bias: true}
	return nn.Add{Branches: []nn.Layer{nn.Seq{}, nn.Seq{branches, up}}, Scale: scale, Act: act}
}

// block35 is Figure 10, for the 35×35 grid.
func block35() nn.Concat {
	return concat(
		branch{"branch1x1", nn.Seq{conv(32, 1, 1)}},
		branch{"branch3x3", nn.Seq{conv(32, 1, 1), conv(32, 3, 3)}},
		branch{"branch3x3dbl", nn.Seq{conv(32, 1, 1), conv(48, 3, 3), conv(64, 3, 3)}},
	)
}

// block17 is Figure 17, for the 17×17 grid.
func block17() nn.Concat {
	return concat(
		branch{"branch1x1", nn.Seq{conv(192, 1, 1)}},
		branch{"branch7x7", nn.Seq{conv(128, 1, 1), conv(160, 1, 7), conv(192, 7, 1)}},
	)
}

// block8 is Figure 19, for the 8×8 grid.
func block8() nn.Concat {
	return concat(
		branch{"branch1x1", nn.Seq{conv(192, 1, 1)}},
		branch{"branch3x3", nn.Seq{conv(192, 1, 1), conv(224, 1, 3), conv(256, 3, 1)}},
	)
}
