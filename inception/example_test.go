package inception_test

import (
	"fmt"
	"os"

	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/nn"
)

// The shapes are those in the comments of the table.
func ExampleV3() {
	if err := nn.Summary(os.Stdout, inception.V3(1000)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// inception-v3     output  parameters   MMACs
	//   stem          35×35×192      173072  1340.8
	//   mixed0        35×35×256      256368   312.3
	//   mixed1        35×35×288      277968   338.7
	//   mixed2        35×35×288      285648   348.1
	//   mixed3        17×17×768     1153920   401.9
	//   mixed4        17×17×768     1298944   374.1
	//   mixed5        17×17×768     1692736   487.7
	//   mixed6        17×17×768     1692736   487.7
	//   mixed7        17×17×768     2143872   617.9
	//   mixed8         8×8×1280     1699584   291.0
	//   mixed9         8×8×2048     5047872   322.4
	//   mixed10        8×8×2048     6080064   388.5
	//   globalpool     1×1×2048           0     0.0
	//   predictions    1×1×1000     2049000     2.0
	//   total          1×1×1000    23851784  5713.2
}
