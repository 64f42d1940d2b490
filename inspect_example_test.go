package argus_test

import (
	"fmt"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/resnet"
)

func ExampleInspect() {
	lite0, err := efficientnet.Torch("timm/tf_efficientnet_lite0", 1000)
	if err != nil {
		fmt.Println(err)
		return
	}
	info, err := argus.Inspect("internal/torch/testdata/checkpoint.pth", lite0, resnet.Torch50(1000))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(info)
	// Output:
	// format      PyTorch zip
	// bytes       4214
	// tensors     7
	// parameters  21
	//   conv.weight             float32  6  [3 2 1 1]
	//   conv.bias               float32  3  [3]
	//   bn.weight               float32  3  [3]
	//   bn.bias                 float32  3  [3]
	//   bn.running_mean         float32  3  [3]
	//   bn.running_var          float32  3  [3]
	//   bn.num_batches_tracked  int64    1  []
}
