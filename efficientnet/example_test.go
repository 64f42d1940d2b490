package efficientnet_test

import (
	"fmt"
	"os"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/nn"
)

func ExampleNew() {
	m, err := efficientnet.New("b0", 1000)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := nn.Summary(os.Stdout, m); err != nil {
		fmt.Println(err)
	}
	// Output:
	// efficientnet-b0      output  parameters  MMACs
	//   stem             112×112×32         992   10.8
	//   block1a          112×112×16        1544   10.0
	//   block2a            56×56×24        6436   29.2
	//   block2b            56×56×24       11334   25.7
	//   block3a            28×28×40       16006   18.2
	//   block3b            28×28×40       32330   19.8
	//   block4a            14×14×80       38250   11.7
	//   block4b            14×14×80      104980   15.9
	//   block4c            14×14×80      104980   15.9
	//   block5a           14×14×112      128148   20.4
	//   block5b           14×14×112      211484   32.8
	//   block5c           14×14×112      211484   32.8
	//   block6a             7×7×192      265564   21.9
	//   block6b             7×7×192      592944   23.2
	//   block6c             7×7×192      592944   23.2
	//   block6d             7×7×192      592944   23.2
	//   block7a             7×7×320      722480   29.5
	//   top                7×7×1280      414720   20.1
	//   globalpool         1×1×1280           0    0.0
	//   dropout            1×1×1280           0    0.0
	//   predictions        1×1×1000     1281000    1.3
	//   total              1×1×1000     5330564  385.8
}
