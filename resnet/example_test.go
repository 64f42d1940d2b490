package resnet_test

import (
	"fmt"
	"os"

	"github.com/argus-go/argus/nn"
	"github.com/argus-go/argus/resnet"
)

// The shapes are those in the comments of the table.
func ExampleResNet50() {
	if err := nn.Summary(os.Stdout, resnet.ResNet50(1000)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// resnet50          output  parameters   MMACs
	//   stem            56×56×64        9728   118.0
	//   conv2_block1   56×56×256       76928   231.2
	//   conv2_block2   56×56×256       71552   218.4
	//   conv2_block3   56×56×256       71552   218.4
	//   conv3_block1   28×28×512      383232   295.4
	//   conv3_block2   28×28×512      282368   218.4
	//   conv3_block3   28×28×512      282368   218.4
	//   conv3_block4   28×28×512      282368   218.4
	//   conv4_block1  14×14×1024     1520128   295.4
	//   conv4_block2  14×14×1024     1121792   218.4
	//   conv4_block3  14×14×1024     1121792   218.4
	//   conv4_block4  14×14×1024     1121792   218.4
	//   conv4_block5  14×14×1024     1121792   218.4
	//   conv4_block6  14×14×1024     1121792   218.4
	//   conv5_block1    7×7×2048     6054912   295.4
	//   conv5_block2    7×7×2048     4471808   218.4
	//   conv5_block3    7×7×2048     4471808   218.4
	//   globalpool      1×1×2048           0     0.0
	//   predictions     1×1×1000     2049000     2.0
	//   total           1×1×1000    25636712  3858.0
}
