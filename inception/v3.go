package inception

import "github.com/argus-go/argus/nn"

// V3 maps pictures to 2048 features: Table 1 of Szegedy et al., "Rethinking the
// Inception Architecture for Computer Vision" (arXiv:1512.00567). Its blocks
// are stem and mixed0–mixed10, as Keras names their outputs; fine-tuning begins
// at mixed10 or mixed9.
func V3(classes int) nn.Model {
	return model("inception-v3", nn.Seq{ // output for 299×299
		stem(), //                           35×35×192

		moduleA("mixed0", 32), //            35×35×256
		moduleA("mixed1", 64), //            35×35×288
		moduleA("mixed2", 64), //            35×35×288

		block("mixed3", concat( //           17×17×768
			branch{"branch3x3", nn.Seq{reduce(384)}},
			branch{"branch3x3dbl", nn.Seq{conv(64, 1, 1), conv(96, 3, 3), reduce(96)}},
			branch{"branch_pool", nn.Seq{maxPool()}},
		)),

		moduleB("mixed4", 128), //           17×17×768
		moduleB("mixed5", 160), //           17×17×768
		moduleB("mixed6", 160), //           17×17×768
		moduleB("mixed7", 192), //           17×17×768

		block("mixed8", concat( //           8×8×1280
			branch{"branch3x3", nn.Seq{conv(192, 1, 1), reduce(320)}},
			branch{"branch7x7x3", nn.Seq{conv(192, 1, 1), conv(192, 1, 7), conv(192, 7, 1), reduce(192)}},
			branch{"branch_pool", nn.Seq{maxPool()}},
		)),

		moduleC("mixed9"),           //     8×8×2048
		moduleC("mixed10"),          //     8×8×2048
		nn.GlobalPool{Kind: nn.Avg}, //      1×1×2048
	}, classes, "mixed10", "mixed9")
}

// moduleA is Figure 5: a 5×5 branch beside one of two 3×3.
func moduleA(name string, pool int) nn.Block {
	return block(name, concat(
		branch{"branch1x1", nn.Seq{conv(64, 1, 1)}},
		branch{"branch5x5", nn.Seq{conv(48, 1, 1), conv(64, 5, 5)}},
		branch{"branch3x3dbl", nn.Seq{conv(64, 1, 1), conv(96, 3, 3), conv(96, 3, 3)}},
		branch{"branch_pool", nn.Seq{avgPool(), conv(pool, 1, 1)}},
	))
}

// moduleB is Figure 6: 7×7 factorized into 1×7 and 7×1, n filters wide.
func moduleB(name string, n int) nn.Block {
	return block(name, concat(
		branch{"branch1x1", nn.Seq{conv(192, 1, 1)}},
		branch{"branch7x7", nn.Seq{conv(n, 1, 1), conv(n, 1, 7), conv(192, 7, 1)}},
		branch{"branch7x7dbl", nn.Seq{conv(n, 1, 1), conv(n, 7, 1), conv(n, 1, 7), conv(n, 7, 1), conv(192, 1, 7)}},
		branch{"branch_pool", nn.Seq{avgPool(), conv(192, 1, 1)}},
	))
}

// moduleC is Figure 7: 3×3 split into 1×3 beside 3×1.
func moduleC(name string) nn.Block {
	return block(name, concat(
		branch{"branch1x1", nn.Seq{conv(320, 1, 1)}},
		branch{"branch3x3", nn.Seq{conv(384, 1, 1), split()}},
		branch{"branch3x3dbl", nn.Seq{conv(448, 1, 1), conv(384, 3, 3), split()}},
		branch{"branch_pool", nn.Seq{avgPool(), conv(192, 1, 1)}},
	))
}

func split() nn.Concat { return nn.Concat{conv(384, 1, 3), conv(384, 3, 1)} }
