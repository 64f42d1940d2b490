package xception_test

import (
	"fmt"
	"os"

	"github.com/argus-go/argus/nn"
	"github.com/argus-go/argus/xception"
)

// The shapes are those in the comments of the table.
func ExampleNew() {
	if err := nn.Summary(os.Stdout, xception.New(1000)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// xception         output  parameters   MMACs
	//   block1       147×147×64       19680   417.5
	//   block2        74×74×128       36032   613.3
	//   block3        37×37×256      137600   602.1
	//   block4        19×19×728      920312  1060.1
	//   block5        19×19×728     1618344   581.1
	//   block6        19×19×728     1618344   581.1
	//   block7        19×19×728     1618344   581.1
	//   block8        19×19×728     1618344   581.1
	//   block9        19×19×728     1618344   581.1
	//   block10       19×19×728     1618344   581.1
	//   block11       19×19×728     1618344   581.1
	//   block12       19×19×728     1618344   581.1
	//   block13      10×10×1024     2045136   539.7
	//   block14      10×10×2048     4755968   474.2
	//   globalpool     1×1×2048           0     0.0
	//   predictions    1×1×1000     2049000     2.0
	//   total          1×1×1000    22910480  8357.4
}
